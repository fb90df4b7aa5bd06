"""Text image augmentation (TIA, Luo et al. 2020): a line bent by moving points on its upper and lower edge.

Path: uniform draws -> moves of control points -> moving least squares on a coarse grid over the text (Schaefer et al.
2006, similarity transformations) -> the moves of distortion, stretch and tilt added up -> bounded, so that nothing folds
and text stays where it may be -> `Bend`. It reads no image; `line_warp.py` joins it with the homography.

The control points stand still in the result and say where in the input it looks. That way the moves of the grid are
linear in the draws: one product of a matrix that no draw changes and a vector.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from saccade.recipes.tables.augment import TextLineAugment

MIN_SEGMENTS, MAX_SEGMENTS = 3, 6
"""Control points divide both edges into so many segments, for distortion and for stretch."""
MIN_SEGMENT_FRACTION = 0.4
"""A segment of a stretch looks at so much of its width at least: text becomes 2.5 times as wide at most."""
MIN_END_FRACTION = 0.5
"""What a tilt leaves of the height at either end of the line."""

_MIN_LOOK_FRACTION = 0.25
_MAX_APPROACH = 0.6
_CELLS_A_HEIGHT = 4
_MAX_CELLS = 64
_EPSILON_PX2 = 1e-6

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TextGrid:
    """Points spread evenly over the part of a frame that may hold text, edges included, and beyond it over the whole frame.

    Attributes:
        places: Where they are, px, [2, rows, columns].
        text: The rows and columns of those on the text.
        step_px: From one to the next in x and in y.
        homogeneous: Their places as homogeneous px, [3, rows * columns].
        numbers: The homography from px to numbers of columns and rows, [3, 3].
        rows: What each has of every row of pixels, [H, rows]; with `columns` it spreads values over the frame, linearly.
        columns: The same of every column, [columns, W].
    """

    places: Floats
    text: tuple[slice, slice]
    step_px: tuple[float, float]
    homogeneous: NDArray[np.float64]
    numbers: NDArray[np.float64]
    rows: Floats
    columns: Floats


@dataclass(frozen=True)
class Bend:
    """How far from themselves the points of a grid look: x and y in px, [2, rows, columns]."""

    grid: TextGrid
    moves: Floats

    def move(self, numbers: Floats) -> Floats:
        """Return the moves at any places, given in numbers of columns and rows, [2, h, w]; beyond the grid those of its edge."""
        x, y = numbers
        moved = [cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for plane in self.moves]
        return np.asarray(moved, np.float32)


@lru_cache(maxsize=32)
def make_text_grid(height: int, width: int, margins_px: tuple[float, float]) -> TextGrid:
    """Make the grid of a frame whose text keeps `margins_px` (x, y) away from its edges."""
    num_columns = max(2, min(_MAX_CELLS, math.ceil(_CELLS_A_HEIGHT * width / height)))
    xs, column_slice = _divide(width, margins_px[0], num_columns)
    ys, row_slice = _divide(height, margins_px[1], _CELLS_A_HEIGHT)
    places = np.stack(np.meshgrid(xs, ys))
    step_x, step_y = float(xs[1] - xs[0]), float(ys[1] - ys[0])
    return TextGrid(
        places=places.astype(np.float32),
        text=(row_slice, column_slice),
        step_px=(step_x, step_y),
        homogeneous=np.concatenate([places.reshape(2, -1), np.ones((1, places[0].size))]),
        numbers=np.array([[1 / step_x, 0, -xs[0] / step_x], [0, 1 / step_y, -ys[0] / step_y], [0, 0, 1]]),
        rows=_spread(height, ys),
        columns=_spread(width, xs).T.copy(),
    )


def _divide(num_pixels: int, margin_px: float, num_cells: int) -> tuple[NDArray[np.float64], slice]:
    """Return the places of points along one axis, and which of them are on the text; at least one is not, at either end."""
    step = (num_pixels - 1 - 2 * margin_px) / num_cells
    num_beyond = max(1, math.ceil(margin_px / step))
    places: NDArray[np.float64] = margin_px + step * np.arange(
        -num_beyond, num_cells + num_beyond + 1, dtype=np.float64
    )
    return places, slice(num_beyond, num_beyond + num_cells + 1)


def _spread(num_pixels: int, places: NDArray[np.float64]) -> Floats:
    """Return what each of evenly spread points has of each pixel along one axis: [pixels, points]."""
    numbers = (np.arange(num_pixels) - places[0]) / (places[1] - places[0])
    cells = numbers.astype(int).clip(0, len(places) - 2)
    shares = np.zeros((num_pixels, len(places)), np.float32)
    shares[np.arange(num_pixels), cells] = 1 - (numbers - cells)
    shares[np.arange(num_pixels), cells + 1] = numbers - cells
    return shares


def draw_bend(
    settings: TextLineAugment, size: tuple[int, int], margins_px: tuple[float, float], draws: Floats
) -> Bend | None:
    """Draw distortion, stretch and tilt of a line that TIA acts on.

    Args:
        settings: Their probabilities and strengths.
        size: Height and width of the frame, px.
        margins_px: How far text keeps from the frame's edges in the input, in x and in y; so far it keeps in the result.
        draws: Uniform in [0, 1): a row of 30 for distortion, for stretch and for tilt.

    Returns:
        None where nothing is drawn.
    """
    distort, stretch, tilt = draws[:3].tolist()
    bends = distort[0] < settings.tia_distort_probability
    stretches = stretch[0] < settings.tia_stretch_probability
    tilts = tilt[0] < settings.tia_perspective_probability
    if not (bends or stretches or tilts):
        return None
    num_bent, num_stretched = _count_segments(distort[1]), _count_segments(stretch[1])
    fraction = settings.tia_distort_fraction if bends else 0.0
    strengths = [
        fraction,
        *[fraction * draw for draw in distort[2 : 6 + 4 * num_bent]],
        *_stretch(settings.tia_stretch_fraction if stretches else 0.0, stretch[2 : 1 + num_stretched]),
        *_tilt(settings.tia_perspective_fraction if tilts else 0.0, tilt[1:5]),
    ]
    factors = _make_factors(size, margins_px)[num_bent, num_stretched]
    grid = make_text_grid(*size, margins_px)
    moves: Floats = factors @ np.array(strengths, np.float32)
    return Bend(grid, _bound(grid, moves.reshape(grid.places.shape)))


def _count_segments(draw: float) -> int:
    return MIN_SEGMENTS + int(draw * (MAX_SEGMENTS + 1 - MIN_SEGMENTS))


def _stretch(fraction: float, draws: list[float]) -> list[float]:
    """Return the moves of inner points in segments, all of them less where a segment would look at too little."""
    moves = [fraction * (draw - 0.5) for draw in draws]
    narrowest = max(before - behind for before, behind in pairwise([0.0, *moves, 0.0]))
    bounded = (1 - MIN_SEGMENT_FRACTION) / narrowest if narrowest > 1 - MIN_SEGMENT_FRACTION else 1.0
    return [move * bounded for move in moves]


def _tilt(fraction: float, draws: list[float]) -> list[float]:
    """Return in heights how far above or below the corners look, so that both ends become lower.

    Where a share of the height shall be left, what lies h above the middle is looked for at h / share.
    """
    looks = [0.0] * 4
    for end in (0, 1):
        above, below = fraction * draws[end], fraction * draws[2 + end]
        lost = above + below
        bounded = (1 - MIN_END_FRACTION) / lost if lost > 1 - MIN_END_FRACTION else 1.0
        looks[end] = -above * bounded / (1 - lost * bounded)
        looks[2 + end] = below * bounded / (1 - lost * bounded)
    return looks


@lru_cache(maxsize=32)
def _make_factors(size: tuple[int, int], margins_px: tuple[float, float]) -> dict[tuple[int, int], Floats]:
    """Return, for each two numbers of segments, what strengths are multiplied with to move the grid: [2 * points, strengths]."""
    grid = make_text_grid(*size, margins_px)
    right, bottom = size[1] - 1.0, size[0] - 1.0
    nums = range(MIN_SEGMENTS, MAX_SEGMENTS + 1)
    distort, stretch = {}, {}
    for num_segments in nums:
        factors = _weigh_points(grid, size, num_segments)  # (2 * points, 2 edges, columns, 2)
        segment = right / num_segments
        span = np.full((2, num_segments + 1, 2), min(segment, bottom))  # longer moves would tear the edges apart
        low = -span / 2  # points between the corners move either way, corners only bring the text inwards
        low[:, 0, 0], low[0, [0, -1], 1] = -span[:, 0, 0], -span[0, [0, -1], 1]
        low[:, -1, 0], low[1, [0, -1], 1] = 0, 0
        constant = (factors * low).sum(axis=(1, 2, 3))
        distort[num_segments] = np.concatenate([constant[:, None], (factors * span).reshape(len(factors), -1)], axis=1)
        stretch[num_segments] = factors[:, :, 1:-1, 0].sum(axis=1) * segment
    tilt = _weigh_points(grid, size, 1)[..., 1].reshape(-1, 4) * bottom
    return {
        (bent, stretched): np.concatenate([distort[bent], stretch[stretched], tilt], axis=1).astype(np.float32)
        for bent in nums
        for stretched in nums
    }


def _weigh_points(grid: TextGrid, size: tuple[int, int], num_segments: int) -> NDArray[np.float64]:
    """Return how a move of each control point in x or y moves each point of the grid.

    With points as complex numbers a similarity is z -> a z + b, and the weighted least squares of Schaefer et al. are
    linear in where the control points go.

    Returns:
        [2 * points, 2 edges, segments + 1, 2], first all that moves points in x.
    """
    top = np.linspace(0, size[1] - 1, num_segments + 1) + 0j
    controls = np.concatenate([top, top + 1j * (size[0] - 1)])
    places = grid.homogeneous[0] + 1j * grid.homogeneous[1]
    weights = 1 / (np.abs(places[:, None] - controls) ** 2 + _EPSILON_PX2)
    weights /= weights.sum(axis=1, keepdims=True)
    centres = weights @ controls
    offsets = controls - centres[:, None]
    spread = (weights * np.abs(offsets) ** 2).sum(axis=1)
    factors = weights * (1 + ((places - centres) / spread)[:, None] * offsets.conj())
    moves = np.array(
        [[factors.real, -factors.imag], [factors.imag, factors.real]]
    )  # (2 of points, 2 of controls, points, K)
    return moves.transpose(0, 2, 3, 1).reshape(2 * len(places), 2, num_segments + 1, 2)


def _bound(grid: TextGrid, moves: Floats) -> Floats:
    """Bound the moves of a grid.

    All become smaller where neighbours would look at too little between them, or where the grid's edges would come too
    near to each other. Then each axis is squeezed as far as it takes to let the edges look at or beyond the edges: no
    text that the input has on the grid leaves it.
    """
    x, y = moves
    narrowest = (float((x[:, 1:] - x[:, :-1]).min()), float((y[1:] - y[:-1]).min()))
    rows, columns = grid.text
    left, right = x[rows, columns.start].tolist(), x[rows, columns.stop - 1].tolist()
    top, bottom = y[rows.start, columns].tolist(), y[rows.stop - 1, columns].tolist()
    lows, highs = (max(left), max(top)), (min(right), min(bottom))
    num_cells = (len(top) - 1, len(left) - 1)
    scale = 1.0
    for axis, step in enumerate(grid.step_px):
        if narrowest[axis] < (_MIN_LOOK_FRACTION - 1) * step:
            scale = min(scale, (_MIN_LOOK_FRACTION - 1) * step / narrowest[axis])
        if lows[axis] - highs[axis] > _MAX_APPROACH * step * num_cells[axis]:
            scale = min(scale, _MAX_APPROACH * step * num_cells[axis] / (lows[axis] - highs[axis]))
    factors, shifts = [1.0, 1.0], [0.0, 0.0]
    for axis, step in enumerate(grid.step_px):
        extent = step * num_cells[axis]
        low, high = lows[axis] * scale, extent + highs[axis] * scale  # from the first edge of the grid
        if low > 0 or high < extent:
            factors[axis] = factor = max(1.0, extent / (high - low))
            shifts[axis] = min(max((1 - factor) * extent / 2, extent - high * factor), -low * factor)
    if factors == [1.0, 1.0] and shifts == [0.0, 0.0]:
        return moves if scale == 1 else moves * np.float32(scale)
    first = grid.places[:, rows.start, columns.start, None, None]
    grown, shifted = np.array([factors, shifts], np.float32)[..., None, None]
    return np.asarray(moves * (grown * np.float32(scale)) + (grid.places - first) * (grown - 1) + shifted, np.float32)
