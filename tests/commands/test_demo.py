"""`saccade demo`, with recipes that train in seconds, and the recipes that it ships."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from saccade.recipes.loader import load
from saccade.records.reader import find_runs, read_run

SHIPPED = Path(str(files("saccade.data.synthetic"))) / "recipes"
EXPERIMENTS = Path(__file__).parents[2] / "experiments" / "synthetic_plates"
BASELINE = """\
task = "read"
[[data.train]]
format = "synthetic_plates"
num_images = 40
[[data.val]]
format = "synthetic_plates"
num_images = 12
seed = 1
[preprocessing]
height_px = 32
width_px = 96
[model.backbone]
stem_channels = 4
channels = [4, 8]
num_blocks = [1, 1]
column_size = 8
[model.neck]
name = "none"
[train]
epochs = 2
"""
CHILD = """\
extends = "baseline.toml"
hypothesis = "Does it help?"
[augment.text_line]
perspective_probability = 1.0
"""


def test_the_shipped_child_changes_augmentation_alone() -> None:
    child = load(SHIPPED / "moving_corners.toml")
    assert child.recipe.hypothesis
    assert {change.key.rpartition(".")[0] for change in child.changes} == {"augment.text_line"}
    assert child.recipe.data == load(SHIPPED / "baseline.toml").recipe.data


@pytest.mark.skipif(not EXPERIMENTS.is_dir(), reason="an installed package has no experiments folder")
def test_the_experiments_are_the_shipped_recipes() -> None:
    names = sorted(path.name for path in SHIPPED.glob("*.toml"))
    assert names == sorted(path.name for path in EXPERIMENTS.glob("*.toml"))
    assert all((SHIPPED / name).read_bytes() == (EXPERIMENTS / name).read_bytes() for name in names)


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    (tmp_path / "baseline.toml").write_text(BASELINE)
    (tmp_path / "moving_corners.toml").write_text(CHILD)
    return tmp_path


@pytest.mark.slow
def test_trains_compares_and_writes_a_page(recipes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from saccade.commands.demo import make_demo

    out = tmp_path / "demo"
    page = make_demo(out, recipes, num_unseen=4)
    assert page == out / "index.html"
    runs = [read_run(folder) for folder in find_runs(out)]
    assert [run.status["state"] for run in runs] == ["finished", "finished"]
    assert [run.folder.parent.name for run in runs] == ["baseline", "moving_corners"]
    text = page.read_text()
    assert re.search(r'<div class="verdict (better|worse|not_shown)"><strong>(better|worse|not shown)</strong>', text)
    assert "baseline \N{RIGHTWARDS ARROW} moving_corners" in text
    assert "Does it help?" in text and "augment.<wbr>text<wbr>_line.<wbr>perspective<wbr>_probability" in text
    unseen = text.partition("Images that it has never seen")[2]
    assert len(re.findall('alt="Plate ', unseen)) == 4
    assert "drawn harder" in unseen and "saccade report runs" in unseen
    assert all(run.folder.name in text for run in runs)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.search(r"^(better|worse|not shown): .* points", printed.err, re.MULTILINE)


def test_prints_the_path_of_the_page_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from saccade.cli import run
    from saccade.commands import demo

    monkeypatch.setattr(demo, "make_demo", lambda out, _: out / "index.html")
    assert run(["demo", "--out", str(tmp_path / "x")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'x' / 'index.html'}\n"
