"""BLEU beyond the hand tables: its bounds, and that texts are pooled and not averaged."""

import pytest

from saccade.metrics.bleu import compute_bleu, count_ngrams, estimate_bleu

READ = [list("abcd"), list("abce"), list("xyzw"), list("abcdefg")]
WANTED = [list("abcd"), list("abcd"), list("xyzq"), list("abcdxfg")]


def test_bounds_lie_around_the_value_and_repeat() -> None:
    counts = count_ngrams(READ, WANTED)
    first, second = estimate_bleu(counts), estimate_bleu(counts)
    assert first == second
    assert first.value == pytest.approx(compute_bleu(counts.sum(axis=0)))
    assert first.low is not None and first.high is not None
    assert 0 <= first.low < first.value < first.high <= 1
    assert first.n == 4


def test_texts_that_are_all_alike_have_bounds_without_width() -> None:
    estimate = estimate_bleu(count_ngrams([list("abcde")] * 3, [list("abcdf")] * 3))
    assert estimate.low == pytest.approx(estimate.value) == estimate.high


def test_one_text_alone_has_no_bounds() -> None:
    estimate = estimate_bleu(count_ngrams([list("abcd")], [list("abcd")]))
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (1.0, None, None, 1)


def test_counts_are_pooled() -> None:
    counts = count_ngrams(READ, WANTED)
    single = [compute_bleu(row) for row in counts]
    assert compute_bleu(counts.sum(axis=0)) != pytest.approx(sum(single) / len(single))
    assert compute_bleu(count_ngrams([[]], [[]]).sum(axis=0)) == 1.0
