"""Bad input of every kind, through the real command line: one line that names the place and the cure, exit status 2.

Nothing is left half written: after each refusal the folders hold what they held before.
"""

import errno
import fcntl
import gzip
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.cli import run
from tests.tiny_reader import draw, make_data, train


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(make_data(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return train(make_data(tmp_path_factory.mktemp("finished")))


@pytest.fixture
def copied(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run"))


def list_files(folder):
    return {path.relative_to(folder): path.stat().st_size for path in folder.rglob("*")}


def refuse(capsys, *arguments, status=2):
    """Run a command that must be refused, and return its line."""
    before = list_files(Path.cwd())
    assert run([str(argument) for argument in arguments]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("saccade: ")
    assert captured.err.count("\n") == 1, captured.err
    assert list_files(Path.cwd()) == before
    return captured.err.removeprefix("saccade: ").rstrip()


def add_label(row, name="labels.tsv"):
    with Path(name).open("a", encoding="utf-8") as file:
        file.write(row + "\n")


def edit_recipe(old, new):
    text = Path("recipe.toml").read_text()
    assert old in text
    Path("recipe.toml").write_text(text.replace(old, new))


# --- Images ---


def spoil(kind):
    if kind == "missing":
        Path("3.png").unlink()
    elif kind == "a folder":
        Path("3.png").unlink()
        Path("3.png").mkdir()
    elif kind == "one pixel":
        Path("3.png").write_bytes(cv2.imencode(".png", np.zeros((1, 1), np.uint8))[1].tobytes())
    else:
        Path("3.png").write_bytes({"empty": b"", "text": b"no image", "cut": Path("3.png").read_bytes()[:60]}[kind])


SPOILT = {
    "missing": "no such image",
    "a folder": "cannot be read",
    "one pixel": "is only 1 x 1 px",
    "empty": "cannot be decoded",
    "text": "cannot be decoded",
    "cut": "cannot be decoded",
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_bad_image(folder, kind, capsys):
    spoil(kind)
    line = refuse(capsys, "train", "recipe.toml")
    assert "3.png" in line
    assert SPOILT[kind] in line
    assert "keep = { readable = true }" in line
    assert "3.png" in refuse(capsys, "data", "look", "recipe.toml")


def test_bad_images_that_may_be_left_out_are_counted(folder, capsys):
    spoil("one pixel")
    for name in ("labels", "val"):
        edit_recipe(f'path = "./{name}.tsv"', f'path = "./{name}.tsv"\nkeep = {{ readable = true }}')
    assert run(["train", "recipe.toml"]) == 0
    data = json.loads((Path(capsys.readouterr().out.strip()) / "data.json").read_text())
    assert data["splits"]["train"]["count"] == 7
    assert data["splits"]["train"]["dropped"] == {"unreadable": ["3.png"]}


# --- Labels ---


def test_an_empty_label(folder, capsys):
    add_label("x.png\t")
    assert refuse(capsys, "train", "recipe.toml").startswith(f"{folder}/labels.tsv:9: empty label; give it one")


def test_a_character_outside_the_charset(folder, capsys):
    edit_recipe("[train]", '[text]\ncharset = "AB1"\n[train]')
    line = refuse(capsys, "train", "recipe.toml")
    assert "labels.tsv:1: label 'AB12' holds '2'" in line
    assert "(and 6 more)" in line
    assert "[text] charset" in line


def test_a_character_that_only_validation_has(folder, capsys):
    add_label("5.png\tAB1Ж", "val.tsv")
    line = refuse(capsys, "train", "recipe.toml")
    assert "val.tsv:5: label 'AB1Ж' holds 'Ж'" in line


def test_a_label_longer_than_the_time_steps(folder, capsys):
    edit_recipe("width_px = 64", "width_px = 16")
    line = refuse(capsys, "train", "recipe.toml")
    assert "label 'AAB1' needs 5 time steps (4 characters and 1 between equal neighbours) but the model has 4" in line
    assert "raise [preprocessing] width_px" in line


def test_duplicate_names(folder, capsys):
    add_label("3.png\t2BA1")
    line = refuse(capsys, "train", "recipe.toml")
    assert "labels.tsv:9: the name '3.png' was there before, at " in line
    assert "unique = true" in line


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("0.png\tÄB\n".encode("latin-1"), "labels.tsv:1: not UTF-8"),
        ("0.png\tAB\n".encode("utf-16"), "not UTF-8 but probably UTF-16"),
        (b"", "the label file is empty"),
        (b"0.png AB\n", "no tab, where file<TAB>text has one tab"),
    ],
)
def test_a_label_file_that_is_none(folder, content, says, capsys):
    Path("labels.tsv").write_bytes(content)
    line = refuse(capsys, "train", "recipe.toml")
    assert "labels.tsv" in line
    assert says in line


def test_windows_line_ends_are_read_and_counted(folder, capsys):
    rows = Path("labels.tsv").read_bytes()
    Path("labels.tsv").write_bytes(b"\xef\xbb\xbf" + rows.replace(b"\n", b"\r\n"))
    assert run(["train", "recipe.toml"]) == 0
    train_data = json.loads((Path(capsys.readouterr().out.strip()) / "data.json").read_text())["splits"]["train"]
    assert train_data["notes"] == {"windows_line_ends": 8, "byte_order_mark": 1}
    assert train_data["count"] == 8


def test_a_missing_label_file_and_folder(folder, capsys):
    edit_recipe("./labels.tsv", "./gone.tsv")
    assert "gone.tsv: no such label file" in refuse(capsys, "train", "recipe.toml")
    assert "no such folder or label file" in refuse(capsys, "new", "gone", "--out", "other.toml")
    assert "gone: no such folder" in refuse(capsys, "data", "stats", "folder:gone")


# --- Recipes ---


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("epochs = 1", "epoch = 1", 'recipe.toml: unknown key "train.epoch"; nearest: "train.epochs"'),
        ("epochs = 1", 'epochs = "1"', 'recipe.toml: "train.epochs": expected integer'),
        ("epochs = 1", "epochs = 0", '"train.epochs": expected'),
        ("[train]", "[train", "recipe.toml: not valid TOML"),
        ('task = "read"', 'task = "raed"', 'unknown task "raed"; nearest: "read"'),
    ],
)
def test_a_recipe_that_is_wrong(folder, old, new, says, capsys):
    edit_recipe(old, new)
    assert says in refuse(capsys, "train", "recipe.toml")
    assert says in refuse(capsys, "recipe", "show", "recipe.toml")


def test_recipes_that_extend_each_other(folder, capsys):
    Path("a.toml").write_text('extends = "b.toml"\nhypothesis = "h"\n')
    Path("b.toml").write_text('extends = "a.toml"\nhypothesis = "h"\n')
    line = refuse(capsys, "train", "a.toml")
    assert line == "a.toml: recipes extend each other in a circle: a.toml -> b.toml -> a.toml"


def test_wrong_options(folder, capsys):
    assert "--seeds 0,x" in refuse(capsys, "train", "recipe.toml", "--seeds", "0,x")
    assert "train.epocs" in refuse(capsys, "train", "recipe.toml", "--set", "train.epocs=3")
    assert "--data" in refuse(capsys, "train", "recipe.toml", "--data", "labels.tsv")
    assert "select.metric" in refuse(capsys, "train", "recipe.toml", "--set", "select.metric='exact_mach'")
    assert "device" in refuse(capsys, "train", "recipe.toml", "--device", "tpu")


# --- Runs ---

READERS = (("evaluate",), ("predict", "0.png"), ("train", "--resume"))


def read_with(verb, run_folder):
    return [verb[0], run_folder, *verb[1:]] if verb[0] != "train" else [*verb, run_folder]


@pytest.mark.parametrize("verb", READERS)
def test_a_folder_that_is_no_run(folder, verb, capsys):
    Path("empty").mkdir()
    assert "empty is not a run folder" in refuse(capsys, *read_with(verb, "empty"))
    assert "gone is not a run folder" in refuse(capsys, *read_with(verb, "gone"))


@pytest.mark.parametrize("verb", READERS)
@pytest.mark.parametrize("name", ["preprocessing.json", "recipe.toml", "history.jsonl"])
def test_a_run_folder_that_lost_a_file(folder, copied, verb, name, capsys):
    (copied / name).unlink()
    line = refuse(capsys, *read_with(verb, copied))
    assert f"{copied} is finished but lacks {name}: restore it from a copy of the run" in line


@pytest.mark.parametrize("verb", READERS)
def test_a_half_written_run_folder(folder, copied, verb, capsys):
    shutil.rmtree(copied / "checkpoints")
    (copied / "data.json").unlink()
    set_state(copied, "running")
    line = refuse(capsys, *read_with(verb, copied))
    assert f"{copied} is half written, it lacks data.json" in line
    assert "remove it, train again" in line


def set_state(run_folder, state):
    status = json.loads((run_folder / "status.json").read_text())
    (run_folder / "status.json").write_text(json.dumps(status | {"state": state}))


def test_empty_names(folder, finished, capsys):
    assert refuse(capsys, "predict", "", "0.png").startswith("the name of the run is empty; name the folder")
    assert refuse(capsys, "predict", finished, "").startswith("the name of an image is empty; name images")


@pytest.mark.parametrize("verb", [("train",), ("data", "stats"), ("data", "look"), ("recipe", "show")])
def test_a_folder_of_images_in_place_of_a_recipe(folder, verb, capsys):
    Path("my animals/cat").mkdir(parents=True)
    line = refuse(capsys, *verb, "my animals")
    assert line.endswith(
        "is a folder; give a recipe file; for a folder of images make one with: saccade new 'my animals'"
    )


def test_a_run_without_a_checkpoint(folder, copied, capsys):
    shutil.rmtree(copied / "checkpoints")
    set_state(copied, "stopped")
    assert "has no best checkpoint" in refuse(capsys, "predict", copied, "0.png")
    assert "has no checkpoint to go on from" in refuse(capsys, "train", "--resume", copied)


DAMAGED = {
    "cut": b"\x1f\x8b damaged",
    "no rows of a reader": gzip.compress(b"{}\n"),
    "a list": gzip.compress(b"[1]\n"),
    "twice": gzip.compress(b'{"id": "0.png", "target": "A", "prediction": "A", "confidence": 1}\n' * 2),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_predictions_are_made_again(folder, copied, kind, capsys):
    path = copied / "predictions" / "val.jsonl.gz"
    whole = path.read_bytes()
    path.write_bytes(DAMAGED[kind])
    assert run(["evaluate", str(copied)]) == 0
    err = capsys.readouterr().err
    assert err.startswith("saccade: predicting val again: ")
    assert err.count("\n") == 1
    assert path.read_bytes() == whole


def test_damaged_predictions_of_a_split_that_no_recipe_has(folder, copied, capsys):
    (copied / "predictions" / "mine.jsonl.gz").write_bytes(b"\x1f\x8b damaged")
    assert "mine.jsonl.gz is damaged" in refuse(capsys, "evaluate", copied)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("recipe.toml", "", "recipe.toml is damaged (it names no task): restore it"),
        ("metrics.json", "[]", "metrics.json is damaged (not a JSON object)"),
        ("data.json", '{"splits": {"train": {}}}', 'data.json is damaged ("splits.train.digest" is no text)'),
        ("status.json", '{"schema_version": 1}', 'status.json is damaged ("state" is none of running'),
    ],
)
@pytest.mark.parametrize("verb", READERS)
def test_a_record_that_says_something_else(folder, copied, verb, name, content, says, capsys):
    (copied / name).write_text(content)
    assert says in refuse(capsys, *read_with(verb, copied))


def test_a_checkpoint_with_another_charset(folder, copied, capsys):
    for name in ("recipe.toml", "preprocessing.json"):
        path = copied / name
        path.write_text(path.read_text().replace('"12AB"', '"12AC"'))
    line = refuse(capsys, "predict", copied, "0.png")
    assert "was trained with another charset (it lacks C, it has B besides)" in line
    add_label("0.png\t12AC")
    Path("labels.tsv").write_text(Path("labels.tsv").read_text().replace("0.png\tAB12\n", "", 1))
    edit_recipe("[train]", f"[start]\nweights = '{copied}'\n[train]")
    line = refuse(capsys, "train", "recipe.toml")
    assert "another charset" in line
    assert 'start.allow = ["head"]' in line


# --- Disks and locks ---


def fill_disk(monkeypatch, number):
    """Let every write below a runs folder fail as on a full or read-only disk."""
    real = Path.open

    def fail(self, mode="r", *arguments, **options):
        if "w" in mode and "runs" in self.parts:
            raise OSError(number, os.strerror(number), str(self))
        return real(self, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", fail)


@pytest.mark.parametrize(("number", "cure"), [(errno.ENOSPC, "free space"), (errno.EROFS, "--runs")])
def test_a_disk_that_cannot_be_written(folder, number, cure, monkeypatch, capsys):
    Path("runs/existing").mkdir(parents=True)
    fill_disk(monkeypatch, number)
    assert run(["train", "recipe.toml"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert os.strerror(number) in err
    assert cure in err
    assert not list(Path("runs").rglob("status.json"))
    assert not [path for path in Path("runs").rglob("*") if path.is_file()]


def test_runs_that_is_a_file(folder, capsys):
    Path("runs").write_text("")
    assert "a part of this path is a file; choose another folder with --runs" in refuse(capsys, "train", "recipe.toml")


def test_new_where_nothing_can_be_written(folder, capsys):
    assert run(["new", "labels.tsv", "--out", "gone/recipe.toml"]) == 2
    err = capsys.readouterr().err
    assert err.splitlines()[-1].startswith("saccade: gone/recipe.toml: cannot be written (No such file or directory)")


def test_a_second_writer(folder, copied, capsys):
    with (copied / ".lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write("77\n")
        lock.flush()
        set_state(copied, "running")
        line = refuse(capsys, "train", "--resume", copied)
    assert "is being written by process 77" in line
    assert "wait for it, or stop it" in line


# --- Prediction ---


@pytest.mark.parametrize("kind", sorted(SPOILT.keys() - {"a folder"}))
def test_predict_loses_one_image_alone(folder, finished, kind, capsys):
    """An image that is not there is a name that was mistyped; of others, every one is said, and the rest is predicted."""
    spoil(kind)
    if kind == "missing":
        assert SPOILT[kind] in refuse(capsys, "predict", finished, "0.png", "3.png")
        return
    capsys.readouterr()
    assert run(["predict", str(finished), "0.png", "3.png", "1.png", "--format", "jsonl"]) == 2
    out, err = capsys.readouterr()
    assert [json.loads(line)["image"] for line in out.splitlines()] == ["0.png", "1.png"]
    said, last = err.splitlines()
    assert said.startswith("saccade: 3.png: ") and SPOILT[kind] in said
    assert last == "saccade: 1 of 3 images cannot be read, each named above; the others were predicted"
    assert SPOILT[kind] in refuse(capsys, "predict", finished, "3.png")


def test_predict_where_no_image_can_be_read(folder, finished, capsys):
    Path("3.png").write_bytes(b"no image")
    assert run(["predict", str(finished), "3.png", "3.png"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines()[-1] == "saccade: none of 2 images can be read, each named above"


def test_predict_a_folder_without_images(folder, finished, capsys):
    Path("empty").mkdir()
    message = refuse(capsys, "predict", finished, "empty")
    assert message.startswith("empty: holds no image") and message.endswith("name images, or a folder that holds some")
    assert "cannot be read" in refuse(capsys, "predict", finished, "x/" * 3000)


def test_evaluate_what_is_not_there(folder, copied, capsys):
    assert "has no test images; name some with --data" in refuse(capsys, "evaluate", copied, "--split", "test")
    assert "gone.tsv" in refuse(capsys, "evaluate", copied, "--data", "tsv:gone.tsv")


def test_draw_makes_what_is_read(folder):
    draw(Path("new.png"), "AB", 99)
    assert cv2.imread("new.png").shape == (32, 64, 3)
