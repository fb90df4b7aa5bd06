"""What `saccade new` says and writes: a recipe that loads, fits the images, and stays true to the measured baseline."""

import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.cli import run
from saccade.recipes.loader import load
from saccade.tasks.registry import build_task

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


def test_says_what_it_found_and_writes_what_trains(folder, capsys):
    assert run(["new", "."]) == 0
    captured = capsys.readouterr()
    assert captured.out == "saccade train recipe.toml\n"
    said = dict(line.split(maxsplit=1) for line in captured.err.splitlines() if not line.startswith("such as"))
    assert said["time"] == "saccade train recipe.toml --estimate measures how long it takes here"
    assert said["recipe"].endswith("300 epochs, 10,800 images shown in all")
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


@pytest.mark.parametrize(
    ("arguments", "name"), [(["new", ""], "FOLDER-OR-LABEL-FILE"), (["new", ".", "--out", ""], "--out")]
)
def test_an_empty_path_is_not_the_working_folder(folder, arguments, name, capsys):
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"saccade: Invalid value for '{name}': it is empty; name a file or folder")
    assert error.count("\n") == 1 and not Path("recipe.toml").exists()


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


def test_a_folder_that_is_missing_is_said_before_the_recipe_that_is_there(folder, capsys):
    Path("recipe.toml").write_text("mine")
    assert run(["new", "fotos"]) == 2
    assert "/fotos: no such folder or label file" in capsys.readouterr().err


def test_a_recipe_has_the_name_of_one(folder, capsys):
    assert run(["new", ".", "--out", "recipe2"]) == 2
    assert (
        capsys.readouterr().err == "saccade: --out recipe2: a recipe's name ends in .toml; write --out recipe2.toml\n"
    )
    assert not Path("recipe2").exists()


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


def test_characters_that_only_the_test_images_have(folder, capsys):
    (folder / "labels.tsv").rename(folder / "train.tsv")
    write_labels(folder, ("0.png", "AB0Ж"), name="test.tsv")
    assert run(["new", "."]) == 0
    recipe = load("recipe.toml").recipe
    assert "Ж" in recipe.text.charset and not recipe.data.val
    build_task(recipe).examples("test")  # as training reads it, which a character outside the charset would end


@pytest.mark.parametrize(("label", "width_px"), [("A" * 5, 96), ("A1" * 8, 128), ("A" * 30, 480)])
def test_the_longest_label_has_twice_the_steps_it_needs(folder, label, width_px):
    write_labels(folder, ("0.png", label), name="more.tsv")
    (folder / "labels.tsv").unlink()
    write_labels(folder, ("1.png", "B"), name="more.tsv")
    assert run(["new", "."]) == 0
    assert load("recipe.toml").recipe.preprocessing.width_px == width_px


def test_plates_get_the_frame_of_their_baseline(real_set, tmp_path, capsys):
    out = tmp_path / "recipe.toml"
    assert run(["new", str(real_set("plates_uz")), "--out", str(out)]) == 0
    assert "images    1,870 train, 100 val" in capsys.readouterr().err
    chosen, measured = load(out).recipe.preprocessing, load(BASELINE).recipe.preprocessing
    assert chosen.height_px == measured.height_px
    assert abs(chosen.width_px - measured.width_px) <= 16


def test_draws_plates_of_the_layout_it_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(f"{number}.png", f"{number:02}A{number:03}BC") for number in range(20)]
    make_images(tmp_path, rows)
    write_labels(tmp_path, *rows)
    assert run(["new", "."]) == 0
    photographs, drawn = load("recipe.toml").recipe.data.train
    assert (photographs.format, drawn.layouts, drawn.num_images) == ("tsv", ("00 A 000 AA", "00A000AA"), 18)


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\x01b", "a\x7fb", "a\u2028b", "it's", "\x1b[31m"])
def test_any_character_may_stand_in_the_name_of_a_folder(folder, name):
    (folder / name).mkdir()
    for part in ("images", "labels.tsv"):
        (folder / part).rename(folder / name / part)
    assert run(["new", name]) == 0
    first = Path("recipe.toml").read_text().splitlines()[0]
    assert first.startswith("# Written by: saccade new ")
    assert first.isprintable()
    assert load("recipe.toml").recipe.data.train[0].path == str(folder / name / "labels.tsv")


def test_a_name_that_is_not_utf8(folder, capsysbinary):
    bad = os.fsdecode(b"a\xffb")
    (folder / bad).mkdir()
    for part in ("images", "labels.tsv"):
        (folder / part).rename(folder / bad / part)
    assert run(["new", bad]) == 2
    err = capsysbinary.readouterr().err.decode().splitlines()
    assert "a name is not UTF-8, which no recipe can hold" in err[-1]
    assert "\\udcff" in err[-1]
    assert not Path("recipe.toml").exists()
    assert run(["new", bad, "--out", f"{bad}/recipe.toml"]) == 0
    assert capsysbinary.readouterr().out == b"saccade train 'a\xffb/recipe.toml'\n"
    assert load(f"{bad}/recipe.toml").recipe.data.train[0].path == f"{folder}/{bad}/labels.tsv"


def test_characters_of_rows_that_are_left_out_are_no_charset(folder, capsys):
    (folder / "labels.tsv").rename(folder / "train.tsv")
    write_labels(folder, ("gone.png", "XY"), name="train.tsv")
    write_labels(folder, ("1.png", "AB01"), ("0.png", "AB00"), ("gone.png", "ZŁ"), name="val.tsv")
    assert run(["new", "."]) == 0
    err = capsys.readouterr().err
    assert "charset   12 characters  0123456789AB" in err
    assert "unseen" not in err
    assert load("recipe.toml").recipe.text.charset is None


def test_a_label_of_a_million_characters_is_cut(folder, capsys):
    write_labels(folder, ("0.png", "B"), ("1.png", "A" * 10**6), name="more.tsv")
    (folder / "labels.tsv").unlink()
    assert run(["new", "."]) == 2
    err = capsys.readouterr().err
    assert f"the label '{'A' * 60}'... (1,000,000 characters) is too long for one line of text" in err
    assert len(err) < 400


def test_what_it_says_holds_no_control_characters(folder, capsys):
    write_labels(folder, ("0.png", "A\x1b[31mB"), name="more.tsv")
    (folder / "labels.tsv").unlink()
    write_labels(folder, ("1.png", "B"), name="more.tsv")
    assert run(["new", "."]) == 0
    err = capsys.readouterr().err
    assert "A\\x1b[31mB" in err
    assert "\x1b" not in err


# --- Which task ---


def make_classes(folder, num_images, names=("cat", "dog")):
    for index, name in enumerate(names):
        for number in range(num_images):
            make_images(folder / name, [(f"{number}.png", None)])
            image = np.full((30, 30, 3), 20 * index + number, np.uint8)
            (folder / name / f"{number}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return folder


@pytest.mark.parametrize(("num_images", "task", "other"), [(5, "classify", "read"), (4, "read", "classify")])
def test_label_folders_with_many_images_each_are_classes(tmp_path, monkeypatch, num_images, task, other, capsys):
    monkeypatch.chdir(make_classes(tmp_path, num_images))
    assert run(["new", "."]) == 0
    assert load("recipe.toml").recipe.task == task
    assert f"--task {other})" in capsys.readouterr().err.splitlines()[0]


@pytest.mark.parametrize("odd", ["cat/a.png", "cat/0 (1).png", "cow/c1.png"])
def test_an_odd_name_does_not_turn_classes_into_texts(tmp_path, monkeypatch, odd, capsys):
    monkeypatch.chdir(make_classes(tmp_path, 20))
    (tmp_path / odd).parent.mkdir(exist_ok=True)
    (tmp_path / odd).write_bytes(cv2.imencode(".png", np.full((30, 30, 3), 200, np.uint8))[1].tobytes())
    assert run(["new", "."]) == 0
    assert load("recipe.toml").recipe.task == "classify"
    assert (
        capsys.readouterr()
        .err.splitlines()[0]
        .endswith("one folder a label (taken for classes; for folders that name a text: --task read)")
    )


def test_labels_in_file_names_say_how_to_make_them_classes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_images(tmp_path / "images", [(f"{'cat' if number % 2 else 'dog'}_{number}.png", None) for number in range(20)])
    assert run(["new", "images"]) == 0
    assert (
        capsys.readouterr()
        .err.splitlines()[0]
        .endswith("before the first _ (taken for texts; for classes: --task classify)")
    )
    assert run(["new", "images", "--task", "classify", "--out", "classes.toml"]) == 0
    assert load("classes.toml").recipe.task == "classify"


def test_the_task_that_is_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(make_classes(tmp_path, 5))
    for task in ("read", "classify"):
        assert run(["new", ".", "--task", task, "--out", f"{task}.toml"]) == 0
        assert load(f"{task}.toml").recipe.task == task
    assert "--task" not in capsys.readouterr().err
    assert run(["new", ".", "--task", "detect"]) == 2


# --- What lies among the images or beside them ---


def test_one_folder_of_classes_whose_names_read_like_texts_names_the_one_above(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for label in ("cat", "dog", "eel"):
        make_images(tmp_path / "animals" / label, [(f"{label}_{number * number}.png", None) for number in range(9)])
    assert run(["new", "animals/cat"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[1] == "beside it 2 more folders of images; if each is a class: saccade new animals"
    assert run(["new", "animals/cat", "--task", "read", "--out", "read.toml"]) == 0
    assert "beside it" not in capsys.readouterr().err


def test_files_that_are_no_images_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(make_classes(tmp_path, 5))
    for name in ("cat/notes.txt", "dog/.hidden.png", "dog/Thumbs.db", "dog/z.xmp"):
        Path(name).touch()
    assert run(["new", "."]) == 0
    assert (
        "besides   4 files passed over: hidden, or no image (cat/notes.txt, dog/.hidden.png, dog/Thumbs.db, ...)\n"
        in capsys.readouterr().err
    )


def test_training_runs_in_the_folder_are_left_out(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(make_classes(tmp_path, 5))
    for record in ("runs/a/recipe/1", "runs/a/recipe/2"):
        make_images(Path(record) / "figures", [("val_confusion.png", None)])
        (Path(record) / "checkpoints" / "best").mkdir(parents=True)
        for name in ("recipe.toml", "recipe.diff.json", "environment.json", "history.jsonl", "status.json"):
            (Path(record) / name).write_text("{}")
    assert run(["new", "."]) == 0
    said = capsys.readouterr().err
    assert "classes   2, 4 to 5 training images each: cat, dog\n" in said
    assert "besides   2 training runs passed over\n" in said
    assert load("recipe.toml").recipe.task == "classify"
