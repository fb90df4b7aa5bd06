"""The summary of a classifier from its stored rows: complete, equal to the plain metrics, and strict about its input."""

import json
import math
from typing import Any

import numpy as np
import pytest

from saccade.errors import InputError
from saccade.metrics import METRIC_VERSION
from saccade.metrics.calibration import expected_calibration_error
from saccade.metrics.classification import compute_classification_metrics, summarise_classification

CLASSES = ["ape", "bee", "cat", "dog", "eel", "fox"]


def make_row(number: int, target: str, probabilities: list[float]) -> dict[str, Any]:
    ranked = sorted(zip(CLASSES, probabilities, strict=True), key=lambda pair: -pair[1])
    return {
        "id": f"{number}.png",
        "target": target,
        "prediction": ranked[0][0],
        "confidence": ranked[0][1],
        "top_k": [list(pair) for pair in ranked[:5]],
        "target_log_probability": math.log(probabilities[CLASSES.index(target)]),
    }


def make_rows() -> list[dict[str, Any]]:
    return [
        make_row(0, "ape", [0.75, 0.05, 0.05, 0.05, 0.05, 0.05]),
        make_row(1, "ape", [0.25, 0.5, 0.1, 0.05, 0.05, 0.05]),
        make_row(2, "cat", [0.1, 0.1, 0.5, 0.1, 0.1, 0.1]),
        make_row(3, "fox", [0.2, 0.2, 0.2, 0.19, 0.19, 0.02]),
    ]


def test_every_metric_has_value_bounds_and_count() -> None:
    summary: Any = summarise_classification(make_rows(), CLASSES)
    values = {"top1_accuracy": 0.5, "top5_accuracy": 0.75, "nll": -math.log(0.75 * 0.25 * 0.5 * 0.02) / 4}
    for name, value in values.items():
        assert summary[name]["value"] == pytest.approx(value)
        assert summary[name]["low"] < value < summary[name]["high"]
        assert summary[name]["n"] == 4
    assert summary["top1_accuracy"]["low"] == pytest.approx(0.1500, abs=5e-5)  # Wilson, 2 of 4
    ece = expected_calibration_error([0.75, 0.5, 0.5, 0.2], [True, False, True, False])
    assert summary["ece"] == {"value": ece, "low": None, "high": None, "n": 4}


def test_history_and_record_say_the_same() -> None:
    summary: Any = summarise_classification(make_rows(), CLASSES)
    assert {name: summary[name]["value"] for name in ("top1_accuracy", "top5_accuracy", "nll", "ece")} == (
        pytest.approx(compute_classification_metrics(make_rows()))
    )


def test_details_stand_beside_the_metrics_and_all_of_it_is_plain_json() -> None:
    summary: Any = summarise_classification(make_rows(), CLASSES)
    assert summary["metric_version"] == METRIC_VERSION
    assert summary["confusion"] == [["ape", "ape", 1], ["ape", "bee", 1], ["cat", "cat", 1], ["fox", "ape", 1]]
    assert summary["most_confused"][0] == {"target": "ape", "prediction": "bee", "count": 1, "share": 0.5}
    rows = {row["label"]: row for row in summary["by_class"]}
    assert list(rows) == CLASSES
    assert (rows["ape"]["worst"], rows["ape"]["best"]) == (["1.png", "0.png"], ["0.png", "1.png"])
    assert (rows["bee"]["n"], rows["bee"]["accuracy"]) == (0, None)
    assert sum(row["n"] for row in summary["reliability"]) == 4
    assert json.loads(json.dumps(summary)) == summary


def test_worst_and_best_are_three_from_each_end() -> None:
    probabilities = [0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8]
    rows = [make_row(number, "ape", [p, 0.96 - p, *[0.01] * 4]) for number, p in enumerate(probabilities)]
    summary: Any = summarise_classification(rows, CLASSES)
    assert summary["by_class"][0]["worst"] == ["1.png", "5.png", "3.png"]
    assert summary["by_class"][0]["best"] == ["2.png", "6.png", "4.png"]


def test_a_network_that_has_lost_itself_still_has_an_accuracy() -> None:
    rows = [make_rows()[0], make_rows()[1] | {"confidence": math.nan, "target_log_probability": math.nan}]
    metrics = compute_classification_metrics(rows)
    assert metrics["top1_accuracy"] == 0.5
    assert math.isnan(metrics["nll"]) and math.isnan(metrics["ece"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"confidence": math.nan}, r"3\.png: confidence nan is outside \[0, 1\]: evaluate the split again"),
        ({"target": "gnu"}, r"3\.png: target 'gnu' is no class of the run"),
        ({"prediction": "gnu"}, r"3\.png: prediction 'gnu' is no class of the run"),
        ({"target_log_probability": 0.5}, r"3\.png: target_log_probability 0\.5 is no logarithm"),
        ({"target_log_probability": None}, r"3\.png: target_log_probability None is no logarithm"),
        ({"id": "0.png"}, r"0\.png is predicted twice"),
    ],
)
def test_a_row_that_cannot_be_names_the_image(change: dict[str, Any], message: str) -> None:
    rows = make_rows()
    rows[3] |= change
    with pytest.raises(InputError, match=message):
        summarise_classification(rows, CLASSES)


def test_what_is_no_row_of_a_classifier_is_bad_input() -> None:
    cases: list[tuple[list[dict[str, Any]], str]] = [
        ([], "empty split"),
        ([{"id": "0.png", "target": "A", "prediction": "B", "confidence": 1}], r"0\.png: lacks top_k, target_log"),
    ]
    for rows, message in cases:
        with pytest.raises(InputError, match=message):
            summarise_classification(rows, CLASSES)


def test_ten_thousand_images_of_a_hundred_classes_are_summarised_as_they_are_counted() -> None:
    rng = np.random.default_rng(0)
    classes = [f"class {number:03}" for number in range(100)]
    targets, predictions = rng.integers(100, size=(2, 10_000))
    rows = [
        {"id": str(number), "target": classes[target], "prediction": classes[answer], "confidence": 0.5,
         "top_k": [[classes[answer], 0.5]], "target_log_probability": -1.0}
        for number, (target, answer) in enumerate(zip(targets, predictions, strict=True))
    ]  # fmt: skip
    summary: Any = summarise_classification(rows, classes)
    matrix = np.zeros((100, 100), int)
    np.add.at(matrix, (targets, predictions), 1)
    assert sum(count for *_, count in summary["confusion"]) == 10_000
    assert all(matrix[classes.index(a), classes.index(b)] == count for a, b, count in summary["confusion"])
    assert [row["n"] for row in summary["by_class"]] == matrix.sum(1).tolist()
    assert summary["top1_accuracy"]["value"] == pytest.approx(np.trace(matrix) / 10_000)
