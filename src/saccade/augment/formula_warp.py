"""Where an augmented formula looks: turns, scale, shift and grid distortion as one warp that keeps the ink in the frame.

Path: settings, draws and the box of the ink -> a matrix, bounded -> columns and rows of other widths behind it ->
`FormulaWarp` -> one pass over the pixels. What is squeezed is drawn several times as large and averaged, so that thin
strokes do not fall between pixels.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from saccade.augment.line_warp import Matrix, measure_margins
from saccade.data.ink import Ink
from saccade.recipes.tables.augment import FormulaAugment, TextLineAugment

_MAX_SUPERSAMPLING = 4
_LEAST_SQUEEZE = 0.77
"""What is squeezed less than to this is read between four pixels, which is enough."""
_MAX_ASPECT_CHANGE = 1.5
"""How many times as much one axis may be squeezed as the other."""

_BORDERS = {"paper": cv2.BORDER_CONSTANT, "replicate": cv2.BORDER_REPLICATE, "wrap": cv2.BORDER_WRAP}

Places = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Nodes along one axis, px, both rising from 0 to the frame's end: where they are in the result, and what they look at."""

    nodes: Places
    looks: Places


@dataclass(frozen=True)
class FormulaWarp:
    """A matrix [3, 3] from input to output px, pixel centres at whole numbers, and behind it a grid in x and one in y.

    Attributes:
        size: Height and width of the frame, px.
        matrix: Affine; its last row is 0 0 1.
        grids: In x and y; None for none.
        border: What comes in from beyond the image: "paper", "replicate" or "wrap".
        paper: The level of "paper" in each channel.
    """

    size: tuple[int, int]
    matrix: Matrix
    grids: tuple[Grid, Grid] | None
    border: str
    paper: tuple[int, ...]

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Return the warped image, uint8 [H, W] or [H, W, 3]."""
        height, width = self.size
        times_y, times_x = (self._supersample(axis) for axis in (1, 0))
        mode, paper = _BORDERS[self.border], self.paper
        inverse = np.linalg.inv(self.matrix)
        xs, ys = (
            (np.arange(extent * times) + 0.5) / times - 0.5 for extent, times in ((width, times_x), (height, times_y))
        )
        if self.grids is None:
            look = inverse @ np.array([[1 / times_x, 0, xs[0]], [0, 1 / times_y, ys[0]], [0, 0, 1]])
            flags, large = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (width * times_x, height * times_y)
            warped = cv2.warpAffine(pixels, look[:2], large, flags=flags, borderMode=mode, borderValue=paper)
        else:
            xs, ys = (np.interp(at, grid.nodes, grid.looks) for at, grid in zip((xs, ys), self.grids, strict=True))
            by_x, by_y, move = inverse.astype(np.float32)[:2].T
            across, down = xs.astype(np.float32), ys.astype(np.float32)[:, None]
            x, y = (by_x[axis] * across + (by_y[axis] * down + move[axis]) for axis in (0, 1))
            warped = cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=mode, borderValue=paper)
        if times_x * times_y > 1:
            warped = cv2.resize(warped, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(warped)

    def find_looks(self, points: Places) -> Places:
        """Return the places of the input that places of the result, [2, N] in px, show; some lie outside."""
        if self.grids is not None:
            points = np.stack(
                [np.interp(at, grid.nodes, grid.looks) for at, grid in zip(points, self.grids, strict=True)]
            )
        inverse = np.linalg.inv(self.matrix)
        return np.asarray(inverse[:2, :2] @ points + inverse[:2, 2:], np.float64)

    def find_where(self, points: Places) -> Places:
        """Return where places of the input, [2, N] in px, show in the result."""
        points = self.matrix[:2, :2] @ points + self.matrix[:2, 2:]
        if self.grids is None:
            return np.asarray(points, np.float64)
        inside = zip(points, self.grids, strict=True)
        # beyond the frame a grid goes on as it ends, so that what leaves is seen to
        return np.stack(
            [np.interp(at, grid.looks, grid.nodes) + at - at.clip(0, grid.looks[-1]) for at, grid in inside]
        )

    def _supersample(self, axis: int) -> int:
        scale = math.hypot(self.matrix[axis, 0], self.matrix[axis, 1])
        if self.grids is not None:
            scale *= float((np.diff(self.grids[axis].nodes) / np.diff(self.grids[axis].looks)).min())
        return 1 if scale >= _LEAST_SQUEEZE else min(_MAX_SUPERSAMPLING, math.ceil(1 / scale - 0.01))


@dataclass(frozen=True)
class WarpDraws:
    """Uniform draws from [0, 1); the first of each decides whether it happens.

    Attributes:
        quarter_turn: Which way.
        rotation: How far, and which way.
        scale: How much.
        shift: How far in x and in y.
        grid: The width of each column and the height of each row, 32 in all.
    """

    quarter_turn: list[float]
    rotation: list[float]
    scale: list[float]
    shift: list[float]
    grid: list[float]


def draw_formula_warp(
    settings: FormulaAugment, draws: WarpDraws, ink: Ink, size: tuple[int, int], margins: TextLineAugment
) -> FormulaWarp | None:
    """Draw the warp of one image; None where nothing moves.

    Args:
        settings: Probabilities and strengths.
        draws: What decides about this image.
        ink: What must stay in the frame.
        size: Height and width of the frame, px.
        margins: Whose `text_margin_fraction` the ink keeps, unless it stood nearer to the edge before.
    """
    grids = None
    if draws.grid[0] < settings.grid_probability:
        grids = (
            _draw_grid(settings, draws.grid[1:17], size[1]),
            _draw_grid(settings, draws.grid[17:33], size[0]),
        )
    matrix = _draw_matrix(settings, draws, ink, size, measure_margins(margins, size))
    if matrix is None and grids is None:
        return None
    return FormulaWarp(size, np.eye(3) if matrix is None else matrix, grids, settings.border, ink.paper)


def _draw_grid(settings: FormulaAugment, draws: list[float], num_pixels: int) -> Grid:
    num_cells, end = settings.grid_cells, num_pixels - 1.0
    sides = 1 + settings.grid_fraction * (2 * np.array(draws[:num_cells]) - 1)
    looks = np.concatenate([[0.0], np.cumsum(sides)]) * (end / sides.sum())
    return Grid(np.linspace(0, end, num_cells + 1), looks)


def _draw_matrix(
    settings: FormulaAugment, draws: WarpDraws, ink: Ink, size: tuple[int, int], margins: tuple[float, float]
) -> Matrix | None:
    is_turned = draws.quarter_turn[0] < settings.quarter_turn_probability
    is_rotated = draws.rotation[0] < settings.rotation_probability
    is_scaled = draws.scale[0] < settings.scale_probability
    is_shifted = draws.shift[0] < settings.shift_probability
    if not (is_turned or is_rotated or is_scaled or is_shifted):
        return None
    right, bottom = size[1] - 1.0, size[0] - 1.0
    left, top, behind, below = ink.box or (0, 0, size[1], size[0])
    box = (float(left), float(top), behind - 1.0, below - 1.0)
    matrix = np.array([[1, 0, -right / 2], [0, 1, -bottom / 2], [0, 0, 1]])  # operations act about the centre
    limits = [
        (min(margin, box[axis]), max(end - margin, box[axis + 2]))
        for axis, (margin, end) in enumerate(zip(margins, (right, bottom), strict=True))
    ]
    if is_turned:
        way = 1.0 if draws.quarter_turn[1] < 0.5 else -1.0
        matrix = np.array([[0, -way, 0], [way, 0, 0], [0, 0, 1]]) @ matrix
    if is_rotated:
        angle = math.radians(settings.rotation_degrees) * (2 * draws.rotation[1] - 1)
        cos, sin = math.cos(angle), math.sin(angle)
        matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ matrix
    scale = 1 + settings.scale_fraction * (2 * draws.scale[1] - 1) if is_scaled else 1.0
    reach = settings.shift_fraction if is_shifted else 0.0
    moves = [reach * (2 * draw - 1) * end for draw, end in zip(draws.shift[1:3], (right, bottom), strict=True)]
    _fit(matrix, box, limits, (right / 2, bottom / 2), scale, moves)
    return matrix


def _fit(
    matrix: Matrix,
    box: tuple[float, float, float, float],
    limits: list[tuple[float, float]],
    centre: tuple[float, float],
    scale: float,
    moves: list[float],
) -> None:
    """Change `matrix` so that what it makes of the ink stays within limits.

    Each axis is squeezed on its own where the ink is too long for it, but not so far that shapes are lost. Ink grows only
    as far as both axes have room.

    Args:
        matrix: Affine, [3, 3], from input px to px from the frame's centre; becomes one to output px.
        box: Of the ink, input px.
        limits: First and last place in x and in y.
        centre: Of the frame, px.
        scale: Factor of both axes.
        moves: Wanted in x and in y, px.
    """
    corners = np.array([[box[0], box[2], box[2], box[0]], [box[1], box[1], box[3], box[3]], [1.0, 1.0, 1.0, 1.0]])
    spans = [(float(values.min()), float(np.ptp(values))) for values in (matrix @ corners)[:2]]
    rooms = [last - first for first, last in limits]
    fits = [min(1.0, room / length) if length > 0 else 1.0 for room, (_, length) in zip(rooms, spans, strict=True)]
    fits = [min(fit, _MAX_ASPECT_CHANGE * min(fits)) for fit in fits]
    for room, fit, (_, length) in zip(rooms, fits, spans, strict=True):
        if scale > 1 and length > 0:
            scale = max(1.0, min(scale, room / (length * fit)))
    for axis, ((first, last), (low, length)) in enumerate(zip(limits, spans, strict=True)):
        factor = fits[axis] * scale
        wanted = centre[axis] + low * factor + moves[axis]
        start = min(max(wanted, first), max(first, last - length * factor))
        matrix[axis] = matrix[axis] * factor + matrix[2] * (start - low * factor)
