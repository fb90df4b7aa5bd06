"""Whether one reader is better than another on the same images: the images are compared one by one."""

from dataclasses import dataclass
from math import comb

from saccade.metrics.intervals import Estimate, Values, bootstrap_interval


@dataclass(frozen=True)
class Difference(Estimate):
    """How far the second lies above the first, with its interval; n counts pairs."""


def paired_bootstrap(a: Values, b: Values, denominators: Values | None = None, *, seed: int = 0) -> Difference:
    """Return mean(b) - mean(a) with the 95 % percentile bootstrap interval over pairs (10,000 resamples).

    Args:
        a: One value an image, of the first reader.
        b: One value an image, of the second, in the same order.
        denominators: One count an image, the same for both, for the difference of two ratios of sums such as cer.
        seed: Of the draws.

    Raises:
        ValueError: There is no pair, or a value without its partner.
    """
    differences = [second - first for first, second in zip(a, b, strict=True)]
    found = bootstrap_interval(differences, denominators, num_resamples=10_000, seed=seed)
    return Difference(found.value, found.low, found.high, found.n)


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Return the two-sided p value of McNemar's exact test (McNemar 1947), in [0, 1].

    Args:
        only_a: Number of images that only the first reader got right.
        only_b: Number of images that only the second got right.

    Raises:
        ValueError: A number is negative.
    """
    if min(only_a, only_b) < 0:
        raise ValueError(f"counts cannot be negative: {only_a}, {only_b}")
    n = only_a + only_b
    tail = sum(comb(n, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, 2 * tail / (1 << n))
