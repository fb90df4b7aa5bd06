"""Classes of a recipe: listed or found, one line for what is outside them, and counts of each."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.data import pool
from saccade.data.classes import describe_class_splits, load_class_split, load_class_splits
from saccade.data.images import read_image
from saccade.data.pool import Keeping
from saccade.data.splits import load_splits
from saccade.errors import InputError
from saccade.recipes.tables.data import DataTable, FolderSource, Keep


def write_classes(folder: Path, counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = np.random.default_rng([index, *name.encode()]).integers(0, 255, (8, 8, 3), dtype=np.uint8)
            (folder / name / f"{index:02d}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def make_data(folder: Path, *parts: str, keep: Keep | None = None) -> DataTable:
    sources = {part: (FolderSource(path=part, keep=keep or Keep()),) for part in parts}
    return DataTable(root=str(folder), **sources)


def refuse(data: DataTable, *parts: str, classes: tuple[str, ...] | None = None) -> None:
    with pytest.raises(InputError) as caught:
        load_class_splits(data, classes=classes)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_the_classes_are_the_sorted_training_labels(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"dog": 6, "cat": 6, "Ant": 6})
    splits = load_class_splits(make_data(tmp_path, "train"))
    assert splits.classes == ("Ant", "cat", "dog")
    assert len(splits.train.entries) == 16
    assert splits.val_fraction == 0.1


def test_each_class_keeps_an_image_to_train_on(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {f"class{index:02d}": 2 for index in range(10)})
    data = make_data(tmp_path, "train").model_copy(update={"val_fraction": 0.45})
    splits = load_class_splits(data)
    described = describe_class_splits(splits)["splits"]
    assert described["train"]["missing_classes"] == []
    assert described["val"]["count"] == 9  # as many as if no class had been looked at
    counts = [described["train"]["class_counts"][name] for name in splits.classes]
    assert min(counts) == 1
    # and it is those with the smallest content hashes that were taken, but for the last of each class
    pairs = zip(splits.train.content_hashes, splits.train.entries, strict=True)
    stayed = {entry.label: content for content, entry in pairs if described["train"]["class_counts"][entry.label] == 1}
    left = [
        content
        for content, entry in zip(splits.train.content_hashes, splits.train.entries, strict=True)
        if entry.label not in stayed
    ]
    assert max(splits.val.content_hashes) < min(left)


def test_images_that_their_classes_need_cannot_be_given_to_validation(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {f"class{index:02d}": 1 for index in range(20)})
    refuse(make_data(tmp_path, "train"), "val_fraction = 0.1: each class needs its only image", "[[data.val]]")


def test_a_second_decoding_is_saved_where_the_images_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_classes(tmp_path / "train", {"cat": 5, "dog": 5})
    keeping = Keeping(lambda image: image[:4, :6, ::-1], num_bytes=4 * 6 * 3)
    splits = load_class_splits(make_data(tmp_path, "train"), keeping=keeping)
    for split in (splits.train, splits.val):
        assert split.images is not None and split.images.shape == (len(split.entries), 3, 4, 6)
        for entry, image in zip(split.entries, split.images, strict=True):
            assert (image.transpose(1, 2, 0) == read_image(entry, "rgb")[:4, :6, ::-1]).all()
    assert load_class_splits(make_data(tmp_path, "train")).train.images is None
    monkeypatch.setattr(
        pool, "read_free_memory", lambda: 4 * 6 * 3 * 10 * 4 - 1
    )  # a quarter of it is a byte too little
    assert load_class_splits(make_data(tmp_path, "train"), keeping=keeping).train.images is None


def test_listed_classes_keep_their_order(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": 4, "dog": 4})
    assert load_class_splits(make_data(tmp_path, "train"), classes=("dog", "cat")).classes == ("dog", "cat")
    decomposed = "cafe\u0301"
    write_classes(tmp_path / "train", {"caf\u00e9": 4})
    found = load_class_splits(make_data(tmp_path, "train"), classes=("dog", "cat", decomposed)).classes
    assert found == ("dog", "cat", "caf\u00e9")
    refuse(
        make_data(tmp_path, "train"),
        "[classes] names: 'café' is listed twice",
        classes=("dog", decomposed, "caf\u00e9"),
    )


def test_a_class_outside_the_others_is_named_with_the_nearest(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": 4, "dog": 4})
    write_classes(tmp_path / "val", {"cat": 1, "catt": 3})
    data = make_data(tmp_path, "train", "val")
    refuse(
        data,
        f"{tmp_path / 'val/catt/00.png'}: class 'catt' of val is no training image's class (nearest: cat) (and 2 more)",
        "keep = { in_classes = true }",
    )
    refuse(make_data(tmp_path, "train"), "class 'dog' of train is not in [classes] names (the classes are x, y, z, ...)",
           classes=("x", "y", "z", "zz", "cat"))  # fmt: skip


def test_some_classes_of_many_can_be_taken(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"ant": 4, "cat": 4, "dog": 4})
    splits = load_class_splits(make_data(tmp_path, "train", keep=Keep(in_classes=True)), classes=("dog", "cat"))
    assert {entry.label for split in splits.all() for entry in split.entries} == {"cat", "dog"}
    dropped = [name for split in splits.all() for name in split.dropped.get("not_in_classes", [])]
    assert dropped == [f"ant/0{index}.png" for index in range(4)]


def test_a_listed_class_needs_training_images(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": 4, "dog": 4})
    refuse(make_data(tmp_path, "train"), "[classes] names: 'eel' has no training image", classes=("cat", "dog", "eel"))


def test_one_class_is_none(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": 4})
    refuse(make_data(tmp_path, "train"), "[data] train: 'cat' is the only class")


def test_filters_of_text_are_refused_and_so_are_filters_of_classes(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": 4, "dog": 4})
    refuse(make_data(tmp_path, "train", keep=Keep(max_length=3)), "keep.max_length: has no effect", "are classes")
    with pytest.raises(InputError, match=r"keep\.in_classes: has no effect where labels are text"):
        load_splits(make_data(tmp_path, "train", keep=Keep(in_classes=True)))


def test_a_class_folder_is_divided_by_content(tmp_path: Path) -> None:
    write_classes(tmp_path / "all", {"cat": 20, "dog": 20})
    low, high = (FolderSource(path="all", keep=keep) for keep in (Keep(hash_below=0.6), Keep(hash_from=0.6)))
    splits = load_class_splits(DataTable(root=str(tmp_path), train=(low,), val=(high,)))
    assert len(splits.train.entries) + len(splits.val.entries) == 40
    assert splits.overlap == {"val_in_train": 0}


def test_a_name_of_a_source_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path / "all", {"cat": 3, "dog": 3})
    refuse(DataTable(root=str(tmp_path), train=(FolderSource(path="all", name="pets"),)), "[[data.train]] name")


def test_one_split_alone(tmp_path: Path) -> None:
    write_classes(tmp_path / "test", {"cat": 2, "dog": 1})
    sources = make_data(tmp_path, "train", "test").test
    assert len(load_class_split("test", sources, tmp_path, ("dog", "cat")).entries) == 3
    with pytest.raises(InputError, match="class 'dog' of test is not in"):
        load_class_split("test", sources, tmp_path, ("cat", "eel"))


def test_the_description_counts_each_class_and_says_what_a_split_lacks(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": 4, "dog": 5, "eel": 6})
    write_classes(tmp_path / "val", {"cat": 2})
    described = describe_class_splits(load_class_splits(make_data(tmp_path, "train", "val")))
    assert json.loads(json.dumps(described)) == described
    assert described["classes"] == ["cat", "dog", "eel"]
    assert described["overlap"] == {"val_in_train": 2}
    assert described["splits"]["train"]["class_counts"] == {"cat": 4, "dog": 5, "eel": 6}
    assert described["splits"]["train"]["missing_classes"] == []
    assert described["splits"]["val"]["class_counts"] == {"cat": 2, "dog": 0, "eel": 0}
    assert described["splits"]["val"]["missing_classes"] == ["dog", "eel"]
    assert described["splits"]["val"]["count"] == 2


def test_real_class_folders_pass(real_set: Callable[[str], Path]) -> None:
    parts = {name: (FolderSource(path=f"cifar10/{name}"),) for name in ("train", "test")}
    splits = load_class_splits(DataTable(root=str(real_set("cifar10").parent), **parts))
    assert splits.classes[0] == "airplane" and len(splits.classes) == 10
    assert [len(split.entries) for split in splits.all()] == [45_000, 5_000, 5_000]
