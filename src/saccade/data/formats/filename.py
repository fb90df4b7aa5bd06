"""A folder whose file names hold the labels, found by a regular expression."""

import re
from pathlib import Path

from saccade.data.formats.entry import Entry, SourceListing, find_images, make_listing, normalise
from saccade.recipes.tables.data import FilenameSource


def read(source: FilenameSource, root: Path) -> SourceListing:
    """Read the labels out of file names, at any depth; a name that the pattern does not match has the empty label.

    Raises:
        InputError: The folder is missing or holds no image.
    """
    folder = root / source.path
    images, notes = find_images(folder)
    pattern = re.compile(source.pattern)  # the recipe's table has checked it
    # searched in NFC, so that [가-힣] matches whatever the file system made of the name
    labels = [_find_label(pattern, normalise(path.stem)) for path in images]
    notes["decomposed_labels"] = sum(label not in path.stem for path, label in zip(images, labels, strict=True))
    entries = [
        Entry(path.relative_to(folder).as_posix(), label, str(path), path, weight=source.weight)
        for path, label in zip(images, labels, strict=True)
    ]
    return make_listing(entries, labels, notes)


def _find_label(pattern: re.Pattern[str], stem: str) -> str:
    match = pattern.search(stem)
    return (match["text"] or "") if match else ""
