"""What a task predicts, one dataclass a task, the row in which the record keeps it, and what `saccade predict` prints of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saccade.errors import InputError

_DIGITS = 5


@dataclass(frozen=True)
class ReadPrediction:
    """A text that was read from an image of one line.

    Attributes:
        text: The text in NFC.
        confidence: Of the whole text, in [0, 1].
        character_confidences: One for each code point of `text`, in [0, 1].
        num_lines: Lines of text that were found in the image; None where nothing was looked for.
        source: Name of the source that the image came from; None where it has none.
        level: How hard the image is, as its source names it; None where it does not.
        forced_accuracy: Share of the true units and their end, in [0, 1], that are predicted where the truth stands before each;
            None where the model does not write unit after unit or no truth is known.
    """

    text: str
    confidence: float
    character_confidences: tuple[float, ...]
    num_lines: int | None = None
    source: str | None = None
    level: str | None = None
    forced_accuracy: float | None = None

    def to_row(self, id: str, target: str) -> dict[str, object]:
        """Return the plain row that `predictions/<split>.jsonl.gz` holds; confidences are rounded to 5 digits."""
        forced = None if self.forced_accuracy is None else _round(self.forced_accuracy)
        apart = {"num_lines": self.num_lines, "source": self.source, "level": self.level, "forced_accuracy": forced}
        return {
            "id": id,
            "target": target,
            "prediction": self.text,
            "confidence": _round(self.confidence),
            "character_confidences": [_round(confidence) for confidence in self.character_confidences],
            **{key: value for key, value in apart.items() if value is not None},
        }

    def to_output(self) -> dict[str, object]:
        """Return what `saccade predict` prints; confidences are rounded to 5 digits."""
        return {
            "text": self.text,
            "confidence": _round(self.confidence),
            "character_confidences": [_round(confidence) for confidence in self.character_confidences],
        }

    @classmethod
    def from_row(cls, row: object) -> "ReadPrediction":
        """Return the prediction of a stored row.

        Raises:
            InputError: The row is no object, or lacks a key.
        """
        values = _check_row(row, "prediction", "confidence", "character_confidences")
        return cls(
            values["prediction"],
            values["confidence"],
            tuple(values["character_confidences"]),
            values.get("num_lines"),
            values.get("source"),
            values.get("level"),
            values.get("forced_accuracy"),
        )


@dataclass(frozen=True)
class ClassifyPrediction:
    """The class of an image.

    Attributes:
        label: The most probable class.
        confidence: Its probability.
        top_k: The five most probable classes (all where there are fewer) with their probabilities, the best first.
        target_log_probability: Natural logarithm of the probability of the true class; None where it is not known.
    """

    label: str
    confidence: float
    top_k: tuple[tuple[str, float], ...]
    target_log_probability: float | None

    def to_row(self, id: str, target: str) -> dict[str, object]:
        """Return the plain row that `predictions/<split>.jsonl.gz` holds; numbers are rounded to 5 digits."""
        known = self.target_log_probability
        return {
            "id": id,
            "target": target,
            "prediction": self.label,
            "confidence": _round(self.confidence),
            "top_k": [[label, _round(probability)] for label, probability in self.top_k],
            "target_log_probability": None if known is None else _round(known),
        }

    def to_output(self) -> dict[str, object]:
        """Return what `saccade predict` prints; probabilities are rounded to 5 digits."""
        return {
            "label": self.label,
            "confidence": _round(self.confidence),
            "top_k": [[label, _round(probability)] for label, probability in self.top_k],
        }

    @classmethod
    def from_row(cls, row: object) -> "ClassifyPrediction":
        """Return the prediction of a stored row.

        Raises:
            InputError: The row is no object, or lacks a key.
        """
        values = _check_row(row, "prediction", "confidence", "top_k", "target_log_probability")
        top_k = values["top_k"]
        if not isinstance(top_k, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in top_k):
            raise InputError(f"{_name(values)}: top_k is {top_k!r}: evaluate the split again")
        pairs = tuple((label, probability) for label, probability in top_k)
        return cls(values["prediction"], values["confidence"], pairs, values["target_log_probability"])


def _round(value: float) -> float:
    return round(value, _DIGITS)


def _check_row(row: object, *keys: str) -> Mapping[str, Any]:
    """Return the row; refuse what is none of this task: an edited file, or one of another task."""
    if not isinstance(row, Mapping):
        raise InputError(f"a stored prediction is {row!r} and no object: evaluate the split again")
    missing = [key for key in keys if key not in row]
    if missing:
        raise InputError(f"{_name(row)}: the stored prediction lacks {', '.join(missing)}: evaluate the split again")
    return row


def _name(row: Mapping[str, Any]) -> str:
    return str(row.get("id", "a stored prediction"))
