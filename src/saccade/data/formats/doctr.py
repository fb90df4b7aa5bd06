"""`labels.json` of docTR: one JSON object, file name to text; the images lie in `images` beside it."""

import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from saccade.data.formats.entry import Entry, SourceListing, locate_images, make_listing, normalise, raise_all
from saccade.data.formats.textfile import read_text
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import DoctrSource

FILE_NAME = "labels.json"


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with every key that it was written with: a dictionary would keep the last of two equal ones."""


def read(source: DoctrSource, root: Path) -> SourceListing:
    """Read a JSON file of labels.

    Raises:
        InputError: The file, its encoding or a value is not as it should be, or the images folder is missing.
    """
    path = root / source.path
    if path.is_dir():
        path /= FILE_NAME
    rows, notes = read_rows(path)
    entries = [
        Entry(PurePosixPath(name).as_posix(), normalise(label), f"{path}: {name}", None, weight=source.weight)
        for name, label in rows
    ]
    images = None if source.images is None else root / source.images
    return make_listing(locate_images(entries, images, path), [label for _, label in rows], notes)


def read_rows(path: Path) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """Read (file name, text) in file order, and counts of what was noticed.

    Raises:
        InputError: The file is missing, is not UTF-8 or JSON, or holds something else than one object of texts.
    """
    text, notes = read_text(path)
    try:
        rows = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON ({error.msg}); correct the line") from None
    except (ValueError, RecursionError):  # an integer of thousands of digits, brackets nested too deeply
        raise InputError(f"{path}: not JSON that holds labels; write one object of file names and texts") from None
    if not isinstance(rows, _Pairs) or not rows:
        what = "an empty object" if isinstance(rows, _Pairs) else f"a {type(rows).__name__}"
        raise InputError(f"{path}: holds {what}, where docTR's labels are one object of file names and texts")
    raise_all([_describe_value(path, name, label) for name, label in rows if not isinstance(label, str)], "correct it")
    raise_all([f"{path}: an empty file name" for name, _ in rows if not name], "name the image")
    return list(rows), notes


def write(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Write (file name, text) rows as one object, a line each."""
    lines = [f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(text, ensure_ascii=False)}" for name, text in rows]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8", newline="")


def _describe_value(path: Path, name: str, value: Any) -> str:
    if isinstance(value, _Pairs) and "polygons" in dict(value):
        return f"{path}: {quote(name)} has polygons: these are docTR's labels for detection, not for recognition"
    return f"{path}: the label of {quote(name)} is no text"
