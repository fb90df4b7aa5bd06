"""Intervals that say how much is chance: values worked by hand, and how often they err where there is no difference."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from saccade.doctor.noise import (
    Spread,
    add_spreads,
    compare_images,
    compare_other_images,
    compare_shares,
    compute_smallest_shown,
    spread_of_last_validations,
    spread_of_pairs,
    spread_of_repeats,
    t_bound,
    widen,
)
from saccade.metrics.intervals import t_quantile
from saccade.metrics.paired import Difference, mcnemar_exact, paired_bootstrap

# Student


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 10, 100, 900])
def test_whole_degrees_give_the_bound_of_the_exact_distribution(degrees: int) -> None:
    assert t_bound(degrees) == pytest.approx(t_quantile(0.975, degrees), rel=1e-4)


def test_degrees_between_give_a_bound_between() -> None:
    bounds = [t_bound(degrees) for degrees in (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 1e9)]
    assert bounds == sorted(bounds, reverse=True)
    assert t_bound(1.5) == pytest.approx(6.0166, abs=1e-3)
    assert bounds[-1] == pytest.approx(1.95996, abs=1e-4)


# What training again would change


def test_repeats_spread_by_their_variance_over_their_number() -> None:
    spread = spread_of_repeats([0.80, 0.82, 0.84])
    assert (spread.variance, spread.degrees) == (pytest.approx(0.0004 / 3), 2)
    assert spread.half_width == pytest.approx(4.30265 * 0.02 / math.sqrt(3), rel=1e-4)
    with pytest.raises(ValueError, match="one run"):
        spread_of_repeats([0.8])


def test_welch_of_two_sides() -> None:
    both = add_spreads(Spread(4.0, 2), Spread(1.0, 4))
    assert (both.variance, both.degrees) == (5.0, pytest.approx(25 / (16 / 2 + 1 / 4)))
    assert add_spreads(Spread(0.0, 2), Spread(0.0, 3)) == Spread(0.0, 5)


def test_pairs_take_out_what_a_seed_does_to_both() -> None:
    parents, children = [0.5, 0.6, 0.7], [0.52, 0.63, 0.72]
    apart = add_spreads(spread_of_repeats(parents), spread_of_repeats(children))
    assert spread_of_pairs(parents, children).half_width < 0.02 < apart.half_width


def read_spread(epochs: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    spread = spread_of_last_validations(epochs, values)
    assert spread is not None
    return spread.variance, spread.degrees


def test_a_single_run_wanders_around_a_line() -> None:
    assert read_spread(range(10), [0.1 * epoch for epoch in range(10)]) == (pytest.approx(0.0, abs=1e-20), 3)
    up_and_down = [0.8, 0.82] * 10
    # Ten values of 0.01 off a line that itself leans by 0.01 * 5 / 82.5 an epoch.
    assert read_spread(range(20), up_and_down) == (pytest.approx((10 * 1e-4 - 0.05**2 / 82.5) / 8), 8)


def test_only_the_end_of_a_run_tells_how_it_wanders() -> None:
    learning = [0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.8, 0.8, 0.8, 0.8]
    assert read_spread(range(10), learning) == (pytest.approx(0.0, abs=1e-20), 3)
    assert read_spread(range(4), [0.0, 0.5, 0.0, 0.5])[1] == 2


def test_gaps_between_validations_are_no_wandering() -> None:
    epochs = [1, 2, 3, 4, 9, 10, 30, 31]
    assert read_spread(epochs, [0.01 * epoch for epoch in epochs]) == (pytest.approx(0.0, abs=1e-20), 2)


@pytest.mark.parametrize("values", [[], [0.8], [0.8] * 3, [0.8] * 9 + [float("nan")], [float("inf")] * 4])
def test_too_few_validations_and_those_without_a_number_tell_nothing(values: list[float]) -> None:
    assert spread_of_last_validations(range(len(values)), values) is None


# What other images would change


def flips(gained: int, lost: int, n: int = 100) -> tuple[list[float], list[float]]:
    before = [0.0] * gained + [1.0] * lost + [1.0] * (n - gained - lost)
    after = [1.0] * gained + [0.0] * lost + [1.0] * (n - gained - lost)
    return before, after


@pytest.mark.parametrize("lost", [0, 1, 2])
@pytest.mark.parametrize("gained", range(3, 13))
def test_images_show_a_difference_where_mcnemars_exact_test_does(gained: int, lost: int) -> None:
    found = compare_images(*flips(gained, lost))
    assert found.value == pytest.approx((gained - lost) / 100)
    assert found.low is not None
    assert (found.low > 0) == (mcnemar_exact(lost, gained) < 0.05)


def test_both_directions_are_alike() -> None:
    up, down = compare_images(*flips(9, 2)), compare_images(*flips(2, 9))
    assert (up.value, up.low) == (-down.value, pytest.approx(-down.high, abs=0.011))


@pytest.mark.parametrize("num_changed", [40, 400])
def test_many_changes_give_the_bounds_of_the_paired_bootstrap(num_changed: int) -> None:
    before, after = flips(num_changed, num_changed // 2, n=1000)
    found, plain = compare_images(before, after), paired_bootstrap(before, after)
    assert found.value == pytest.approx(plain.value)
    assert found.low == pytest.approx(plain.low, abs=0.004)
    assert found.high == pytest.approx(plain.high, abs=0.004)


def test_ratios_of_sums_give_the_bounds_of_the_paired_bootstrap() -> None:
    rng = np.random.default_rng(3)
    lengths = rng.integers(4, 9, 300)
    before, after = rng.binomial(3, 0.3, 300), rng.binomial(3, 0.2, 300)
    found = compare_images(before.astype(float), after.astype(float), lengths.astype(float))
    plain = paired_bootstrap(before.tolist(), after.tolist(), lengths.tolist())
    assert (found.value, found.n) == (pytest.approx(plain.value), 300)
    assert found.low == pytest.approx(plain.low, abs=0.004)
    assert found.high == pytest.approx(plain.high, abs=0.004)


def test_no_change_at_all_is_not_certainty() -> None:
    found = compare_images(*flips(0, 0))
    assert found.value == 0
    assert found.low is not None and found.high is not None
    assert found.low < 0 < found.high


def test_one_image_has_no_interval_and_none_is_an_error() -> None:
    assert compare_images([0.0], [1.0]) == Difference(1.0, None, None, 1)
    with pytest.raises(ValueError, match="cannot compare 0 images"):
        compare_images([], [])


def test_shares_alone_are_compared_by_newcombe() -> None:
    """Newcombe 1998, example (a): 56/70 and 48/80, method 10: 0.0524 to 0.3339."""
    found = compare_shares(48 / 80, 80, 56 / 70, 70)
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
    assert found.n == 70


def test_other_images_are_compared_without_pairs() -> None:
    right = [1.0] * 80 + [0.0] * 20
    found = compare_other_images((right, None), (right[::-1] * 2, None), are_shares=True)
    assert (found.value, found.n) == (0.0, 100)
    assert found.high == pytest.approx(t_bound(99) * math.sqrt(0.16 / 100 + 0.16 / 200), rel=0.02)
    certain = compare_other_images(([1.0] * 10, None), ([1.0] * 10, None), are_shares=True)
    assert certain.high is not None and certain.high > 0.1


# Both together


def test_independent_halves_add_by_their_squares() -> None:
    found = widen(Difference(0.10, 0.07, 0.14, 50), Spread((0.04 / t_bound(5)) ** 2, 5))
    assert (found.low, found.high) == (pytest.approx(0.05), pytest.approx(0.10 + math.hypot(0.04, 0.04)))
    assert widen(Difference(0.1, 0.07, 0.14, 50), None) == Difference(0.1, None, None, 50)


def test_the_smallest_difference_is_half_the_interval_and_no_fewer_than_six_images() -> None:
    assert compute_smallest_shown(Difference(0.1, 0.0, 0.2, 1000), are_shares=True) == pytest.approx(0.1)
    assert compute_smallest_shown(Difference(0.0, -0.01, 0.01, 100), are_shares=True) == pytest.approx(0.06)
    assert compute_smallest_shown(Difference(0.0, -0.01, 0.01, 100), are_shares=False) == pytest.approx(0.01)
    assert compute_smallest_shown(Difference(0.0, None, None, 1), are_shares=True) is None


# How often they err where there is no difference: at most about once in twenty


class Bench:
    """Two sides that do the same: images of differing difficulty, runs that differ by chance alone."""

    def __init__(self, seed: int, *, num_images: int, easiness: float) -> None:
        self.rng = np.random.default_rng(seed)
        self.num_images, self.easiness = num_images, easiness

    def draw_images(self) -> None:
        self.images = self.rng.normal(self.easiness, 1.0, self.num_images)

    def train(
        self, *, num_validations: int = 1, wander: float = 0.0, seed_effect: float = 0.0
    ) -> tuple[list[float], np.ndarray]:
        """Return the curve of a run and which images its best validation had right."""
        own = self.images + self.rng.normal(0, 0.4, self.num_images) + self.rng.normal(0, seed_effect)
        curve, best = [], own > 0
        for shift in self.rng.normal(0, wander, num_validations):
            right = own + shift + self.rng.normal(0, 0.2, self.num_images) > 0
            curve.append(float(right.mean()))
            if curve[-1] >= max(curve):
                best = right
        return curve, best.astype(np.float64)


def is_shown(found: Difference) -> bool:
    assert found.low is not None and found.high is not None
    return found.low > 0 or found.high < 0


@pytest.mark.parametrize(("num_images", "easiness"), [(100, 0.5), (100, 2.5), (1000, 1.0)])
def test_images_alone_err_rarely(num_images: int, easiness: float) -> None:
    rng = np.random.default_rng(1)
    chances = 1 / (1 + np.exp(-rng.normal(easiness, 1.5, (400, num_images))))
    before, after = (rng.random(chances.shape) < chances for _ in range(2))
    wrong = [is_shown(compare_images(a, b)) for a, b in zip(before.astype(float), after.astype(float), strict=True)]
    assert np.mean(wrong) <= 0.06


@pytest.mark.parametrize("wander", [0.05, 0.2])
def test_a_single_run_that_wanders_errs_rarely_and_images_alone_would_not(wander: float) -> None:
    bench = Bench(2, num_images=1000, easiness=0.5)
    wrong, wrong_without = [], []
    for _ in range(200):
        bench.draw_images()
        (curve_a, a), (curve_b, b) = (bench.train(num_validations=20, wander=wander) for _ in range(2))
        spreads = [spread_of_last_validations(range(20), curve) for curve in (curve_a, curve_b)]
        assert spreads[0] is not None and spreads[1] is not None
        images = compare_images(a, b)
        wrong_without.append(is_shown(images))
        wrong.append(is_shown(widen(images, add_spreads(spreads[0], spreads[1]))))
    assert np.mean(wrong) <= 0.05
    assert np.mean(wrong_without) > 0.05


def test_a_single_run_knows_nothing_of_other_seeds() -> None:
    """Where another seed moves the number by more than the last epochs do, a single run each is often wrong."""
    bench = Bench(2, num_images=1000, easiness=0.5)
    wrong = []
    for _ in range(60):
        bench.draw_images()
        (curve_a, a), (curve_b, b) = (bench.train(num_validations=20, seed_effect=0.2) for _ in range(2))
        spreads = [spread_of_last_validations(range(20), curve) for curve in (curve_a, curve_b)]
        assert spreads[0] is not None and spreads[1] is not None
        wrong.append(is_shown(widen(compare_images(a, b), add_spreads(spreads[0], spreads[1]))))
    assert np.mean(wrong) > 0.2


@pytest.mark.parametrize(("num_runs", "seed_effect"), [(2, 0.3), (3, 0.0), (3, 0.3)])
def test_repeats_err_rarely(num_runs: int, seed_effect: float) -> None:
    bench = Bench(3, num_images=300, easiness=0.5)
    wrong = []
    for _ in range(200):
        bench.draw_images()
        a, b = (np.stack([bench.train(seed_effect=seed_effect)[1] for _ in range(num_runs)]) for _ in range(2))
        spread = add_spreads(spread_of_repeats(a.mean(axis=1).tolist()), spread_of_repeats(b.mean(axis=1).tolist()))
        wrong.append(is_shown(widen(compare_images(a.mean(axis=0), b.mean(axis=0)), spread)))
    assert np.mean(wrong) <= 0.07


def test_a_difference_that_is_there_is_found() -> None:
    bench = Bench(4, num_images=1000, easiness=0.5)
    found = []
    for _ in range(50):
        bench.draw_images()
        a = np.stack([bench.train(seed_effect=0.05)[1] for _ in range(3)])
        bench.images = bench.images + 0.4
        b = np.stack([bench.train(seed_effect=0.05)[1] for _ in range(3)])
        spread = add_spreads(spread_of_repeats(a.mean(axis=1).tolist()), spread_of_repeats(b.mean(axis=1).tolist()))
        found.append(is_shown(widen(compare_images(a.mean(axis=0), b.mean(axis=0)), spread)))
    assert np.mean(found) > 0.9
