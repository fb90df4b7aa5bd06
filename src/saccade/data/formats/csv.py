"""CSV with a header row, UTF-8, separated by commas; the names of its two columns are in the recipe.

The default names are those of fast-plate-ocr. Its column `plate_region`, where there is one, is not read.
"""

import csv
import io
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from saccade.data.formats.entry import Entry, SourceListing, locate_images, make_listing, normalise, raise_all
from saccade.data.formats.textfile import read_text
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import CsvSource


def read(source: CsvSource, root: Path) -> SourceListing:
    """Read a CSV file; other columns are counted and not read.

    Raises:
        InputError: The file, its encoding, its header or a row is not as it should be, or the images folder is missing.
    """
    path = root / source.path
    text, notes = read_text(path)
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    entries, raw_labels, faults = [], [], []
    try:
        for key in ("image_column", "text_column"):
            _require_column(path, key, getattr(source, key), list(rows.fieldnames or ()))
        for row in rows:
            name, label = row[source.image_column], row[source.text_column]
            if not name or label is None or None in row:
                what = "no file name" if not name else "too few cells" if label is None else "too many cells"
                faults.append(f"{path}:{rows.line_num}: {what}")
                continue
            identity = PurePosixPath(name).as_posix()
            location = f"{path}:{rows.line_num - sum(cell.count(chr(10)) for cell in row.values())}"  # where it begins
            entries.append(Entry(identity, normalise(label), location, None, weight=source.weight))
            raw_labels.append(label)
    except csv.Error as error:
        raise InputError(f"{path}:{rows.line_num}: not CSV ({error}); correct the line") from None
    notes["columns_not_read"] = len({*(rows.fieldnames or ())} - {source.image_column, source.text_column})
    raise_all(faults, "correct the row; a text that holds a comma stands in double quotes")
    images = None if source.images is None else root / source.images
    return make_listing(locate_images(entries, images, path), raw_labels, notes)


def write(
    path: Path, rows: Iterable[tuple[str, str]], image_column: str = "image_path", text_column: str = "plate_text"
) -> None:
    """Write (file name, text) rows below a header.

    Raises:
        InputError: A name or text holds a carriage return or NUL, which the format cannot hold.
    """
    rows = list(rows)
    for name, text in rows:
        fault = find_fault(name, text)
        if fault is not None:
            raise InputError(f"{path}: {fault}")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((image_column, text_column))
        writer.writerows(rows)


def find_fault(name: str, text: str) -> str | None:
    """Say why a row cannot hold a file name and a text; None where it can."""
    if not any(character in name + text for character in "\r\0"):
        return None
    return f"{quote(name)} with text {quote(text)} holds a carriage return or NUL; write doctr or lmdb"


def _require_column(path: Path, key: str, name: str, columns: list[str]) -> None:
    if name not in columns:
        near = get_close_matches(name, columns, n=1)
        meant = f"did you mean {near[0]!r}?" if near else f"the header has {', '.join(map(repr, columns))}"
        raise InputError(f"{path}: no column {name!r} ({meant}); write a recipe whose source says it as `{key}`")
