"""The summary of a reader from its stored rows: complete, equal to the plain metrics, and strict about its input."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from saccade.errors import InputError
from saccade.metrics import METRIC_VERSION
from saccade.metrics.calibration import expected_calibration_error
from saccade.metrics.intervals import wilson_interval
from saccade.metrics.reading import summarise_reading
from saccade.metrics.text import compute_text_metrics, score_texts

PAIRS = [("ABC123", "ABC123"), ("ABD12", "ABC123"), ("", "京A1"), ("12가3", "12가3"), ("e\u0301", "\u00e9")]


def make_rows() -> list[dict[str, Any]]:
    return [
        {"id": f"{index}.png", "target": target, "prediction": prediction, "confidence": 0.9 - index / 10}
        for index, (prediction, target) in enumerate(PAIRS)
    ]


def test_every_metric_has_value_bounds_and_count() -> None:
    summary: dict[str, Any] = summarise_reading(make_rows())
    expected = compute_text_metrics([pair[0] for pair in PAIRS], [pair[1] for pair in PAIRS])
    for name, value in expected.items():
        assert summary[name]["value"] == pytest.approx(value)
        assert summary[name]["low"] < value < summary[name]["high"]
        assert summary[name]["n"] == len(PAIRS)
    assert expected["exact_match"] == 0.6


def test_ece_is_that_of_whole_texts_and_claims_no_bounds() -> None:
    summary: dict[str, Any] = summarise_reading(make_rows())
    ece = expected_calibration_error([row["confidence"] for row in make_rows()], [True, False, False, True, True])
    assert summary["ece"] == {"value": ece, "low": None, "high": None, "n": 5}
    assert sum(row["n"] for row in summary["reliability"]) == 5


def test_details_stand_beside_the_metrics_and_all_of_it_is_plain_json() -> None:
    summary: dict[str, Any] = summarise_reading(make_rows(), charset="ABZ")
    assert summary["metric_version"] == METRIC_VERSION
    assert [row["length"] for row in summary["by_length"]] == [1, 3, 4, 6]
    assert [row["character"] for row in summary["by_character"]] == ["A", "B", "Z"]
    assert json.loads(json.dumps(summary)) == summary


def test_images_with_two_lines_are_reported_apart() -> None:
    found = [1, 2, 2, 1, None]
    rows = [
        row | ({} if lines is None else {"num_lines": lines}) for row, lines in zip(make_rows(), found, strict=True)
    ]
    summary: dict[str, Any] = summarise_reading(rows)
    one, two = summary["by_num_lines"]
    assert (one["num_lines"], one["exact_match"]["value"], one["exact_match"]["n"]) == (1, 1.0, 2)
    assert (two["num_lines"], two["exact_match"]["value"], two["exact_match"]["n"]) == (2, 0.0, 2)
    assert "by_num_lines" not in summarise_reading(make_rows())


@pytest.mark.parametrize("key", ["source", "level"])
def test_images_of_a_source_or_a_level_are_reported_apart(key: str) -> None:
    """Of `PAIRS` the second and third hold the faults; the values come in the order of their names."""
    values = ["uz", "cn", "cn", "uz", None]
    rows = [row | ({} if value is None else {key: value}) for row, value in zip(make_rows(), values, strict=True)]
    summary: dict[str, Any] = summarise_reading(rows)
    chinese, uzbek = summary[f"by_{key}"]
    assert [chinese[key], uzbek[key]] == ["cn", "uz"]
    assert chinese["exact_match"] == asdict(wilson_interval(0, 2))
    assert uzbek["exact_match"] == asdict(wilson_interval(2, 2))
    wrong = [score_texts([row["prediction"]], [row["target"]])[0] for row in rows if row.get(key) == "cn"]
    distance, length = sum(score.distance for score in wrong), sum(score.target_length for score in wrong)
    assert (chinese["cer"]["value"], chinese["cer"]["n"]) == (distance / length, 2)
    assert chinese["cer"]["low"] <= chinese["cer"]["value"] <= chinese["cer"]["high"]
    assert uzbek["cer"]["value"] == 0
    assert not {"by_source", "by_level"} & set(summarise_reading(make_rows()))


def test_no_rows_is_bad_input() -> None:
    with pytest.raises(InputError, match="empty"):
        summarise_reading([])


def test_an_image_counts_once() -> None:
    with pytest.raises(InputError, match=r"0\.png is predicted twice"):
        summarise_reading([make_rows()[0], make_rows()[0]])


def test_a_confidence_outside_its_range_names_the_image() -> None:
    rows = make_rows()
    rows[3]["confidence"] = float("nan")
    with pytest.raises(InputError, match=r"3\.png: confidence nan"):
        summarise_reading(rows)
