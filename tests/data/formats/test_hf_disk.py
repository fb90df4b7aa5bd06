"""Hugging Face data sets on disk, made by `datasets` itself."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from saccade.data.formats import hf_disk
from saccade.data.images import read_image
from saccade.data.splits import load_split
from saccade.errors import InputError
from saccade.recipes.tables.data import FolderSource, HfDiskSource

datasets = pytest.importorskip("datasets")

COLOURS = [(200, 30, 60), (10, 20, 30), (90, 80, 70)]


def make_png(colour: tuple[int, ...], mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Picture.new(mode, (6, 4), colour).save(buffer, "PNG")
    return buffer.getvalue()


def make(labels: list[Any], feature: Any, image: str = "image", images: list[Any] | None = None) -> Any:
    images = [{"bytes": make_png(colour), "path": None} for colour in COLOURS] if images is None else images
    features = datasets.Features({image: datasets.Image(), "label": feature})
    return datasets.Dataset.from_dict({image: images, "label": labels}, features=features)


def save(dataset: Any, path: Path) -> Path:
    dataset.save_to_disk(str(path))
    return path


def refuse(source: HfDiskSource, root: Path, *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        hf_disk.read(source, root)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    feature = datasets.ClassLabel(names=["dog", "cat"])
    parts = {"train": make([0, 1, 0], feature), "test": make([1, -1, 0], feature)}
    save(datasets.DatasetDict(parts), tmp_path / "animals")
    return tmp_path


def test_class_names_are_labels_and_images_are_decoded_by_us(animals: Path) -> None:
    listing = hf_disk.read(HfDiskSource(path="animals", split="train", weight=0.5), animals)
    assert [(entry.id, entry.label, entry.weight) for entry in listing.entries] == [
        ("train/00000", "dog", 0.5),
        ("train/00001", "cat", 0.5),
        ("train/00002", "dog", 0.5),
    ]
    assert [read_image(entry, "rgb")[0, 0].tolist() for entry in listing.entries] == [list(rgb) for rgb in COLOURS]
    assert [entry.label for entry in hf_disk.read(HfDiskSource(path="animals", split="test"), animals).entries] == [
        "cat",
        "",
        "dog",
    ]


def test_its_images_are_the_same_images_as_in_folders(animals: Path) -> None:
    for index, colour in enumerate(COLOURS):
        (animals / "folders" / str(index)).mkdir(parents=True)
        (animals / "folders" / str(index) / "a.png").write_bytes(make_png(colour))
    stored = load_split("train", (HfDiskSource(path="animals", split="train"),), animals)
    files = load_split("train", (FolderSource(path="folders"),), animals)
    assert stored.content_hashes == files.content_hashes
    assert stored.sizes_px == ((4, 6),) * 3


@pytest.mark.parametrize(
    ("labels", "feature", "expected"),
    [
        (["AB", "cafe\u0301", None], "string", ["AB", "caf\u00e9", ""]),
        ([7, -3, 0], "int64", ["7", "-3", "0"]),
        ([7, 8, None], "uint8", ["7", "8", ""]),
    ],
)
def test_texts_and_numbers_are_labels_too(tmp_path: Path, labels: Any, feature: str, expected: list[str]) -> None:
    save(make(labels, datasets.Value(feature), image="img"), tmp_path / "one")
    listing = hf_disk.read(HfDiskSource(path="one"), tmp_path)
    assert [(entry.id, entry.label) for entry in listing.entries] == [
        (f"0000{index}", label) for index, label in enumerate(expected)
    ]


def test_images_may_lie_outside(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(make_png(COLOURS[0], "RGB"))
    (tmp_path / "b.png").write_bytes(make_png((0, 0, 0, 0), "RGBA"))
    images = [{"bytes": None, "path": str(tmp_path / name)} for name in ("a.png", "b.png", "gone.png")]
    stored = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    features = datasets.Features({"image": stored, "label": datasets.Value("string")})
    rows = {"image": images, "label": ["x", "y", "x"]}
    save(datasets.Dataset.from_dict(rows, features=features), tmp_path / "one")
    info = json.loads((tmp_path / "one/dataset_info.json").read_text())
    info["features"]["image"] = {"_type": "Image"}  # `save_to_disk` takes files in; it did not always
    (tmp_path / "one/dataset_info.json").write_text(json.dumps(info))
    entries = hf_disk.read(HfDiskSource(path="one"), tmp_path).entries
    assert read_image(entries[0], "rgb")[0, 0].tolist() == list(COLOURS[0])
    assert read_image(entries[1], "rgb").min() == 255
    with pytest.raises(InputError, match=r"one:00002: .*gone\.png cannot be read \(No such file"):
        read_image(entries[2], "rgb")


def test_a_row_without_an_image_is_named(tmp_path: Path) -> None:
    images = [{"bytes": make_png(COLOURS[0]), "path": None}, None, {"bytes": b"no image", "path": None}]
    save(make([0, 1, 0], datasets.ClassLabel(names=["x", "y"]), images=images), tmp_path / "one")
    entries = hf_disk.read(HfDiskSource(path="one"), tmp_path).entries
    with pytest.raises(InputError, match="one:00001: has no image"):
        read_image(entries[1], "rgb")
    with pytest.raises(InputError, match=r"one:00002: cannot be decoded as an image \(8 bytes\)"):
        read_image(entries[2], "rgb")


def test_splits_and_columns_are_named(animals: Path) -> None:
    refuse(HfDiskSource(path="animals"), animals, "animals: says no split", "'train', 'test'")
    refuse(HfDiskSource(path="animals", split="val"), animals, "animals: has no split 'val'", "'train', 'test'")
    refuse(
        HfDiskSource(path="animals/train", split="train"), animals, "is one data set without splits", "remove `split`"
    )
    source = HfDiskSource(path="animals", split="train", label_column="lable")
    refuse(source, animals, "no column 'lable' (did you mean 'label')", "`label_column`")
    source = HfDiskSource(path="animals", split="train", image_column="x")
    refuse(source, animals, "no column 'x' (there are 'image', 'label')", "`image_column`")
    source = HfDiskSource(path="animals", split="train", image_column="label")
    refuse(source, animals, "column 'label' holds ClassLabel, not Image")
    source = HfDiskSource(path="animals", split="train", label_column="image")
    refuse(source, animals, "column 'image' holds", "not labels")


def test_folders_that_are_no_data_set(tmp_path: Path) -> None:
    refuse(HfDiskSource(path="gone"), tmp_path, "gone: no such folder")
    (tmp_path / "empty").mkdir()
    refuse(HfDiskSource(path="empty"), tmp_path, "empty: cannot be opened as a data set", "save_to_disk")
    folder = save(make([0, 1, 0], datasets.ClassLabel(names=["x", "y"])), tmp_path / "one")
    for file in folder.glob("*.arrow"):
        file.write_bytes(file.read_bytes()[:100])
    refuse(HfDiskSource(path="one"), tmp_path, "one: cannot be opened as a data set")


def test_whatever_is_wrong_inside_is_one_line(tmp_path: Path) -> None:
    feature = datasets.ClassLabel(names=["dog", "cat"])
    save(make([], feature, images=[]), tmp_path / "empty")
    refuse(HfDiskSource(path="empty"), tmp_path, "empty: ", "cannot be opened as a data set")
    save(make([0, 1, 0], feature), tmp_path / "listed")
    (tmp_path / "listed/dataset_info.json").write_text("[]")
    refuse(HfDiskSource(path="listed"), tmp_path, "listed: cannot be opened as a data set")
    save(make([0, 1, 0], feature), tmp_path / "fewer")
    info = json.loads((tmp_path / "fewer/dataset_info.json").read_text())
    info["features"]["label"]["names"] = ["dog"]
    (tmp_path / "fewer/dataset_info.json").write_text(json.dumps(info))
    refuse(HfDiskSource(path="fewer"), tmp_path, "row 1 of column 'label' is class 1 of 1; save the data set again")


def test_without_the_extra_it_says_what_to_install(animals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    refuse(
        HfDiskSource(path="animals", split="train"),
        animals,
        'needs the package datasets; install it with: pip install "saccade[hub]"',
    )


def test_drawn_on_it_stays_what_it_was(animals: Path) -> None:
    entry = hf_disk.read(HfDiskSource(path="animals", split="train"), animals).entries[0]
    read_image(entry, "rgb")[:] = 0
    np.testing.assert_array_equal(read_image(entry, "rgb")[0, 0], COLOURS[0])
