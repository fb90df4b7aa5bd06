"""What each image counts in the runs of one side of a comparison: stored predictions -> `Scores`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saccade.errors import InputError
from saccade.metrics.sequence import Units, score_sequences
from saccade.metrics.text import score_texts
from saccade.records.reader import Run
from saccade.report.repeats import is_finished

SHARES = frozenset(
    {"exact_match", "exact_match_normalised", "within_1", "within_2", "validity", "top1_accuracy", "top5_accuracy"}
)
"""Metrics by which an image is either right or wrong."""

_WITHIN = {"within_1": 1, "within_2": 2}


@dataclass(frozen=True, eq=False)
class Scores:
    """What every image of a split counts in every run of a side.

    Attributes:
        targets: Label of each image by its id, in the order of the first run's predictions; None where a task of
            somebody's own keeps no labels.
        values: The metric of each run.
        counts: (runs, images) numerators of the metric; None where it is not a mean over images.
        weights: (images,) denominators; None where every image counts once.
        right: (images,) whether most of the runs have the image right; None where nothing is right or wrong.
    """

    targets: Mapping[str, Any]
    values: tuple[float, ...]
    counts: NDArray[np.float64] | None
    weights: NDArray[np.float64] | None
    right: NDArray[np.bool_] | None


def read_scores(runs: Sequence[Run], metric: str, split: str) -> Scores:
    """Return what every image of a split counts in every one of some runs.

    Raises:
        InputError: A run has no predictions of the split, or those of two runs are of different images.
    """
    tables = [_read_predictions(run, split) for run in runs]
    first = tables[0]
    targets = {name: row.get("target") for name, row in first.items()}
    for run, rows in zip(runs[1:], tables[1:], strict=True):
        if {name: row.get("target") for name, row in rows.items()} != targets:
            raise InputError(
                f"{run.folder}: its {split} predictions are of other images or labels than those of its repeat "
                f"{runs[0].folder.name}; evaluate both again"
            )
    ordered = [[rows[name] for name in targets] for rows in tables]
    task = runs[0].recipe["task"]
    rights = [_count_right(rows, task) for rows in ordered]
    is_right_alone = metric in ("exact_match", "top1_accuracy")
    counted = [
        (right, None) if is_right_alone else _count(run, rows, task, metric)
        for run, rows, right in zip(runs, ordered, rights, strict=True)
    ]
    counts = [numerators for numerators, _ in counted if numerators is not None]
    known = [right for right in rights if right is not None]
    weights = counted[0][1]
    total = len(targets) if weights is None else max(float(weights.sum()), 1.0)
    whole = len(counts) == len(runs)
    return Scores(
        targets=targets,
        values=tuple(float(row.sum()) / total for row in counts)
        if whole
        else tuple(_read_value(run, metric, split) for run in runs),
        counts=np.stack(counts) if whole else None,
        weights=weights,
        right=np.mean(known, axis=0) > 0.5 if len(known) == len(runs) else None,
    )


def _read_predictions(run: Run, split: str) -> dict[str, dict[str, Any]]:
    if split not in run.splits():
        resume = "" if is_finished(run.status) else f"finish it with saccade train --resume {run.folder}, or "
        raise InputError(
            f"{run.folder} holds no predictions of split {split!r}: {resume}make them with saccade evaluate {run.folder} "
            f"--split {split}"
        )
    rows = run.predictions(split)
    named = {row["id"]: row for row in rows}
    if not rows or len(named) < len(rows):
        fault = "hold an image twice" if rows else "are empty"
        raise InputError(f"{run.folder}: its predictions of split {split!r} {fault}; evaluate it again")
    return named


def _count(
    run: Run, rows: Sequence[Mapping[str, Any]], task: str, metric: str
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Return numerators and denominators of a metric that asks for more than right or wrong; None for what is no mean."""
    if task == "read" and metric in ("ned", "cer"):
        scores = score_texts([row["prediction"] for row in rows], [row["target"] for row in rows])
        if metric == "ned":
            return np.array([score.similarity for score in scores]), None
        distances = np.array([score.distance for score in scores], dtype=np.float64)
        return distances, np.array([score.target_length for score in scores], dtype=np.float64)
    if task == "read" and metric in (*_WITHIN, "wer", "wer_max"):
        units: Units = "tokens" if run.recipe.get("text", {}).get("units") == "tokens" else "characters"
        scores = score_sequences([row["prediction"] for row in rows], [row["target"] for row in rows], units)
        if metric == "wer":
            return np.array([score.distance / max(score.target_length, 1) for score in scores]), None
        if metric == "wer_max":
            return np.array([1 - score.similarity for score in scores]), None
        return np.array([float(score.distance <= _WITHIN[metric]) for score in scores]), None
    if task == "classify" and metric == "top5_accuracy":
        best = [[pair[0] for pair in row.get("top_k", ())[:5]] for row in rows]
        return np.array([float(row["target"] in names) for row, names in zip(rows, best, strict=True)]), None
    if task == "classify" and metric == "nll":
        losses = [row.get("target_log_probability") for row in rows]
        if not all(isinstance(loss, int | float) and math.isfinite(loss) for loss in losses):
            raise InputError(f"{run.folder}: a target_log_probability is no number; evaluate the run again")
        return -np.array(losses, dtype=np.float64), None
    return None, None


def _count_right(rows: Sequence[Mapping[str, Any]], task: str) -> NDArray[np.float64] | None:
    if task == "read":
        scores = score_texts([row["prediction"] for row in rows], [row["target"] for row in rows])
        return np.array([float(score.distance == 0) for score in scores])
    if task == "classify":
        return np.array([float(row["prediction"] == row["target"]) for row in rows])
    return None


def _read_value(run: Run, metric: str, split: str) -> float:
    """Return a metric that is no mean over images, as the run's own record has it."""
    found = (run.metrics or {}).get("splits", {}).get(split, {}).get(metric)
    value = found.get("value") if isinstance(found, Mapping) else None
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{run.folder}: its metrics.json has no {metric} of split {split!r}; evaluate it again")
    return float(value)
