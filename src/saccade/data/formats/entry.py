"""What every format yields: one entry an image, and what was noticed on the way. No image is opened here."""

import os
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saccade.errors import InputError

# What OpenCV decodes.
IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif"}
    | {".tiff", ".webp"}
)
_ARCHIVE_REMNANT = "__MACOSX"
"""A folder that a Mac adds to every zip: of each file what is no part of it, in a file of the same suffix."""
_FOREIGN_SUFFIXES = frozenset({".heic", ".heif", ".jxl"})
"""Photographs that cannot be decoded: listed, so that they are an error and not left out in silence."""
_OF_A_RUN = frozenset({"recipe.diff.json", "environment.json", "preprocessing.json", "history.jsonl"})
"""By two of these files the folder of a training run is known, whose pictures are nobody's data."""


@dataclass(frozen=True)
class Entry:
    """A labelled image of a split.

    Attributes:
        id: Unique in a split: the file name relative to its images folder, with `<source index>/` before it when a
            split has several sources.
        label: The text in NFC; empty where the source gives none.
        location: Where the label stands, for messages: `train.tsv:12`, or the image's path.
        path: The image file; None for an image that lies in no file of its own.
        draw: Makes an image that is drawn or stored as pixels, uint8 [H, W, 3] in RGB; None for any other.
        num_lines: Lines of text, where known.
        weight: Share of an epoch relative to entries of other sources.
        read: Reads the bytes of an image file that is stored inside another file; None for any other.
        source: Name under which the images of its source are reported apart; None where it has none.
        level: How hard it is, as the source names it; None where that is not known.
    """

    id: str
    label: str
    location: str
    path: Path | None
    draw: Callable[[], NDArray[np.uint8]] | None = None
    num_lines: int | None = None
    weight: float = 1.0
    read: Callable[[], bytes] | None = None
    source: str | None = None
    level: str | None = None


@dataclass(frozen=True)
class SourceListing:
    """Entries in file order (folders: sorted by path) and counts of what was noticed, without zeros."""

    entries: tuple[Entry, ...]
    notes: dict[str, int]


def make_listing(entries: list[Entry], raw_labels: list[str], notes: dict[str, int]) -> SourceListing:
    """Join entries with the counts that every format takes, from its labels as they were written."""
    decomposed = sum(not unicodedata.is_normalized("NFC", label) for label in raw_labels)
    counts = {
        "decomposed_labels": decomposed,
        "labels_with_outer_spaces": sum(label != label.strip() for label in raw_labels),
        "names_with_different_texts": _count_contradictions(entries),
        **notes,
    }
    return SourceListing(tuple(entries), {name: count for name, count in counts.items() if count})


def _count_contradictions(entries: list[Entry]) -> int:
    """Count the names that stand there more than once, with texts that differ."""
    texts: dict[str, str] = {}
    return len({entry.id for entry in entries if texts.setdefault(entry.id, entry.label) != entry.label})


def normalise(label: str) -> str:
    """Bring a label to NFC, so that one character is written one way."""
    return unicodedata.normalize("NFC", label)


def raise_all(faults: list[str], cure: str) -> None:
    """Raise the first fault, the number of the others and the cure as one line; do nothing where there is none."""
    if faults:
        others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InputError(f"{faults[0]}{others}; {cure}")


def find_images(folder: Path) -> tuple[list[Path], dict[str, int]]:
    """List the images below a folder, sorted by path, and count the other files: hidden ones, and all in hidden folders, too.

    Links are followed; training runs, which lie below a folder of a project, are passed over and counted.

    Raises:
        InputError: The folder is missing or holds no image.
    """
    require_folder(folder, "path")
    images, others, runs = _sort_files(folder)
    if not images:
        raise InputError(
            f"{folder}: holds no image ({', '.join(sorted(IMAGE_SUFFIXES))}); correct `path` or the data root"
        )
    images.sort(key=lambda path: path.split(os.sep))  # the order of paths, at a tenth of the time
    return [Path(path) for path in images], {"other_files": len(others)} | ({"runs": len(runs)} if runs else {})


def find_others(folder: Path) -> list[str]:
    """List the files below a folder that `find_images` counts as others, relative to it and sorted."""
    return sorted(os.path.relpath(path, folder) for path in _sort_files(folder)[1])


def _sort_files(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the images below a folder, the other files, and the folders of training runs, which are not looked into."""
    images: list[str] = []
    others: list[str] = []
    runs: list[str] = []
    top = os.path.join(folder, "")
    for parent, names in walk(folder, runs):
        is_passed_over = parent != str(folder) and any(map(is_hidden, parent.removeprefix(top).split(os.sep)))
        for name in names:
            (images if not is_passed_over and is_image(name) else others).append(os.path.join(parent, name))
    return images, others, runs


def is_hidden(name: str) -> bool:
    """Tell a folder in which no images of anybody's are looked for: a hidden one, or what a Mac adds to a zip."""
    return name.startswith(".") or name == _ARCHIVE_REMNANT


def is_run(names: Collection[str]) -> bool:
    """Tell the folder of a training run by the names of its files."""
    return len(_OF_A_RUN.intersection(names)) > 1


def holds_runs(folder: Path) -> bool:
    """Tell the folder of a training run, or one below which there are some."""
    runs: list[str] = []
    return any(is_run(names) for _, names in walk(folder, runs)) or bool(runs)


def walk(folder: Path, runs: list[str] | None = None) -> Iterator[tuple[str, list[str]]]:
    """Yield a folder and those below it, each with the names of its files; links are followed, circles are not.

    Folders of training runs below it are passed over; `runs` takes their paths.
    """
    # of each folder that is still to come: where it really is, and where those above it are
    chains: dict[str, tuple[str, ...]] = {str(folder): (os.path.realpath(folder),)}
    for parent, folders, names in os.walk(folder, followlinks=True):
        above = chains.pop(parent)
        if parent != str(folder) and is_run(names):
            folders.clear()
            if runs is not None:
                runs.append(parent)
            continue
        below = {name: _find_place(os.path.join(parent, name), above[0]) for name in folders}
        folders[:] = [name for name, place in below.items() if not _leads_back(place, above)]
        chains |= {os.path.join(parent, name): (below[name], *above) for name in folders}
        yield parent, names


def is_image(name: str) -> bool:
    """Tell an image, of which some cannot be decoded, by the name of its file."""
    suffix = os.path.splitext(name)[1].lower()
    return (suffix in IMAGE_SUFFIXES or suffix in _FOREIGN_SUFFIXES) and not name.startswith(".")


def _find_place(path: str, parent: str) -> str:
    """Return where a folder really is, whose parent really is there."""
    return os.path.realpath(path) if os.path.islink(path) else os.path.join(parent, os.path.basename(path))


def _leads_back(place: str, above: tuple[str, ...]) -> bool:
    """Tell a folder that was passed on the way here, or holds one that was: it would be searched for ever."""
    inside = os.path.join(place, "")
    return any(os.path.join(passed, "").startswith(inside) for passed in above)


def locate_images(entries: list[Entry], images: Path | None, label_file: Path) -> list[Entry]:
    """Return entries with their paths; their ids are file names relative to the folder of the images.

    Args:
        entries: In the order of the label file.
        images: The folder; None for the label file's own, or `images` in it if the first image lies there and not beside.
        label_file: Where the labels stand.

    Raises:
        InputError: The folder is missing.
    """
    folder = label_file.parent if images is None else images
    if images is None and entries and not os.path.exists(folder / entries[0].id):  # `Path.exists` raises at long names
        below = folder / "images"
        folder = below if os.path.exists(below / entries[0].id) else folder
    require_folder(folder, "images")
    return [replace(entry, path=folder / entry.id) for entry in entries]


def require_folder(folder: Path, key: str) -> None:
    """Check that a folder is there.

    Raises:
        InputError: It is not; the message names the key of the source to correct.
    """
    if not os.path.isdir(folder):  # unlike `Path.is_dir` it takes any name, however long
        what = "is a file, not a folder" if os.path.exists(folder) else "no such folder"
        raise InputError(f"{folder}: {what}; correct `{key}` of the source, or the data root")
