"""How far two numbers lie apart by chance alone: over images, over seeds, and over the last epochs of a single run.

Plain numbers in, a `Difference` out. Two sources of chance are told apart and put together by `widen`: which images the
two were measured on (`compare_images`, `compare_shares`), and what training again would have changed (`Spread`).
`docs/compare.md` says why each interval has its form; `tests/doctor/test_noise.py` measures how often it errs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, variance

import numpy as np
from numpy.typing import NDArray

from saccade.metrics.intervals import wilson_interval
from saccade.metrics.paired import Difference

_LEVEL = 0.95
_NUM_RESAMPLES = 4_000
_MOST_KINDS, _MOST_CHANGED = 64, 200
"""Kinds of pairs, and images that changed, above which the normal law gives the bounds of the bootstrap, sooner."""
_NUM_LAST, _FEWEST_LAST = 10, 4
"""Validations at the end of a run that say how far its number wanders: at most, at least."""
_FEWEST_FLIPS = 6
"""Images that must change sides, all one way, before an interval over pairs leaves 0."""
_NUM_ANGLES = 4001
_MOST_DEGREES = 1000.0

Floats = NDArray[np.float64]
Values = Floats | Sequence[float]


@dataclass(frozen=True)
class Spread:
    """What training again would change in a number.

    Attributes:
        variance: Of the number, as it was estimated.
        degrees: Of freedom of that estimate; not always a whole number.
    """

    variance: float
    degrees: float

    @property
    def half_width(self) -> float:
        """Half the 95 % interval that this spread alone would give (Student)."""
        return t_bound(self.degrees) * math.sqrt(self.variance)


def t_bound(degrees: float) -> float:
    """Return what |t| exceeds once in twenty times, for any number of degrees of freedom of at least 1, whole or not.

    With t = sqrt(degrees) tan(angle) the density over the angle is cos(angle) ** (degrees - 1), which is summed up here.
    """
    if degrees > _MOST_DEGREES:
        return NormalDist().inv_cdf((1 + _LEVEL) / 2)
    angles = np.linspace(0.0, math.pi / 2, _NUM_ANGLES)
    density = np.cos(angles) ** (max(degrees, 1.0) - 1)
    summed = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    angle = float(np.interp(_LEVEL * summed[-1], summed, angles))
    return math.sqrt(max(degrees, 1.0)) * math.tan(angle)


# --- What training again would change ---


def spread_of_repeats(values: Sequence[float]) -> Spread:
    """Return how far the mean over repeats would lie elsewhere with other seeds.

    Raises:
        ValueError: There are fewer than two.
    """
    if len(values) < 2:
        raise ValueError("one run says nothing about the spread over seeds")
    return Spread(variance(values) / len(values), len(values) - 1)


def spread_of_pairs(parents: Sequence[float], children: Sequence[float]) -> Spread:
    """Return the spread of the mean difference of runs that are paired by seed, in the same order."""
    return spread_of_repeats([child - parent for parent, child in zip(parents, children, strict=True)])


def spread_of_last_validations(epochs: Sequence[float], values: Sequence[float]) -> Spread | None:
    """Return how far the number of a single run wanders: the spread of its last validations around a straight line.

    The last ten count, or the last half where there are fewer than twenty, but no fewer than four: earlier ones tell of
    learning and not of chance. The line takes out a trend.

    Returns:
        None where there are fewer than four, or one of the last is not a number.
    """
    count = min(_NUM_LAST, max(_FEWEST_LAST, len(values) // 2))
    y = np.asarray(values[-count:], dtype=np.float64)
    x = np.asarray(epochs[-count:], dtype=np.float64)
    if len(y) < _FEWEST_LAST or not np.isfinite(y).all():
        return None
    x, y = x - x.mean(), y - y.mean()
    length = float(x @ x)
    residuals = y - x * (float(x @ y) / length if length else 0.0)
    degrees = len(y) - 2
    return Spread(float(residuals @ residuals) / degrees, degrees)


def add_spreads(*spreads: Spread) -> Spread:
    """Return the spread of a sum or difference of independent numbers (Welch 1947, Satterthwaite 1946)."""
    total = sum(spread.variance for spread in spreads)
    below = sum(spread.variance**2 / spread.degrees for spread in spreads)
    # Where nothing spreads the degrees do not matter.
    return Spread(total, total**2 / below if below else sum(spread.degrees for spread in spreads))


# --- What other images would change ---


def compare_images(a: Values, b: Values, denominators: Values | None = None, *, seed: int = 0) -> Difference:
    """Return mean(b) - mean(a) over the same images, with its 95 % interval over pairs.

    The pairs are drawn again with replacement, as `metrics.paired.paired_bootstrap` does, after one pair for and one
    against have been added, each as large as the differences that are there (their root mean square). Without them four
    images that change sides, all one way, would count as shown, which chance does once in eight times; with them it
    takes six, as in McNemar's exact test.

    Args:
        a: One value an image, of the first.
        b: One value an image, of the second, in the same order.
        denominators: One count an image, for the difference of two ratios of sums such as cer.
        seed: Of the draws.

    Returns:
        The difference; without bounds where there is one image alone.

    Raises:
        ValueError: There is no image, or a value without its partner.
    """
    above = np.asarray(b, dtype=np.float64) - np.asarray(a, dtype=np.float64)
    below = np.ones_like(above) if denominators is None else np.asarray(denominators, dtype=np.float64)
    n = len(above)
    if n == 0 or below.shape != above.shape:
        raise ValueError(f"cannot compare {n} images with {len(below)} denominators")
    value = float(above.sum() / max(below.sum(), 1.0))
    if n == 1:
        return Difference(value, None, None, n)
    changed = above[above != 0]
    size = math.sqrt(float(changed @ changed) / len(changed)) if len(changed) else float(denominators is None)
    mean = float(below.mean())
    rows = np.stack([np.append(above, [size, -size]), np.append(below, [mean, mean])], axis=1)
    kinds, counts = np.unique(rows.round(12), axis=0, return_counts=True)
    if len(kinds) > _MOST_KINDS or len(changed) > _MOST_CHANGED:
        half = math.sqrt(_variance_of_mean(above, below)) * t_bound(n - 1)
        return Difference(value, value - half, value + half, n)
    drawn = np.random.default_rng(seed).multinomial(n + 2, counts / (n + 2), size=_NUM_RESAMPLES)
    sums = drawn @ kinds
    low, high = np.quantile(sums[:, 0] / np.maximum(sums[:, 1], 1.0), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Difference(value, min(float(low), value), max(float(high), value), n)


def compare_other_images(
    a: tuple[Values, Values | None], b: tuple[Values, Values | None], *, are_shares: bool
) -> Difference:
    """Return mean(b) - mean(a) where each was measured on images of its own, with its 95 % interval.

    Args:
        a: One value an image, and one count an image or None, of the first.
        b: The same of the second.
        are_shares: Whether the values are right or wrong; one of each is then added to both (Agresti & Caffo 2000), so
            that a side without a fault does not count as certain.

    Returns:
        The difference; its n is the smaller number of images.
    """
    means, total, sizes = [], 0.0, []
    for numerators, denominators in (a, b):
        above = np.asarray(numerators, dtype=np.float64)
        below = np.ones_like(above) if denominators is None else np.asarray(denominators, dtype=np.float64)
        means.append(float(above.sum() / max(below.sum(), 1.0)))
        sizes.append(len(above))
        if are_shares:
            above, below = np.append(above, [0.0, 1.0]), np.append(below, [1.0, 1.0])
        total += _variance_of_mean(above, below)
    value = means[1] - means[0]
    if min(sizes) < 2:
        return Difference(value, None, None, min(sizes))
    half = math.sqrt(total) * t_bound(min(sizes) - 1)
    return Difference(value, value - half, value + half, min(sizes))


def compare_shares(a: float, num_a: int, b: float, num_b: int) -> Difference:
    """Return b - a of two shares that are known only as numbers, with its 95 % interval (Newcombe 1998, method 10).

    The images may be the same or not: that they are is not used, since nobody knows which of them were right. The
    interval covers the draw of the images, never the seed.

    Args:
        a: Share of the first, in [0, 1].
        num_a: Number of images that it is a share of.
        b: Share of the second.
        num_b: Number of images that it is a share of.
    """
    first, second = (wilson_interval(round(share * n), n) for share, n in ((a, num_a), (b, num_b)))
    assert first.low is not None and first.high is not None and second.low is not None and second.high is not None
    value = b - a
    low = value - math.hypot(b - second.low, first.high - a)
    high = value + math.hypot(second.high - b, a - first.low)
    return Difference(value, low, high, min(num_a, num_b))


def _variance_of_mean(above: Floats, below: Floats) -> float:
    """Return the variance of sum(above) / sum(below) over another draw of the images (delta method)."""
    n = len(above)
    if n < 2:
        return 0.0
    influences = (above - below * (above.sum() / max(below.sum(), 1.0))) / max(float(below.mean()), 1.0 / n)
    return float(influences.var(ddof=1)) / n


# --- Both together ---


def widen(images: Difference, spread: Spread | None) -> Difference:
    """Return a difference whose interval covers other images and training again: independent, so their squares add.

    Args:
        images: The difference with its interval over images.
        spread: What training again would change in it; None where that is not known, which leaves no interval.
    """
    if spread is None or images.low is None or images.high is None:
        return Difference(images.value, None, None, images.n)
    half = spread.half_width
    low = images.value - math.hypot(images.value - images.low, half)
    return Difference(images.value, low, images.value + math.hypot(images.high - images.value, half), images.n)


def compute_smallest_shown(difference: Difference, *, are_shares: bool) -> float | None:
    """Return the smallest difference that this interval could have told from none: half its width.

    Args:
        difference: What was found.
        are_shares: Whether images are right or wrong, so that at least six of them must change sides.
    """
    if difference.low is None or difference.high is None:
        return None
    return max((difference.high - difference.low) / 2, _FEWEST_FLIPS / difference.n if are_shares else 0.0)
