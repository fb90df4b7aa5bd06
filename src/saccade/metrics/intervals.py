"""Intervals: what a number would have been on another sample of the same kind, or from another seed.

Each function returns the value with its bounds. They cover the draw of the images, or of the seeds, never both, and say
nothing of images of another kind.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

import numpy as np

Values = Sequence[float | int]
"""Numbers that a mean is taken of: scores, counts, or whether something is right."""

_MAX_DRAWS = 2**20
_NO_BOUNDS = (-math.inf, math.inf)
_WITHIN_ONE = frozenset(
    {"exact_match", "exact_match_normalised", "within_1", "within_2", "validity", "ned", "wer_max", "bleu"}
    | {"leaderboard_score", "top1_accuracy", "top5_accuracy", "ece"}
)
_NOT_NEGATIVE = frozenset({"cer", "wer", "nll"})
"""Metrics without an upper bound: texts may hold more faults than characters."""


@dataclass(frozen=True)
class Estimate:
    """A value and its interval.

    Attributes:
        value: The value itself.
        low: Lower bound; None where one observation alone says nothing about the spread.
        high: Upper bound, likewise.
        n: Number of observations: images, or seeds.
    """

    value: float
    low: float | None
    high: float | None
    n: int


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Estimate:
    """Return a share with Wilson's score interval (Wilson 1927), within [0, 1] and never without width.

    Raises:
        ValueError: Not 0 <= successes <= n with n at least 1.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} of {n} is no share")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At 0 and at 1 the formula gives exactly 0 and 1, which rounding misses.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Estimate(share, low, high, n)


def bootstrap_interval(
    numerators: Values,
    denominators: Values | None = None,
    *,
    level: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Return a mean, or the ratio of two sums, with its percentile bootstrap interval (Efron 1979).

    The same seed gives the same bounds. Values that are all the same give bounds without width, so shares take
    `wilson_interval`; one observation alone has no bounds.

    Args:
        numerators: One value an observation.
        denominators: One count an observation, for a ratio of sums such as cer (a sum below 1 counts as 1); None for
            the mean.
        level: Share of resamples between the bounds.
        num_resamples: How often the observations are drawn again, with replacement.
        seed: Of the draws.

    Raises:
        ValueError: There is no observation, or not one denominator for each numerator.
    """
    above = np.asarray(numerators, dtype=np.float64)
    below = np.ones_like(above) if denominators is None else np.asarray(denominators, dtype=np.float64)
    n = len(above)
    if n == 0 or len(below) != n:
        raise ValueError(f"cannot resample {n} numerators over {len(below)} denominators")
    value = float(above.sum() / max(below.sum(), 1))
    if n == 1:
        return Estimate(value, None, None, n)
    generator = np.random.default_rng(seed)
    block = max(1, _MAX_DRAWS // n)  # bounds the memory that one set of draws takes
    ratios = []
    for start in range(0, num_resamples, block):
        drawn = generator.integers(n, size=(min(block, num_resamples - start), n))
        ratios.append(above[drawn].sum(axis=1) / np.maximum(below[drawn].sum(axis=1), 1))
    low, high = np.quantile(np.concatenate(ratios), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high), n)


def find_bounds(metric: str) -> tuple[float, float]:
    """Return the least and the greatest value that a metric can have, by its name; infinite where nothing is known."""
    if metric in _WITHIN_ONE:
        return 0.0, 1.0
    return (0.0, math.inf) if metric in _NOT_NEGATIVE else _NO_BOUNDS


def mean_interval(values: Values, level: float = 0.95, bounds: tuple[float, float] = _NO_BOUNDS) -> Estimate:
    """Return a mean over repeats (seeds) with Student's t interval; one repeat alone has no bounds, nor have some that all agree.

    Args:
        values: One value a repeat.
        level: How often the interval holds the mean over all seeds.
        bounds: Least and greatest value that there can be, as `find_bounds` knows them; the interval ends there.

    Raises:
        ValueError: There is no value.
    """
    n = len(values)
    if n == 0:
        raise ValueError("no values to average")
    mean = fmean(values)
    if min(values) == max(values):  # nothing is known of how far another one would be
        return Estimate(mean, None, None, n)
    half = t_quantile((1 + level) / 2, n - 1) * stdev(values) / math.sqrt(n)
    return Estimate(mean, max(mean - half, bounds[0]), min(mean + half, bounds[1]), n)


def t_quantile(probability: float, degrees: int) -> float:
    """Return Student's t quantile for a probability in [0.5, 1), by bisection of the exact distribution.

    Raises:
        ValueError: The probability or the degrees of freedom are outside their range.
    """
    if not 0.5 <= probability < 1 or degrees < 1:
        raise ValueError(f"no t quantile for probability {probability} and {degrees} degrees of freedom")
    low, high = 0.0, math.pi / 2
    for _ in range(64):
        middle = (low + high) / 2
        if _t_central_probability(middle, degrees) < 2 * probability - 1:
            low = middle
        else:
            high = middle
    return math.sqrt(degrees) * math.tan(low)


def _t_central_probability(angle: float, degrees: int) -> float:
    """Return P(|t| < sqrt(degrees) tan(angle)), exactly (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = 0.0
    for k in range(odd, degrees - 1, 2):
        total += term
        term *= (k + 1) / (k + 2) * cosine * cosine
    return (angle + sine * total) * 2 / math.pi if odd else sine * total
