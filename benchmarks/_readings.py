"""What `*_readings.py` share: recipes trained with several seeds, and a verdict for each step from one to the next.

A step is `better` or `worse` where Student's interval of its paired differences over seeds excludes 0, otherwise `not shown`; half
its width is the smallest difference that these runs could have shown.
"""

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _result import Row

from saccade.engine.history import Hooks
from saccade.engine.run import train_run
from saccade.metrics.intervals import mean_interval
from saccade.recipes.loader import load
from saccade.records.reader import read_run
from saccade.tasks.registry import build_task

Figures = dict[str, Any]


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
