"""Writes labelled images in any format: the one place that knows which file writes which.

Image files keep their bytes; what is drawn or stored as pixels becomes PNG. What was written is read back and compared.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import cv2

from saccade.data.formats import csv, doctr, formula_list, lmdb, paddleocr, tsv
from saccade.data.formats.entry import IMAGE_SUFFIXES, Entry
from saccade.data.formats.sources import read_source
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import (
    CsvSource,
    DoctrSource,
    FormulaListSource,
    LmdbSource,
    PaddleocrSource,
    Source,
    TsvSource,
)

Target = Literal["tsv", "csv", "paddleocr", "dtrb", "doctr", "lmdb", "formula_list"]

_IMAGES = "images"
_MAGIC = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"BM": ".bmp",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"P2": ".pgm",
    b"P5": ".pgm",
    b"P3": ".ppm",
    b"P6": ".ppm",
}
"""How image files begin."""


@dataclass(frozen=True)
class LabelFile:
    """A format of image files and one file of labels."""

    name: str
    write: Callable[[Path, Iterable[tuple[str, str]]], None]
    source: Callable[[str], Source]
    prefix: str = f"{_IMAGES}/"
    """What stands before a file's name in the labels."""


_LABEL_FILES: dict[Target, LabelFile] = {
    "tsv": LabelFile("labels.tsv", tsv.write, lambda path: TsvSource(path=path)),
    "csv": LabelFile("annotations.csv", csv.write, lambda path: CsvSource(path=path)),
    "paddleocr": LabelFile("rec_gt.txt", paddleocr.write, lambda path: PaddleocrSource(path=path)),
    "dtrb": LabelFile("gt.txt", tsv.write, lambda path: TsvSource(path=path)),
    "doctr": LabelFile(doctr.FILE_NAME, doctr.write, lambda path: DoctrSource(path=path), prefix=""),
}


@dataclass(frozen=True)
class Written:
    """What was written: images, and of those how many were encoded or got another name."""

    num_images: int
    num_encoded: int
    num_renamed: int


def write_target(target: Target, folder: Path, entries: Sequence[Entry]) -> Written:
    """Write labelled images into a folder that is there and empty.

    Raises:
        InputError: An image cannot be read any more, a text does not survive in this format, or an extra is missing.
        OSError: The disk is full, or the like.
    """
    num_encoded = sum(entry.draw is not None for entry in entries)
    if target == "formula_list":
        names = _write_images(folder / _IMAGES, entries)
        formula_list.write(folder, names, entries)
        _check_written(folder, FormulaListSource(path="."), _list_rows(names, entries))
        return Written(len(entries), num_encoded, _count_renamed(names, entries))
    if target == "lmdb":
        lmdb.write(folder, ((read_bytes(entry), entry.label) for entry in entries))
        _check_written(folder, LmdbSource(path="."), [(f"{n:09d}", e.label) for n, e in enumerate(entries, start=1)])
        return Written(len(entries), num_encoded, 0)
    form = _LABEL_FILES[target]
    names = _write_images(folder / _IMAGES, entries)
    rows = _list_rows(names, entries, form.prefix)
    form.write(folder / form.name, rows)
    _check_written(folder, form.source(form.name), rows)
    return Written(len(entries), num_encoded, _count_renamed(names, entries))


def read_bytes(entry: Entry) -> bytes:
    """Return an image as the bytes of a file: its own, or PNG where it lies in none.

    Raises:
        InputError: It cannot be read.
    """
    if entry.draw is not None:
        return cv2.imencode(".png", cv2.cvtColor(entry.draw(), cv2.COLOR_RGB2BGR))[1].tobytes()
    if entry.read is not None:
        return entry.read()
    if entry.path is None:
        raise ValueError(f"the entry {entry.id} says nowhere what its image is")
    try:
        return entry.path.read_bytes()
    except OSError as error:
        raise InputError(f"{entry.path}: cannot be read ({error.strerror}); put the image back") from None


def _write_images(folder: Path, entries: Sequence[Entry]) -> list[str]:
    """Write image files and return their names relative to the folder, which stay inside it and differ."""
    folder.mkdir()
    names: dict[str, None] = {}
    for entry in entries:
        content = read_bytes(entry)
        name = next(name for name in _propose_names(entry.id, content) if name not in names)
        names[name] = None
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return list(names)


def _list_rows(names: Sequence[str], entries: Sequence[Entry], prefix: str = "") -> list[tuple[str, str]]:
    return [(f"{prefix}{name}", entry.label) for name, entry in zip(names, entries, strict=True)]


def _count_renamed(names: Sequence[str], entries: Sequence[Entry]) -> int:
    return sum(name != entry.id for name, entry in zip(names, entries, strict=True))


def _propose_names(identity: str, content: bytes) -> Iterator[str]:
    """Yield the name of an image below its new folder, then others in case it is taken."""
    parts = [part for part in PurePosixPath(identity).parts if part not in {"/", ".."}]
    path = PurePosixPath(*(parts or ["image"]))
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        path = path.with_name(path.name + _find_suffix(content))
    yield path.as_posix()
    for number in itertools.count(2):
        yield path.with_stem(f"{path.stem}-{number}").as_posix()


def _find_suffix(content: bytes) -> str:
    return next((suffix for magic, suffix in _MAGIC.items() if content.startswith(magic)), ".img")


def _check_written(folder: Path, source: Source, rows: Sequence[tuple[str, str]]) -> None:
    """Read what was written and compare names and texts.

    Raises:
        InputError: One of them came back as another.
    """
    read = [(entry.id, entry.label) for entry in read_source(source, folder).entries]
    if len(read) != len(rows):
        raise InputError(f"{folder}: {len(rows):,} rows were written and {len(read):,} read back; choose another --to")
    for row, found in zip(rows, read, strict=True):
        if row != found:
            raise InputError(
                f"{folder}: {quote(row[0])} with text {quote(row[1])} comes back from this format as {quote(found[1])};"
                " write lmdb or doctr instead"
            )
