"""The recipe of a classifier: it loads, fits the images, and its network can be built."""

import cv2
import numpy as np
import pytest

from saccade.cli import run
from saccade.recipes.loader import load
from saccade.tasks.registry import build_task


def make_classes(folder, names, size=(32, 32), num_images=5):
    """Write as many images for each class, no two alike."""
    for index, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(num_images):
            image = np.full((size[1], size[0], 3), (index, number, 0), np.uint8)
            (folder / name / f"{number}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())


def write_recipe(folder, capsys):
    """Return the recipe that `saccade new` writes, and what it says."""
    capsys.readouterr()
    assert run(["new", str(folder), "--out", str(folder / "recipe.toml")]) == 0
    err = capsys.readouterr().err
    return load(folder / "recipe.toml").recipe, dict(line.split(maxsplit=1) for line in err.splitlines())


@pytest.fixture
def split_folders(tmp_path):
    make_classes(tmp_path / "train", ("cat", "dog"), num_images=16)
    make_classes(tmp_path / "test", ("cat", "dog"), num_images=2)
    return tmp_path


def test_says_what_it_found_and_writes_what_trains(split_folders, capsys):
    recipe, said = write_recipe(split_folders, capsys)
    assert (
        said["labels"]
        == "train/, test/: one folder a label (taken for classes; for folders that name a text: --task read)"
    )
    assert said["images"] == "29 train, 3 val, 4 test (val: 10% of them, by content)"
    assert said["sizes"] == "median 32 x 32 px, from 32 x 32 to 32 x 32"
    assert said["classes"].endswith(": cat, dog")
    assert said["recipe"] == "resnet10t with a small stem, 32 x 32 px; 100 epochs, 2,900 images shown in all"
    assert (recipe.preprocessing.height_px, recipe.preprocessing.width_px) == (32, 32)
    assert (recipe.model.stem.name, recipe.augment.flip.name, recipe.augment.crop_padding_px) == ("small", "random", 4)
    assert 'path = "./train"' in (split_folders / "recipe.toml").read_text()


def test_few_images_make_small_batches_at_a_rate_in_proportion(split_folders, capsys):
    recipe, _ = write_recipe(split_folders, capsys)
    assert (recipe.train.batch_size, recipe.optimizer.learning_rate) == (8, 0.1 * 8 / 128)
    assert recipe.schedule.warmup_epochs == 5


@pytest.mark.parametrize(
    ("size", "frame", "stem"),
    [
        ((28, 28), (32, 32), "small"),
        ((64, 48), (48, 64), "small"),
        ((100, 75), (64, 96), "published"),
        ((1000, 500), (128, 224), "published"),
        ((5, 5), (16, 16), "small"),
    ],
)
def test_the_frame_has_the_shape_of_the_images(tmp_path, size, frame, stem, capsys):
    make_classes(tmp_path, ("cat", "dog"), size)
    recipe, _ = write_recipe(tmp_path, capsys)
    assert (recipe.preprocessing.height_px, recipe.preprocessing.width_px) == frame
    assert recipe.model.stem.name == stem
    assert recipe.augment.crop_padding_px == min(frame) // 8


@pytest.mark.parametrize(("names", "flip"), [(("0", "1", "10"), "none"), (("a", "b"), "none"), (("3d", "b"), "random")])
def test_digits_and_letters_are_not_mirrored(tmp_path, names, flip, capsys):
    make_classes(tmp_path, names)
    recipe, said = write_recipe(tmp_path, capsys)
    assert recipe.augment.flip.name == flip
    assert ("not mirrored" in said["recipe"]) == (flip == "none")


def test_the_network_can_be_built_at_both_sizes(tmp_path, capsys):
    for side in (32, 96):
        make_classes(tmp_path / str(side), ("cat", "dog"), (side, side))
        recipe, _ = write_recipe(tmp_path / str(side), capsys)
        task = build_task(recipe)
        assert len(task.examples("train")) == 9
        assert sum(weight.numel() for weight in task.build_model().parameters()) > 10**6


def test_bad_images_are_left_out_in_writing(split_folders, capsys):
    (split_folders / "train" / "cat" / "3.png").write_bytes(b"no image")
    recipe, _ = write_recipe(split_folders, capsys)
    assert recipe.data.train[0].keep.readable
    assert not recipe.data.test[0].keep.readable


def test_one_class_is_none(tmp_path, capsys):
    make_classes(tmp_path, ("cat",), num_images=8)
    assert run(["new", str(tmp_path), "--task", "classify", "--out", str(tmp_path / "recipe.toml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
