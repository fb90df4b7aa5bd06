"""CTC decoding against the sum over every path, written out."""

import itertools
import time
from collections import defaultdict

import numpy as np
import pytest
from numpy.typing import NDArray

from saccade.text.ctc import compute_text_log_probabilities, decode_greedy, decode_prefix_beam, required_steps


def make_log_probabilities(shape: tuple[int, int, int], seed: int, sharpness: float = 2.0) -> NDArray[np.float64]:
    logits = np.random.default_rng(seed).normal(size=shape) * sharpness
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=2, keepdims=True)))


def collapse(path: tuple[int, ...], blank_id: int) -> tuple[int, ...]:
    return tuple(token for token, _ in itertools.groupby(path) if token != blank_id)


def sum_all_paths(steps: NDArray[np.float64], blank_id: int) -> dict[tuple[int, ...], float]:
    sums: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(steps.shape[1]), repeat=len(steps)):
        sums[collapse(path, blank_id)] += float(
            np.exp(sum(step[token] for step, token in zip(steps, path, strict=True)))
        )
    return sums


@pytest.mark.parametrize(("tokens", "steps"), [("", 0), ("A", 1), ("AB", 2), ("AAB", 4), ("AAA", 5), ((1, 2, 2), 4)])
def test_required_steps(tokens: str | tuple[int, ...], steps: int) -> None:
    assert required_steps(tokens) == steps


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("blank_id", [0, 2])
def test_a_wide_beam_finds_the_most_probable_text_and_its_exact_sum(seed: int, blank_id: int) -> None:
    batch = make_log_probabilities((3, 5, 3), seed, sharpness=1.0)
    for steps, decoded in zip(batch, decode_prefix_beam(batch, 1000, blank_id), strict=True):
        sums = sum_all_paths(steps, blank_id)
        best = max(sums, key=sums.__getitem__)
        assert decoded.tokens == best
        assert decoded.confidence == pytest.approx(sums[best], abs=1e-12)


def test_text_log_probabilities_are_the_sums_over_paths() -> None:
    batch = make_log_probabilities((1, 5, 3), 3, sharpness=1.0)
    sums = sum_all_paths(batch[0], 0)
    texts = [*sums]
    computed = compute_text_log_probabilities(np.repeat(batch, len(texts), axis=0), texts)
    np.testing.assert_allclose(np.exp(computed), [sums[text] for text in texts], atol=1e-12)
    assert sum(sums.values()) == pytest.approx(1.0)


def test_a_text_that_does_not_fit_has_no_probability() -> None:
    batch = make_log_probabilities((1, 3, 3), 0)
    assert compute_text_log_probabilities(batch, [(1, 1, 1)])[0] == -np.inf


@pytest.mark.parametrize("seed", range(5))
def test_greedy_reads_the_best_path_with_the_confidence_of_its_text(seed: int) -> None:
    batch = make_log_probabilities((4, 5, 3), seed)
    for steps, decoded in zip(batch, decode_greedy(batch), strict=True):
        path = tuple(steps.argmax(axis=1).tolist())
        assert decoded.tokens == collapse(path, 0)
        assert decoded.confidence == pytest.approx(sum_all_paths(steps, 0)[decoded.tokens], abs=1e-12)
        runs = [(token, list(run)) for token, run in itertools.groupby(enumerate(path), key=lambda pair: pair[1])]
        expected = [max(np.exp(steps[step, token]) for step, _ in run) for token, run in runs if token != 0]
        assert decoded.character_confidences == pytest.approx(expected)


def test_a_beam_sees_what_greedy_misses() -> None:
    steps = np.log(np.array([[[0.6, 0.4], [0.6, 0.4]]]))  # blank, blank: 0.36; the token over its three paths: 0.64
    assert decode_greedy(steps)[0].tokens == ()
    decoded = decode_prefix_beam(steps, 4)[0]
    assert decoded.tokens == (1,)
    assert decoded.confidence == pytest.approx(0.64)


@pytest.mark.parametrize("width", [1, 2, 8])
def test_decoders_agree_where_the_network_is_sure(width: int) -> None:
    path = np.array([0, 1, 1, 0, 1, 2, 0, 3])
    batch = np.log(np.full((1, 8, 4), 0.01))
    batch[0, np.arange(8), path] = np.log(0.97)
    greedy, beam = decode_greedy(batch)[0], decode_prefix_beam(batch, width)[0]
    assert greedy.tokens == beam.tokens == (1, 1, 2, 3)
    assert greedy == beam
    assert len(greedy.character_confidences) == 4


def test_batches_of_different_lengths_do_not_touch_each_other() -> None:
    batch = make_log_probabilities((6, 7, 4), 1)
    together = decode_greedy(batch)
    assert len({len(decoded.tokens) for decoded in together}) > 1
    alone = [decode_greedy(batch[index : index + 1])[0] for index in range(6)]
    for one, other in zip(together, alone, strict=True):
        assert one.tokens == other.tokens
        assert one.confidence == pytest.approx(other.confidence)
        assert one.character_confidences == pytest.approx(other.character_confidences)


def test_certain_single_precision_input_stays_within_one_and_finite() -> None:
    steps = np.full((1, 4, 3), -np.inf, np.float32)
    steps[0, np.arange(4), [1, 0, 1, 2]] = 1e-7  # as rounding leaves it
    for decoded in (decode_greedy(steps)[0], decode_prefix_beam(steps, 4)[0]):
        assert decoded.tokens == (1, 1, 2)
        assert decoded.confidence == 1.0
        assert decoded.character_confidences == (1.0, 1.0, 1.0)


def test_nothing_but_blanks_is_the_empty_text() -> None:
    steps = np.log(np.array([[[0.9, 0.1], [0.8, 0.2]]]))
    decoded = decode_greedy(steps)[0]
    assert (decoded.tokens, decoded.character_confidences) == ((), ())
    assert decoded.confidence == pytest.approx(0.72)


def test_beam_search_of_a_batch_takes_under_a_second() -> None:
    batch = make_log_probabilities((64, 40, 36), 0)
    seconds = []
    for _ in range(3):
        start = time.process_time()  # of the processor, the least of three: the machine may be busy
        decode_prefix_beam(batch, 8)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 2.0  # 0.3 s alone; twice the goal
