"""Intervals: published values, coverage, and input that has no interval."""

from collections.abc import Callable
from functools import partial
from statistics import NormalDist

import numpy as np
import pytest

from saccade.metrics.intervals import (
    Estimate,
    bootstrap_interval,
    find_bounds,
    mean_interval,
    t_quantile,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    [(0.9, 4, 1.533206), (0.95, 10, 1.812461), (0.975, 5, 2.570582), (0.99, 3, 4.540703), (0.995, 120, 2.617421)],
)
def test_t_quantiles_are_those_of_printed_tables(probability: float, degrees: int, expected: float) -> None:
    assert t_quantile(probability, degrees) == pytest.approx(expected, abs=2e-6)


def test_t_with_many_degrees_is_nearly_normal() -> None:
    assert t_quantile(0.975, 20_000) == pytest.approx(NormalDist().inv_cdf(0.975), abs=2e-4)
    assert t_quantile(0.5, 3) == 0


def test_wilson_bounds_solve_their_own_equation() -> None:
    z = NormalDist().inv_cdf(0.975)
    found = wilson_interval(37, 50)
    for bound in (found.low, found.high):
        assert bound is not None
        assert abs(found.value - bound) == pytest.approx(z * (bound * (1 - bound) / 50) ** 0.5)


def test_bootstrap_of_a_mean_is_close_to_the_normal_interval() -> None:
    values = np.random.default_rng(3).normal(0.8, 0.1, size=400)
    found = bootstrap_interval(values.tolist())
    half = 1.96 * values.std(ddof=1) / 20
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_bootstrap_repeats_with_its_seed_and_moves_with_another() -> None:
    values = np.random.default_rng(0).random(50).tolist()
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


def test_bootstrap_of_a_ratio_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for seed in range(200):
        lengths = generator.integers(4, 9, size=80)
        faults = generator.binomial(lengths, 0.1)
        found = bootstrap_interval(faults.tolist(), lengths.tolist(), num_resamples=400, seed=seed)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.1 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_bootstrap_in_blocks_draws_all_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saccade.metrics.intervals._MAX_DRAWS", 70)
    found = bootstrap_interval([0, 1, 0, 1, 1, 0, 1, 1], num_resamples=501)
    assert found.value == pytest.approx(0.625)
    assert (found.low, found.high) == pytest.approx((0.25, 0.9), abs=0.13)


@pytest.mark.parametrize("interval", [partial(wilson_interval, 5, 10), partial(mean_interval, [1.0, 2.0, 4.0])])
def test_a_higher_level_is_wider(interval: Callable[..., Estimate]) -> None:
    narrow, wide = interval(level=0.9), interval(level=0.99)
    assert wide.low < narrow.low < narrow.value == wide.value < narrow.high < wide.high


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_no_share_no_interval(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson_interval(successes, n)


def test_no_values_no_interval() -> None:
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])
    with pytest.raises(ValueError, match="resample 0"):
        bootstrap_interval([])
    with pytest.raises(ValueError, match="2 numerators over 1"):
        bootstrap_interval([1, 2], [1])
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(0.3, 2)


def test_repeats_that_agree_say_nothing_of_another_one() -> None:
    assert mean_interval([0.9, 0.9, 0.9]) == Estimate(0.9, None, None, 3)


@pytest.mark.parametrize(
    ("metric", "low", "high"),
    [
        ("top1_accuracy", 0, 1),
        ("ece", 0, 1),
        ("nll", 0, 1.2829),
        ("cer", 0, 1.2829),
        ("loss_of_mine", -0.1995, 1.2829),
    ],
)
def test_an_interval_over_seeds_ends_where_the_metric_does(metric: str, low: float, high: float) -> None:
    """0.48333 and 0.6: 0.54167 +- 12.7062 * 0.0824958 / sqrt(2)."""
    estimate = mean_interval([0.5417 - 0.05833, 0.5417 + 0.05833], bounds=find_bounds(metric))
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.5417, low, high), abs=2e-4)
