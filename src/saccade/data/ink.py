"""Where the ink of an image is: what differs from its paper, dark on light or light on dark.

Path: image -> its commonest half of levels (the median is paper, since ink covers less than half) -> what differs from
it by more than an eighth of the largest difference -> the box around that. A photograph with shadows is ink all over,
which is what callers want: they then cut nothing off and move nothing.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_FAINTEST = 1 / 8
_LEAST_LEVELS = 8.0
"""Smaller differences are noise, also where there is nothing else."""


@dataclass(frozen=True)
class Ink:
    """What is drawn on an image.

    Attributes:
        paper: Level of the paper in each channel.
        is_dark: Whether the ink is darker than the paper.
        box: Left, top, right, bottom in px, the last two exclusive; None where nothing is drawn.
    """

    paper: tuple[int, ...]
    is_dark: bool
    box: tuple[int, int, int, int] | None


def find_ink(image: NDArray[np.uint8]) -> Ink:
    """Find the ink of an image uint8 [H, W] or [H, W, C], at least 1 x 1 px."""
    planes = [image] if image.ndim == 2 else [np.ascontiguousarray(image[..., c]) for c in range(image.shape[2])]
    paper, excess, across, down = [], 0.0, [], []
    for plane in planes:
        counts = cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel()
        level = int(np.searchsorted(np.cumsum(counts, dtype=np.float64), plane.size / 2))
        paper.append(level)
        excess += float(counts @ (np.arange(256) - level))
        far = cv2.absdiff(plane, np.full_like(plane, level))
        across.append(cv2.reduce(far, 0, cv2.REDUCE_MAX).ravel())
        down.append(cv2.reduce(far, 1, cv2.REDUCE_MAX).ravel())
    columns, rows = np.max(across, axis=0), np.max(down, axis=0)
    least = max(_LEAST_LEVELS, _FAINTEST * float(columns.max()))
    xs, ys = np.flatnonzero(columns > least), np.flatnonzero(rows > least)
    box = (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1) if xs.size else None
    return Ink(tuple(paper), excess < 0, box)


def crop_to_ink(image: NDArray[np.uint8], margin_fraction: float) -> NDArray[np.uint8]:
    """Cut an image uint8 [H, W, C] to its ink and a margin, as far as the image has one; a blank image stays whole.

    Args:
        image: Of any size.
        margin_fraction: What stays free on each side, as a fraction of the longer side of the ink's box.
    """
    box = find_ink(image).box
    if box is None:
        return image
    left, top, right, bottom = box
    margin = round(margin_fraction * max(right - left, bottom - top))
    return image[max(top - margin, 0) : bottom + margin, max(left - margin, 0) : right + margin]
