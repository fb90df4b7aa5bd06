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
    find_fault: Callable[[str, str], str | None]
    """Says why it cannot hold a name and a text."""
    prefix: str = f"{_IMAGES}/"
    """What stands before a file's name in the labels."""


_LABEL_FILES: dict[Target, LabelFile] = {
    "tsv": LabelFile("labels.tsv", tsv.write, lambda path: TsvSource(path=path), tsv.find_fault),
    "csv": LabelFile("annotations.csv", csv.write, lambda path: CsvSource(path=path), csv.find_fault),
    "paddleocr": LabelFile(
        "rec_gt.txt", paddleocr.write, lambda path: PaddleocrSource(path=path), paddleocr.find_fault
    ),
    "dtrb": LabelFile("gt.txt", tsv.write, lambda path: TsvSource(path=path), tsv.find_fault),
    "doctr": LabelFile(
        doctr.FILE_NAME, doctr.write, lambda path: DoctrSource(path=path), lambda name, text: None, prefix=""
    ),
}


@dataclass(frozen=True)
class Written:
    """What was written: the name of each image as it is read back, and how many were encoded."""

    names: tuple[str, ...]
    num_encoded: int


def write_target(target: Target, folder: Path, entries: Sequence[Entry]) -> Written:
    """Write labelled images into a folder that is there and empty.

    Raises:
        InputError: An image cannot be read any more, a text does not survive in this format, or an extra is missing.
        OSError: The disk is full, or the like.
    """
    if target == "formula_list":
        names = _write_images(folder / _IMAGES, entries)
        _refuse_faults(formula_list.find_fault, names, entries)
        formula_list.write(folder, names, entries)
        _check_written(folder, FormulaListSource(path="."), names, entries)
    elif target == "lmdb":
        names = [f"{number:09d}" for number in range(1, len(entries) + 1)]
        lmdb.write(folder, ((read_bytes(entry), entry.label) for entry in entries))
        _check_written(folder, LmdbSource(path="."), names, entries)
    else:
        form = _LABEL_FILES[target]
        names = [form.prefix + name for name in _write_images(folder / _IMAGES, entries)]
        _refuse_faults(form.find_fault, names, entries)
        form.write(folder / form.name, [(name, entry.label) for name, entry in zip(names, entries, strict=True)])
        _check_written(folder, form.source(form.name), names, entries)
    return Written(tuple(names), sum(entry.draw is not None for entry in entries))


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


def _refuse_faults(
    find_fault: Callable[[str, str], str | None], names: Sequence[str], entries: Sequence[Entry]
) -> None:
    """Refuse what the format cannot hold, by where it stands in what was read.

    Raises:
        InputError: There is such a name or text.
    """
    for name, entry in zip(names, entries, strict=True):
        fault = find_fault(name, entry.label)
        if fault is not None:
            raise InputError(f"{entry.location}: {fault}")


def _propose_names(identity: str, content: bytes) -> Iterator[str]:
    """Yield the name of an image below its new folder, then others in case it is taken.

    The new folder is called as the old one may have been: it stands in a name once, however often the images are converted.
    """
    parts = [part for part in PurePosixPath(identity).parts if part not in {"/", ".."}]
    parts = parts[1:] if len(parts) > 1 and parts[0] == _IMAGES else parts
    path = PurePosixPath(*(parts or ["image"]))
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        path = path.with_name(path.name + _find_suffix(content))
    yield path.as_posix()
    for number in itertools.count(2):
        yield path.with_stem(f"{path.stem}-{number}").as_posix()


def _find_suffix(content: bytes) -> str:
    return next((suffix for magic, suffix in _MAGIC.items() if content.startswith(magic)), ".img")


def _check_written(folder: Path, source: Source, names: Sequence[str], entries: Sequence[Entry]) -> None:
    """Read what was written and compare names and texts.

    Raises:
        InputError: One of them came back as another.
    """
    read = read_source(source, folder).entries
    if len(read) != len(names):
        raise InputError(f"{folder}: {len(names):,} rows were written and {len(read):,} read back; choose another --to")
    for name, entry, found in zip(names, entries, read, strict=True):
        if (name, entry.label) != (found.id, found.label):
            raise InputError(
                f"{entry.location}: {quote(name)} with text {quote(entry.label)} comes back from this format as "
                f"{quote(found.label)}; write lmdb or doctr instead"
            )
