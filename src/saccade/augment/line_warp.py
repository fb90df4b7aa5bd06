"""Where an augmented line looks: one warp of all geometric operations that keeps every character in the frame.

Path: settings and draws -> homography and bend (`tia.py`) -> `LineWarp` -> one pass over the pixels. It never sees a
label; that text lies within the frame less its margins is all it assumes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from saccade.augment.line_draws import LineDraws, Part
from saccade.augment.tia import Bend, Floats, TextGrid, draw_bend
from saccade.recipes.tables.augment import TextLineAugment

SIDE_MARGIN_FRACTION = 0.02
"""Text is taken to lie within the frame less this fraction of the width on either side."""

_LEAST_DEPTH = 1e-6

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class LineWarp:
    """A bend and after it a homography from input to output px, pixel centres at whole numbers; None for none.

    `size` is the height and width of the frame.
    """

    size: tuple[int, int]
    matrix: Matrix | None = None
    bend: Bend | None = None

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Return the warped image, uint8 [H, W] or [H, W, 3]; the image itself where nothing is drawn."""
        if self.bend is not None:
            x, y = self._trace_bend(self.bend)
            return cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if self.matrix is None:
            return pixels
        return cv2.warpPerspective(pixels, self.matrix, self.size[::-1], borderMode=cv2.BORDER_REPLICATE)

    def trace(self) -> Floats:
        """Return the place in the input that each pixel shows: x and y in px, [2, H, W]."""
        return _look_through(self.matrix, self.size) if self.bend is None else self._trace_bend(self.bend)

    def _trace_bend(self, bend: Bend) -> Floats:
        """Add to what the homography sees at each pixel what the bend adds at each point of its grid."""
        grid = bend.grid
        if self.matrix is None:
            return _spread(grid, grid.places + bend.moves)
        seen = cv2.invert(self.matrix)[1] @ grid.homogeneous
        seen[:2] /= np.maximum(seen[2], _LEAST_DEPTH)
        numbers = grid.numbers[:2, :2] @ seen[:2] + grid.numbers[:2, 2:]
        moves = bend.move(numbers.astype(np.float32).reshape(bend.moves.shape))
        if self.matrix[2, 0] or self.matrix[2, 1]:  # a perspective is not linear between the points
            return _look_through(self.matrix, self.size) + _spread(grid, moves)
        return _spread(grid, seen[:2].astype(np.float32).reshape(moves.shape) + moves)


def _spread(grid: TextGrid, values: Floats) -> Floats:
    return np.asarray(grid.rows @ (values @ grid.columns), np.float32)  # (2, rows, columns) -> (2, H, W)


def _look_through(matrix: Matrix | None, size: tuple[int, int]) -> Floats:
    """Return where every pixel looks through the inverse of a homography, px, [2, H, W]; beyond its horizon far away."""
    inverse = (np.eye(3) if matrix is None else cv2.invert(matrix)[1]).astype(np.float32)
    across = inverse[:, :1] * np.arange(size[1], dtype=np.float32)
    down = inverse[:, 1:2] * np.arange(size[0], dtype=np.float32) + inverse[:, 2:]
    x, y, depth = across[:, None, :] + down[:, :, None]
    return np.asarray(np.stack([x, y]) / np.maximum(depth, _LEAST_DEPTH), np.float32)


def measure_margins(settings: TextLineAugment, size: tuple[int, int]) -> tuple[float, float]:
    """Return how far text keeps from the frame's edges in x and in y, px."""
    return (size[1] - 1) * SIDE_MARGIN_FRACTION, (size[0] - 1) * settings.text_margin_fraction


def make_text_corners(settings: TextLineAugment, size: tuple[int, int]) -> Matrix:
    """Make the corners of the area that may hold text: float64 [3, 4], homogeneous px, clockwise from the top left."""
    right, bottom = size[1] - 1.0, size[0] - 1.0
    x, y = measure_margins(settings, size)
    return np.array([[x, right - x, right - x, x], [y, y, bottom - y, bottom - y], [1.0, 1.0, 1.0, 1.0]])


def draw_warp(
    settings: TextLineAugment, draws: LineDraws, size: tuple[int, int], shapes: Sequence[Matrix] = ()
) -> LineWarp:
    """Draw the warp of one image.

    Args:
        settings: Probabilities and strengths.
        draws: What decides about this image.
        size: Height and width of the frame, px.
        shapes: Homographies about the frame's centre which a policy has drawn; they act last and are bounded as all are.
    """
    bend = None
    if draws.more[Part.TILT, -1] < settings.tia_probability:
        bend = draw_bend(settings, size, measure_margins(settings, size), draws.more)
    matrix = _draw_matrix(settings, draws.warp, size, shapes)
    frame = draws.more[Part.FRAME]
    if frame[0] < settings.crop_probability or frame[1] < settings.jitter_probability:
        matrix = _reframe(settings, frame[:6].tolist(), size, matrix)
    return LineWarp(size, matrix, bend)


def _draw_matrix(
    settings: TextLineAugment, draws: list[list[float]], size: tuple[int, int], shapes: Sequence[Matrix]
) -> Matrix | None:
    perspective, rotation, shear, scale = draws
    has_perspective = perspective[0] < settings.perspective_probability
    has_rotation = rotation[0] < settings.rotation_probability
    has_shear = shear[0] < settings.shear_probability
    has_scale = scale[0] < settings.scale_probability
    if not (has_perspective or has_rotation or has_shear or has_scale or shapes):
        return None
    right, bottom = size[1] - 1.0, size[0] - 1.0
    matrix = np.array([[1, 0, -right / 2], [0, 1, -bottom / 2], [0, 0, 1]])  # operations act about the centre
    if has_perspective:
        corners = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float32)
        moves = np.array(perspective[1:], np.float32).reshape(4, 2) * 2 - 1
        moved = corners + moves * corners[2] * settings.perspective_fraction
        matrix = matrix @ cv2.getPerspectiveTransform(corners, moved)
    if has_shear:
        matrix[0] += settings.shear_fraction * (2 * shear[1] - 1) * matrix[1]
    if has_rotation:
        angle = math.radians(settings.rotation_degrees) * (2 * rotation[1] - 1)
        cos, sin = math.cos(angle), math.sin(angle)
        matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ matrix
    for shape in shapes:
        matrix = shape @ matrix
    smallest = settings.scale_min_fraction if has_scale else 1.0
    shrink = [1 - draw * (1 - smallest) for draw in scale[1:3]]
    _fit(matrix, make_text_corners(settings, size), size, shrink, scale[3:5] if has_scale else None)
    return matrix


def _fit(
    matrix: Matrix, corners: Matrix, size: tuple[int, int], shrink: list[float], place: list[float] | None
) -> None:
    """Change `matrix` so that what it makes of the text area lies in the frame.

    Each axis is squeezed on its own, as when a box drawn around slanted text is resized to the model's input: text
    stays as large as it can.

    Args:
        matrix: Homography [3, 3] from input px to px from the frame's centre; becomes one to output px.
        corners: Of the text area, homogeneous input px, [3, 4].
        size: Height and width of the frame, px.
        shrink: Further factors for x and y, at most 1.
        place: Where in the room that is left, x and y in [0, 1]; None moves the text no further than it must.
    """
    points = matrix @ corners
    for axis, extent in enumerate(size[::-1]):
        frame = extent - 1.0
        values = (points[axis] / points[2]).tolist()
        low, length = min(values), max(values) - min(values)
        factor = min(1.0, frame / length) * shrink[axis]
        room = max(0.0, frame - length * factor)
        start = min(max(frame / 2 + low * factor, 0.0), room) if place is None else place[axis] * room
        matrix[axis] = matrix[axis] * factor + matrix[2] * (start - low * factor)


def _reframe(settings: TextLineAugment, draws: list[float], size: tuple[int, int], matrix: Matrix | None) -> Matrix:
    """Cut off above or below, then move: both as far as the text area leaves room, which `matrix` keeps in the frame."""
    right, bottom = size[1] - 1.0, size[0] - 1.0
    if matrix is None:
        left, above = measure_margins(settings, size)
        room = [left, left, above, above]
    else:
        points = matrix @ make_text_corners(settings, size)
        x, y = (points[:2] / points[2]).tolist()
        room = [min(x), right - max(x), min(y), bottom - max(y)]  # left, right, above, below
    factor, move_x, move_y = 1.0, 0.0, 0.0
    if draws[0] < settings.crop_probability:
        side = 2 if draws[2] < 0.5 else 3
        cut = min(bottom * settings.crop_fraction * (1 + 7 * draws[3]) / 8, max(room[side], 0.0))
        room[side] -= cut
        factor = bottom / (bottom - cut)
        move_y = -cut * factor if side == 2 else 0.0
    if draws[1] < settings.jitter_probability:
        reach = (min(size) - 1) * settings.jitter_fraction
        move_x = _bound(reach * (2 * draws[4] - 1), room[0], room[1])
        move_y += _bound(reach * (2 * draws[5] - 1), room[2] * factor, room[3] * factor)
    change = np.array([[1, 0, move_x], [0, factor, move_y], [0, 0, 1]])
    return change if matrix is None else change @ matrix


def _bound(move: float, before: float, behind: float) -> float:
    return min(max(move, -max(before, 0.0)), max(behind, 0.0))
