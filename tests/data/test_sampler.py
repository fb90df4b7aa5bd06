"""The order of examples: a pure function of (seed, epoch), complete, and cut alike for any number of parts."""

import numpy as np
import pytest

from saccade.data.sampler import Sampler, make_generator, rows_of_part


def test_an_epoch_holds_every_example_once_in_an_order_of_its_own() -> None:
    sampler = Sampler(10, 4, seed=0)
    batches = list(sampler.batches(0))
    assert [len(batch) for batch in batches] == [4, 4, 2] and sampler.num_batches == 3
    assert sorted(np.concatenate(batches)) == list(range(10))
    orders = {tuple(Sampler(10, 4, seed=seed).order(epoch)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4
    assert list(sampler.order(1)) == list(Sampler(10, 3, seed=0).order(1))


def test_an_epoch_goes_on_in_its_middle() -> None:
    sampler = Sampler(10, 4, seed=3)
    whole = list(sampler.batches(5))
    for first in range(4):
        rest = list(sampler.batches(5, first))
        assert [list(batch) for batch in rest] == [list(batch) for batch in whole[first:]]


def test_a_last_batch_too_small_to_share_is_left_out() -> None:
    assert [Sampler(9, 4, seed=0, min_rows=rows).num_batches for rows in (1, 2)] == [3, 2]
    assert Sampler(8, 4, seed=0).num_batches == 2
    assert Sampler(0, 4, seed=0).num_batches == 0


def test_weights_repeat_and_thin_out() -> None:
    sampler = Sampler(10, 4, seed=0, weights=[2.5] * 4 + [0.5] * 6)
    order = sampler.order(0)
    counts = np.bincount(order % 10, minlength=10)
    assert counts[:4].sum() == 10 and set(counts[:4]) <= {2, 3}
    assert counts[4:].sum() == 3 and set(counts[4:]) <= {0, 1}
    assert len(set(order.tolist())) == len(order) == 13  # each time an example comes it is another draw
    assert sampler.num_batches == 4 and sum(len(batch) for batch in sampler.batches(0)) == 13
    chosen = {frozenset(sampler.order(epoch) % 10) for epoch in range(6)}
    assert len(chosen) > 1


def make_lengths(num: int = 8000, seed: int = 0) -> list[int]:
    """Draw lengths as formulas have them: of CROHME's 8,835 the mean is 15, a tenth is above 30, the longest 96."""
    return np.random.default_rng(seed).lognormal(2.4, 0.8, num).astype(int).clip(1, 96).tolist()


def measure_padding(sampler: Sampler, lengths: list[int], epoch: int = 0) -> float:
    """Return the share of padding in batches padded to their longest."""
    batches = [np.array(lengths)[draws % len(lengths)] for draws in sampler.batches(epoch)]
    padded = sum(len(batch) * int(batch.max()) for batch in batches)
    return 1 - sum(int(batch.sum()) for batch in batches) / padded


def test_batches_by_length_hold_little_padding() -> None:
    lengths = make_lengths()
    assert measure_padding(Sampler(8000, 16, seed=0), lengths) > 0.6
    assert measure_padding(Sampler(8000, 16, seed=0, lengths=lengths), lengths) < 0.08
    assert measure_padding(Sampler(300, 16, seed=0, lengths=lengths[:300]), lengths[:300]) < 0.45


@pytest.mark.parametrize(("num", "batch_size"), [(8000, 16), (300, 16), (50, 16), (16, 16), (5, 16), (0, 16), (7, 1)])
def test_by_length_every_example_comes_once_in_batches_of_the_same_sizes(num: int, batch_size: int) -> None:
    sampler, plain = (Sampler(num, batch_size, seed=1, lengths=lengths) for lengths in (make_lengths(num), None))
    assert (sampler.num_batches, sampler.num_left_out) == (plain.num_batches, plain.num_left_out)
    for epoch in range(3):
        batches = list(sampler.batches(epoch))
        assert list(map(len, batches)) == list(map(len, plain.batches(epoch)))
        assert sorted(np.concatenate([[], *batches])) == list(range(num))


def test_by_length_it_is_a_function_of_seed_and_epoch_and_goes_on_in_the_middle() -> None:
    lengths = make_lengths(500)
    sampler = Sampler(500, 16, seed=3, lengths=lengths)
    whole = [draws.tolist() for draws in sampler.batches(5)]
    again = Sampler(500, 16, seed=3, lengths=lengths)
    assert [draws.tolist() for draws in again.batches(5)] == whole
    assert [draws.tolist() for draws in again.batches(5, 20)] == whole[20:]
    assert [draws.tolist() for draws in Sampler(500, 16, seed=4, lengths=lengths).batches(5)] != whole


def test_by_length_each_epoch_has_batches_of_its_own_in_an_order_of_its_own() -> None:
    lengths = list(range(200))  # no two alike, so nothing but the pools can differ
    sampler = Sampler(200, 10, seed=0, lengths=lengths)
    composed = [{frozenset(draws.tolist()) for draws in sampler.batches(epoch)} for epoch in range(2)]
    assert len(composed[0] & composed[1]) < 5
    means = [np.mean(draws) for draws in sampler.batches(0)]
    assert means != sorted(means)
    assert all(list(draws) != sorted(draws) for draws in sampler.batches(0))


def test_by_length_the_small_last_batch_and_what_is_left_out_are_drawn_from_all() -> None:
    lengths = [1] * 90 + [50] * 15  # 105 = 13 batches of 8 and one example, which would always be a long one
    alone = [Sampler(105, 8, seed=0, lengths=lengths).order(epoch)[-1] for epoch in range(20)]
    assert any(lengths[example] == 1 for example in alone)
    assert Sampler(105, 8, seed=0, lengths=lengths, min_rows=2).num_left_out == 1


def test_by_length_with_weights() -> None:
    lengths = make_lengths(300)
    weights = [2.5] * 100 + [0.5] * 200
    sampler, plain = (Sampler(300, 16, seed=0, weights=weights, lengths=given) for given in (lengths, None))
    assert sorted(sampler.order(2)) == sorted(plain.order(2)) and len(sampler.order(2)) == 350
    assert measure_padding(sampler, lengths) < 0.6 * measure_padding(plain, lengths)


@pytest.mark.parametrize(
    ("num_rows", "num_parts", "sizes"),
    [
        (10, 3, [2, 4, 4]),
        (64, 4, [16, 16, 16, 16]),
        (15, 2, [8, 7]),
        (10, 4, [2, 2, 2, 4]),
        (5, 2, [2, 3]),
        (5, 3, [2, 2, 1]),  # every part can still begin at an even row
        (7, 7, [1] * 7),
        (4, 3, [1, 1, 2]),
        (9, 1, [9]),
    ],
)
def test_the_rows_of_each_part(num_rows: int, num_parts: int, sizes: list[int]) -> None:
    parts = [rows_of_part(num_rows, part, num_parts) for part in range(num_parts)]
    assert [part.stop - part.start for part in parts] == sizes


@pytest.mark.parametrize("num_parts", range(1, 9))
@pytest.mark.parametrize("num_rows", range(8, 40))
def test_parts_cover_every_row_and_keep_pairs_together(num_rows: int, num_parts: int) -> None:
    parts = [rows_of_part(num_rows, part, num_parts) for part in range(num_parts)]
    assert [row for part in parts for row in range(num_rows)[part]] == list(range(num_rows))
    sizes = [part.stop - part.start for part in parts]
    assert min(sizes) > 0 and max(sizes) - min(sizes) <= 2
    if num_rows >= 2 * num_parts:
        assert all(part.start % 2 == 0 for part in parts)


def test_each_key_has_a_generator_of_its_own() -> None:
    keys = [(0,), (1,), (0, 1), (0, 0, 1), (0, 0, 0, 1), (0, 1, 1), (2**32 - 1, 1)]
    assert len({tuple(make_generator(*key).random(2)) for key in keys}) == len(keys)
    assert make_generator(3, 4).random() == make_generator(3, 4, 0, 0).random()
