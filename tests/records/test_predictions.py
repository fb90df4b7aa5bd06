"""Predictions as rows: what is stored is what comes back."""

import json
from typing import Any

import pytest

from saccade.errors import InputError
from saccade.records.predictions import ClassifyPrediction, ReadPrediction


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


def test_a_row_says_where_the_image_came_from_only_where_that_is_known() -> None:
    known = ReadPrediction("A", 0.5, (0.5,), num_lines=2, source="uz", level="hard")
    row = known.to_row("1", "A")
    assert (row["num_lines"], row["source"], row["level"]) == (2, "uz", "hard")
    assert ReadPrediction.from_row(row) == known
    assert not {"num_lines", "source", "level"} & set(ReadPrediction("A", 0.5, (0.5,)).to_row("1", "A"))


def test_nothing_read_is_a_prediction_too() -> None:
    empty = ReadPrediction("", 1.0, ())
    assert ReadPrediction.from_row(empty.to_row("1", "A")) == empty


ANIMAL = ClassifyPrediction("cat", 0.6180339, (("cat", 0.6180339), ("dog", 0.25)), -1.23456789)


def test_a_class_is_stored_with_its_rivals_and_what_the_truth_got() -> None:
    row = ANIMAL.to_row("a.png", "dog")
    assert row == {
        "id": "a.png",
        "target": "dog",
        "prediction": "cat",
        "confidence": 0.61803,
        "top_k": [["cat", 0.61803], ["dog", 0.25]],
        "target_log_probability": -1.23457,
    }
    stored = json.loads(json.dumps(row))
    assert ClassifyPrediction.from_row(stored).to_row("a.png", "dog") == row


def test_what_is_printed_begins_with_the_answer() -> None:
    assert list(ReadPrediction("AB", 0.9, (0.9, 1.0)).to_output()) == ["text", "confidence", "character_confidences"]
    assert ANIMAL.to_output() == {"label": "cat", "confidence": 0.61803, "top_k": [["cat", 0.61803], ["dog", 0.25]]}


@pytest.mark.parametrize("kind", [ReadPrediction, ClassifyPrediction])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1, 2], r"is \[1, 2\] and no object: evaluate the split again"),
        ({"id": "a.png", "prediction": "cat"}, r"a\.png: the stored prediction lacks confidence, .*evaluate the split"),
    ],
)
def test_a_damaged_row_says_what_to_do(kind: Any, row: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        kind.from_row(row)


def test_rivals_that_are_no_pairs_are_refused() -> None:
    for top_k in (7, ["cat", "dog"], [["cat"]]):
        with pytest.raises(InputError, match=r"a\.png: top_k is .*: evaluate the split again"):
            ClassifyPrediction.from_row(ANIMAL.to_row("a.png", "dog") | {"top_k": top_k})
