"""`saccade data stats|look` as a person calls them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from saccade.commands.data import app
from saccade.data.contact_sheet import Card, render_contact_sheet
from saccade.errors import InputError

RECIPE = """
task = "read"
[[data.train]]
format = "synthetic_plates"
num_images = 6
[augment.text_line]
brightness_probability = 1.0
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "plates.toml"
    path.write_text(RECIPE)
    return path


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_stats_of_a_recipe(recipe: Path) -> None:
    statistics = json.loads(call("stats", recipe, "--json"))
    assert {name: split["count"] for name, split in statistics["splits"].items()} == {"train": 5, "val": 1}
    assert "time steps needed" in call("stats", recipe)


def test_stats_of_a_label_file_count_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", np.zeros((4, 6), np.uint8))[1].tobytes())
    (tmp_path / "train.tsv").write_text("a.png\tAB\ngone.png\tC\n")
    statistics = json.loads(call("stats", f"tsv:{tmp_path}/train.tsv", "--json"))
    assert statistics["charset"] == "AB"
    assert statistics["splits"]["all"]["dropped"] == {"unreadable": ["gone.png"]}


def test_look_writes_a_picture(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    assert call("look", recipe, "--num", "3", "--out", out).strip() == str(out)
    wide = cv2.imread(str(out))
    assert wide is not None
    call("look", recipe, "--num", "3", "--no-augment", "--out", out)
    narrow = cv2.imread(str(out))
    assert narrow is not None
    assert narrow.shape[0] < wide.shape[0] or narrow.shape[1] < wide.shape[1]


def test_look_repeats_itself(recipe: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        call("look", recipe, "--num", "2", "--seed", seed, "--out", tmp_path / f"{name}.png")
    first, again, other = (tmp_path.joinpath(f"{name}.png").read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_look_says_what_is_wrong(recipe: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    for arguments, part in ((["--split", "test"], "data.test"), (["--out", str(tmp_path / "a.jpg")], "PNG")):
        result = runner.invoke(app, ["look", str(recipe), *arguments])
        assert isinstance(result.exception, InputError)
        assert part in str(result.exception)
    result = runner.invoke(app, ["look", str(recipe), "--out", str(tmp_path / "gone" / "a.png")])
    assert isinstance(result.exception, InputError)
    assert "cannot be written" in str(result.exception)


def test_a_contact_sheet_shows_each_picture_and_names_missing_glyphs() -> None:
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    pictures = [np.full((28, 60, 3), colour, np.uint8) for colour in colours]
    sheet, missing = render_contact_sheet([Card(pictures, "AB \ue123", "a.png")] * 3, ["a", "b", "c"], "heading")
    for colour in colours:
        assert (sheet == np.array(colour, np.uint8)).all(axis=2).sum() == 3 * 56 * 120
    assert missing == "\ue123"
    assert (sheet < 60).all(axis=2).any()  # the texts
