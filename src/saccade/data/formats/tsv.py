"""`file<TAB>text`, a line an image, UTF-8: the form of most label files of text recognisers."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from saccade.data.formats.entry import Entry, SourceListing, locate_images, make_listing, normalise, raise_all
from saccade.data.formats.textfile import read_text
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import TsvSource


def read(source: TsvSource, root: Path) -> SourceListing:
    """Read a label file; blank lines are counted and left out.

    Raises:
        InputError: The file, its encoding or a line is not as it should be, or the images folder is missing.
    """
    path = root / source.path
    text, notes = read_text(path)
    entries, raw_labels, faults, notes["blank_lines"] = [], [], [], 0
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        if not line.strip():
            notes["blank_lines"] += 1
            continue
        name, *labels = line.split("\t")
        if len(labels) != 1 or not name:
            what = "no tab" if not labels else f"{len(labels)} tabs" if name else "no file name"
            faults.append(f"{path}:{number}: {what}, where file<TAB>text has one tab")
            continue
        identity = PurePosixPath(name).as_posix()
        entries.append(Entry(identity, normalise(labels[0]), f"{path}:{number}", None, weight=source.weight))
        raw_labels.append(labels[0])
    raise_all(faults, "correct the line")
    images = None if source.images is None else root / source.images
    return make_listing(locate_images(entries, images, path), raw_labels, notes)


def write(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Write (file name, text) rows.

    Raises:
        InputError: A name or text holds a tab or a line end, which the format cannot hold.
    """
    lines = []
    for name, text in rows:
        if any(character in name + text for character in "\t\n\r"):
            raise InputError(
                f"{path}: {quote(name)} with text {quote(text)} holds a tab or line end; write CSV instead"
            )
        lines.append(f"{name}\t{text}\n")
    path.write_text("".join(lines), encoding="utf-8", newline="")
