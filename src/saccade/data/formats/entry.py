"""What every format yields: one entry an image, and what was noticed on the way. No image is opened here."""

import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saccade.errors import InputError

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


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
    """

    id: str
    label: str
    location: str
    path: Path | None
    draw: Callable[[], NDArray[np.uint8]] | None = None
    num_lines: int | None = None
    weight: float = 1.0
    read: Callable[[], bytes] | None = None


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
        **notes,
    }
    return SourceListing(tuple(entries), {name: count for name, count in counts.items() if count})


def normalise(label: str) -> str:
    """Bring a label to NFC, so that one character is written one way."""
    return unicodedata.normalize("NFC", label)


def raise_all(faults: list[str], cure: str) -> None:
    """Raise the first fault, the number of the others and the cure as one line; do nothing where there is none."""
    if faults:
        others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InputError(f"{faults[0]}{others}; {cure}")


def find_images(folder: Path) -> tuple[list[Path], dict[str, int]]:
    """List the images below a folder, sorted by path, and count the other files, hidden ones among them.

    Links are followed.

    Raises:
        InputError: The folder is missing or holds no image.
    """
    require_folder(folder, "path")
    images, num_others = [], 0
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not _leads_back(os.path.join(parent, name))]
        found = [name for name in names if _is_image(name)]
        images += [os.path.join(parent, name) for name in found]
        num_others += len(names) - len(found)
    if not images:
        raise InputError(
            f"{folder}: holds no image ({', '.join(sorted(IMAGE_SUFFIXES))}); correct `path` or the data root"
        )
    images.sort(key=lambda path: path.split(os.sep))  # the order of paths, at a tenth of the time
    return [Path(path) for path in images], {"other_files": num_others}


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith(".")


def _leads_back(path: str) -> bool:
    """Tell a link to a folder that it lies in itself, which would be searched for ever."""
    if not os.path.islink(path):
        return False
    inside, target = os.path.realpath(os.path.dirname(path)), os.path.realpath(path)
    return f"{inside}{os.sep}".startswith(f"{target}{os.sep}")


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
    if images is None and entries and not (folder / entries[0].id).exists():
        below = folder / "images"
        folder = below if (below / entries[0].id).exists() else folder
    require_folder(folder, "images")
    return [replace(entry, path=folder / entry.id) for entry in entries]


def require_folder(folder: Path, key: str) -> None:
    """Check that a folder is there.

    Raises:
        InputError: It is not; the message names the key of the source to correct.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}; correct `{key}` of the source, or the data root")
