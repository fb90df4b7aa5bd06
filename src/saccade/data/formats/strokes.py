"""Pen strokes to an image: the same strokes and pen give the same pixels, on any thread. It knows no file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Stroke: TypeAlias = NDArray[np.float32]
"""Points [N, 2], N >= 1: x to the right, y down, in any unit."""

_FINER = 4
"""Drawn so many times as large and averaged: lines of any width with smooth edges, all alike."""
_FRACTION_BITS = 4


@dataclass(frozen=True)
class Pen:
    """How strokes are drawn; sizes in px of the image.

    Attributes:
        height_px: Height of the image.
        max_width_px: Most of its width; what would be wider is drawn smaller, with room above and below.
        line_px: Width of a line.
        margin_px: Least room between a line and the image's edge.
        is_white: White on black; else black on white.
    """

    height_px: int
    max_width_px: int
    line_px: float
    margin_px: float
    is_white: bool


def draw_strokes(strokes: Sequence[Stroke], pen: Pen) -> NDArray[np.uint8]:
    """Draw strokes as high as the pen's image, or as wide as it may be, whatever is reached first; in its middle.

    Args:
        strokes: At least one; a stroke of one point is a dot.
        pen: Sizes and colour.

    Returns:
        uint8 [H, W, 3].
    """
    points = np.concatenate(strokes).astype(np.float64)
    low = points.min(axis=0)
    size = points.max(axis=0) - low
    edge = pen.margin_px + pen.line_px / 2
    room = np.array([pen.max_width_px, pen.height_px]) - 2 * edge
    scale = min((float(space / extent) for space, extent in zip(room, size, strict=True) if extent > 0), default=1.0)
    # a lone vertical line still gets a quarter of its height
    width = min(max(math.ceil(float(size[0]) * scale + 2 * edge), pen.height_px // 4), pen.max_width_px)
    shift = (np.array([width, pen.height_px]) - size * scale) / 2 - low * scale
    fine = np.zeros((pen.height_px * _FINER, width * _FINER), np.uint8)
    thickness = max(round(pen.line_px * _FINER), 1)
    for stroke in strokes:
        line = stroke if len(stroke) > 1 else np.repeat(stroke, 2, axis=0)  # of a single point OpenCV draws nothing
        placed = np.rint((line.astype(np.float64) * scale + shift) * _FINER * 2**_FRACTION_BITS).astype(np.int32)
        cv2.polylines(fine, [placed[:, None]], False, 255, thickness, cv2.LINE_8, _FRACTION_BITS)
    ink = cv2.resize(fine, (width, pen.height_px), interpolation=cv2.INTER_AREA)
    image = ink if pen.is_white else 255 - ink
    return np.repeat(np.asarray(image, np.uint8)[:, :, None], 3, axis=2)
