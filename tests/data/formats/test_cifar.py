"""CIFAR's own files, made small: read from folders and archives, checked, fetched, and never run."""

import hashlib
import io
import os
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saccade.data.formats import cifar
from saccade.data.images import read_image
from saccade.data.splits import load_split
from saccade.errors import InputError
from saccade.recipes.tables.data import CifarSource
from tests.data.formats.python2_pickle import dump

NAMES = [b"cat", b"dog", b"eel"]
COARSE = [b"land", b"water"]


def make_pixels(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (count, 3, 32, 32), dtype=np.uint8)


def make_files(variant: str) -> dict[str, bytes]:
    if variant == "cifar10":
        files = {
            f"data_batch_{index}": dump({b"data": make_pixels(2, index).reshape(2, -1), b"labels": [index % 3, 2]})
            for index in range(1, 6)
        }
        files["test_batch"] = dump({b"data": make_pixels(3, 9).reshape(3, -1), b"labels": [2, 1, 0]})
        return files | {"batches.meta": dump({b"label_names": NAMES})}
    labels = {b"fine_labels": [0, 1, 2, 2], b"coarse_labels": [0, 0, 1, 1]}
    return {
        "train": dump({b"data": make_pixels(4, 0).reshape(4, -1), **labels}),
        "test": dump({b"data": make_pixels(4, 1).reshape(4, -1), **labels}),
        "meta": dump({b"fine_label_names": NAMES, b"coarse_label_names": COARSE}),
    }


def publish(monkeypatch: pytest.MonkeyPatch, variant: str, files: dict[str, bytes], **changes: Any) -> None:
    """Let these files be what was published."""
    old = cifar.PUBLISHED[variant]
    sums = {name: hashlib.md5(content, usedforsecurity=False).hexdigest() for name, content in files.items()}
    parts = {part: {name: sums[name] for name in names} for part, names in old.parts.items()}
    new = replace(old, parts=parts, meta=(old.meta[0], sums[old.meta[0]]), **changes)
    monkeypatch.setitem(cifar.PUBLISHED, variant, new)


def write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def pack(path: Path, files: dict[str, bytes]) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path.read_bytes()


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = make_files("cifar10")
    publish(monkeypatch, "cifar10", files)
    write(tmp_path / "sets/cifar-10-batches-py", files)
    pack(tmp_path / "packed/cifar-10-python.tar.gz", {f"cifar-10-batches-py/{name}": c for name, c in files.items()})
    return tmp_path


@pytest.mark.parametrize("path", ["sets", "sets/cifar-10-batches-py", "packed", "packed/cifar-10-python.tar.gz"])
def test_images_and_labels_of_cifar10(cifar10: Path, path: str) -> None:
    listing = cifar.read(CifarSource(variant="cifar10", path=path, weight=2.0), cifar10)
    assert [entry.label for entry in listing.entries] == [
        "dog",
        "eel",
        "eel",
        "eel",
        "cat",
        "eel",
        "dog",
        "eel",
        "eel",
        "eel",
    ]
    assert (listing.entries[0].id, listing.entries[9].id) == ("train/00000", "train/00009")
    assert {entry.weight for entry in listing.entries} == {2.0}
    for index, entry in enumerate(listing.entries):
        expected = make_pixels(2, index // 2 + 1)[index % 2].transpose(1, 2, 0)
        np.testing.assert_array_equal(read_image(entry, "rgb"), expected)
    test = cifar.read(CifarSource(variant="cifar10", part="test", path=path), cifar10).entries
    assert [(entry.id, entry.label) for entry in test][1:] == [("test/00001", "dog"), ("test/00002", "cat")]


def test_whoever_draws_on_an_image_draws_on_a_copy(cifar10: Path) -> None:
    entry = cifar.read(CifarSource(variant="cifar10", path="sets"), cifar10).entries[0]
    before = read_image(entry, "rgb").copy()
    read_image(entry, "rgb")[:] = 0
    np.testing.assert_array_equal(read_image(entry, "rgb"), before)


def test_a_source_like_any_other(cifar10: Path) -> None:
    split = load_split("train", (CifarSource(variant="cifar10", path="sets"),), cifar10)
    assert split.sizes_px == ((32, 32),) * 10
    assert len(set(split.content_hashes)) == 10


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(None, ["cat", "dog", "eel", "eel"]), ("fine", ["cat", "dog", "eel", "eel"]), ("coarse", ["land", "land", "water", "water"])],
)  # fmt: skip
def test_fine_and_coarse_labels_of_cifar100(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: Any, expected: list[str]
) -> None:
    files = make_files("cifar100")
    publish(monkeypatch, "cifar100", files)
    write(tmp_path / "cifar-100-python", files)
    source = CifarSource(variant="cifar100", part="test", path=".", labels=labels)
    assert [entry.label for entry in cifar.read(source, tmp_path).entries] == expected


def test_coarse_labels_are_refused_where_there_are_none() -> None:
    with pytest.raises(ValueError, match="only cifar100 has fine and coarse labels"):
        CifarSource(variant="cifar10", path=".", labels="coarse")


def refuse(root: Path, path: str, *parts: str, variant: Any = "cifar10") -> None:
    with pytest.raises(InputError) as caught:
        cifar.read(CifarSource(variant=variant, path=path), root)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_wrong_checksum_names_the_file(cifar10: Path) -> None:
    folder = cifar10 / "sets/cifar-10-batches-py"
    (folder / "data_batch_3").write_bytes((folder / "data_batch_3").read_bytes() + b" ")
    refuse(cifar10, "sets", f"{folder}: data_batch_3: its MD5 is", "fetch it again from https://www.cs.toronto.edu/")


def test_what_is_missing_is_named(cifar10: Path) -> None:
    refuse(
        cifar10, "nowhere", "nowhere: holds neither cifar-10-batches-py nor cifar-10-python.tar.gz", "download = true"
    )
    refuse(cifar10, "nowhere.tar.gz", "nowhere.tar.gz: holds neither")
    (cifar10 / "sets/cifar-10-batches-py/data_batch_3").unlink()
    refuse(cifar10, "sets", "data_batch_3: cannot be read (No such file or directory); the folder needs data_batch_1, ")


def test_a_device_is_not_read_for_ever(cifar10: Path) -> None:
    name = cifar10 / "sets" / cifar.PUBLISHED["cifar10"].folder / "data_batch_3"
    name.unlink()
    name.symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"data_batch_3: cannot be read \(it is no file\); the folder needs"):
        cifar.read(CifarSource(variant="cifar10", path="sets"), cifar10)


def test_a_damaged_archive_is_one_line(cifar10: Path) -> None:
    archive = cifar10 / "packed/cifar-10-python.tar.gz"
    whole = archive.read_bytes()
    for content in (b"", b"no archive", whole[: len(whole) // 2], whole[:100]):
        archive.write_bytes(content)
        refuse(cifar10, "packed", f"{archive}: not a whole .tar.gz archive (", "fetch it again from")


def test_only_the_files_themselves_count_in_an_archive(cifar10: Path) -> None:
    files = make_files("cifar10")
    places = {f"cifar-10-batches-py/{name}": content for name, content in files.items()}
    places["../escaped"] = places.pop("cifar-10-batches-py/batches.meta")
    before = sorted(cifar10.rglob("*"))
    pack(cifar10 / "packed/cifar-10-python.tar.gz", places)
    refuse(cifar10, "packed", "holds no cifar-10-batches-py/batches.meta")
    with tarfile.open(cifar10 / "packed/cifar-10-python.tar.gz", "w:gz") as tar:
        link = tarfile.TarInfo("cifar-10-batches-py/batches.meta")
        link.type, link.linkname = tarfile.SYMTYPE, str(cifar10 / "sets/cifar-10-batches-py/batches.meta")
        tar.addfile(link)
    refuse(cifar10, "packed", "holds no cifar-10-batches-py/")
    assert sorted(cifar10.rglob("*")) == before


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_file_that_would_run_does_not(cifar10: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_files("cifar10") | {"data_batch_2": pickle.dumps({"data": Attack(cifar10 / "run")}, 2)}
    publish(monkeypatch, "cifar10", files)  # even with the right checksum
    (cifar10 / "sets/cifar-10-batches-py/data_batch_2").write_bytes(files["data_batch_2"])
    refuse(cifar10, "sets", "data_batch_2: not a pickle of plain values and arrays (it names posix.mkdir)")
    assert not (cifar10 / "run").exists()


def test_an_archive_is_fetched_where_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    files = make_files("cifar100")
    content = pack(tmp_path / "server/a.tar.gz", {f"cifar-100-python/{name}": c for name, c in files.items()})
    (tmp_path / "server/a.tar.gz").rename(tmp_path / "server/cifar-100-python.tar.gz")
    url = (tmp_path / "server/cifar-100-python.tar.gz").as_uri()
    publish(
        monkeypatch, "cifar100", files, url=url, archive_md5=hashlib.md5(content, usedforsecurity=False).hexdigest()
    )
    refuse(tmp_path, "here", "set download = true", variant="cifar100")
    for path in ("here", "there/c.tar.gz"):
        source = CifarSource(variant="cifar100", path=path, download=True)
        assert len(cifar.read(source, tmp_path).entries) == 4
        assert f"fetching {url}" in capfd.readouterr().err
        assert len(cifar.read(source, tmp_path).entries) == 4
        assert capfd.readouterr().err == ""  # it is there
    assert (
        (tmp_path / "here/cifar-100-python.tar.gz").read_bytes()
        == (tmp_path / "there/c.tar.gz").read_bytes()
        == content
    )
    publish(monkeypatch, "cifar100", files, url=url, archive_md5="0" * 32)
    with pytest.raises(InputError, match=r"cifar-100-python\.tar\.gz: its MD5 is .*, not 0+ as published"):
        cifar.read(source.model_copy(update={"path": "third"}), tmp_path)


def test_the_published_checksums_are_those_that_torchvision_knows() -> None:
    datasets = pytest.importorskip("torchvision.datasets.cifar")
    for variant, peer in (("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)):
        ours = cifar.PUBLISHED[variant]
        assert (ours.folder, ours.url, ours.archive, ours.archive_md5) == (
            peer.base_folder, peer.url, peer.filename, peer.tgz_md5,
        )  # fmt: skip
        assert ours.parts == {"train": dict(peer.train_list), "test": dict(peer.test_list)}
        assert ours.meta == (peer.meta["filename"], peer.meta["md5"])
        assert ours.keys["fine"][1].decode() == peer.meta["key"]
