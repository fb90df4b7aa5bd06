"""Several seeds of a recipe: their folders on stdout, and on stderr or as JSON what they say together."""

import json
import shutil
from pathlib import Path
from statistics import fmean, stdev
from types import ModuleType
from typing import Any

import pytest

from saccade.cli import run
from saccade.commands.seeds import name_last, print_seeds, summarise_seeds
from saccade.records.reader import read_run
from tests import tiny_classifier, tiny_reader
from tests.report.draw_runs import Drawn, draw_run

MOMENTS = ("best", "last", "median_last_ten")


def train(folder: Path, *options: str) -> int:
    runs = folder / "runs"
    return run(["train", str(folder / "recipe.toml"), "--runs", str(runs), "--device", "cpu", *options])


@pytest.mark.parametrize("tiny", [tiny_classifier, tiny_reader], ids=["classify", "read"])
def test_the_numbers_of_each_run_are_joined(
    tiny: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny.make_data(tmp_path)
    assert train(folder, "--seeds", "3,5,4", "--set", "train.epochs=2") == 0
    captured = capsys.readouterr()
    folders = [Path(line) for line in captured.out.splitlines()]
    assert [read_run(one).recipe["seed"] for one in folders] == [3, 5, 4]
    selections: Any = [(read_run(one).metrics or {})["selection"] for one in folders]
    summary = summarise_seeds(folders)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert (summary["metric"], summary["split"]) == (selections[0]["metric"], "val")
    assert [one["seed"] for one in summary["runs"]] == [3, 5, 4]
    for name in MOMENTS:
        values = [selection[name] for selection in selections]
        one = summary["selection"][name]
        assert (one["value"], one["deviation"], one["n"]) == (fmean(values), stdev(values), 3)
        half = 4.302653 * stdev(values) / 3**0.5  # Student's quantile for two degrees of freedom
        bounds = max(0.0, fmean(values) - half), min(1.0, fmean(values) + half)  # accuracies are shares
        assert (one["low"], one["high"]) == (pytest.approx(bounds, abs=1e-6) if half else (None, None))
    shown = captured.err[captured.err.index("3 seeds, on the validation images") :]
    assert f"{summary['selection']['last']['deviation']:.4f}" in shown
    for word in (
        "mean",
        "deviation",
        "95 % interval",
        "seed 5",
        ", best",
        "median of all 2 validations",
        *summary["metrics"],
    ):
        assert word in shown


def test_json_is_the_only_thing_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tiny_classifier.make_data(tmp_path)
    assert train(folder, "--seeds", "0,1", "--json") == 0
    captured = capsys.readouterr()
    summary = json.loads(captured.out)
    assert summary == summarise_seeds([Path(one["folder"]) for one in summary["runs"]])
    assert "2 seeds" not in captured.err
    assert train(folder, "--json") == 0
    alone = json.loads(capsys.readouterr().out)
    assert alone["selection"]["best"] == {
        **{"value": alone["runs"][0]["best"], "deviation": None, "low": None, "high": None, "n": 1}
    }


def test_one_seed_alone_says_nothing_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tiny_classifier.make_data(tmp_path), "--seeds", "7") == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1 and "seeds" not in captured.err


def test_seeds_read_the_images_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second seed finds no images on the disk any more, and trains on those that the first one read."""
    from saccade.engine.history import Hooks
    from saccade.engine.run import train_run
    from saccade.recipes.loader import load
    from saccade.tasks.registry import build_task

    folder = tiny_classifier.make_data(tmp_path)
    loaded = load(folder / "recipe.toml")
    task, folders = build_task(loaded.recipe), []
    for seed in (0, 1):
        task = task.with_recipe(loaded.recipe.model_copy(update={"seed": seed}))
        folders.append(train_run(task, runs=folder / "runs", name=("a", "b"), device="cpu", hooks=Hooks()))
        shutil.rmtree(folder / "train", ignore_errors=True)
    assert summarise_seeds(folders)["selection"]["best"]["n"] == 2


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((1, 1), "1 validation"),
        ((7, 7), "all 7 validations"),
        ((7, 9), "the last 7 to 9 validations"),
        ((7, 12), "the last 7 to 10 validations"),
        ((12, 10), "the last ten validations"),
    ],
)
def test_the_median_says_of_how_many_validations_it_is(counts: tuple[int, int], said: str, tmp_path: Path) -> None:
    drawn = [Drawn(f"exp{count}", 0.5, num_validations=count) for count in counts]
    folders = [draw_run(tmp_path / str(place), one) for place, one in enumerate(drawn)]
    assert name_last([read_run(folder) for folder in folders]) == said
    (folders[1] / "history.jsonl").write_bytes(b'{"event": no\n{}\n')
    assert name_last([read_run(folder) for folder in folders]) == "the last validations, ten at most"


def test_what_is_no_number_is_shown_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = {"value": None, "deviation": None, "low": None, "high": None, "n": 7}
    runs = [{"seed": seed, **dict.fromkeys(MOMENTS), "metrics": {"m": None}} for seed in range(7)]
    print_seeds(
        {
            "metric": "m",
            "split": "val",
            "num_classes": None,
            "last": "the last ten validations",
            "runs": runs,
            "selection": dict.fromkeys(MOMENTS, nothing),
            "metrics": {"m": nothing},
        }
    )
    shown = capsys.readouterr().err
    assert "say little" not in shown
    assert "7 seeds" in shown and "seed 3" not in shown and " - " in shown


@pytest.mark.parametrize(("num_classes", "is_shown"), [(3, False), (5, False), (6, True)])
def test_five_classes_are_all_among_the_best_five(
    num_classes: int, is_shown: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    one = {"value": 0.5, "deviation": 0.1, "low": 0.0, "high": 1.0, "n": 2}
    metrics = {"top1_accuracy": 0.5, "top5_accuracy": 1.0}
    runs = [{"seed": seed, **dict.fromkeys(MOMENTS, 0.5), "metrics": metrics} for seed in range(2)]
    print_seeds(
        {
            "metric": "top1_accuracy",
            "split": "val",
            "num_classes": num_classes,
            "last": "the last ten validations",
            "runs": runs,
            "selection": dict.fromkeys(MOMENTS, one),
            "metrics": dict.fromkeys(metrics, one),
        }
    )
    shown = capsys.readouterr().err
    assert ("top5_accuracy" in shown) == is_shown
    assert shown.endswith("two seeds say little of another one; a third would narrow the interval to about a quarter\n")


def test_intervals_of_shares_end_at_0_and_1(tmp_path: Path) -> None:
    folder = tiny_classifier.make_data(tmp_path)
    assert train(folder, "--seeds", "0,1") == 0
    folders = sorted((folder / "runs").glob("*/*/*-s?-*"))
    for run_folder, value in zip(folders, (0.25, 0.75), strict=True):
        document = json.loads((run_folder / "metrics.json").read_text())
        document["selection"]["best"] = document["splits"]["val"]["top1_accuracy"]["value"] = value
        document["splits"]["val"]["nll"]["value"] = 4 * value
        (run_folder / "metrics.json").write_text(json.dumps(document))
    summary = summarise_seeds(folders)
    assert summary["num_classes"] == len(tiny_classifier.CLASSES)
    for one in (summary["selection"]["best"], summary["metrics"]["top1_accuracy"]):
        assert (one["value"], one["low"], one["high"]) == (0.5, 0.0, 1.0)
    assert summary["metrics"]["nll"]["low"] == 0 and summary["metrics"]["nll"]["high"] > 10
