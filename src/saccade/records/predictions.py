"""What a task predicts, one dataclass a task, and the row in which the record keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DIGITS = 5


@dataclass(frozen=True)
class ReadPrediction:
    """A text that was read from an image of one line.

    Attributes:
        text: The text in NFC.
        confidence: Of the whole text, in [0, 1].
        character_confidences: One for each code point of `text`, in [0, 1].
    """

    text: str
    confidence: float
    character_confidences: tuple[float, ...]

    def to_row(self, id: str, target: str) -> dict[str, object]:
        """Return the plain row that `predictions/<split>.jsonl.gz` holds; confidences are rounded to 5 digits."""
        return {
            "id": id,
            "target": target,
            "prediction": self.text,
            "confidence": round(self.confidence, _DIGITS),
            "character_confidences": [round(confidence, _DIGITS) for confidence in self.character_confidences],
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "ReadPrediction":
        """Return the prediction of a stored row."""
        return cls(row["prediction"], row["confidence"], tuple(row["character_confidences"]))
