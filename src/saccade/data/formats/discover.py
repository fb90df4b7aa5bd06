"""What labelled images a folder or file holds: LMDB, label files, split folders, labels in file names, or label folders.

They are looked for in that order; label folders with many images each come before labels in file names. Names and label
files are read and no image is opened. What is found are sources as a recipe would name them; whether their images
and labels are good is for `data.splits` to say.
"""

import csv
import itertools
import os
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from saccade.data.formats import doctr, lmdb
from saccade.data.formats.discover_formulas import find_formulas, find_ink
from saccade.data.formats.discover_names import find_pattern
from saccade.data.formats.entry import IMAGE_SUFFIXES, is_image
from saccade.data.formats.paddleocr import split_names
from saccade.data.formats.textfile import read_text
from saccade.data.formats.visible import is_visible_folder, list_folders, list_images, list_siblings
from saccade.errors import InputError
from saccade.recipes.tables.data import (
    CsvSource,
    DoctrSource,
    FilenameSource,
    FolderSource,
    LmdbSource,
    PaddleocrSource,
    Source,
    TsvSource,
)

_FORMS = (
    "a label file (file<TAB>text, CSV with a header, or labels.json), an LMDB (data.mdb), labels in file names"
    " (TEXT_1.jpg), or one folder a text (TEXT/1.jpg)"
)

_LABEL_SUFFIXES = frozenset({".tsv", ".csv", ".txt", ".json"})
_LABEL_NAMES = frozenset({"labels", "label", "gt", "groundtruth", "ground_truth", "annotations", "list"})
_SPLIT_WORDS = {
    "train": {"train", "training"},
    "val": {"val", "valid", "validation", "dev"},
    "test": {"test", "testing"},
}
_TEXT_COLUMNS = (
    "text",
    "label",
    "labels",
    "plate_text",
    "transcription",
    "plate",
    "number",
    "word",
    "words",
    "gt",
    "value",
)
_NUM_PROBED = 500
_MIN_SHARE = 0.5
_LEAST_IMAGES_A_CLASS, _MOST_CLASSES = 5, 1000
"""Label folders with at least so many images each, on average, and no more of them than this, are taken for classes."""


@dataclass(frozen=True)
class Found:
    """Sources of each split, their paths absolute, and in words what was recognised."""

    sources: dict[str, Source]
    form: str


def discover(path: Path, *, classes: bool | None = None) -> Found:
    """Recognise the labels of a folder, or of a label file and the files of other splits beside it.

    Args:
        path: The folder or file.
        classes: Whether the labels are known to be classes, where folders count before file names, or known to be texts,
            where file names do; None where folders with many images each tell.

    Raises:
        InputError: nothing was recognised, or more than one thing; the message says what was looked for, or what to
            name instead.
    """
    path = Path(os.path.abspath(path))
    if path.is_file() and is_image(path.name):
        raise InputError(
            f"{path}: is an image; give the folder that holds the images: saccade new {shlex.quote(str(path.parent))}"
        )
    if path.exists() and (found := _discover_formulas(path)):
        return found
    if path.is_file():
        return _discover_file(path)
    if not path.is_dir():
        raise InputError(
            f"{path}: no such folder or label file; give the folder that holds the images, or their label file"
        )
    return (
        _discover_store(path, below=False)
        or _discover_label_files(path, path)
        or _discover_split_folders(path, classes)
        or _discover_store(path, below=True)
        or _discover_ink(path)
        or _discover_label_files(path.parent, path)
        or _discover_in_names(path, classes)
        or _refuse_given(path)
    )


def count_label_folders(found: Found) -> tuple[int, int]:
    """Return the number of training images and of the folders that are their labels; 0 where the labels are no folders."""
    source = found.sources["train"]
    if not isinstance(source, FolderSource):
        return 0, 0
    images = list_images(Path(source.path))
    return len(images), len({image.parent.name for image in images})


def look_like_classes(num_images: int, num_labels: int) -> bool:
    """Tell classes from texts: few labels with many images each are classes."""
    return 0 < num_labels <= _MOST_CLASSES and num_images >= _LEAST_IMAGES_A_CLASS * num_labels


def find_split(name: str) -> str | None:
    """Return the split that a name speaks of, as `val_labels` does of val; None where it names none, or several."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    named = [split for split, synonyms in _SPLIT_WORDS.items() if words & synonyms]
    return named[0] if len(named) == 1 else None


def _refuse(path: Path) -> Found:
    count = len(list_images(path))
    what = f"{count:,} images and no labels" if count else "no images"
    raise InputError(f"{path}: found {what}; looked for {_FORMS}")


def _refuse_given(path: Path) -> Found:
    """Refuse the folder that was given; of one of several classes, beside which every folder holds images, name the folder of them all."""
    others = [folder for folder in list_siblings(path) if folder != path]
    if others and find_split(path.name) is None:
        raise InputError(
            f"{path}: found images and no labels, and {others[0].name} beside it holds images too; if they are classes, give the "
            f"folder above: saccade new {shlex.quote(str(path.parent))}"
        )
    return _refuse(path)


def _discover_store(folder: Path, *, below: bool) -> Found | None:
    """Look for an LMDB in a folder, or for any number of them below it."""
    if not below and not (folder / lmdb.FILE_NAME).is_file():
        return None
    if below and next((path for path in list_folders(folder) if (path / lmdb.FILE_NAME).is_file()), None) is None:
        return None
    return Found({"train": LmdbSource(path=str(folder))}, "LMDB")


def _discover_file(path: Path) -> Found:
    if path.suffix == Path(lmdb.FILE_NAME).suffix:
        return Found({"train": LmdbSource(path=str(path.parent if path.name == lmdb.FILE_NAME else path))}, "LMDB")
    named = {"train": path}
    if find_split(path.stem) == "train":
        files = [file for file in sorted(path.parent.iterdir()) if file.suffix == path.suffix and file.is_file()]
        named = _by_split(files, path.parent)
    sources = {split: _read_label_file(named[split], path.parent) for split in _SPLIT_WORDS if split in named}
    return Found(sources, _describe_files(sources))


def _discover_label_files(folder: Path, images: Path) -> Found | None:
    """Look for label files in a folder that speak of images below `images`."""
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.suffix.lower() in _LABEL_SUFFIXES]
    recognised: dict[Path, Source] = {}
    refused: list[InputError] = []
    for file in files:
        try:
            recognised[file] = _read_label_file(file, images)
        except InputError as error:
            if _must_hold_labels(file):
                refused.append(error)
    if not recognised:
        if refused and folder == images:
            raise refused[0]
        return None
    named = _by_split(list(recognised), folder)
    if "train" not in named:
        if len(recognised) > 1:
            names = ", ".join(file.name for file in recognised)
            raise InputError(
                f"{folder}: holds {len(recognised)} label files ({names}); name the one to train on: saccade new FILE"
            )
        named = {"train": next(iter(recognised))}
    if refused:
        raise refused[0]
    sources = {split: recognised[named[split]] for split in _SPLIT_WORDS if split in named}
    return Found(sources, _describe_files(sources))


def _must_hold_labels(file: Path) -> bool:
    """Tell a label file that is not as it should be from a file that speaks of something else."""
    suffix = file.suffix.lower()
    if suffix == ".json":
        return file.name.lower() == doctr.FILE_NAME
    return suffix != ".txt" or file.stem.lower() in _LABEL_NAMES or find_split(file.stem) is not None


def _by_split(files: Iterable[Path], folder: Path) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for file in files:
        split = find_split(file.stem)
        if split is not None and split in named:
            raise InputError(
                f"{folder}: {named[split].name} and {file.name} both name the {split} split; name one: saccade new FILE"
            )
        if split is not None:
            named[split] = file
    return named


def _describe_files(sources: dict[str, Source]) -> str:
    files = ", ".join(
        Path(source.path).name
        for source in sources.values()
        if isinstance(source, TsvSource | CsvSource | PaddleocrSource | DoctrSource)
    )
    return f"{files} ({_KINDS[sources['train'].format]})"


_KINDS = {
    "csv": "CSV with a header",
    "doctr": "JSON of docTR",
    "paddleocr": "file<TAB>text of PaddleOCR, with lists of images",
    "tsv": "file<TAB>text",
}


def _read_label_file(path: Path, base: Path) -> Source:
    """Return the source of a label file whose images lie beside it or anywhere below `base`.

    Raises:
        InputError: it is no label file, or its images are nowhere.
    """
    if path.suffix.lower() == ".json":
        rows, _ = doctr.read_rows(path)
        folder = _find_images_folder(path, base, [name for name, _ in rows[:_NUM_PROBED]])
        return DoctrSource(path=str(path), images=None if folder == path.parent else str(folder))
    text, _ = read_text(path)
    lines = [line for line in text.split("\n") if line.strip()]
    if "\t" in lines[0]:
        lists = [split_names(line.split("\t")[0]) for line in lines]
        folder = _find_images_folder(path, base, [name for names in lists for name in names][:_NUM_PROBED])
        images = None if folder == path.parent else str(folder)
        if any(len(names) > 1 for names in lists):
            return PaddleocrSource(path=str(path), images=images)
        return TsvSource(path=str(path), images=images)
    if "," in lines[0]:
        return _read_csv_file(path, base, lines[: _NUM_PROBED + 1])
    raise InputError(f"{path}: its first line has neither a tab nor a comma; write file<TAB>text, or CSV with a header")


def _read_csv_file(path: Path, base: Path, lines: Sequence[str]) -> Source:
    header, *rows = list(csv.reader(lines))
    if any(Path(cell).suffix.lower() in IMAGE_SUFFIXES for cell in header):
        raise InputError(f"{path}: its first row names an image; put a header above it, such as image,text")
    columns = {name: [row[number] for row in rows if number < len(row)] for number, name in enumerate(header)}
    names = [
        name
        for name, cells in columns.items()
        if cells and _share(cells, lambda cell: Path(cell).suffix.lower() in IMAGE_SUFFIXES) >= _MIN_SHARE
    ]
    if not names:
        raise InputError(f"{path}: no column holds image files (columns: {', '.join(header)}); name one in each row")
    others = [name for name in header if name not in names]
    known = [name for wanted in _TEXT_COLUMNS for name in others if name.strip().lower() == wanted]
    if not known and len(others) != 1:
        raise InputError(
            f"{path}: which column is the label is not clear ({', '.join(others) or 'there is one'}); call it text"
        )
    folder = _find_images_folder(path, base, columns[names[0]])
    images = None if folder == path.parent else str(folder)
    return CsvSource(path=str(path), images=images, image_column=names[0], text_column=(known or others)[0])


def _find_images_folder(file: Path, base: Path, names: Sequence[str]) -> Path:
    """Return the folder that most of the names are relative to: the file's own if it can be, else one below."""
    own = file.parent
    shares: dict[Path, float] = {}
    candidates = itertools.chain((own, own / "images"), list_folders(base), list_folders(own), (own.parent,))
    for folder in candidates:
        shares[folder] = _share(names, lambda name, folder=folder: os.path.isfile(folder / name))
        if shares[folder] == 1:
            return folder
    best = max(shares, key=lambda folder: shares[folder])
    if shares[best] < _MIN_SHARE:
        raise InputError(
            f"{file}: names images that are not there, such as {names[0]}; looked in {own} and the folders below it"
        )
    return best


def _discover_formulas(path: Path) -> Found | None:
    formulas = find_formulas(path)
    return None if formulas is None else Found(*formulas)


def _discover_ink(folder: Path) -> Found | None:
    ink = find_ink(folder)
    return None if ink is None else Found(*ink)


def _discover_split_folders(folder: Path, classes: bool | None) -> Found | None:
    named = _by_split(filter(is_visible_folder, sorted(folder.iterdir())), folder)
    if "train" not in named:
        return None
    found = {
        split: _discover_formulas(path)
        or _discover_store(path, below=True)
        or _discover_label_files(path, path)
        or _discover_ink(path)
        or _discover_in_names(path, classes)
        or _refuse(path)
        for split, path in named.items()
    }
    sources = {split: found[split].sources["train"] for split in _SPLIT_WORDS if split in found}
    return Found(sources, f"{', '.join(f'{named[split].name}/' for split in sources)}: {found['train'].form}")


def _discover_in_names(folder: Path, classes: bool | None) -> Found | None:
    """Look for labels in the names of files or of folders; images beside folders are neither.

    Raises:
        InputError: There are label folders and a few images beside them.
    """
    images = list_images(folder)
    inside = [path for path in images if path.parent != folder]
    num_astray = len(images) - len(inside)
    if num_astray >= len(inside):
        return _discover_names(folder, images, classes)
    folders = {path.parent for path in inside}
    come_first = classes
    if classes is None:
        come_first = all(path.parent == folder for path in folders) and look_like_classes(len(inside), len(folders))
    in_folders = len({path.name for path in folders}) > 1
    if (found := None if come_first and in_folders else _discover_names(folder, inside, classes)) or not in_folders:
        return found
    if num_astray:
        first = next(path for path in images if path.parent == folder)
        raise InputError(
            f"{folder}: holds label folders and {num_astray:,} image(s) beside them, such as {first.name}, which have no "
            "label; move them into a label folder, or away"
        )
    return Found({"train": FolderSource(path=str(folder))}, "one folder a label")


def _discover_names(folder: Path, images: Sequence[Path], classes: bool | None) -> Found | None:
    pattern = find_pattern(images, may_repeat=classes is False)
    if pattern is None:
        return None
    return Found({"train": FilenameSource(path=str(folder), pattern=pattern[0])}, f"labels in file names, {pattern[1]}")


def _share(items: Iterable[object], holds: Callable[..., bool]) -> float:
    answers = [holds(item) for item in items]
    return sum(answers) / max(len(answers), 1)
