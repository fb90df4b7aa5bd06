"""Corpus BLEU (Papineni et al. 2002, "BLEU: a method for automatic evaluation of machine translation") over one reference.

Path: predictions and targets as lists of units -> one row of counts a text -> their sum -> a number; the bootstrap draws
rows. Without smoothing.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from saccade.metrics.intervals import Estimate

_MAX_ORDER = 4
_BLOCK = 2**20

Counts = NDArray[np.float64]


def count_ngrams(predictions: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]) -> Counts:
    """Return for each text: n-grams found in both, of the prediction, and of the target, each for n = 1..4, [texts, 12].

    An n-gram is found as often as it stands in the prediction, but no more often than in the target.
    """
    return np.array(
        [_count_text(prediction, target) for prediction, target in zip(predictions, targets, strict=True)], float
    )


def compute_bleu(counts: Counts) -> float:
    """Return BLEU in [0, 1] of summed counts.

    The geometric mean of the n-gram precisions, n = 1..4, times exp(1 - target length / prediction length) where the
    predictions are the shorter. Orders longer than every target are left out, so that short texts can be right; an
    order that the targets have and that is never found makes it 0.
    """
    found, predicted, wanted = counts.reshape(3, _MAX_ORDER)
    orders = wanted > 0
    if not orders.any():
        return 1.0 if not predicted.any() else 0.0
    if not found[orders].all():
        return 0.0
    precision = math.exp(float(np.log(found[orders] / predicted[orders]).mean()))
    return precision * math.exp(min(0.0, 1 - wanted[0] / predicted[0]))


def estimate_bleu(counts: Counts, *, level: float = 0.95, num_resamples: int = 2000, seed: int = 0) -> Estimate:
    """Return BLEU of rows of counts with its percentile bootstrap interval over texts; one text alone has no bounds."""
    n = len(counts)
    value = compute_bleu(counts.sum(axis=0))
    if n == 1:
        return Estimate(value, None, None, n)
    generator = np.random.default_rng(seed)
    block = max(1, _BLOCK // n)  # bounds the memory that one set of draws takes
    drawn: list[float] = []
    for start in range(0, num_resamples, block):
        weights = generator.multinomial(n, np.full(n, 1 / n), size=min(block, num_resamples - start))
        drawn += [compute_bleu(sums) for sums in weights @ counts]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high), n)


def _count_text(prediction: Sequence[str], target: Sequence[str]) -> list[int]:
    read, wanted = ([_list_ngrams(text, order) for order in range(1, _MAX_ORDER + 1)] for text in (prediction, target))
    found = [(ours & theirs).total() for ours, theirs in zip(read, wanted, strict=True)]
    return [*found, *(grams.total() for grams in read), *(grams.total() for grams in wanted)]


def _list_ngrams(text: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[start : start + order]) for start in range(len(text) - order + 1))
