"""Metrics of sequences beyond the hand tables: laws, units, and the summary of stored rows."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saccade.errors import InputError
from saccade.metrics.sequence import Notation, compute_sequence_metrics, summarise_sequences, wer, wer_max
from saccade.metrics.text import compute_text_metrics
from saccade.text.latex import normalise_latex
from saccade.text.structure import find_fault

LATEX = Notation(normalise_latex, find_fault)
PAIRS = [
    ("x ^ 2", "x ^ { 2 }"),
    ("x", "x"),
    ("x +", "x + y"),
    ("{ x", "x"),
    ("\\alpha " * 7 + "x", "\\alpha " * 7 + "y"),
]
TEXTS = st.lists(st.sampled_from(["x", "^", "{", "}", "\\frac", "가"]), max_size=6).map(" ".join)


def make_rows(**keys: list[Any]) -> list[dict[str, Any]]:
    rows = []
    for index, (prediction, target) in enumerate(PAIRS):
        row = {"id": f"{index}.png", "target": target, "prediction": prediction, "confidence": 0.9 - index / 10}
        rows.append(row | {key: values[index] for key, values in keys.items() if values[index] is not None})
    return rows


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_metrics_agree_with_each_other(pairs: list[tuple[str, str]]) -> None:
    predictions, targets = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    metrics = compute_sequence_metrics(predictions, targets, notation=LATEX)
    assert metrics["exact_match"] <= metrics["exact_match_normalised"] <= 1
    assert metrics["exact_match"] <= metrics["within_1"] <= metrics["within_2"] <= 1
    assert 0 <= metrics["wer_max"] <= metrics["wer"]
    assert (metrics["wer"] == 0) == (metrics["exact_match"] == 1) == (metrics["leaderboard_score"] == 1)
    assert metrics["leaderboard_score"] == pytest.approx(0.9 * metrics["exact_match"] + 0.1 * (1 - metrics["wer_max"]))
    assert metrics["exact_match"] < 1 or metrics["bleu"] == 1


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_characters_are_counted_as_texts_are(pairs: list[tuple[str, str]]) -> None:
    predictions, targets = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    metrics, texts = (
        compute_sequence_metrics(predictions, targets, "characters"),
        compute_text_metrics(predictions, targets),
    )
    assert {name: metrics[name] for name in texts} == texts
    assert metrics["wer_max"] == pytest.approx(1 - texts["ned"])
    assert "validity" not in metrics and "exact_match_normalised" not in metrics


def test_a_batch_changes_no_rate_of_a_text() -> None:
    predictions, targets = [pair[0] for pair in PAIRS], [pair[1] for pair in PAIRS]
    for rate in (wer, wer_max):
        alone = [rate([prediction], [target]) for prediction, target in PAIRS]
        assert rate(predictions, targets) == pytest.approx(sum(alone) / len(alone))


def test_every_metric_has_value_bounds_and_count() -> None:
    summary: dict[str, Any] = summarise_sequences(make_rows(), notation=LATEX)
    expected = compute_sequence_metrics([pair[0] for pair in PAIRS], [pair[1] for pair in PAIRS], notation=LATEX)
    assert (expected["exact_match"], expected["exact_match_normalised"], expected["validity"]) == (0.2, 0.4, 0.8)
    for name, value in expected.items():
        assert summary[name]["value"] == pytest.approx(value)
        assert summary[name]["low"] <= value <= summary[name]["high"]
        assert summary[name]["low"] < summary[name]["high"]
        assert summary[name]["n"] == len(PAIRS)
    assert summary["ece"]["low"] is None
    assert json.loads(json.dumps(summary)) == summary


def test_lengths_sources_and_levels_are_reported_apart() -> None:
    rows = make_rows(source=["pen", "print", "pen", None, "print"], level=["1", "2", "1", "1", None])
    summary: dict[str, Any] = summarise_sequences(rows, notation=LATEX)
    assert [(row["low"], row["high"], row["n"]) for row in summary["by_length"]] == [(0, 5, 4), (6, 10, 1)]
    assert [(row["source"], row["n"], row["exact_match"]["value"]) for row in summary["by_source"]] == [
        ("pen", 2, 0.0),
        ("print", 2, 0.5),
    ]
    assert [(row["level"], row["exact_match"]["value"]) for row in summary["by_level"]] == [("1", 0.0), ("2", 1.0)]
    assert summary["by_source"][0]["wer"]["n"] == 2
    plain = summarise_sequences(make_rows())
    assert not {"by_source", "by_level", "validity"} & set(plain)


def test_tokens_have_rows_of_their_own() -> None:
    summary: dict[str, Any] = summarise_sequences(make_rows())
    rows = {row["token"]: row for row in summary["by_token"]}
    assert rows["\\alpha"] == {"token": "\\alpha", "support": 7, "recall": 1.0, "confusions": {}}
    assert rows["y"] == {"token": "y", "support": 2, "recall": 0.0, "confusions": {"": 1, "x": 1}}
    assert "by_character" in summarise_sequences(make_rows(), "characters")


def test_nothing_to_score_is_bad_input() -> None:
    with pytest.raises(InputError, match="empty"):
        summarise_sequences([])


def test_an_image_counts_once() -> None:
    with pytest.raises(InputError, match=r"0\.png is predicted twice"):
        summarise_sequences([make_rows()[0], make_rows()[0]])
