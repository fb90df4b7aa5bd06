import numpy as np
import pytest

from saccade.augment.line_draws import draw_numbers, make_side_stream
from tests.augment.lines import line, make_generator, policy

OLD = {"rotation_probability": 0.5, "noise_probability": 1.0}
MORE = [{"tia_probability": 0.5}, {"crop_probability": 0.5}, {"jitter_probability": 0.5}, {"hsv_probability": 0.5}]


@pytest.mark.parametrize("bit_generator", [np.random.Philox, np.random.PCG64])
@pytest.mark.parametrize("num_values", [7680, 7681, 7677, 4])
def test_old_operations_draw_what_they_always_drew(bit_generator: type, num_values: int) -> None:
    rng = np.random.Generator(bit_generator(3))
    warp, light, grain = rng.random((4, 9)), rng.random((5, 5)), rng.bytes(num_values)
    for more in ({}, *MORE):
        draws = draw_numbers(line(**OLD | more), num_values, np.random.Generator(bit_generator(3)))
        np.testing.assert_array_equal(draws.warp, warp)
        np.testing.assert_array_equal(draws.light, light)
        assert draws.grain is not None and (draws.grain.tobytes() == grain) == (not more)


def test_new_operations_draw_the_same_whichever_of_them_is_on() -> None:
    cases = [line(**more) for more in MORE] + [line(noise_probability=1.0, **MORE[0]), policy()]
    first, *others = (draw_numbers(augment, 7680, make_generator(5)).more for augment in cases)
    assert first.shape == (6, 32) and first.min() >= 0 and first.max() < 1 and len(set(first.ravel().tolist())) > 180
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_where_nothing_needs_them_there_are_no_further_draws() -> None:
    rng = make_generator(5)
    draws = draw_numbers(line(rotation_probability=0.5), 7680, rng)
    assert draws.grain is None and (draws.more == 1).all()
    fresh = make_generator(5)
    fresh.random((4, 9)), fresh.random((5, 5))
    assert rng.random() == fresh.random()


@pytest.mark.parametrize("bit_generator", [np.random.Philox, np.random.PCG64])
def test_a_side_stream_leaves_the_generator_alone(bit_generator: type) -> None:
    rng = np.random.Generator(bit_generator(3))
    aside = make_side_stream(rng).random(4)
    assert rng.random() == np.random.Generator(bit_generator(3)).random()
    again = make_side_stream(np.random.Generator(bit_generator(3))).random(4)
    np.testing.assert_array_equal(aside, again)
    assert not set(aside.tolist()) & set(np.random.Generator(bit_generator(3)).random(100).tolist())
