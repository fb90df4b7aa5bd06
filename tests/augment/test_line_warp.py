"""The warp of a line: no text leaves the frame, pixels go where the warp says, and the frame's edges give way only to room."""

import numpy as np
import pytest

from saccade.augment.line_draws import LineDraws, Part, draw_numbers
from saccade.augment.line_warp import LineWarp, draw_warp, make_text_corners
from saccade.augment.tia import Bend, make_text_grid
from saccade.recipes.tables.augment import ReadAugment, TextLineAugment
from tests.augment.lines import line, make_generator, make_image

STRONGEST = {"perspective_fraction": 0.2, "rotation_degrees": 30.0, "shear_fraction": 1.0, "scale_min_fraction": 0.31}
GEOMETRY = ("perspective", "rotation", "shear", "scale", "crop", "jitter")
SIZE = (48, 160)


def warp(augment: ReadAugment, seed: int, size: tuple[int, int] = SIZE) -> LineWarp:
    return draw_warp(augment.text_line, draw_numbers(augment, 4, make_generator(seed)), size)


def frame_draws(**values: float) -> LineDraws:
    """Return draws that only crop and jitter look at: crop, jitter, side, cut, x and y."""
    more = np.ones((6, 32), np.float32)
    names = ("crop", "jitter", "side", "cut", "x", "y")
    more[Part.FRAME, :6] = [values.get(name, 1.0) for name in names]
    return LineDraws([[1.0] * 9] * 4, [[1.0] * 5] * 5, more, None)


def place(matrix: np.ndarray, x: float, y: float) -> tuple[float, float]:
    mapped = matrix @ [x, y, 1.0]
    return mapped[0] / mapped[2], mapped[1] / mapped[2]


def test_off_is_no_warp() -> None:
    nothing = warp(ReadAugment(), 0)
    assert nothing.matrix is None and nothing.bend is None
    image = make_image()[..., 0]
    assert nothing.apply(image) is image
    x, y = nothing.trace()
    np.testing.assert_array_equal(x, np.broadcast_to(np.arange(160), SIZE))
    np.testing.assert_array_equal(y.T, np.broadcast_to(np.arange(48), SIZE[::-1]))


@pytest.mark.parametrize("size", [SIZE, (32, 32), (200, 40), (2, 300), (2, 2)])
@pytest.mark.parametrize("margin", [0.02, 0.0, 0.25])
def test_no_text_leaves_the_frame(size: tuple[int, int], margin: float) -> None:
    height, width = size
    augments = [
        line(text_margin_fraction=margin, **STRONGEST, **{f"{name}_probability": p for name in GEOMETRY})
        for p in (0.3, 1.0)
    ]
    corners = make_text_corners(augments[0].text_line, size)
    for i in range(600):
        matrix = warp(augments[i % 2], i, size).matrix
        x, y, w = corners if matrix is None else matrix @ corners
        assert (w > 0).all()
        assert (x / w).min() >= -1e-9 and (x / w).max() <= width - 1 + 1e-9
        assert (y / w).min() >= -1e-9 and (y / w).max() <= height - 1 + 1e-9


def test_no_text_leaves_the_frame_under_all_at_once() -> None:
    """The border of the frame looks at the border of the text area or beyond, for every pixel of it."""
    augment = line(tia_probability=1.0, **STRONGEST, **{f"{name}_probability": 0.7 for name in GEOMETRY})
    inner = make_text_corners(augment.text_line, SIZE)
    (left, top), (right, bottom) = inner[:2, 0] + 0.3, inner[:2, 2] - 0.3  # what the coarse grid may be off by
    for seed in range(300):
        x, y = warp(augment, seed).trace()
        for side in (np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1]):
            inside = (x[side] > left) & (x[side] < right) & (y[side] > top) & (y[side] < bottom)
            assert not inside.any()


def test_one_operation_leaves_the_draws_of_the_others_alone() -> None:
    alone = [warp(line(rotation_probability=0.5), i).matrix for i in range(100)]
    both = [warp(line(rotation_probability=0.5, shear_probability=0.5), i).matrix for i in range(100)]
    same = [(a is None and b is None) or np.array_equal(a, b) for a, b in zip(alone, both, strict=True)]
    assert 0.35 < np.mean(same) < 0.65


def test_a_warp_that_fits_is_not_squeezed() -> None:
    matrix = warp(line(shear_probability=1.0, shear_fraction=0.01), 0).matrix
    assert matrix[0, 0] == pytest.approx(1) and matrix[1, 1] == pytest.approx(1) and matrix[0, 1] != 0


@pytest.mark.parametrize("bends", [False, True])
def test_the_pixels_are_those_that_the_trace_names(bends: bool) -> None:
    """An image whose levels are its x or its y shows, at each pixel, where that pixel looks."""
    settings = {"scale_probability": 1.0, "perspective_probability": 1.0} | ({"tia_probability": 1.0} if bends else {})
    ramp_x = np.broadcast_to(np.arange(160, dtype=np.uint8), SIZE).copy()
    ramp_y = np.broadcast_to(np.arange(48, dtype=np.uint8)[:, None], SIZE).copy()
    for seed in range(20):
        drawn = warp(line(**settings), seed)
        x, y = drawn.trace()
        np.testing.assert_allclose(drawn.apply(ramp_x), x.clip(0, 159), atol=0.6)
        np.testing.assert_allclose(drawn.apply(ramp_y), y.clip(0, 47), atol=0.6)


def test_a_bend_that_moves_nothing_is_its_homography() -> None:
    """Also where the horizon crosses the frame; and both are what OpenCV makes of it."""
    grid = make_text_grid(*SIZE, (159 * 0.02, 47 * 0.02))
    for seed in range(150):
        alone = warp(line(**STRONGEST, **{f"{name}_probability": 0.7 for name in GEOMETRY}), seed)
        bent = LineWarp(SIZE, alone.matrix, Bend(grid, np.zeros_like(grid.places)))
        expected, traced = alone.trace(), bent.trace()
        x, y = expected
        seen = (x >= 0) & (x <= 159) & (y >= 0) & (y <= 47)
        np.testing.assert_allclose(traced[:, seen], expected[:, seen], atol=1e-3)
        ramp = np.broadcast_to(np.arange(160, dtype=np.uint8), SIZE).copy()
        np.testing.assert_allclose(alone.apply(ramp)[seen], x[seen], atol=0.6)


def test_a_bend_under_a_homography_is_both_one_after_the_other() -> None:
    bent = warp(line(tia_probability=1.0), 3)
    both = warp(line(tia_probability=1.0, shear_probability=1.0, scale_probability=1.0), 3)
    assert bent.matrix is None and both.matrix is not None
    inner_x, inner_y = bent.trace()
    matrix = np.linalg.inv(both.matrix)
    x, y = both.trace()
    for row, column in ((10, 40), (24, 80), (30, 120)):
        u, v = place(matrix, column, row)
        if 5 < u < 154 and 3 < v < 44:
            near = round(v), round(u)
            assert x[row, column] == pytest.approx(inner_x[near], abs=2.5)
            assert y[row, column] == pytest.approx(inner_y[near], abs=2.5)


@pytest.mark.parametrize(
    ("margin", "draw", "cut"), [(0.25, 1.0, 48 / 6 * 47 / 48), (0.25, 0.0, 1.0 * 47 / 48), (0.02, 1.0, 0.94)]
)
def test_a_crop_takes_no_more_than_the_margin(margin: float, draw: float, cut: float) -> None:
    """Of 47 px between the first and the last row, from 1/48 to 8/48 are cut off, at most what is free."""
    settings = TextLineAugment(crop_probability=1.0, text_margin_fraction=margin)
    above = draw_warp(settings, frame_draws(crop=0.0, side=0.0, cut=draw), SIZE).matrix
    below = draw_warp(settings, frame_draws(crop=0.0, side=0.9, cut=draw), SIZE).matrix
    assert place(above, 0, cut) == pytest.approx((0, 0), abs=1e-9) and place(above, 0, 47) == pytest.approx((0, 47))
    assert place(below, 0, 0) == pytest.approx((0, 0)) and place(below, 0, 47 - cut) == pytest.approx((0, 47))


@pytest.mark.parametrize(("fraction", "move_x", "move_y"), [(0.01, 0.47, -0.235), (0.1, 0.02 * 159, -0.94)])
def test_jitter_moves_no_further_than_there_is_room(fraction: float, move_x: float, move_y: float) -> None:
    """To the right by the whole reach of 1 or 10 % of 47 px, upwards by half of it; room: 3.18 and 0.94 px."""
    settings = TextLineAugment(jitter_probability=1.0, jitter_fraction=fraction)
    matrix = draw_warp(settings, frame_draws(jitter=0.0, x=1.0, y=0.25), SIZE).matrix
    assert place(matrix, 50, 20) == pytest.approx((50 + move_x, 20 + move_y), abs=1e-6)


def test_crop_finds_the_room_that_a_smaller_line_leaves() -> None:
    """Scaled to 0.4 and put below, the text leaves 28 px above: all 8 may go."""
    settings = TextLineAugment(crop_probability=1.0, scale_probability=1.0, scale_min_fraction=0.4)
    draws = frame_draws(crop=0.0, side=0.0, cut=1.0)
    draws.warp[3] = [0.0, 1.0, 1.0, 0.5, 1.0, 0, 0, 0, 0]
    scaled = draw_warp(settings.model_copy(update={"crop_probability": 0.0}), draws, SIZE).matrix
    cropped = draw_warp(settings, draws, SIZE).matrix
    cut = 47 / 6
    assert place(cropped @ np.linalg.inv(scaled), 0, cut) == pytest.approx((0, 0), abs=1e-9)
