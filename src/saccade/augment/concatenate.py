"""Two lines in one image: the pixels of `[augment.concatenation]`. Which two, and their texts, is the task's matter."""

import math

import cv2
import numpy as np

from saccade.data.ink import find_ink

_MARGIN_FRACTION = 0.02
"""What stays free around two drawings, as a fraction of the width, as around a line of text."""
_FILLING_SHARE = 1 / 16
"""Where more of an image than this has the level of the filling, its paper has it too."""


def join_stretched(left: np.ndarray, right: np.ndarray, left_fraction: float) -> np.ndarray:
    """Squeeze two lines that fill their frames into one frame.

    Args:
        left: uint8 [H, W, C].
        right: The same size.
        left_fraction: Share of the width that the left one gets, in (0, 1); each gets a pixel at least.

    Returns:
        uint8 [H, W, C].
    """
    height, width, channels = left.shape
    left_width = min(max(round(width * left_fraction), 1), width - 1)
    parts = [
        cv2.resize(line, (part, height), interpolation=cv2.INTER_AREA).reshape(height, part, channels)
        for line, part in ((left, left_width), (right, width - left_width))
    ]
    return np.concatenate(parts, axis=1)


def join_padded(left: np.ndarray, right: np.ndarray, pad_value: int) -> np.ndarray | None:
    """Put the second line where the filling of the first begins.

    Args:
        left: uint8 [H, W, C], on the left of its frame, filled up with `pad_value` on the right.
        right: The same size.
        pad_value: Grey level of the filling.

    Returns:
        uint8 [H, W, C]; None where the frame is too narrow for both.
    """
    widths = [_measure_width(line, pad_value) for line in (left, right)]
    if sum(widths) > left.shape[1]:
        return None
    joined = np.full_like(left, pad_value)
    joined[:, : widths[0]] = left[:, : widths[0]]
    joined[:, widths[0] : sum(widths)] = right[:, : widths[1]]
    return joined


def join_drawn(
    left: np.ndarray,
    right: np.ndarray,
    pad_value: int,
    *,
    num_units: tuple[int, int],
    symbol_min_px: float,
    gap_fraction: float,
) -> np.ndarray | None:
    """Put the ink of two drawings side by side, centred on one line.

    The drawing with the larger symbols shrinks until they are as large as those of the other; then both shrink as far as it
    takes to fit.

    Args:
        left: uint8 [H, W, C], at the top left of its frame, filled up with `pad_value`.
        right: The same size.
        pad_value: Grey level of the filling.
        num_units: Characters or tokens of either.
        symbol_min_px: Smallest size of the symbols: the root of the area of the box around the ink for each unit.
        gap_fraction: Width of the paper between the two, as a fraction of the height.

    Returns:
        uint8 [H, W, C], at the top left of its frame; None where the symbols would become too small, or nothing is drawn.
    """
    drawn = [_cut_out(line, pad_value) for line in (left, right)]
    if drawn[0] is None or drawn[1] is None:
        return None
    (left_ink, paper), (right_ink, _) = drawn[0], drawn[1]
    inks = (left_ink, right_ink)
    frame_height, frame_width, _ = left.shape
    margin, gap = math.ceil(_MARGIN_FRACTION * frame_width), round(gap_fraction * frame_height)
    sizes = [_measure_symbols(ink, num) for ink, num in zip(inks, num_units, strict=True)]
    scales = [min(sizes) / size for size in sizes]
    height = max(ink.shape[0] * scale for ink, scale in zip(inks, scales, strict=True))
    width = sum(ink.shape[1] * scale for ink, scale in zip(inks, scales, strict=True))
    squeeze = min(1.0, (frame_height - 2 * margin) / height, (frame_width - 2 * margin - gap) / width)
    if squeeze * min(sizes) < symbol_min_px:
        return None
    parts = [_shrink(ink, scale * squeeze) for ink, scale in zip(inks, scales, strict=True)]
    row_height = max(part.shape[0] for part in parts)
    joined = np.full_like(left, pad_value)
    joined[: row_height + 2 * margin, : sum(part.shape[1] for part in parts) + gap + 2 * margin] = paper
    x = margin
    for part in parts:
        y = margin + (row_height - part.shape[0]) // 2
        joined[y : y + part.shape[0], x : x + part.shape[1]] = part
        x += part.shape[1] + gap
    return joined


def measure_symbols(line: np.ndarray, pad_value: int, num_units: int) -> float:
    """Return the size in px of the symbols of a drawing in its frame, as `join_drawn` has it; 0 where nothing is drawn."""
    drawn = _cut_out(line, pad_value)
    return 0.0 if drawn is None else _measure_symbols(drawn[0], num_units)


def _measure_symbols(ink: np.ndarray, num_units: int) -> float:
    return math.sqrt(ink.shape[0] * ink.shape[1] / num_units)


def _cut_out(line: np.ndarray, pad_value: int) -> tuple[np.ndarray, tuple[int, ...]] | None:
    """Return the box around the ink, and the level of the paper in each channel; None where nothing is drawn."""
    is_filling = (line == pad_value).all(axis=2)
    rows, columns = np.flatnonzero(~is_filling.all(axis=1)), np.flatnonzero(~is_filling.all(axis=0))
    if not rows.size:
        return None
    # Paper of the filling's level is one with it: the whole frame then says best what is paper.
    region = (slice(rows[-1] + 1), slice(columns[-1] + 1))
    has_its_paper = is_filling[region].mean() > _FILLING_SHARE
    ink = find_ink(line if has_its_paper else line[region])
    if ink.box is None:
        return None
    left, top, right, bottom = ink.box
    return line[top:bottom, left:right], ink.paper


def _shrink(image: np.ndarray, scale: float) -> np.ndarray:
    height, width = (max(1, int(side * scale)) for side in image.shape[:2])
    if (height, width) == image.shape[:2]:
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, image.shape[2])


def _measure_width(line: np.ndarray, pad_value: int) -> int:
    columns = np.flatnonzero((line != pad_value).any(axis=(0, 2)))
    return int(columns[-1]) + 1 if columns.size else 0
