"""CIFAR-10 and CIFAR-100 in the files that their authors published for Python: a folder of pickles or its archive.

Each file is checked by its published MD5 and read without running anything in it (`plain_pickle.py`); an archive is
read in place and never unpacked.
"""

import hashlib
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saccade.data.formats.download import fetch_file
from saccade.data.formats.entry import Entry, SourceListing, make_listing, normalise
from saccade.data.formats.plain_pickle import parse_pickle
from saccade.errors import InputError
from saccade.recipes.tables.data import CifarSource

_SIDE_PX = 32
_MOST_BYTES = 2**28
"""Of a file; those that were published are smaller."""


@dataclass(frozen=True)
class Published:
    """What the authors published: files with their MD5, and under which keys labels and their names stand."""

    folder: str
    url: str
    archive_md5: str
    parts: Mapping[str, Mapping[str, str]]
    meta: tuple[str, str]
    keys: Mapping[str, tuple[bytes, bytes]]

    @property
    def archive(self) -> str:
        """The archive's file name."""
        return self.url.rpartition("/")[2]


PUBLISHED = {
    "cifar10": Published(
        folder="cifar-10-batches-py",
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        archive_md5="c58f30108f718f92721af3b95e74349a",
        parts={
            "train": {
                "data_batch_1": "c99cafc152244af753f735de768cd75f",
                "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
                "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
                "data_batch_4": "634d18415352ddfa80567beed471001a",
                "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            },
            "test": {"test_batch": "40351d587109b95175f43aff81a1287e"},
        },
        meta=("batches.meta", "5ff9c542aee3614f3951f8cda6e48888"),
        keys={"fine": (b"labels", b"label_names")},
    ),
    "cifar100": Published(
        folder="cifar-100-python",
        url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        archive_md5="eb9058c3a382ffc7106e4002c42a8d85",
        parts={
            "train": {"train": "16019d7e3df5f24257cddd939b257f8d"},
            "test": {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
        },
        meta=("meta", "7973b15100ade9c7d40fb424638fde48"),
        keys={
            "fine": (b"fine_labels", b"fine_label_names"),
            "coarse": (b"coarse_labels", b"coarse_label_names"),
        },
    ),
}


def read(source: CifarSource, root: Path) -> SourceListing:
    """Read one part; ids are `train/00042`, labels the published class names.

    Raises:
        InputError: The files are not there, are not the published ones, or cannot be fetched.
    """
    published = PUBLISHED[source.variant]
    checksums = {**published.parts[source.part], published.meta[0]: published.meta[1]}
    place = _find_place(root / source.path, published, source.download)
    contents = _read_archive(place, published, checksums) if place.is_file() else _read_folder(place, checksums)
    values = {}
    for name, md5 in checksums.items():
        _check_md5(contents[name], md5, f"{place}: {name}", published.url)
        values[name] = parse_pickle(contents.pop(name), f"{place}: {name}")
    names = values.pop(published.meta[0])
    label_key, names_key = published.keys[source.labels or "fine"]
    pixels = np.concatenate([_shape_pixels(batch[b"data"]) for batch in values.values()])
    classes = [normalise(name.decode()) for name in names[names_key]]
    labels = [classes[number] for batch in values.values() for number in batch[label_key]]
    entries = [
        _make_entry(source, f"{place}:{source.part}", pixels, index, label) for index, label in enumerate(labels)
    ]
    return make_listing(entries, labels, {})


def _find_place(path: Path, published: Published, download: bool) -> Path:
    """Return the archive or the folder of the files, fetching the archive where that is allowed and needed."""
    if path.is_file():
        return path
    some_file = published.meta[0]
    for folder in (path, path / published.folder):
        if (folder / some_file).is_file():
            return folder
    archive = path if path.name.endswith(".gz") else path / published.archive
    if not archive.is_file():
        if not download:
            raise InputError(
                f"{path}: holds neither {published.folder} nor {published.archive}; set download = true, or put there"
                f" what {published.url} gives"
            )
        fetch_file(published.url, archive, published.archive_md5)
    return archive


def _read_folder(folder: Path, checksums: Mapping[str, str]) -> dict[str, bytes]:
    contents = {}
    for name in checksums:
        try:
            if not (folder / name).is_file() and (folder / name).exists():  # a pipe or device may never end
                raise OSError(None, "it is no file")
            with (folder / name).open("rb") as file:
                contents[name] = file.read(_MOST_BYTES)
        except OSError as error:
            raise InputError(
                f"{folder / name}: cannot be read ({error.strerror}); the folder needs {', '.join(checksums)}"
            ) from None
    return contents


def _read_archive(archive: Path, published: Published, checksums: Mapping[str, str]) -> dict[str, bytes]:
    """Read files out of the archive in one pass; nothing is written to disk."""
    wanted = {f"{published.folder}/{name}": name for name in checksums}
    contents = {}
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                file = tar.extractfile(member) if member.name in wanted and member.isreg() else None
                if file is not None:
                    contents[wanted[member.name]] = file.read(_MOST_BYTES)
                if len(contents) == len(wanted):
                    break
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise InputError(
            f"{archive}: not a whole .tar.gz archive ({error}); remove it and fetch it again from {published.url}"
        ) from None
    missing = [name for name in checksums if name not in contents]
    if missing:
        raise InputError(f"{archive}: holds no {published.folder}/{missing[0]}; fetch it again from {published.url}")
    return contents


def _check_md5(content: bytes, md5: str, name: str, url: str) -> None:
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise InputError(f"{name}: its MD5 is {found}, not {md5} as published; fetch it again from {url}")


def _shape_pixels(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring planes [N, 3 * 32 * 32] to images [N, 32, 32, 3]."""
    planes = data.reshape(-1, 3, _SIDE_PX, _SIDE_PX)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))  # (N, 3, H, W) -> (N, H, W, 3)


def _make_entry(source: CifarSource, place: str, pixels: NDArray[Any], index: int, label: str) -> Entry:
    return Entry(
        id=f"{source.part}/{index:05d}",
        label=label,
        location=f"{place}:{index}",
        path=None,
        draw=partial(_take, pixels, index),
        weight=source.weight,
    )


def _take(pixels: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = pixels[index].copy()  # whoever draws on it does not change the data
    return image
