"""LMDB of PaddleOCR and DTRB, written by the `lmdb` package itself: what is read, and one line for every damage."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.data.formats import lmdb as stores
from saccade.data.formats.sources import read_source
from saccade.data.images import read_image
from saccade.data.parallel import map_in_threads
from saccade.data.splits import load_split
from saccade.errors import InputError
from saccade.recipes.tables.data import Keep, LmdbSource

lmdb = pytest.importorskip("lmdb")

SOURCE = LmdbSource(path=".")
LENIENT = LmdbSource(path=".", keep=Keep(readable=True, labelled=True))


def encode(seed: int, suffix: str = ".png") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 24, 3), np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def make_pairs(labels: list[str]) -> dict[str, bytes]:
    pairs = {"num-samples": str(len(labels)).encode()}
    for number, label in enumerate(labels, start=1):
        pairs |= {f"image-{number:09d}": encode(number), f"label-{number:09d}": label.encode()}
    return pairs


def store(folder: Path, pairs: Mapping[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with lmdb.open(str(folder), map_size=1 << 22) as environment, environment.begin(write=True) as transaction:
        for key, value in pairs.items():
            transaction.put(key.encode(), value)
    return folder


def refuse(source: LmdbSource, root: Path, *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        load_split("all", (source,), root)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_labels_and_images(tmp_path: Path) -> None:
    store(tmp_path, make_pairs(["서울12가", "皖A 1", "A\tB"]))
    entries = read_source(SOURCE.model_copy(update={"weight": 0.5}), tmp_path).entries
    assert [(entry.id, entry.label, entry.weight) for entry in entries] == [
        ("000000001", "서울12가", 0.5),
        ("000000002", "皖A 1", 0.5),
        ("000000003", "A\tB", 0.5),
    ]
    for number, entry in enumerate(entries, start=1):
        wanted = cv2.imdecode(np.frombuffer(encode(number), np.uint8), cv2.IMREAD_COLOR_RGB)
        np.testing.assert_array_equal(read_image(entry, "rgb"), wanted)


@pytest.mark.parametrize("path", [".", "data.mdb"])
def test_the_folder_or_its_file_may_be_named(tmp_path: Path, path: str) -> None:
    store(tmp_path, make_pairs(["A"]))
    assert read_source(LmdbSource(path=path), tmp_path).entries[0].label == "A"


def test_a_store_may_be_one_file(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path / "one.lmdb"), subdir=False) as environment, environment.begin(write=True) as written:
        for key, value in make_pairs(["A"]).items():
            written.put(key.encode(), value)
    entry = read_source(LmdbSource(path="one.lmdb"), tmp_path).entries[0]
    assert read_image(entry, "rgb").shape == (8, 24, 3)


def test_a_folder_of_stores_is_read_as_both_programs_read_it(tmp_path: Path) -> None:
    store(tmp_path / "root/MJ/train", make_pairs(["A", "B"]))
    store(tmp_path / "elsewhere", make_pairs(["C"]))
    store(tmp_path / "root/.half/written", make_pairs(["D"]))
    (tmp_path / "root/ST").symlink_to(tmp_path / "elsewhere")
    entries = read_source(LmdbSource(path="root"), tmp_path).entries
    assert [(entry.id, entry.label) for entry in entries] == [
        ("MJ/train/000000001", "A"),
        ("MJ/train/000000002", "B"),
        ("ST/000000001", "C"),
    ]


def test_threads_and_a_forked_process_read_the_same_store(tmp_path: Path) -> None:
    store(tmp_path, make_pairs([str(number) for number in range(300)]))
    entries = read_source(SOURCE, tmp_path).entries
    assert map_in_threads(lambda entry: read_image(entry, "grey").shape, entries) == [(8, 24, 1)] * 300
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, read_image(entries[7], "grey").tobytes())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 1 << 16) == read_image(entries[7], "grey").tobytes()
    os.close(reading)
    os.close(writing)


def test_a_store_that_was_written_again_is_opened_again(tmp_path: Path) -> None:
    store(tmp_path, make_pairs(["A"]))
    assert read_source(SOURCE, tmp_path).entries[0].label == "A"
    shutil.copyfile(store(tmp_path / "other", make_pairs(["B", "C"])) / "data.mdb", tmp_path / "data.mdb")
    assert [entry.label for entry in read_source(SOURCE, tmp_path).entries] == ["B", "C"]
    shutil.move(store(tmp_path / "third", make_pairs(["D"])) / "data.mdb", tmp_path / "data.mdb")
    assert read_source(SOURCE, tmp_path).entries[0].label == "D"


def test_missing_keys_are_named_or_counted(tmp_path: Path) -> None:
    pairs = make_pairs(["A", "B", "C", "D"])
    del pairs["label-000000002"]
    store(tmp_path, pairs)
    refuse(SOURCE, tmp_path, "no key label-000000002: empty label", "keep = { labelled = true }")
    split = load_split("all", (LENIENT,), tmp_path)
    assert split.dropped == {"unlabelled": ["000000002"]}
    del pairs["image-000000004"]
    store(tmp_path / "other", pairs | {"label-000000002": b"B"})
    refuse(LmdbSource(path="other"), tmp_path, "has no key image-000000004", "keep = { readable = true }")
    split = load_split("all", (LENIENT.model_copy(update={"path": "other"}),), tmp_path)
    assert split.dropped == {"unreadable": ["000000004"]}


@pytest.mark.parametrize("image", [b"", b"no image", encode(1)[:60]])
def test_a_truncated_image_is_named_or_counted(tmp_path: Path, image: bytes) -> None:
    store(tmp_path, make_pairs(["A", "B"]) | {"image-000000002": image})
    refuse(SOURCE, tmp_path, f"{tmp_path}: label-000000002: cannot be decoded as an image ({len(image)} bytes)")
    assert load_split("all", (LENIENT,), tmp_path).dropped == {"unreadable": ["000000002"]}


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (None, "has no key num-samples among its 6"),
        (b"two", "num-samples is 'two', not a number above 0"),
        (b"0", "num-samples is '0'"),
        (b"-3", "num-samples is '-3'"),
        ("\u0663".encode(), "not a number above 0"),
        (b"2", "num-samples says 2, but there is label-000000003 too; write the LMDB again"),
        (b"5", "num-samples says 5, but the last sample that has a label or an image is 3; write the LMDB again"),
        (b"7", "num-samples says 7, but it holds only 7 keys"),
        (b"999999999999", "num-samples says 999999999999, but it holds only 7 keys"),
        (b"4", "num-samples says 4, but the last sample that has a label or an image is 3"),
    ],
)
def test_a_wrong_count(tmp_path: Path, count: bytes | None, says: str) -> None:
    pairs = make_pairs(["A", "B", "C"])
    del pairs["num-samples"]
    store(tmp_path, pairs | ({} if count is None else {"num-samples": count}))
    refuse(SOURCE, tmp_path, says)


def test_a_label_that_is_not_utf_8(tmp_path: Path) -> None:
    store(tmp_path, make_pairs(["A", "B"]) | {"label-000000002": "서울".encode("cp949")})
    refuse(SOURCE, tmp_path, "label-000000002: not UTF-8 (byte 0)", "its labels in UTF-8")


@pytest.mark.parametrize("num_bytes", [0, 100, 4096, 8192, 20_000])
def test_a_file_that_was_cut_off_does_not_kill_the_process(tmp_path: Path, num_bytes: int) -> None:
    whole = store(tmp_path / "whole", make_pairs([str(number) for number in range(40)])) / "data.mdb"
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/data.mdb").write_bytes(whole.read_bytes()[:num_bytes])
    refuse(LmdbSource(path="cut"), tmp_path, "cut/data.mdb: ", "copy or write it again")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").touch()
    refuse(SOURCE, tmp_path, "data.mdb: is empty, which no LMDB is; copy or write it again")


def test_what_is_no_store(tmp_path: Path) -> None:
    refuse(LmdbSource(path="gone"), tmp_path, "gone: no such folder", "data root")
    refuse(SOURCE, tmp_path, "holds no data.mdb, nor does a folder below it")
    (tmp_path / "data.mdb").write_bytes(b"no LMDB" * 4000)
    refuse(SOURCE, tmp_path, "data.mdb: cannot be opened as an LMDB", "not an LMDB file")


def test_a_store_that_is_gone_while_it_is_read(tmp_path: Path) -> None:
    entry = read_source(SOURCE, store(tmp_path / "a", make_pairs(["A"]))).entries[0]
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(InputError, match="cannot be read"):
        read_image(entry, "rgb")


def test_a_map_grows_with_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_FIRST_MAP_BYTES", 1 << 16)
    samples = [(encode(number, ".bmp") * 9, f"가{number}") for number in range(300)]
    stores.write(tmp_path, iter(samples))
    entries = read_source(SOURCE, tmp_path).entries
    assert [(entry.read(), entry.label) for entry in entries if entry.read is not None] == samples
    assert os.listdir(tmp_path) == ["data.mdb"]


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(tmp_path, make_pairs(["A"]))
    monkeypatch.setitem(sys.modules, "lmdb", None)
    refuse(SOURCE, tmp_path, 'needs the package lmdb; install it with: pip install "saccade[lmdb]"')
