"""RandAugment for lines: bounded by default, and the original's ranges where they are asked for."""

import numpy as np
import pytest

from saccade.augment.rand_augment_line import (
    SHAPES,
    Operation,
    apply_tones,
    apply_unbounded,
    draw_operations,
    list_operations,
    make_looks,
    make_shapes,
)
from saccade.augment.text_line import augment_text_line
from saccade.recipes.tables.augment import LineRandAugment
from tests.augment.lines import make_generator, make_image, policy

SIZE = (48, 160)
SAFE, UNSAFE = LineRandAugment(magnitude=9), LineRandAugment(magnitude=9, bounded=False)


def ramp() -> np.ndarray:
    return np.broadcast_to(np.arange(160, dtype=np.uint8), SIZE).copy()


def tone(name: str, settings: LineRandAugment, pixels: np.ndarray, sign: float = 1.0) -> np.ndarray:
    return apply_tones(pixels, settings, [Operation(name, sign)])


def test_colour_is_for_colour_and_solarize_for_the_unbounded() -> None:
    assert len(list_operations(SAFE, 1)) == 12 and len(list_operations(UNSAFE, 3)) == 14
    assert set(list_operations(UNSAFE, 3)) - set(list_operations(SAFE, 1)) == {"colour", "solarize"}


def test_draws_choose_operations_and_ways() -> None:
    names = list_operations(SAFE, 1)
    row = [0.4, 0.0, 0.2, 0.999, 0.9, 0.5, 0.1, *[0.0] * 25]
    assert draw_operations(SAFE, row, 1) == (Operation(names[0], 1.0), Operation(names[-1], -1.0))
    assert draw_operations(SAFE, [0.5, *row[1:]], 1) == ()
    eight = LineRandAugment(num_operations=8)
    assert len(draw_operations(eight, row, 1)) == 8 and draw_operations(eight, row, 1)[2].name == names[6]


def test_every_operation_is_drawn_as_often() -> None:
    rng = np.random.default_rng(0)
    drawn = [operation.name for _ in range(3000) for operation in draw_operations(SAFE, [0.0, *rng.random(31)], 1)]
    counts = {name: drawn.count(name) / len(drawn) for name in list_operations(SAFE, 1)}
    assert all(abs(count - 1 / 12) < 0.02 for count in counts.values())


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("settings", [SAFE, UNSAFE], ids=["safe", "unsafe"])
def test_strengths_are_those_of_paddleocr(name: str, settings: LineRandAugment) -> None:
    """At magnitude 9 of 10: shear 0.27, 0.9 * 150 / 331 of a side, 27 degrees."""
    (matrix,) = make_shapes(settings, [Operation(name)], SIZE)
    expected = {
        "shear_x": (matrix[0, 1], 0.27),
        "shear_y": (matrix[1, 0], 0.27),
        "translate_x": (matrix[0, 2], 0.9 * 150 / 331 * 160),
        "translate_y": (matrix[1, 2], 0.9 * 150 / 331 * 48),
        "rotate": (np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])), 27.0),
    }
    assert expected[name][0] == pytest.approx(expected[name][1])


def test_unbounded_translation_takes_two_fifths_of_the_line_away() -> None:
    moved = apply_unbounded(ramp(), UNSAFE, [Operation("translate_x", 1.0)])
    shift = 0.9 * 150 / 331 * 160  # 65.3 px
    np.testing.assert_allclose(moved[20, :94], np.arange(94) + shift, atol=0.6)
    assert (moved[:, 96:] == 128).all()
    assert (apply_unbounded(ramp(), UNSAFE, [Operation("translate_y", -1.0)])[:19] == 128).all()


def test_unbounded_turns_are_about_the_middle_and_shears_about_an_edge() -> None:
    turn, shear = make_looks(UNSAFE, [Operation("rotate"), Operation("invert"), Operation("shear_x")], SIZE)
    np.testing.assert_allclose(turn @ [79.5, 23.5, 1], [79.5, 23.5, 1])
    np.testing.assert_allclose(shear @ [10, 0, 1], [10, 0, 1])


def test_bounded_shapes_keep_the_text_in_the_frame() -> None:
    from saccade.augment.line_draws import draw_numbers
    from saccade.augment.line_warp import make_text_corners
    from saccade.augment.text_line import plan_line

    augment = policy(magnitude=10, num_operations=8)
    corners = make_text_corners(augment.text_line, SIZE)
    for seed in range(300):
        plan = plan_line(augment, (*SIZE, 1), draw_numbers(augment, 7680, make_generator(seed)))
        x, y, w = corners if plan.warp.matrix is None else plan.warp.matrix @ corners
        assert (x / w).min() >= -1e-9 and (x / w).max() <= 159 + 1e-9
        assert (y / w).min() >= -1e-9 and (y / w).max() <= 47 + 1e-9


def test_bounded_tones_keep_levels_apart() -> None:
    """Dark and light stay apart whatever is drawn; unbounded they fall together."""
    levels = np.repeat(np.array([[60], [200]], np.uint8), 24, axis=0).repeat(160, axis=1)

    def least_gap(settings: LineRandAugment) -> int:
        names = [name for name in list_operations(settings, 1) if name not in SHAPES]
        results = [tone(name, settings, levels, sign) for name in names for sign in (1.0, -1.0)]
        return min(abs(int(result[10, 10]) - int(result[40, 10])) for result in results)

    assert least_gap(LineRandAugment(magnitude=10)) > 50
    assert least_gap(LineRandAugment(magnitude=2, bounded=False)) == 0  # posterize to no bits


def test_tones_by_hand() -> None:
    pixels = ramp()
    np.testing.assert_array_equal(tone("invert", SAFE, pixels), 255 - pixels)
    np.testing.assert_array_equal(tone("posterize", SAFE, pixels), pixels & 0b11111000)  # 8 - int(3.6) bits
    np.testing.assert_array_equal(tone("posterize", UNSAFE, pixels), pixels & 0b11100000)  # int(3.6) bits
    np.testing.assert_array_equal(tone("brightness", SAFE, pixels, -1.0), np.floor(pixels * 0.55 + 0.5))
    bright = tone("brightness", LineRandAugment(magnitude=10, bounded=False), pixels)
    np.testing.assert_array_equal(bright, np.minimum(np.floor(pixels * 1.9 + 0.5), 255))
    stretched = tone("autocontrast", SAFE, pixels)
    assert stretched.min() == 0 and stretched.max() == 255
    flat = np.full(SIZE, 7, np.uint8)
    np.testing.assert_array_equal(tone("autocontrast", SAFE, flat), flat)
    solar = tone("solarize", LineRandAugment(magnitude=5, bounded=False), np.full(SIZE, 130, np.uint8))
    assert (solar == 125).all()


@pytest.mark.parametrize("name", ["contrast", "brightness"])
def test_a_bounded_factor_stops_before_black_and_white(name: str) -> None:
    pixels = np.tile(np.array([90, 240], np.uint8), (48, 80))
    raised = tone(name, LineRandAugment(magnitude=10), pixels)
    assert raised.max() == 255 and raised.min() > 70
    assert tone(name, LineRandAugment(magnitude=10, bounded=False), pixels).max() == 255


def test_less_colour_is_nearer_to_grey() -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    pale, strong = tone("colour", SAFE, red, -1.0)[0, 0], tone("colour", SAFE, red)[0, 0]
    assert pale.tolist() == pytest.approx([0.19 * 200 + 0.81 * 59.8, 0.81 * 59.8, 0.81 * 59.8], abs=1)
    assert strong[0] > 200 and strong[1] == 0


def test_less_sharp_is_smoother() -> None:
    pixels = make_image()[..., 0]
    slopes = [np.abs(np.diff(tone("sharpness", SAFE, pixels, sign).astype(int))).sum() for sign in (-1.0, 1.0)]
    assert slopes[0] < np.abs(np.diff(pixels.astype(int))).sum() < slopes[1]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bounded", [True, False])
def test_lines_are_augmented_by_it(channels: int, bounded: bool) -> None:
    image = make_image(channels)
    results = [augment_text_line(image, policy(bounded=bounded), make_generator(i)) for i in range(30)]
    assert sum(not np.array_equal(result, image) for result in results) > 25
    assert len({result.tobytes() for result in results}) > 20
