"""Plates with two lines of text: found by shape and projection, split between the lines and joined into one.

Text changes quickly from left to right, so rows of text stand out in the mean of |d/dx| over a row; between two lines that mean falls. The
gap is looked for in images that are not much wider than high, at several slopes, because a photographed plate is seldom level. Small print
above or below a line (a state's name) is told from a line by its height.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from saccade.data.images import Image, convert_colour

MAX_SHAPE = 2.5
"""Width over height above which an image holds one line: two-line plates that we drew reach 2.0, with room around them."""
MAX_DEPTH = 0.76
"""Gap over the lower of the two lines beside it, in |d/dx|, below which the gap is one."""
MIN_HEIGHT_RATIO = 0.7
"""Height of the smaller line over that of the other, below which it is small print."""

_HEIGHT_PX, _MAX_WIDTH_PX = 64, 160
_SLOPES = (-0.2126, -0.1584, -0.1051, -0.0524, 0.0, 0.0524, 0.1051, 0.1584, 0.2126)
"""Tangents of -12 to 12 degrees, every 3."""
_FIRST_ROW, _LAST_ROW = 22, 40
"""Where the gap may be, of 64 rows: from a third to five eighths."""
_BORDER_ROWS = 3


@dataclass(frozen=True)
class Gap:
    """The straight gap between two lines.

    Attributes:
        row_fraction: Where it crosses the middle column, in heights from the top.
        slope: Rows that it falls per column, to the right, in pixels of the image.
    """

    row_fraction: float
    slope: float


def find_gap(image: Image) -> Gap | None:
    """Return the gap between two lines of text, None where the image (uint8 [H, W, 1 or 3]) holds one line."""
    height, width = image.shape[:2]
    if width > MAX_SHAPE * height or height < 2:
        return None
    changes = _compute_changes(image)
    best_depth, best_row, best_slope, best_ink = np.inf, 0, 0.0, np.zeros(0, np.float32)
    for slope in _SLOPES:
        ink = _project(changes, slope)
        above = np.maximum.accumulate(ink[_BORDER_ROWS:])[_FIRST_ROW - _BORDER_ROWS : _LAST_ROW - _BORDER_ROWS]
        below = np.maximum.accumulate(ink[::-1][_BORDER_ROWS:])[::-1][_FIRST_ROW:_LAST_ROW]
        depths = ink[_FIRST_ROW:_LAST_ROW] / (np.minimum(above, below) + 1e-6)
        row = int(depths.argmin())
        if depths[row] < best_depth:
            best_depth, best_row, best_slope, best_ink = depths[row], row + _FIRST_ROW, slope, ink
    heights = sorted((_measure_height(best_ink[:best_row]), _measure_height(best_ink[best_row + 1 :])))
    if best_depth >= MAX_DEPTH or heights[0] < MIN_HEIGHT_RATIO * heights[1]:
        return None
    stretch = (height / _HEIGHT_PX) / (width / changes.shape[1])  # the slope was measured in the resized image
    return Gap(float((best_row + 0.5) / _HEIGHT_PX), float(best_slope * stretch))


def count_lines(image: Image) -> int:
    """Return 2 where an image (uint8 [H, W, 1 or 3]) holds two lines of text, otherwise 1."""
    return 1 if find_gap(image) is None else 2


def join_lines(image: Image, gap: Gap) -> Image:
    """Return the lower line to the right of the upper one, as high as the higher of the two; rows follow the gap's slope."""
    height, width = image.shape[:2]
    level = np.array([[1, 0, 0], [-gap.slope, 1, gap.slope * (width - 1) / 2]])
    turned = cv2.warpAffine(image, level, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    level_image: Image = np.asarray(turned.reshape(image.shape), np.uint8)
    row = min(max(round(gap.row_fraction * height), 1), height - 1)
    line_height = max(row, height - row)
    lines = [_scale_to_height(part, line_height) for part in (level_image[:row], level_image[row:])]
    return np.asarray(np.concatenate(lines, axis=1), np.uint8)


def _compute_changes(image: Image) -> NDArray[np.float32]:
    """Return |d/dx| of the image brought to the height that is worked at; the strongest twentieth counts no more than the rest."""
    height, width = image.shape[:2]
    small_width = min(max(16, round(_HEIGHT_PX * width / height)), _MAX_WIDTH_PX)
    grey = convert_colour(image, "grey")[:, :, 0]
    small = cv2.resize(grey, (small_width, _HEIGHT_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    changes = np.abs(cv2.Sobel(small, cv2.CV_32F, 1, 0, ksize=3))
    return np.asarray(np.minimum(changes, np.percentile(changes, 95)), np.float32)


def _project(changes: NDArray[np.float32], slope: float) -> NDArray[np.float32]:
    """Return the mean of each row, along a slope, smoothed over five rows; a tenth on the left and right is the plate's border."""
    width = changes.shape[1]
    level = np.array([[1, 0, 0], [-slope, 1, slope * width / 2]])
    turned = cv2.warpAffine(changes, level, (width, _HEIGHT_PX))
    rows = turned[:, width // 10 : width - width // 10].mean(axis=1, keepdims=True)
    return np.asarray(cv2.blur(rows, (1, 5)), np.float32).ravel()


def _measure_height(ink: NDArray[np.float32]) -> int:
    """Return the number of rows around the strongest one that have at least half its ink."""
    peak = int(ink.argmax())
    weak = np.flatnonzero(ink < ink[peak] / 2)
    before, after = weak[weak < peak], weak[weak > peak]
    return int((after[0] if len(after) else len(ink)) - (before[-1] + 1 if len(before) else 0))


def _scale_to_height(image: Image, height: int) -> Image:
    if image.shape[0] == height:
        return image
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled.reshape(height, width, image.shape[2]), np.uint8)
