"""Paired comparison: what pairing is for, and agreement with the definitions."""

from math import comb

import numpy as np
import pytest

from saccade.metrics.paired import Difference, mcnemar_exact, paired_bootstrap
from saccade.metrics.text import cer, score_texts


def test_pairing_shows_what_two_intervals_would_hide() -> None:
    hard = np.random.default_rng(0).random(300)
    found = paired_bootstrap(hard.tolist(), (hard + 0.01).tolist())
    assert isinstance(found, Difference)
    assert found.value == pytest.approx(0.01)
    assert found.low == pytest.approx(0.01)


def test_the_difference_of_two_cers() -> None:
    targets = ["ABCD", "AB", "A", "ABC"]
    first, second = ["ABC", "AB", "", "ABC"], ["ABCD", "AX", "A", "XBC"]
    a, b = score_texts(first, targets), score_texts(second, targets)
    lengths = [score.target_length for score in a]
    found = paired_bootstrap([score.distance for score in a], [score.distance for score in b], lengths)
    assert found.value == pytest.approx(cer(second, targets) - cer(first, targets))
    assert found.n == 4


def test_readers_that_are_equal_on_average_show_no_difference() -> None:
    generator = np.random.default_rng(1)
    a, b = generator.integers(0, 2, 500).tolist(), generator.integers(0, 2, 500).tolist()
    found = paired_bootstrap(a, b)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high


def test_a_value_without_partner_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired_bootstrap([0.0, 1.0], [1.0])


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 1), (2, 7), (9, 4), (30, 31)])
def test_mcnemar_sums_every_outcome_at_least_as_extreme(only_a: int, only_b: int) -> None:
    n = only_a + only_b
    extreme = sum(comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= abs(only_a - only_b))
    assert mcnemar_exact(only_a, only_b) == pytest.approx(extreme / 2**n)


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 3)
