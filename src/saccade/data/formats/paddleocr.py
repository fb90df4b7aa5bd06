"""Label files of PaddleOCR: `file<TAB>text`, where the file may be a JSON list of images that show the same text."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from saccade.data.formats import tsv
from saccade.data.formats.entry import Entry, SourceListing, locate_images, make_listing, normalise
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import PaddleocrSource


def read(source: PaddleocrSource, root: Path) -> SourceListing:
    """Read a label file; of several images on a line each becomes an entry with its share of the line's weight.

    PaddleOCR draws one of them each time, so an epoch shows the line once; here it does so on average.

    Raises:
        InputError: The file, its encoding or a line is not as it should be, or the images folder is missing.
    """
    path = root / source.path
    lines, counts = tsv.read_lines(path, source.delimiter)
    notes = Counter(counts)
    entries, raw_labels = [], []
    for line in lines:
        names = split_names(line.name)
        share = source.weight / len(names)
        for name in names:
            identity = PurePosixPath(name).as_posix()
            entries.append(Entry(identity, normalise(line.label), line.location, None, weight=share))
            raw_labels.append(line.label)
        notes["images_in_lists"] += len(names) if len(names) > 1 else 0
    images = None if source.images is None else root / source.images
    return make_listing(locate_images(entries, images, path), raw_labels, dict(notes))


def write(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Write (file name, text) rows, one image a line.

    Raises:
        InputError: A name or text holds a tab or a line end, or a name would be read as a list of names.
    """
    rows = list(rows)
    for name, text in rows:
        fault = find_fault(name, text)
        if fault is not None:
            raise InputError(f"{path}: {fault}")
    tsv.write(path, rows)


def find_fault(name: str, text: str) -> str | None:
    """Say why a line cannot hold a file name and a text; None where it can."""
    if split_names(name) != [name]:
        return f"PaddleOCR would take {quote(name)} for a list of images; rename the image"
    return tsv.find_fault(name, text)


def split_names(text: str) -> list[str]:
    """Return the names in the first column: those of a JSON list, else the text itself, as PaddleOCR reads it."""
    if not text.startswith("["):
        return [text]
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return [text]
    sound = isinstance(names, list) and names and all(isinstance(name, str) and name for name in names)
    return names if sound else [text]
