"""Strokes to pixels: sizes, places and colours, worked out by hand."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from saccade.data.formats.strokes import Pen, Stroke, draw_strokes

PEN = Pen(height_px=64, max_width_px=512, line_px=2.0, margin_px=4.0, is_white=True)


def make_stroke(*points: tuple[float, float]) -> Stroke:
    return np.array(points, np.float32)


CROSS = [make_stroke((0, 0), (100, 50)), make_stroke((0, 50), (100, 0))]


def find_box(image: np.ndarray) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what is brighter than half."""
    rows, columns = np.nonzero(image[:, :, 0] > 127)
    return columns.min(), rows.min(), columns.max(), rows.max()


def test_strokes_fill_the_height_up_to_the_margin() -> None:
    image = draw_strokes(CROSS, PEN)
    assert image.shape == (64, 118, 3)  # 54 px of room for 50 units: 108 px, and twice 5 px beside
    assert image.dtype == np.uint8
    left, top, right, bottom = find_box(image)
    assert (left, top) == pytest.approx((4, 4), abs=1)
    assert (right, bottom) == pytest.approx((113, 59), abs=1)


def test_where_the_strokes_lie_and_how_large_they_are_does_not_matter() -> None:
    image = draw_strokes(CROSS, PEN)
    for moved in ([stroke - 1000 for stroke in CROSS], [stroke * 0.01 for stroke in CROSS]):
        np.testing.assert_allclose(draw_strokes(moved, PEN).astype(int), image.astype(int), atol=24)


def test_what_would_be_too_wide_is_drawn_smaller_in_the_middle() -> None:
    flat = [make_stroke((0, 0), (1000, 0)), make_stroke((0, 20), (1000, 20))]
    image = draw_strokes(flat, PEN)
    assert image.shape == (64, 512, 3)
    left, top, right, bottom = find_box(image)
    assert (left, right) == pytest.approx((4, 507), abs=1)
    assert top + bottom == pytest.approx(63, abs=1)
    assert bottom - top == pytest.approx(502 * 0.02 + 2, abs=2)


@pytest.mark.parametrize("stroke", [make_stroke((5, 7)), make_stroke((5, 7), (5, 7)), make_stroke((-3, 2))])
def test_a_dot_is_drawn(stroke: Stroke) -> None:
    image = draw_strokes([stroke], PEN)
    assert image.shape == (64, 16, 3)
    left, top, right, bottom = find_box(image)
    assert (left + right, top + bottom) == pytest.approx((15, 63), abs=1)
    assert 1 <= right - left + 1 <= 3


def test_a_lone_vertical_line_has_room_beside_it() -> None:
    image = draw_strokes([make_stroke((0, 0), (0, 9))], PEN)
    assert image.shape == (64, 16, 3)
    assert find_box(image)[1] == pytest.approx(4, abs=1)


def test_ink_and_ground() -> None:
    white, black = draw_strokes(CROSS, PEN), draw_strokes(CROSS, replace(PEN, is_white=False))
    np.testing.assert_array_equal(white, 255 - black)
    assert white[0, 0, 0] == 0
    assert white.max() == 255
    assert (white == white[:, :, :1]).all()


def test_a_thicker_line_is_more_ink_and_edges_are_smooth() -> None:
    thin, thick = (draw_strokes(CROSS, replace(PEN, line_px=width)) for width in (2.0, 4.0))
    assert 1.7 < thick.mean() / thin.mean() < 2.3
    assert len(np.unique(thin)) > 8


def test_threads_draw_the_same() -> None:
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(lambda _: draw_strokes(CROSS, PEN), range(8)))
    assert all(np.array_equal(image, images[0]) for image in images)
