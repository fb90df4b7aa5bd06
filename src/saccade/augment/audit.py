"""Measures whether a text-line augmentation leaves the label true.

Path: settings -> the warps that training would draw -> how much of the text leaves the frame, how small it becomes, and
how often anything happens at all. It is pure and reads no image; whether light and blur leave text readable it does not
judge.
"""

from collections.abc import Iterator

import numpy as np

from saccade.augment.text_line import augment_text_line, make_text_corners, transform_matrix
from saccade.recipes.tables.augment import TextLineAugment

GEOMETRIC_OPERATIONS = ("perspective", "rotation", "shear", "scale")
GRID = 25
"""The text area is sampled at GRID x GRID points, its edges and corners included."""
TOLERANCE_PX = 1e-6
"""Rounding error of a homography in double precision, generously."""


def audit_text_line(
    settings: TextLineAugment, *, height_px: int, width_px: int, num_samples: int = 1000, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Measure what the settings do to text.

    Args:
        settings: The augmentation; strengths are taken as they are.
        height_px: Height of the model's input.
        width_px: Width of the model's input.
        num_samples: Draws an operation.
        seed: Seed of the draws.

    Returns:
        For `perspective`, `rotation`, `shear` and `scale`, each alone with probability 1, and for `together`, all four
        with probability 1: `max_lost_fraction` (the largest share of the text area outside the frame), `lost_share`
        (the share of samples that lose anything) and `min_area_fraction` (the smallest area of the text beside the
        original; what is tiny cannot be read). For `changed`, with the probabilities as set: `warp` and `image`, the
        share of samples whose geometry and whose pixels change.

    Raises:
        InputError: The frame is smaller than 2 x 2 px.
    """
    off = {f"{name}_probability": 0.0 for name in GEOMETRIC_OPERATIONS}
    cases = {name: {**off, f"{name}_probability": 1.0} for name in GEOMETRIC_OPERATIONS}
    cases["together"] = dict.fromkeys(off, 1.0)
    size = (height_px, width_px)
    measured = {
        name: _measure_loss(settings.model_copy(update=update), size, num_samples, seed)
        for name, update in cases.items()
    }
    warps = [
        not np.array_equal(transform_matrix(settings, rng, *size), np.eye(3)) for rng in _generators(seed, num_samples)
    ]
    picture = np.random.Generator(np.random.Philox(seed)).integers(64, 192, (*size, 1), np.uint8)
    changes = [
        not np.array_equal(augment_text_line(picture, settings, rng), picture) for rng in _generators(seed, num_samples)
    ]
    return {**measured, "changed": {"warp": float(np.mean(warps)), "image": float(np.mean(changes))}}


def _generators(seed: int, num_samples: int) -> Iterator[np.random.Generator]:
    return (np.random.Generator(np.random.Philox(key=np.array([seed, i], np.uint64))) for i in range(num_samples))


def _measure_loss(settings: TextLineAugment, size: tuple[int, int], num_samples: int, seed: int) -> dict[str, float]:
    corners = make_text_corners(*size)
    xs, ys = (np.linspace(axis.min(), axis.max(), GRID) for axis in corners[:2])
    grid = np.stack([a.ravel() for a in (*np.meshgrid(xs, ys), np.ones((GRID, GRID)))])
    matrices = np.stack([transform_matrix(settings, rng, *size) for rng in _generators(seed, num_samples)])
    points = matrices @ grid  # (S, 3, GRID * GRID)
    points = points[:, :2] / points[:, 2:]
    frame = np.array([[size[1] - 1.0], [size[0] - 1.0]])
    lost = ((points < -TOLERANCE_PX) | (points > frame + TOLERANCE_PX)).any(axis=1).mean(axis=1)
    warped = matrices @ corners
    x, y = warped[:, 0] / warped[:, 2], warped[:, 1] / warped[:, 2]
    area = np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)) / 2  # the shoelace formula
    original = (xs[-1] - xs[0]) * (ys[-1] - ys[0])
    return {
        "max_lost_fraction": float(lost.max()),
        "lost_share": float((lost > 0).mean()),
        "min_area_fraction": float(area.min() / original),
    }
