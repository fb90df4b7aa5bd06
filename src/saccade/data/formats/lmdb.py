"""LMDB of PaddleOCR and of the deep-text-recognition-benchmark (DTRB): encoded images and their texts in one file.

Keys: `num-samples`, and from 1 on `label-000000001` (UTF-8) and `image-000000001` (an image file's bytes). Images are
read when they are wanted, from as many threads and forked processes as there are.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saccade.data.formats.entry import Entry, SourceListing, is_hidden, make_listing, normalise, raise_all, walk
from saccade.errors import InputError
from saccade.recipes.tables.data import LmdbSource

if TYPE_CHECKING:
    from lmdb import Environment

FILE_NAME = "data.mdb"
_COUNT = "num-samples"
_LABEL, _IMAGE = "label-{:09d}", "image-{:09d}"
_FIRST_MAP_BYTES = 1 << 26
_NUM_PUT_AT_ONCE = 256


@dataclass(frozen=True)
class _Opened:
    """A store that is open in this process, and what its file looked like then."""

    stamp: tuple[int, int, int]
    environment: "Environment"


#: LMDB allows a process to open a folder or file, told by its number on the disk, once. Forked workers go on reading what
#: their parent had opened: nothing is locked.
_OPENED: dict[tuple[int, int], _Opened] = {}
_OPENING = threading.Lock()


def read(source: LmdbSource, root: Path) -> SourceListing:
    """Read the labels; ids are the numbers of the samples, with the folder of their store where there are several.

    A sample whose label is missing has the empty one, and one whose image is missing cannot be read: `keep` says whether
    such samples may be left out.

    Raises:
        InputError: `lmdb` is not installed, or a store, its count or a label is not as it should be.
    """
    path = root / source.path
    entries, raw_labels, faults = [], [], []
    for store in find_stores(path):
        prefix = f"{store.relative_to(path).as_posix()}/" if path in store.parents else ""
        for number, raw in enumerate(_read_labels(store), start=1):
            location = f"{store}:{' no key' if raw is None else ''} {_LABEL.format(number)}"
            try:
                label = (raw or b"").decode("utf-8")
            except UnicodeDecodeError as error:
                faults.append(f"{location}: not UTF-8 (byte {error.start})")
                continue
            read_image = partial(_read_image, store, number)
            entries.append(
                Entry(f"{prefix}{number:09d}", normalise(label), location, None, weight=source.weight, read=read_image)
            )
            raw_labels.append(label)
    raise_all(faults, "write the LMDB again, its labels in UTF-8")
    return make_listing(entries, raw_labels, {})


def find_stores(path: Path) -> list[Path]:
    """Return the stores at a path: itself, or all folders below it that hold `data.mdb`, sorted.

    Raises:
        InputError: There is none.
    """
    if path.is_file():
        return [path.parent if path.name == FILE_NAME else path]
    if not path.is_dir():
        raise InputError(f"{path}: no such folder; correct `path` of the source, or the data root")
    if (path / FILE_NAME).exists():
        return [path]
    below = sorted(Path(folder) for folder, names in walk(path) if FILE_NAME in names)
    below = [folder for folder in below if not any(map(is_hidden, folder.relative_to(path).parts))]
    if not below:
        raise InputError(f"{path}: holds no {FILE_NAME}, nor does a folder below it; correct `path` of the source")
    return below


def write(folder: Path, samples: Iterable[tuple[bytes, str]]) -> None:
    """Write (image file's bytes, text) samples into a folder that is there.

    Raises:
        InputError: `lmdb` is not installed.
        OSError: The disk is full, or the like.
    """
    lmdb = _import_lmdb(folder)
    try:
        with lmdb.open(str(folder), map_size=_FIRST_MAP_BYTES, lock=False) as environment:
            number, pending = 0, []
            for number, (image, text) in enumerate(samples, start=1):
                pending += [(_IMAGE.format(number), image), (_LABEL.format(number), text.encode("utf-8"))]
                if len(pending) >= _NUM_PUT_AT_ONCE:
                    _put(environment, pending, lmdb.MapFullError)
                    pending = []
            _put(environment, [*pending, (_COUNT, str(number).encode())], lmdb.MapFullError)
    except lmdb.Error as error:
        raise OSError(0, str(error)) from None


def _put(environment: "Environment", pairs: list[tuple[str, bytes]], map_is_full: type[Exception]) -> None:
    """Store pairs in one transaction, in a map that grows until they fit."""
    while True:
        try:
            with environment.begin(write=True) as transaction:
                for key, value in pairs:
                    transaction.put(key.encode(), value)
            return
        except map_is_full:
            environment.set_mapsize(2 * environment.info()["map_size"])


def _read_labels(store: Path) -> Iterator[bytes | None]:
    """Yield the label of each sample; None where its key is missing.

    Raises:
        InputError: The count is missing, no number, or another than that of the labels.
    """
    environment = _open(store)
    with environment.begin() as transaction:
        raw = transaction.get(_COUNT.encode())
        num_keys = environment.stat()["entries"]
        count = _parse_count(store, raw, num_keys)
        if transaction.get(_LABEL.format(count + 1).encode()) is not None:
            raise InputError(
                f"{store}: {_COUNT} says {count}, but there is {_LABEL.format(count + 1)} too; write the LMDB again"
            )
        last = next((number for number in range(count, 0, -1) if _has_sample(transaction, number)), 0)
        if last < count:
            raise InputError(
                f"{store}: {_COUNT} says {count}, but the last sample that has a label or an image is {last}; "
                "write the LMDB again"
            )
        for number in range(1, count + 1):
            yield transaction.get(_LABEL.format(number).encode())


def _has_sample(transaction: Any, number: int) -> bool:
    """Tell whether there is any part of a sample."""
    cursor = transaction.cursor()
    return any(cursor.set_key(key.format(number).encode()) for key in (_LABEL, _IMAGE))


def _parse_count(store: Path, raw: bytes | None, num_keys: int) -> int:
    if raw is None:
        raise InputError(
            f"{store}: has no key {_COUNT} among its {num_keys}; an LMDB of PaddleOCR or DTRB holds it, write it again"
        )
    text = raw.decode("ascii", "replace").strip()
    if not text.isascii() or not text.isdigit() or int(text[:20]) == 0:
        raise InputError(f"{store}: {_COUNT} is {text[:20]!r}, not a number above 0; write the LMDB again")
    count = int(text[:20])
    if count >= num_keys:  # with one key a sample at least, and the count itself
        raise InputError(f"{store}: {_COUNT} says {count}, but it holds only {num_keys} keys; write the LMDB again")
    return count


def _read_image(store: Path, number: int) -> bytes:
    """Return the bytes of an image file, from any thread.

    Raises:
        InputError: The store or the key is gone.
    """
    key = _IMAGE.format(number)
    with _open(store).begin() as transaction:
        image = transaction.get(key.encode())
    if image is None:
        raise InputError(f"{store}: has no key {key}; write the LMDB again, or leave the sample out")
    return bytes(image)


def _open(store: Path) -> "Environment":
    """Open a store, or return it as it was opened before unless its file has changed."""
    is_folder = store.is_dir()
    file = store / FILE_NAME if is_folder else store
    try:
        place, status = os.stat(store), os.stat(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); correct `path` of the source") from None
    key, stamp = (place.st_dev, place.st_ino), (status.st_ino, status.st_size, status.st_mtime_ns)
    opened = _OPENED.get(key)
    if opened is not None and opened.stamp == stamp:
        return opened.environment
    with _OPENING:
        opened = _OPENED.get(key)
        if opened is None or opened.stamp != stamp:
            if opened is not None:
                opened.environment.close()
            _OPENED[key] = opened = _Opened(stamp, _open_whole(file, is_folder))
    return opened.environment


def _open_whole(file: Path, is_folder: bool) -> "Environment":
    """Open a store of which no page is missing: LMDB maps its file, and reading beyond its end would kill the process."""
    lmdb = _import_lmdb(file)
    if file.stat().st_size == 0:
        raise InputError(f"{file}: is empty, which no LMDB is; copy or write it again")
    try:
        environment: Environment = lmdb.open(
            str(file.parent if is_folder else file),
            subdir=is_folder,
            readonly=True,
            lock=False,
            readahead=False,
            create=False,
        )
    except lmdb.Error as error:
        reason = str(error).rpartition(": ")[2]
        raise InputError(f"{file}: cannot be opened as an LMDB ({reason}); copy or write it again") from None
    num_bytes = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    missing = num_bytes - file.stat().st_size
    if missing > 0:
        environment.close()
        raise InputError(f"{file}: its last {missing:,} of {num_bytes:,} bytes are missing; copy or write it again")
    return environment


def _import_lmdb(path: Path) -> Any:
    """Import an extra that few need."""
    try:
        import lmdb  # noqa: PLC0415
    except ModuleNotFoundError:
        raise InputError(
            f'{path}: format "lmdb" needs the package lmdb; install it with: pip install "saccade[lmdb]"'
        ) from None
    return lmdb
