"""Two lines in one image: the pixels of `[augment.concatenation]`. Which two, and their texts, is the task's matter."""

import cv2
import numpy as np


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


def _measure_width(line: np.ndarray, pad_value: int) -> int:
    columns = np.flatnonzero((line != pad_value).any(axis=(0, 2)))
    return int(columns[-1]) + 1 if columns.size else 0
