"""Predictions as rows: what is stored is what comes back."""

import json

from saccade.records import ReadPrediction


def test_a_row_holds_the_prediction_with_id_and_target() -> None:
    row = ReadPrediction("京A", 0.123456789, (0.5, 1 / 3)).to_row("a.png", "京B")
    assert row == {
        "id": "a.png",
        "target": "京B",
        "prediction": "京A",
        "confidence": 0.12346,
        "character_confidences": [0.5, 0.33333],
    }


def test_a_stored_row_makes_the_same_row_again() -> None:
    row = ReadPrediction("한글", 0.9, (0.90000049, 0.1)).to_row("1", "한글")
    stored = json.loads(json.dumps(row))
    assert ReadPrediction.from_row(stored).to_row("1", "한글") == row


def test_nothing_read_is_a_prediction_too() -> None:
    empty = ReadPrediction("", 1.0, ())
    assert ReadPrediction.from_row(empty.to_row("1", "A")) == empty
