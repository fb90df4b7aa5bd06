"""`file<TAB>text`, a line an image, UTF-8: the form of most label files of text recognisers, `gt.txt` of DTRB among them."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from saccade.data.formats.entry import Entry, SourceListing, locate_images, make_listing, normalise, raise_all
from saccade.data.formats.textfile import read_text
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import TsvSource

_FORBIDDEN = "\t\n\r\0"


class Line(NamedTuple):
    """A line of a label file as it was written, and where it stands."""

    name: str
    label: str
    location: str


def read(source: TsvSource, root: Path) -> SourceListing:
    """Read a label file; blank lines are counted and left out.

    Raises:
        InputError: The file, its encoding or a line is not as it should be, or the images folder is missing.
    """
    path = root / source.path
    lines, notes = read_lines(path)
    entries = [
        Entry(PurePosixPath(line.name).as_posix(), normalise(line.label), line.location, None, weight=source.weight)
        for line in lines
    ]
    images = None if source.images is None else root / source.images
    return make_listing(locate_images(entries, images, path), [line.label for line in lines], notes)


def read_lines(path: Path, delimiter: str = "\t") -> tuple[list[Line], dict[str, int]]:
    """Read a file of two columns without a header.

    Returns:
        Its lines, and counts of what was noticed: `blank_lines` and those of `read_text`.

    Raises:
        InputError: The file or its encoding is not as it should be, or a line has other columns.
    """
    text, notes = read_text(path)
    mark = "tab" if delimiter == "\t" else repr(delimiter)
    lines, faults, notes["blank_lines"] = [], [], 0
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        if not line.strip():
            notes["blank_lines"] += 1
            continue
        name, *labels = line.split(delimiter)
        if len(labels) != 1 or not name:
            what = f"no {mark}" if not labels else f"{len(labels)} {mark}s" if name else "no file name"
            faults.append(f"{path}:{number}: {what}, where file<TAB>text has one {mark}")
            continue
        lines.append(Line(name, labels[0], f"{path}:{number}"))
    raise_all(faults, "correct the line")
    return lines, notes


def write(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Write (file name, text) rows.

    Raises:
        InputError: A name or text holds a tab or a line end, which the format cannot hold.
    """
    lines = []
    for name, text in rows:
        fault = find_fault(name, text)
        if fault is not None:
            raise InputError(f"{path}: {fault}")
        lines.append(f"{name}\t{text}\n")
    path.write_text("".join(lines), encoding="utf-8", newline="")


def find_fault(name: str, text: str) -> str | None:
    """Say why a line cannot hold a file name and a text; None where it can."""
    if not any(character in name + text for character in _FORBIDDEN):
        return None
    return f"{quote(name)} with text {quote(text)} holds a tab or line end; write CSV instead"
