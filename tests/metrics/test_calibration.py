"""Calibration: a reader that knows what it knows, one that does not, and confidences that are none."""

import numpy as np
import pytest

from saccade.metrics.calibration import expected_calibration_error, reliability_table


def test_honest_confidence_has_little_error_and_boasting_has_much() -> None:
    generator = np.random.default_rng(0)
    confidences = generator.random(20_000)
    correct = (generator.random(20_000) < confidences).tolist()
    assert expected_calibration_error(confidences.tolist(), correct) < 0.02
    boasting = (0.5 + confidences / 2).tolist()
    assert expected_calibration_error(boasting, correct) == pytest.approx(0.25, abs=0.02)


def test_the_table_counts_everything_once_at_the_edges_too() -> None:
    table = reliability_table([0.0, 0.25, 0.5, 0.75, 1.0], [False, True, True, True, True], bins=4)
    assert [(row["low"], row["n"]) for row in table] == [(0, 1), (0.25, 1), (0.5, 1), (0.75, 2)]


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_what_is_no_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        expected_calibration_error([confidence], [True])


def test_no_predictions_no_error() -> None:
    with pytest.raises(ValueError, match="no predictions"):
        expected_calibration_error([], [])
