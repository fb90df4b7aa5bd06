"""What a reader is judged by; the definitions are in `saccade.metrics`."""

from collections.abc import Sequence
from typing import Any

from saccade.metrics.text import compute_text_metrics
from saccade.records.predictions import ReadPrediction
from saccade.tasks.base import Metrics


class ReadMetrics(Metrics[ReadPrediction]):
    """Collects texts and computes every metric once over all of them."""

    names = ("exact_match", "within_1", "within_2", "cer", "ned")

    def __init__(self) -> None:
        """Begin empty."""
        self._rows: list[tuple[str, ReadPrediction, str]] = []

    def update(self, ids: Sequence[str], predictions: Sequence[ReadPrediction], targets: Sequence[Any]) -> None:
        """Add the predictions of a batch."""
        self._rows += zip(ids, predictions, targets, strict=True)

    def rows(self) -> list[dict[str, object]]:
        """Return one row an image, as `predictions/<split>.jsonl.gz` holds it."""
        return [prediction.to_row(id=name, target=target) for name, prediction, target in self._rows]

    def compute(self) -> dict[str, float]:
        """Return metric -> value."""
        return compute_text_metrics(
            [prediction.text for _, prediction, _ in self._rows], [target for _, _, target in self._rows]
        )
