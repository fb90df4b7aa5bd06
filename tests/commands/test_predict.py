"""What is read in images, from the shell and from Python, in scripts of every kind."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import saccade
from saccade.cli import run
from saccade.errors import InputError
from tests import tiny_classifier
from tests.tiny_reader import RECIPE, draw, train


@pytest.fixture
def folder(trained):
    return trained.parents[3]


def predict(capsys, *arguments):
    capsys.readouterr()
    assert run(["predict", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_jsonl_keeps_the_order_and_names(trained, folder, capsys):
    names = [str(folder / f"{number}.png") for number in (3, 0, 3)]
    rows = [json.loads(line) for line in predict(capsys, trained, *names, "--format", "jsonl").splitlines()]
    assert [row["image"] for row in rows] == names
    assert rows[0] == rows[2]
    for row in rows:
        assert set(row) == {"image", "text", "confidence", "character_confidences"}
        assert len(row["character_confidences"]) == len(row["text"])


def test_csv_and_table_say_the_same(trained, folder, capsys):
    rows = list(csv.DictReader(io.StringIO(predict(capsys, trained, folder / "0.png", "--format", "csv"))))
    table = predict(capsys, trained, folder / "0.png")
    assert list(rows[0]) == ["image", "text", "confidence"]
    image, text, confidence = rows[0].values()
    head = f"{'image':<{len(image)}}  confidence  text"
    assert table == f"{head}\n{image}  {float(confidence):>10.3f}  {text}\n"


def test_a_class_is_printed_in_every_form(trained_classifier, capsys):
    image = trained_classifier.parents[3] / "test" / "cat" / "4.png"
    [row] = [json.loads(line) for line in predict(capsys, trained_classifier, image, "--format", "jsonl").splitlines()]
    assert list(row) == ["image", "label", "confidence", "top_k"]
    assert row["image"] == str(image)
    assert row["top_k"][0] == [row["label"], row["confidence"]]
    assert len(row["top_k"]) == 5
    assert {label for label, _ in row["top_k"]} < set(tiny_classifier.CLASSES)
    probabilities = [probability for _, probability in row["top_k"]]
    assert probabilities == sorted(probabilities, reverse=True)
    shown = predict(capsys, trained_classifier, image, "--format", "csv")
    assert shown == f"image,label,confidence\n{image},{row['label']},{row['confidence']}\n"
    assert predict(capsys, trained_classifier, image) == (
        f"{'image':<{len(str(image))}}  confidence  label\n{image}  {row['confidence']:>10.3f}  {row['label']}\n"
    )


def test_folders_and_names_of_any_script(trained, folder, tmp_path, capsys):
    for name in ("ナンバー 1.png", "sub/Ж.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "0.png", tmp_path / name)
    table = predict(capsys, trained, tmp_path)
    assert table.count("\n") == 3
    assert "ナンバー 1.png" in table
    assert "sub/Ж.png" in table


def test_a_name_takes_one_line_whatever_it_holds(trained_classifier, tmp_path, capsys):
    image = trained_classifier.parents[3] / "test" / "cat" / "4.png"
    names = [tmp_path / "line\nbreak.png", Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))]
    for name in names:
        shutil.copy(image, name)
    table = predict(capsys, trained_classifier, *names)
    assert [line.split("  ")[0] for line in table.splitlines()[1:]] == [
        f"{tmp_path}/line\\nbreak.png",
        f"{tmp_path}/\\udcff.png",
    ]
    lines = predict(capsys, trained_classifier, *names, "--format", "jsonl").encode().splitlines()
    assert [json.loads(line)["image"] for line in lines] == list(map(str, names))
    rows = list(csv.DictReader(io.StringIO(predict(capsys, trained_classifier, *names, "--format", "csv"))))
    assert [row["image"] for row in rows] == [str(names[0]), f"{tmp_path}/\\udcff.png"]


def test_numbers_in_names_are_counted_as_a_person_would(trained_classifier, tmp_path, capsys):
    image = trained_classifier.parents[3] / "test" / "cat" / "4.png"
    wanted = ["1.png", "2.png", "10.png", "a2/x.png", "a10/x.png", "b007.png", "b7.png", "b٣.png"]
    for name in wanted:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(image, tmp_path / name)
    rows = list(csv.DictReader(io.StringIO(predict(capsys, trained_classifier, tmp_path, "--format", "csv"))))
    assert [row["image"].removeprefix(f"{tmp_path}/") for row in rows] == wanted


def test_an_experiment_is_no_run_and_its_last_one_is_named(trained_classifier, tmp_path, capsys):
    image = trained_classifier.parents[3] / "test" / "cat" / "4.png"
    first = Path(shutil.copytree(trained_classifier, tmp_path / "recipe" / "1"))
    for arguments in (
        ["predict", str(first.parent), str(image)],
        ["evaluate", str(first.parent)],
        ["train", "--resume", str(first.parent)],
    ):
        assert run(arguments) == 2
        message = f"saccade: {first.parent} is the folder of an experiment: name its run, {first}\n"
        assert capsys.readouterr().err == message
    shutil.copytree(first, tmp_path / "recipe" / "2")
    assert run(["predict", str(first.parent), str(image)]) == 2
    assert capsys.readouterr().err.endswith(f"name one of its 2 runs, such as the last one, {first.parent}/2\n")


def test_an_image_that_is_not_there_is_said_before_pytorch_is_loaded(trained_classifier, tmp_path):
    code = "import sys; sys.modules['torch'] = None; from saccade.cli import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "predict", str(trained_classifier), "gone.jpg"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    message = "saccade: gone.jpg: no such image; correct its name, or take it out of the list\n"
    assert (ended.returncode, ended.stderr) == (2, message)


def test_python_takes_paths_and_arrays(trained, folder):
    reader = saccade.load(trained, device="cpu")
    path = folder / "0.png"
    rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    [first] = reader.predict(path)
    assert reader.predict(str(path)) == reader.predict([str(path)]) == reader.predict(rgb) == [first]
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    assert [read.text for read in reader.predict([grey, grey[:, :, None]])] == [first.text] * 2
    assert reader.predict([]) == []


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((32, 64, 2), np.uint8),
        np.zeros((1, 64), np.uint8),
        np.zeros(9, np.uint8),
    ],
)
def test_python_refuses_what_is_no_image(trained, image):
    with pytest.raises(InputError, match="is no image; pass uint8"):
        saccade.load(trained, device="cpu").predict(image)


def test_python_refuses_what_is_no_run(tmp_path):
    message = r"is not a run folder \(no status\.json\): name the folder that `saccade train` printed$"
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=message):
            saccade.load(place)


@pytest.mark.parametrize(
    "labels", [("서울12가3456", "부산34나5678", "경기56다7890"), ("皖AB4155", "京ACE543", "沪B12345")]
)
def test_other_scripts_from_new_to_predict(labels, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number, label in enumerate(labels * 3):
        draw(Path(f"{label}_{number}.png"), label, number)
    assert run(["new", "."]) == 0
    assert "before the first _" in capsys.readouterr().err
    tiny = RECIPE[RECIPE.index("[model.backbone]") :].replace("epochs = 1\n", "")
    source = Path("recipe.toml").read_text(encoding="utf-8").partition("\n[preprocessing]")[0]
    Path("recipe.toml").write_text(f"{source}\n{tiny}epochs = 1\n", encoding="utf-8")
    trained = train(tmp_path)
    charset = json.loads((trained / "preprocessing.json").read_text(encoding="utf-8"))["charset"]
    assert charset == "".join(sorted(set("".join(labels))))
    rows = predict(capsys, trained, ".", "--format", "jsonl").splitlines()
    assert len(rows) == 9
    assert set(json.loads(rows[0])["text"]) <= set(charset)
