"""What `saccade new` says and writes: a recipe that loads, fits the images, and stays true to the measured baseline."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.cli import run
from saccade.commands.new import find_layouts
from saccade.recipes.loader import load

BASELINE = Path(__file__).parents[2] / "experiments" / "plates_uz" / "baseline.toml"


def make_images(folder, rows, size=(90, 30)):
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, _) in enumerate(rows):
        image = np.full((size[1], size[0]), number, np.uint8)
        (folder / name).write_bytes(cv2.imencode(".png", image)[1].tobytes())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(f"{number}.png", f"AB{number:02}") for number in range(20)]
    make_images(tmp_path / "images", rows)
    (tmp_path / "labels.tsv").write_text("".join(f"{name}\t{label}\n" for name, label in rows))
    return tmp_path


def write_labels(folder, *rows, name="labels.tsv"):
    with (folder / name).open("a", encoding="utf-8") as file:
        file.writelines(f"{image}\t{label}\n" for image, label in rows)


def test_starter_is_the_baseline():
    starter = tomllib.loads(files("saccade.commands").joinpath("starter.toml").read_text(encoding="utf-8"))
    baseline = tomllib.loads(BASELINE.read_text(encoding="utf-8"))
    for key in ("task", "data", "hypothesis", "seed", "budget"):
        baseline.pop(key, None)
    assert starter == baseline, "copy what stands below [data] in the baseline into src/saccade/commands/starter.toml"


def test_says_what_it_found_and_writes_what_trains(folder, capsys):
    assert run(["new", "."]) == 0
    captured = capsys.readouterr()
    assert captured.out == "saccade train recipe.toml\n"
    said = dict(line.split(maxsplit=1) for line in captured.err.splitlines() if not line.startswith("such as"))
    assert said["labels"] == "labels.tsv (file<TAB>text)"
    assert said["images"] == "18 train, 2 val (val: 10% of them, by content)"
    assert said["sizes"] == "median 90 x 30 px, from 90 x 30 to 90 x 30"
    assert said["lengths"] == "4 to 4 characters, median 4"
    assert said["charset"] == "12 characters  0123456789AB"
    assert re.search(r"^such as   \d+\.png = AB\d\d, \d+\.png = AB\d\d$", captured.err, re.MULTILINE)
    recipe = load("recipe.toml").recipe
    assert (recipe.preprocessing.height_px, recipe.preprocessing.width_px) == (32, 96)
    assert recipe.train.epochs == 300
    assert "./labels.tsv" in Path("recipe.toml").read_text()


def test_recipe_and_data_move_together(folder):
    assert run(["new", "images", "--out", "sub.toml"]) == 0
    text = Path("sub.toml").read_text()
    assert 'path = "./labels.tsv"' in text
    assert 'images = "./images"' in text
    assert str(folder) not in text.partition("\n")[2]


def test_far_data_are_named_whole(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("a") / "b" / "c" / "recipe.toml"
    out.parent.mkdir(parents=True)
    assert run(["new", ".", "--out", str(out)]) == 0
    assert load(out).recipe.data.train[0].path == str(folder / "labels.tsv")


def test_a_file_that_is_there_stays(folder, capsys):
    Path("recipe.toml").write_text("mine")
    assert run(["new", "."]) == 2
    assert "recipe.toml: is there already" in capsys.readouterr().err
    assert Path("recipe.toml").read_text() == "mine"


def test_bad_images_are_said_and_left_out_in_writing(folder, capsys):
    write_labels(folder, ("gone.png", "AB99"), ("3.png", "AB03"), ("images.png", ""))
    assert run(["new", "."]) == 0
    said = capsys.readouterr().err
    assert "left out  1 unlabelled (images.png), 1 repeated name (3.png), 1 unreadable (gone.png)" in said
    keep = load("recipe.toml").recipe.data.train[0].keep
    assert keep.readable and keep.labelled and keep.unique and not keep.fits


def test_characters_that_only_validation_has(folder, capsys):
    (folder / "labels.tsv").rename(folder / "train.tsv")
    write_labels(folder, ("0.png", "AB0Ж"), name="val.tsv")
    assert run(["new", "."]) == 0
    said = capsys.readouterr().err
    assert "unseen    no training label holds Ж" in said
    assert "overlap   1 images of val are also in train" in said
    assert "Ж" in load("recipe.toml").recipe.text.charset


@pytest.mark.parametrize(("label", "width_px"), [("A" * 5, 96), ("A1" * 8, 128), ("A" * 30, 480)])
def test_the_longest_label_has_twice_the_steps_it_needs(folder, label, width_px):
    write_labels(folder, ("0.png", label), name="more.tsv")
    (folder / "labels.tsv").unlink()
    write_labels(folder, ("1.png", "B"), name="more.tsv")
    assert run(["new", "."]) == 0
    assert load("recipe.toml").recipe.preprocessing.width_px == width_px


@pytest.mark.parametrize("num_train", [1, 30_000, 60_000, 10**7])
def test_a_recipe_of_any_length_is_valid(num_train):
    from saccade.commands.new import _stretch
    from saccade.recipes.loader import validate

    starter = tomllib.loads(files("saccade.commands").joinpath("starter.toml").read_text(encoding="utf-8"))
    data = {"train": [{"format": "synthetic_plates"}]}
    recipe = validate({"task": "read", "data": data} | _stretch(starter, num_train), file="x.toml")
    assert recipe.train.epochs == max(1, min(300, round(250_000 / num_train)))
    assert all(stage.from_epoch < recipe.train.epochs for stage in recipe.stage)


def test_plates_get_the_frame_of_their_baseline(data_root, tmp_path, capsys):
    out = tmp_path / "recipe.toml"
    assert run(["new", str(data_root / "plates_uz"), "--out", str(out)]) == 0
    assert "images    1,870 train, 100 val" in capsys.readouterr().err
    chosen, measured = load(out).recipe.preprocessing, load(BASELINE).recipe.preprocessing
    assert chosen.height_px == measured.height_px
    assert abs(chosen.width_px - measured.width_px) <= 16


@pytest.mark.parametrize(
    ("labels", "layouts"),
    [
        (["01A115AA", "30U250VA"], ["00 A 000 AA", "00A000AA"]),
        (["AB1234"] * 9 + ["odd one"], []),
        (["HELLO", "WORLD"], []),
        (["12345", "67890"], []),
        ([chr(65 + n) * (n + 1) + "1" * (9 - n) for n in range(9)], []),
    ],
    ids=["plates", "one of ten is none", "words", "numbers", "too many layouts"],
)
def test_finds_the_layouts_of_plates(labels, layouts):
    assert find_layouts(labels) == layouts


def test_draws_plates_of_the_layout_it_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(f"{number}.png", f"{number:02}A{number:03}BC") for number in range(20)]
    make_images(tmp_path, rows)
    write_labels(tmp_path, *rows)
    assert run(["new", "."]) == 0
    photographs, drawn = load("recipe.toml").recipe.data.train
    assert (photographs.format, drawn.layouts, drawn.num_images) == ("tsv", ("00 A 000 AA", "00A000AA"), 18)
