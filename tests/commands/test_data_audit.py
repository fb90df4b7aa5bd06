"""`saccade data audit` as a person calls it."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from saccade.commands.data import audit
from saccade.errors import InputError

RECIPE = """
task = "read"
[[data.train]]
format = "synthetic_plates"
num_images = 6
[train]
epochs = 4
[augment.text_line]
crop_probability = 0.5
"""
UNBOUNDED = """
[augment.policy]
name = "rand_augment"
magnitude = 9
bounded = false
"""
INK = """
[preprocessing]
height_px = 64
width_px = 256
fit = { name = "pad", value = 0 }
[model]
name = "satrn"
max_length = 24
[augment.concatenation]
probability = 1.0
layout = "ink"
symbol_min_px = 4.0
"""
CLASSES = """
task = "classify"
[[data.train]]
format = "folder"
path = "./train"
"""


def run(folder: Path, text: str, *options: str) -> str:
    (folder / "recipe.toml").write_text(text)
    app = typer.Typer()
    app.command()(audit)
    result = CliRunner().invoke(app, [str(folder / "recipe.toml"), "--num", "20", *options])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_a_table_and_a_verdict(tmp_path: Path) -> None:
    lines = run(tmp_path, RECIPE).splitlines()
    assert lines[0].split()[:2] == ["operation", "acts"] and lines[1].split()[:3] == ["crop", "50.0%", "0.0%"]
    assert lines[2].startswith("all, as set") and lines[3] == "every label survived"
    assert len({len(line) for line in lines[:3]}) == 1


def test_broken_labels_are_named(tmp_path: Path) -> None:
    said = run(tmp_path, RECIPE + UNBOUNDED).splitlines()[-1]
    assert "of training lines keep a label that is no longer true" in said and "rand_augment translate_x" in said


def test_one_document_with_a_part_for_each_stage(tmp_path: Path) -> None:
    stage = "[[stage]]\nfrom_epoch = 2\n[stage.augment.text_line]\ncrop_probability = 0.0\ntia_probability = 0.25\n"
    document = json.loads(run(tmp_path, RECIPE + stage, "--json"))
    assert [one["from_epoch"] for one in document["stages"]] == [0, 2]
    names = [[row["operation"] for row in one["operations"]] for one in document["stages"]]
    assert names[0] == ["crop", "all, as set"]
    assert names[1] == ["tia distort", "tia stretch", "tia perspective", "tia", "all, as set"]
    assert document["stages"][1]["operations"][3]["acts_fraction"] == 0.25
    assert "from epoch 2" in run(tmp_path, RECIPE + stage)


def test_joined_lines_are_counted(tmp_path: Path) -> None:
    joins = "[augment.concatenation]\nprobability = 1.0\n"
    row = json.loads(run(tmp_path, RECIPE + joins, "--json"))["stages"][0]["operations"][0]
    assert (
        row["operation"] == "concatenation" and row["acts_fraction"] == 1 and 0.3 < row["min_character_fraction"] < 0.7
    )


def test_joined_ink_is_said_to_become_as_small_as_it_may(tmp_path: Path) -> None:
    row = json.loads(run(tmp_path, RECIPE + INK, "--json"))["stages"][0]["operations"][0]
    assert row["operation"] == "concatenation" and row["acts_fraction"] > 0.5
    assert 0 < row["min_character_fraction"] < 0.2


def test_without_augmentation_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert run(tmp_path, RECIPE.partition("[augment")[0]).splitlines()[-1] == "nothing is augmented"


def test_classifiers_have_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='task "classify" has no text'):
        run(tmp_path, CLASSES)
