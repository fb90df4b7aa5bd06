"""What a classifier is judged by; the definitions are in `saccade.metrics`."""

from collections.abc import Sequence
from typing import Any

from saccade.metrics.classification import compute_classification_metrics
from saccade.records.predictions import ClassifyPrediction
from saccade.tasks.base import Metrics


class ClassifyMetrics(Metrics[ClassifyPrediction]):
    """Collects classes and computes every metric once over all of them, from the same rows that are stored."""

    names = ("top1_accuracy", "top5_accuracy", "nll", "ece")

    def __init__(self) -> None:
        """Begin empty."""
        self._rows: list[dict[str, object]] = []

    def update(self, ids: Sequence[str], predictions: Sequence[ClassifyPrediction], targets: Sequence[Any]) -> None:
        """Add the predictions of a batch."""
        self._rows += [
            prediction.to_row(id=name, target=target)
            for name, prediction, target in zip(ids, predictions, targets, strict=True)
        ]

    def rows(self) -> list[dict[str, object]]:
        """Return one row an image, as `predictions/<split>.jsonl.gz` holds it."""
        return self._rows

    def compute(self) -> dict[str, float]:
        """Return metric -> value."""
        return compute_classification_metrics(self._rows)
