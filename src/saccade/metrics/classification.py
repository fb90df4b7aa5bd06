"""All that is reported of a classifier, computed from stored prediction rows alone (`saccade evaluate`)."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from heapq import nlargest, nsmallest
from statistics import fmean
from typing import Any, TypedDict

from saccade.errors import InputError
from saccade.metrics import METRIC_VERSION
from saccade.metrics.calibration import expected_calibration_error, reliability_table
from saccade.metrics.intervals import Estimate, bootstrap_interval, wilson_interval

Row = Mapping[str, Any]
Pair = Sequence[Any]
"""A class and its probability, as JSON holds them; a list of three is (target, prediction, number of images)."""

_KEYS = ("id", "target", "prediction", "confidence", "top_k", "target_log_probability")
_NUM_EXTREMES = 3
_NUM_CONFUSIONS = 10
_ROUNDING = 1e-4


class Confusion(TypedDict):
    """Images of one class that were taken for another: how many, and which share of the class they are."""

    target: str
    prediction: str
    count: int
    share: float


class ClassRow(TypedDict):
    """One class: its images, the share that is right with 95 % bounds, and ids from both ends of its images.

    `accuracy` and the bounds are None where the class has no image.
    """

    label: str
    n: int
    accuracy: float | None
    low: float | None
    high: float | None
    worst: list[str]
    best: list[str]


def top1_accuracy(predictions: Sequence[str], targets: Sequence[str]) -> float:
    """Return the share of images whose most probable class is the true one.

    Raises:
        ValueError: There is no image, or not one target for each prediction.
    """
    if not targets:
        raise ValueError("no predictions to score")
    return fmean(prediction == target for prediction, target in zip(predictions, targets, strict=True))


def top5_accuracy(top_k: Sequence[Sequence[Pair]], targets: Sequence[str]) -> float:
    """Return the share of images whose true class is among their five most probable; 1 for five classes or fewer.

    Raises:
        ValueError: There is no image, or not one target for each list.
    """
    if not targets:
        raise ValueError("no predictions to score")
    return fmean(target in [pair[0] for pair in best[:5]] for best, target in zip(top_k, targets, strict=True))


def nll(target_log_probabilities: Sequence[float]) -> float:
    """Return the mean negative log-likelihood of the true classes in nats; lower is better.

    Raises:
        ValueError: There is no image.
    """
    if not target_log_probabilities:
        raise ValueError("no predictions to score")
    return -fmean(target_log_probabilities) + 0.0  # without the sign of a zero


def confusion_counts(
    predictions: Sequence[str], targets: Sequence[str], classes: Sequence[str]
) -> list[tuple[str, str, int]]:
    """Return (target, prediction, number of images) for each pair that occurs, right ones too, in the order of the classes."""
    order = {label: place for place, label in enumerate(classes)}
    counts = Counter(zip(targets, predictions, strict=True))
    pairs = sorted(counts, key=lambda pair: (order[pair[0]], order[pair[1]]))
    return [(target, prediction, counts[target, prediction]) for target, prediction in pairs]


def most_confused(counts: Sequence[Pair], limit: int = _NUM_CONFUSIONS) -> list[Confusion]:
    """Return the most frequent confusions, at most `limit`; of equals in the order of the classes."""
    sizes: Counter[str] = Counter()
    for target, _, count in counts:
        sizes[target] += count
    wrong = sorted((pair for pair in counts if pair[0] != pair[1]), key=lambda pair: -pair[2])
    return [
        {"target": target, "prediction": prediction, "count": count, "share": count / sizes[target]}
        for target, prediction, count in wrong[:limit]
    ]


def by_class(rows: Sequence[Row], classes: Sequence[str]) -> list[ClassRow]:
    """Return one row a class, in their order.

    `worst` are the ids of the three images whose true class got the lowest probability, the lowest first; `best` those
    with the highest, the highest first. A class of fewer than six images has some in both.
    """
    members: dict[str, list[Row]] = {label: [] for label in classes}
    for row in rows:
        members[row["target"]].append(row)
    return [_describe_class(label, own) for label, own in members.items()]


def _describe_class(label: str, rows: Sequence[Row]) -> ClassRow:
    right = sum(row["prediction"] == label for row in rows)
    share = wilson_interval(right, len(rows)) if rows else None
    ranked = [(row["target_log_probability"], row["id"]) for row in rows]
    return {
        "label": label,
        "n": len(rows),
        "accuracy": None if share is None else share.value,
        "low": None if share is None else share.low,
        "high": None if share is None else share.high,
        "worst": [name for _, name in nsmallest(_NUM_EXTREMES, ranked)],
        "best": [name for _, name in nlargest(_NUM_EXTREMES, ranked)],
    }


def compute_classification_metrics(rows: Sequence[Row]) -> dict[str, float]:
    """Return `top1_accuracy`, `top5_accuracy`, `nll` and `ece` of prediction rows; the last two are NaN where a number is.

    Raises:
        ValueError: There is no row.
    """
    targets = [row["target"] for row in rows]
    confidences = [row["confidence"] for row in rows]
    correct = [row["prediction"] == row["target"] for row in rows]
    is_number = all(confidence == confidence for confidence in confidences)  # noqa: PLR0124  NaN differs from itself
    return {
        "top1_accuracy": top1_accuracy([row["prediction"] for row in rows], targets),
        "top5_accuracy": top5_accuracy([row["top_k"] for row in rows], targets),
        "nll": nll([row["target_log_probability"] for row in rows]),
        "ece": expected_calibration_error(confidences, correct) if is_number else float("nan"),
    }


def summarise_classification(rows: Sequence[Row], classes: Sequence[str]) -> dict[str, object]:
    """Return what `metrics.json` holds for a split.

    Every metric is `{value, low, high, n}` with 95 % bounds over images: Wilson's for shares, bootstrap for `nll`; none
    for `ece`, whose bootstrap is biased. Beside them stand `confusion`, `most_confused`, `by_class`, `reliability` and
    `metric_version`.

    Args:
        rows: Prediction rows with the keys id, target, prediction, confidence, top_k and target_log_probability.
        classes: All classes, in the order of the model's outputs.

    Raises:
        InputError: There is no row, one lacks a key or has a class or number that cannot be, or an id occurs twice.
    """
    _check_rows(rows, set(classes))
    values = compute_classification_metrics(rows)
    n = len(rows)
    shares = {name: wilson_interval(round(values[name] * n), n) for name in ("top1_accuracy", "top5_accuracy")}
    metrics = {
        **shares,
        "nll": bootstrap_interval([-row["target_log_probability"] for row in rows]),
        "ece": Estimate(values["ece"], None, None, n),
    }
    counts = confusion_counts([row["prediction"] for row in rows], [row["target"] for row in rows], classes)
    confidences, correct = [row["confidence"] for row in rows], [row["prediction"] == row["target"] for row in rows]
    return {
        **{name: asdict(estimate) for name, estimate in metrics.items()},
        "by_class": by_class(rows, classes),
        "most_confused": most_confused(counts),
        "confusion": [list(pair) for pair in counts],
        "reliability": reliability_table(confidences, correct),
        "metric_version": METRIC_VERSION,
    }


def _check_rows(rows: Sequence[Row], classes: set[str]) -> None:
    if not rows:
        raise InputError("no metrics of an empty split: give it images")
    seen: set[str] = set()
    for row in rows:
        fault = _find_fault(row, classes)
        if fault is not None:
            raise InputError(f"{fault}: evaluate the split again")
        if row["id"] in seen:
            raise InputError(f"{row['id']} is predicted twice: evaluate the split again, every image counts once")
        seen.add(row["id"])


def _find_fault(row: Row, classes: set[str]) -> str | None:
    missing = [key for key in _KEYS if key not in row]
    if missing:
        return f"{row.get('id', 'a stored prediction')}: lacks {', '.join(missing)}"
    name = row["id"]
    for key in ("target", "prediction"):
        if row[key] not in classes:
            return f"{name}: {key} {row[key]!r} is no class of the run"
    if not _is_between(row["confidence"], 0, 1):
        return f"{name}: confidence {row['confidence']} is outside [0, 1]"
    if not _is_between(row["target_log_probability"], -sys.float_info.max, _ROUNDING):
        return f"{name}: target_log_probability {row['target_log_probability']} is no logarithm of a probability"
    top_k = row["top_k"]
    if not isinstance(top_k, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in top_k
    ):
        return f"{name}: top_k is no list of classes with probabilities"
    return None


def _is_between(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and low <= value <= high
