"""`saccade recipe import` as a person calls it: what it writes and says, and that the recipe trains."""

import json
import os
from pathlib import Path

import pytest

from saccade.cli import run
from tests.recipes.importers.configurations import BACKBONE, BASE, edit
from tests.recipes.importers.test_paddleocr import NO_EFFECT
from tests.tiny_reader import LABELS, draw

pytest.importorskip("yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number, label in enumerate(LABELS):
        draw(tmp_path / f"data/{number}.png", label, number)
    lines = [f"{number}.png\t{label}\n" for number, label in enumerate(LABELS)]
    (tmp_path / "data/train.txt").write_text("".join(lines))
    (tmp_path / "data/val.txt").write_text("".join(lines[:4]))
    (tmp_path / "dict.txt").write_text("A\nB\n1\n2\n")
    (tmp_path / "exp.yml").write_text(BASE)
    return tmp_path


def test_the_recipe_trains(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = edit(
        ("epoch_num: 60", "epoch_num: 1"),
        ("warmup_steps: 25", "warmup_steps: 1"),
        (BACKBONE, BACKBONE.replace("34", "18")),
    )
    Path("exp.yml").write_text(small.replace("eval_batch_step: [0, 20]", "eval_batch_step: [0, 2]"))
    (folder / "recipes").mkdir()
    assert run(["recipe", "import", "exp.yml", "--out", "recipes/exp.toml"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == "saccade train recipes/exp.toml"
    assert 'root = ".."' in Path("recipes/exp.toml").read_text()
    assert run(["train", "recipes/exp.toml", "--device", "cpu", "--runs", "runs"]) == 0
    record = Path(capsys.readouterr().out.strip())
    assert json.loads((record / "data.json").read_text())["splits"]["train"]["count"] == 8


def test_what_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("exp.yml").write_text(NO_EFFECT)
    assert run(["recipe", "import", "exp.yml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "had no effect in PaddleOCR (19):" in lines
    assert lines[-1] == "saccade train recipe.toml"
    assert "  Global.epoch_num (line 5) = 60 -> train.epochs = 60" in lines
    assert any(
        line.startswith("  Architecture.Backbone.disable_se (line 34) = false: this ResNet has no") for line in lines
    )
    assert any(line.startswith("decides nothing that is trained (") for line in lines)
    assert Path("recipe.toml").read_text().startswith("# Written by: saccade recipe import exp.yml\n")


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipe", "import", "exp.yml", "--json", "--out", "a.toml"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report) == ["out", "carried", "ignored", "left", "aside"]
    assert report["out"] == "a.toml"
    epochs = next(item for item in report["carried"] if item["key"] == "Global.epoch_num")
    assert epochs == {"key": "Global.epoch_num", "line": 3, "value": 60, "why": "", "to": {"train.epochs": 60}}


def test_where_paddleocr_was_started(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "elsewhere").mkdir()
    os.chdir(folder / "elsewhere")
    assert run(["recipe", "import", "../exp.yml", "--num-images", "200", "--out", "a.toml"]) == 0
    assert "root =" not in Path("a.toml").read_text()
    assert "warmup_epochs = 0.5\n" in Path("a.toml").read_text()
    assert run(["recipe", "import", "../exp.yml", "--root", "..", "--out", "b.toml"]) == 0
    assert 'root = ".."\n' in Path("b.toml").read_text()
    assert "warmup_epochs = 12.5\n" in Path("b.toml").read_text()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("Global:\n\tx: 1\n", "exp.yml:2: a tab stands where YAML wants spaces"),
        (BASE.replace("name: ResNet", "name: ResNeXt"), 'Architecture.Backbone.name: unknown backbone "ResNeXt"'),
        ("a: 1\n", "exp.yml: has no section Global, Optimizer, Architecture, Train"),
    ],
)
def test_bad_input(folder: Path, content: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("exp.yml").write_text(content)
    before = sorted(os.listdir())
    assert run(["recipe", "import", "exp.yml"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert sorted(os.listdir()) == before


def test_what_is_there_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("recipe.toml").write_text("mine")
    assert run(["recipe", "import", "exp.yml"]) == 2
    assert "recipe.toml: is there already and stays as it is" in capsys.readouterr().err
    assert run(["recipe", "import", "exp.yml", "--out", "gone/recipe.toml"]) == 2
    assert "cannot be written (No such file or directory)" in capsys.readouterr().err
    assert Path("recipe.toml").read_text() == "mine"
