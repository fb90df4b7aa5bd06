"""TIA: moving least squares as published, and text that stays where it may be."""

import numpy as np
import pytest

from saccade.augment import tia
from saccade.augment.tia import Bend, draw_bend, make_text_grid
from saccade.recipes.tables.augment import TextLineAugment

SIZE = (48, 160)
MARGINS = (159 * 0.02, 47 * 0.02)
OFF = {"tia_distort_probability": 0.0, "tia_stretch_probability": 0.0, "tia_perspective_probability": 0.0}


def only(part: str, **more: float) -> TextLineAugment:
    return TextLineAugment(tia_probability=1.0, **OFF | {f"tia_{part}_probability": 1.0} | more)


def draw(settings: TextLineAugment, seed: int, size: tuple[int, int] = SIZE, margins: tuple = MARGINS) -> Bend | None:
    draws = np.random.default_rng(seed).random((6, 32), np.float32)
    return draw_bend(settings, size, margins, draws)


def bend_by(**rows: list[float]) -> Bend:
    """Bend without margins by chosen draws: of each part, those behind the first."""
    draws = np.full((6, 32), 0.9, np.float32)
    for row, part in enumerate(("distort", "stretch", "perspective")):
        given = rows.get(part, [])
        draws[row, 1 : 1 + len(given)] = given
    (part,) = rows
    bend = draw_bend(only(part), SIZE, (0.0, 0.0), draws)
    assert bend is not None
    return bend


def find_move(bend: Bend, x: float) -> float:
    """Return how far the upper edge of the text looks to the right at x, px."""
    row = bend.grid.text[0].start
    return float(np.interp(x, bend.grid.places[0, row], bend.moves[0, row]))


def look(bend: Bend) -> tuple[np.ndarray, np.ndarray]:
    """Return where the points on the text look, x and y, from where the first of them is, px."""
    on_text = bend.grid.places[:, *bend.grid.text]
    return tuple(on_text + bend.moves[:, *bend.grid.text] - on_text[:, :1, :1])


def move_by_hand(controls: np.ndarray, targets: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Deform one point by similarities, as Schaefer et al. 2006 write it: equations 1, 5 and 6, with alpha = 1."""
    weights = 1 / ((controls - point) ** 2).sum(axis=1)
    p_star = (weights[:, None] * controls).sum(axis=0) / weights.sum()
    q_star = (weights[:, None] * targets).sum(axis=0) / weights.sum()
    spread = (weights * ((controls - p_star) ** 2).sum(axis=1)).sum()
    v = point - p_star
    moved = q_star.copy()
    for weight, p, q in zip(weights, controls - p_star, targets - q_star, strict=True):
        left = np.array([p, [p[1], -p[0]]])  # rows p and -p turned by a quarter
        right = np.array([v, [v[1], -v[0]]])
        moved += q @ (weight * left @ right.T) / spread
    return moved


def test_moves_are_moving_least_squares() -> None:
    grid = make_text_grid(*SIZE, MARGINS)
    rng = np.random.default_rng(0)
    xs = np.linspace(0, 159, 4)
    controls = np.array([[x, y] for y in (0.0, 47.0) for x in xs])
    moves = rng.uniform(-10, 10, (2, 4, 2))
    moved = np.einsum("pejc,ejc->p", tia._weigh_points(grid, SIZE, 3), moves).reshape(grid.places.shape)
    for row, column in ((0, 3), (2, 7), (4, 12), (1, 0)):
        point = grid.places[:, row, column].astype(np.float64)
        by_hand = move_by_hand(controls, controls + moves.reshape(8, 2), point) - point
        np.testing.assert_allclose(moved[:, row, column], by_hand, atol=1e-3)


def test_control_points_that_move_alike_move_everything_so() -> None:
    grid = make_text_grid(*SIZE, MARGINS)
    moved = (tia._weigh_points(grid, SIZE, 5) * np.array([3.0, -2.0])).sum(axis=(1, 2, 3)).reshape(2, -1)
    np.testing.assert_allclose(moved, np.broadcast_to([[3.0], [-2.0]], moved.shape), atol=1e-4)


def test_the_grid_spans_the_text_and_spreads_evenly() -> None:
    grid = make_text_grid(*SIZE, MARGINS)
    on_text = grid.places[:, *grid.text]
    np.testing.assert_allclose(on_text[:, 0, 0], MARGINS, rtol=1e-5)
    np.testing.assert_allclose(on_text[:, -1, -1], [159 - MARGINS[0], 47 - MARGINS[1]], rtol=1e-5)
    spread = grid.rows @ grid.places @ grid.columns
    np.testing.assert_allclose(spread[0], np.broadcast_to(np.arange(160), SIZE), atol=1e-3)
    np.testing.assert_allclose(spread[1].T, np.broadcast_to(np.arange(48), SIZE[::-1]), atol=1e-3)
    numbers = (grid.numbers @ grid.homogeneous).reshape(3, *grid.places.shape[1:])
    np.testing.assert_allclose(numbers[0, 0], np.arange(grid.places.shape[2]), atol=1e-9)
    np.testing.assert_allclose(numbers[1, :, 0], np.arange(grid.places.shape[1]), atol=1e-9)


@pytest.mark.parametrize("part", ["distort", "stretch", "perspective"])
def test_nothing_folds(part: str) -> None:
    for settings in (only(part), TextLineAugment(tia_probability=1.0)):
        for seed in range(200):
            bend = draw(settings, seed)
            assert bend is not None
            x, y = look(bend)
            assert np.diff(x, axis=1).min() > 0.2 * bend.grid.step_px[0]
            assert np.diff(y, axis=0).min() > 0.2 * bend.grid.step_px[1]


def test_a_stretch_leaves_the_ends_where_they_are() -> None:
    for seed in range(100):
        bend = draw(only("stretch"), seed)
        assert bend is not None
        x, _ = look(bend)
        np.testing.assert_allclose(x[:, [0, -1]] - [0, 159 - 2 * MARGINS[0]], 0, atol=6)


def test_a_stretch_moves_a_point_by_so_much_of_a_segment() -> None:
    """With 3 segments, points at a third and two thirds: the draw 1 moves the first by +0.4 of 53 px, 0.5 the second not at all."""
    bend = bend_by(stretch=[0.0, 1.0, 0.5])
    assert find_move(bend, 53.0) == pytest.approx(0.4 * 53, rel=0.1)
    assert abs(find_move(bend, 106.0)) < 1.0


def test_a_stretch_looks_at_two_fifths_of_a_segment_at_least() -> None:
    """Draws 1 and 0 would move neighbours by +0.4 and -0.4 of a segment, so it would look at 0.2 of itself: both move by 0.3."""
    assert find_move(bend_by(stretch=[0.0, 1.0, 0.0]), 53.0) == pytest.approx(0.3 * 53, rel=0.1)


def test_a_distortion_moves_points_by_so_much_of_a_segment() -> None:
    """With 3 segments a third of 47 px, the height, is less than a third of 53: points move by up to 7.8 px either way, all alike here."""
    for edge_draw, move in ((1.0, 7.8), (0.0, -7.8), (0.5, 0.0)):
        edge = [0.5, 0.5, edge_draw, 0.5, edge_draw, 0.5, 0.5, 0.5]
        bend = bend_by(distort=[0.0, *edge, *edge])
        assert find_move(bend, 79.5) == pytest.approx(move, abs=1.5)


@pytest.mark.parametrize(("upper", "lower", "height"), [(0.2, 0.3, 1 - 0.25), (0.0, 0.0, 1.0), (1.0, 1.0, 0.5)])
def test_a_tilt_leaves_so_much_of_an_end(upper: float, lower: float, height: float) -> None:
    """Corners move by a fraction 0.5 of the height times their draw; either end keeps half."""
    _, y = look(bend_by(perspective=[upper, 0.0, lower, 0.0]))  # the left end alone
    assert (y[-1, 0] - y[0, 0]) / 47 == pytest.approx(1 / height, rel=1e-2)
    assert (y[-1, -1] - y[0, -1]) / 47 == pytest.approx(1.0, rel=1e-2)


@pytest.mark.parametrize("size", [SIZE, (32, 32), (32, 320), (200, 40), (8, 4096), (2, 2)])
@pytest.mark.parametrize("margin", [0.0, 0.02, 0.25])
def test_text_stays_on_its_grid(size: tuple[int, int], margin: float) -> None:
    settings = TextLineAugment(tia_probability=1.0, tia_distort_fraction=0.5)
    margins = (0.02 * (size[1] - 1), margin * (size[0] - 1))
    for seed in range(150):
        bend = draw(settings, seed, size, margins)
        assert bend is not None and np.isfinite(bend.moves).all()
        x, y = look(bend)
        near = 1e-3 * max(bend.grid.step_px)
        assert x[:, 0].max() <= near and x[:, -1].min() >= size[1] - 1 - 2 * margins[0] - near
        assert y[0].max() <= near and y[-1].min() >= size[0] - 1 - 2 * margins[1] - near
        assert np.abs(bend.moves).max() < 2 * max(size)


def test_parts_are_drawn_apart() -> None:
    settings = TextLineAugment(tia_probability=1.0, **dict.fromkeys(OFF, 0.5))
    draws = np.random.default_rng(0).random((6, 32), np.float32)
    draws[:3, 0] = 0.7, 0.6, 0.3
    alone = draw_bend(only("perspective"), SIZE, MARGINS, draws)
    chosen = draw_bend(settings, SIZE, MARGINS, draws)
    assert alone is not None and chosen is not None
    np.testing.assert_array_equal(chosen.moves, alone.moves)
    draws[2, 0] = 0.9
    assert draw_bend(settings, SIZE, MARGINS, draws) is None
