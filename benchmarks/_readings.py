"""What `*_readings.py` share: recipes trained with several seeds, and a verdict for each step from one to the next.

A step is `better` or `worse` where Student's interval of its paired differences over seeds excludes 0, otherwise `not shown`; half
its width is the smallest difference that these runs could have shown.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _result import Row, make_parser

from saccade.engine.history import Hooks
from saccade.engine.run import train_run
from saccade.metrics.intervals import mean_interval
from saccade.recipes.loader import load
from saccade.records.reader import read_run
from saccade.tasks.registry import build_task

Figures = dict[str, Any]
Reached = dict[int, dict[str, Figures]]
"""Seed -> recipe -> figures."""
Question = tuple[str, str, str]
"""What is asked, and the two recipes whose step answers it, the earlier one first."""
Metric = tuple[str, str, bool]
"""A metric of the validation split, what it is called, and whether more of it is better."""


def parse_arguments(doc: str | None, arms: Sequence[str], quick_arms: Sequence[str]) -> argparse.Namespace:
    """Return the options of such a script; `chosen` are the recipes that it shall train."""
    parser = make_parser(doc)
    parser.add_argument(
        "--data-root",
        type=Path,
        default=Path(os.environ.get("SACCADE_DATA", ".data")),
        help="folder above the data sets; default: $SACCADE_DATA, else .data",
    )
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--arms", default=",".join(arms), help="which recipes; default: all")
    parser.add_argument("--num-runs", type=int, help="how many runs this call starts; default: all that are missing")
    parser.add_argument("--at-once", type=int, default=1, help="runs at once, each with --threads")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the runs are kept")
    arguments = parser.parse_args()
    arguments.chosen = tuple(quick_arms) if arguments.quick else tuple(arguments.arms.split(","))
    if unknown := set(arguments.chosen) - set(arms):
        parser.error(f"--arms: no recipe {', '.join(sorted(unknown))}; there are {', '.join(arms)}")
    return arguments


@dataclass(frozen=True)
class Trained:
    """One run: what it reached at its last validation, and what it cost."""

    name: str
    seed: int
    figures: Figures


def train_recipe(
    path: Path, seed: int, root: Path, metric: str, overrides: Sequence[str], runs: Path | None = None
) -> Trained:
    """Train a recipe; its figures are those of the last validation, and the best of all of them beside it.

    Args:
        path: The recipe.
        seed: In place of the recipe's.
        root: Data root.
        metric: What the verdict is about, such as "exact_match".
        overrides: `key=value` of the command line.
        runs: Where the run is kept, as `run` of its figures says; default: a folder that is thrown away.
    """
    loaded = load(path, data_root=root, overrides=[*overrides, *([f"seed={seed}"] if seed else [])])
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as thrown_away:
        folder = train_run(
            build_task(loaded.recipe),
            runs=runs or Path(thrown_away),
            name=(path.parent.name, path.stem),
            device="cpu",
            hooks=Hooks(),
        )
        rows = list(read_run(folder).history())
    validations = [row for row in rows if row.get("event") == "validation"]
    last = validations[-1]
    figures = {
        "last": last["val"][metric],
        "best": max(row["val"][metric] for row in validations),
        "train_clean": last["train_clean"][metric],
        "train_augmented": last["train_augmented"][metric],
        "images_per_second": statistics.median(row["images_per_second"] for row in rows if "images_per_second" in row),
        "seconds": round(time.perf_counter() - begun, 1),
    }
    if runs is not None:
        kept = {"run": folder.relative_to(runs).as_posix(), "files": [one.sha256 for one in loaded.lineage]}
        figures |= {"val": last["val"], **kept}
    return Trained(path.stem, seed, figures)


def judge(differences: Sequence[float], *, higher_is_better: bool = True) -> Figures:
    """Return the verdict of a step from its differences, one a seed."""
    found = mean_interval(differences)
    if found.low is None or found.high is None:
        return {"verdict": "not shown", "difference": found.value, "interval": None, "could_show": None, "n": found.n}
    up, down = ("better", "worse") if higher_is_better else ("worse", "better")
    verdict = up if found.low > 0 else down if found.high < 0 else "not shown"
    return {
        "verdict": verdict,
        "difference": found.value,
        "interval": [found.low, found.high],
        "could_show": (found.high - found.low) / 2,
        "n": found.n,
    }


def make_rows(steps: Sequence[tuple[str, str]], reached: Mapping[int, Mapping[str, Figures]], unit: str) -> list[Row]:
    """Return a row for each (parent, child): what both reached last, seed by seed."""
    rows = []
    for parent, child in steps:
        pairs = [(runs[child]["last"], runs[parent]["last"]) for runs in reached.values()]
        details = judge([after - before for after, before in pairs])
        rows.append(Row(f"{parent} -> {child}", unit, pairs, higher_is_better=True, details=details))
    return rows


def read_kept(path: Path, recipes: Mapping[str, Path]) -> Reached:
    """Return the figures of the runs that a result holds, of the recipes as they are now.

    Args:
        path: The result; there may be none yet.
        recipes: Recipe -> file.
    """
    if not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))["settings"]["runs"]
    now = {name: [one.sha256 for one in load(file).lineage] for name, file in recipes.items()}
    return {
        int(seed): {name: figures for name, figures in runs.items() if figures["files"] == now.get(name)}
        for seed, runs in kept.items()
    }


def list_missing(names: Sequence[str], seeds: Sequence[int], reached: Reached) -> list[tuple[str, int]]:
    """Return (recipe, seed) of what is to be trained, seed by seed."""
    return [(name, seed) for seed in seeds for name in names if name not in reached.get(seed, {})]


def make_question_rows(questions: Sequence[Question], metrics: Sequence[Metric], reached: Reached) -> list[Row]:
    """Return a row for each question and metric, of the seeds that have both of its ends; none where there is no such seed."""
    rows = []
    for metric, unit, higher_is_better in metrics:
        for question, parent, child in questions:
            whole = [runs for runs in reached.values() if parent in runs and child in runs]
            pairs = [(runs[child]["val"][metric], runs[parent]["val"][metric]) for runs in whole]
            if pairs:
                details = judge([after - before for after, before in pairs], higher_is_better=higher_is_better)
                rows.append(Row(f"{question} ({parent} -> {child})", unit, pairs, higher_is_better, details=details))
    return rows


def make_recipe_rows(names: Sequence[str], metric: Metric, reached: Reached) -> list[Row]:
    """Return a row for each recipe that has run: what it reached last, seed by seed, and the seconds of a run."""
    key, unit, higher_is_better = metric
    rows = []
    for name in names:
        own = [runs[name] for runs in reached.values() if name in runs]
        if own:
            seconds = {"seconds_a_run": statistics.median(figures["seconds"] for figures in own)}
            pairs = [(figures["val"][key], None) for figures in own]
            rows.append(Row(f"recipe {name}", unit, pairs, higher_is_better, details=seconds))
    return rows
