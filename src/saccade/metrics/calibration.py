"""Whether confidence can be believed: of the predictions made with 0.8, are 80 % right?"""

from collections.abc import Sequence
from statistics import fmean
from typing import TypedDict


class ReliabilityRow(TypedDict):
    """Predictions whose confidence lies in [low, high): how many, their mean confidence, the share that is right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def reliability_table(confidences: Sequence[float], correct: Sequence[bool], bins: int = 15) -> list[ReliabilityRow]:
    """Group predictions by confidence into bins of equal width; empty bins are left out, 1.0 belongs to the last.

    Raises:
        ValueError: A confidence is outside [0, 1] or has no partner in `correct`.
    """
    groups: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in zip(confidences, correct, strict=True):
        if not 0 <= confidence <= 1:
            raise ValueError(f"confidence {confidence} is outside [0, 1]")
        groups.setdefault(min(int(confidence * bins), bins - 1), []).append((confidence, right))
    return [
        {
            "low": index / bins,
            "high": (index + 1) / bins,
            "n": len(group),
            "confidence": fmean(confidence for confidence, _ in group),
            "accuracy": fmean(right for _, right in group),
        }
        for index, group in sorted(groups.items())
    ]


def expected_calibration_error(confidences: Sequence[float], correct: Sequence[bool], bins: int = 15) -> float:
    """Return the mean gap between confidence and accuracy over bins of equal width, weighted by their size, in [0, 1].

    Guo et al. 2017. It is biased upwards where bins hold few predictions.

    Raises:
        ValueError: There is no prediction, or a confidence is outside [0, 1].
    """
    if not confidences:
        raise ValueError("no predictions to calibrate")
    table = reliability_table(confidences, correct, bins)
    return sum(row["n"] * abs(row["confidence"] - row["accuracy"]) for row in table) / len(confidences)
