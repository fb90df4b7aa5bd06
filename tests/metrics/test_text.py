"""Text metrics beyond the hand tables: laws that hold for all texts, and input that cannot be scored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saccade.errors import InputError
from saccade.metrics.text import by_character, by_length, cer, compute_text_metrics, edit_distance, ned, score_texts

TEXTS = st.text(alphabet="AB8가\u0301e", max_size=6)


def reference_distance(a: str, b: str) -> int:
    """Wagner and Fischer's table, row by row."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        previous, row = row, [i]
        for j, right in enumerate(b, start=1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (left != right)))
    return row[-1]


@given(st.text(alphabet="AB8가", max_size=6), st.text(alphabet="AB8가", max_size=6))
def test_edit_distance_is_that_of_the_plain_table(a: str, b: str) -> None:
    assert edit_distance(a, b) == reference_distance(a, b)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_metrics_agree_with_each_other(pairs: list[tuple[str, str]]) -> None:
    predictions, targets = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    metrics = compute_text_metrics(predictions, targets)
    assert list(metrics) == ["exact_match", "within_1", "within_2", "cer", "ned"]
    assert 0 <= metrics["exact_match"] <= metrics["within_1"] <= metrics["within_2"] <= 1
    assert metrics["exact_match"] <= metrics["ned"] <= 1
    assert (metrics["cer"] == 0) == (metrics["ned"] == 1) == (metrics["exact_match"] == 1)
    lengths = by_length(predictions, targets)
    assert sum(row["n"] for row in lengths) == len(pairs)
    assert sum(row["n"] * row["exact_match"] for row in lengths) / len(pairs) == pytest.approx(metrics["exact_match"])


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_support_counts_every_character_of_the_targets_once(pairs: list[tuple[str, str]]) -> None:
    predictions, targets = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    rows = by_character(predictions, targets)
    assert sum(row["support"] for row in rows) == sum(
        score.target_length for score in score_texts(predictions, targets)
    )
    assert all(row["recall"] is not None and 0 <= row["recall"] <= 1 for row in rows)


def test_a_character_is_found_wherever_the_prediction_slipped() -> None:
    (row,) = by_character(["XXA", "A", "BA"], ["A", "A", "A"], "A")
    assert row == {"character": "A", "support": 3, "recall": 1.0, "confusions": {}}


def test_confusions_are_the_three_most_frequent() -> None:
    predictions = ["8"] * 2 + ["D"] * 3 + ["Q", "C", "O"]
    (row,) = by_character(predictions, ["O"] * len(predictions))
    assert row["confusions"] == {"D": 3, "8": 2, "C": 1}
    assert list(row["confusions"]) == ["D", "8", "C"]
    assert row["recall"] == pytest.approx(1 / 8)


def test_cer_weighs_characters_and_ned_weighs_texts() -> None:
    predictions, targets = ["", "ABCDEFGH"], ["AB", "ABCDEFGH"]
    assert cer(predictions, targets) == pytest.approx(0.2)
    assert ned(predictions, targets) == pytest.approx(0.5)


def test_nothing_to_score_is_bad_input() -> None:
    with pytest.raises(InputError, match="empty"):
        compute_text_metrics([], [])


def test_lists_of_different_lengths_are_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="zip"):
        compute_text_metrics(["A"], ["A", "B"])
