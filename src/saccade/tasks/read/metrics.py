"""What a reader is judged by; the definitions are in `saccade.metrics`."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from saccade.metrics.sequence import compute_sequence_metrics, score_sequences
from saccade.metrics.text import compute_text_metrics
from saccade.recipes.tables.read import TextTable
from saccade.records.predictions import ReadPrediction
from saccade.tasks.base import Metrics
from saccade.tasks.read.summary import find_notation

_NAMES = ("exact_match", "within_1", "within_2", "cer", "ned")


class ReadMetrics(Metrics[ReadPrediction]):
    """Collects texts and computes every metric once over all of them, counted in characters or tokens as the recipe says.

    Of a reader that writes unit after unit there are two more: `forced_accuracy`, the share of units that it predicts
    where the truth stands before each, and `exposure_gap`, how much more that is than what it gets right on its own
    (1 - wer_max): what its own mistakes lead it into.
    """

    def __init__(self, text: TextTable) -> None:
        """Begin empty; the text's table says what is counted."""
        self._text, self.names = text, _NAMES
        if text.units == "tokens":
            self.names = tuple(compute_sequence_metrics(["x"], ["x"], "tokens", find_notation(text)))
        self._rows: list[tuple[str, ReadPrediction, str]] = []

    def update(self, ids: Sequence[str], predictions: Sequence[ReadPrediction], targets: Sequence[Any]) -> None:
        """Add the predictions of a batch."""
        self._rows += zip(ids, predictions, targets, strict=True)

    def rows(self) -> list[dict[str, object]]:
        """Return one row an image, as `predictions/<split>.jsonl.gz` holds it."""
        return [prediction.to_row(id=name, target=target) for name, prediction, target in self._rows]

    def compute(self) -> dict[str, float]:
        """Return metric -> value."""
        predictions, targets = [one.text for _, one, _ in self._rows], [target for _, _, target in self._rows]
        if self._text.units == "characters":
            metrics = compute_text_metrics(predictions, targets)
        else:
            metrics = compute_sequence_metrics(predictions, targets, "tokens", find_notation(self._text))
        forced = [one.forced_accuracy for _, one, _ in self._rows if one.forced_accuracy is not None]
        if forced:
            alone = fmean(score.similarity for score in score_sequences(predictions, targets, self._text.units))
            metrics |= {"forced_accuracy": fmean(forced), "exposure_gap": fmean(forced) - alone}
        return metrics
