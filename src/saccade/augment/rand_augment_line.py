"""RandAugment (Cubuk et al. 2020) for lines of text, in two kinds.

Bounded, the default, its shapes become part of the line's one warp, which keeps the text in the frame, and its tones
stay where dark and light cannot fall together. Unbounded it repeats the ranges of PaddleOCR's `randaugment.py`, which
take characters out of the image and can leave none that can be read: `audit.py` measures how often.

Path: settings and draws -> `Operation`s -> matrices for the warp, or images one after another.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from saccade.recipes.tables.augment import LineRandAugment

SHAPES = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
TONES = ("posterize", "contrast", "sharpness", "brightness", "autocontrast", "equalize", "invert")
_MAX_MAGNITUDE = 10
_FILL = (128, 128, 128)

#: Strength at the largest magnitude, bounded and as PaddleOCR has it: shear, shares of a side, degrees, and how far a
#: factor is from 1.
_STRENGTHS: dict[str, tuple[float, float]] = {
    "shear_x": (0.3, 0.3),
    "shear_y": (0.3, 0.3),
    "translate_x": (150 / 331, 150 / 331),
    "translate_y": (150 / 331, 150 / 331),
    "rotate": (30.0, 30.0),
    "colour": (0.9, 0.9),
    "contrast": (0.6, 0.9),
    "sharpness": (0.9, 0.9),
    "brightness": (0.5, 0.9),
}

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Operation:
    """One operation; `sign` is 1 or -1, for those that go either way."""

    name: str
    sign: float = 1.0


def list_operations(policy: LineRandAugment, num_channels: int) -> tuple[str, ...]:
    """Return what is drawn from: colour for colour images alone, and solarize, which folds dark onto light, only unbounded."""
    colour = ("colour",) if num_channels == 3 else ()
    return (*SHAPES, *TONES, *colour, *(() if policy.bounded else ("solarize",)))


def draw_operations(policy: LineRandAugment, draws: Sequence[float], num_channels: int) -> tuple[Operation, ...]:
    """Draw what happens to one image; `draws`, uniform in [0, 1), are one and two for each operation."""
    if draws[0] >= policy.probability:
        return ()
    names = list_operations(policy, num_channels)
    pairs = zip(draws[1::2], draws[2::2], strict=False)
    return tuple(
        Operation(names[int(which * len(names))], 1.0 if way < 0.5 else -1.0)
        for which, way in list(pairs)[: policy.num_operations]
    )


def make_shapes(policy: LineRandAugment, operations: Sequence[Operation], size: tuple[int, int]) -> tuple[Matrix, ...]:
    """Return the homographies of those that move pixels, about the middle of a frame of `size` (height, width)."""
    return tuple(_make_shape(policy, operation, size) for operation in operations if operation.name in SHAPES)


def make_looks(policy: LineRandAugment, operations: Sequence[Operation], size: tuple[int, int]) -> tuple[Matrix, ...]:
    """Return, for the unbounded kind, where each of those that move pixels looks: homographies from output to input px.

    As there, a shear leaves the upper or the left edge alone and a turn the middle.
    """
    x, y = (size[1] - 1) / 2, (size[0] - 1) / 2
    there, back = (np.array([[1, 0, s * x], [0, 1, s * y], [0, 0, 1]]) for s in (1, -1))
    moving = [operation for operation in operations if operation.name in SHAPES]
    shapes = [_make_shape(policy, operation, size) for operation in moving]
    return tuple(
        there @ shape @ back if operation.name == "rotate" else shape
        for operation, shape in zip(moving, shapes, strict=True)
    )


def apply_tones(pixels: np.ndarray, policy: LineRandAugment, operations: Sequence[Operation]) -> np.ndarray:
    """Apply those that leave every pixel where it is, to uint8 [H, W] or [H, W, 3]."""
    for operation in operations:
        if operation.name not in SHAPES:
            pixels = _TONES[operation.name](pixels, policy, operation)
    return pixels


def apply_unbounded(pixels: np.ndarray, policy: LineRandAugment, operations: Sequence[Operation]) -> np.ndarray:
    """Apply everything in turn, as PaddleOCR does: what leaves the frame is gone, and grey comes in."""
    size = pixels.shape[:2]
    for operation in operations:
        if operation.name not in SHAPES:
            pixels = apply_tones(pixels, policy, [operation])
            continue
        (look,) = make_looks(policy, [operation], (size[0], size[1]))
        flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_CUBIC if operation.name.startswith("shear") else cv2.INTER_LINEAR)
        pixels = cv2.warpAffine(pixels, look[:2], size[::-1], flags=flags, borderValue=_FILL)
    return pixels


def _measure(policy: LineRandAugment, operation: Operation) -> float:
    bounded, unbounded = _STRENGTHS[operation.name]
    return operation.sign * (bounded if policy.bounded else unbounded) * (policy.magnitude / _MAX_MAGNITUDE)


def _make_shape(policy: LineRandAugment, operation: Operation, size: tuple[int, int]) -> Matrix:
    strength = _measure(policy, operation)
    matrix = np.eye(3)
    match operation.name:
        case "shear_x":
            matrix[0, 1] = strength
        case "shear_y":
            matrix[1, 0] = strength
        case "translate_x":
            matrix[0, 2] = strength * size[1]
        case "translate_y":
            matrix[1, 2] = strength * size[0]
        case _:
            cos, sin = math.cos(math.radians(strength)), math.sin(math.radians(strength))
            matrix[:2, :2] = [[cos, -sin], [sin, cos]]
    return matrix


def _scale_levels(pixels: np.ndarray, factor: float, middle: float) -> np.ndarray:
    levels = (np.arange(256) - middle) * factor + middle
    return cv2.LUT(pixels, (levels + 0.5).clip(0, 255).astype(np.uint8))


def _bound_factor(pixels: np.ndarray, factor: float, middle: float) -> float:
    """Return a factor above 1 no larger than keeps all levels but 1 % at either end apart from black and white."""
    low, high = np.percentile(pixels, (1, 99)).tolist()
    limits: list[float] = [(255 - middle) / (high - middle)] if high > middle else []
    limits += [middle / (middle - low)] if low < middle else []
    return min([factor, *(max(limit, 1.0) for limit in limits)])


def _contrast(pixels: np.ndarray, policy: LineRandAugment, operation: Operation) -> np.ndarray:
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    factor, middle = 1 + _measure(policy, operation), float(grey.mean())
    return _scale_levels(pixels, _bound_factor(pixels, factor, middle) if policy.bounded else factor, middle)


def _brightness(pixels: np.ndarray, policy: LineRandAugment, operation: Operation) -> np.ndarray:
    factor = 1 + _measure(policy, operation)
    return _scale_levels(pixels, _bound_factor(pixels, factor, 0.0) if policy.bounded else factor, 0.0)


def _colour(pixels: np.ndarray, policy: LineRandAugment, operation: Operation) -> np.ndarray:
    factor = 1 + _measure(policy, operation)
    to_grey = np.tile([0.299, 0.587, 0.114], (3, 1))
    return cv2.transform(pixels, factor * np.eye(3) + (1 - factor) * to_grey)


def _sharpness(pixels: np.ndarray, policy: LineRandAugment, operation: Operation) -> np.ndarray:
    factor = 1 + _measure(policy, operation)
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13
    smooth = cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return cv2.addWeighted(pixels, factor, smooth, 1 - factor, 0)


def _posterize(pixels: np.ndarray, policy: LineRandAugment, operation: Operation) -> np.ndarray:
    """Keep the upper bits: fewer with the magnitude, and at least 4; PaddleOCR keeps more with it, and none below 3."""
    level = int(4 * policy.magnitude / _MAX_MAGNITUDE)
    num_bits = 8 - level if policy.bounded else level
    return cv2.LUT(pixels, (np.arange(256) & (0xFF00 >> num_bits)).astype(np.uint8))


def _solarize(pixels: np.ndarray, policy: LineRandAugment, operation: Operation) -> np.ndarray:
    levels = np.arange(256)
    threshold = 256 * policy.magnitude / _MAX_MAGNITUDE
    return cv2.LUT(pixels, np.where(levels < threshold, levels, 255 - levels).astype(np.uint8))


def _autocontrast(pixels: np.ndarray, policy: LineRandAugment, operation: Operation) -> np.ndarray:
    planes = [pixels] if pixels.ndim == 2 else cv2.split(pixels)
    stretched = [_stretch_levels(plane) for plane in planes]
    return stretched[0] if pixels.ndim == 2 else cv2.merge(stretched)


def _stretch_levels(plane: np.ndarray) -> np.ndarray:
    low, high = int(plane.min()), int(plane.max())
    if low == high:
        return plane
    levels = (np.arange(256) - low) * (255 / (high - low))
    return cv2.LUT(plane, (levels + 0.5).clip(0, 255).astype(np.uint8))


def _equalize(pixels: np.ndarray, policy: LineRandAugment, operation: Operation) -> np.ndarray:
    if pixels.ndim == 2:
        return cv2.equalizeHist(pixels)
    return cv2.merge([cv2.equalizeHist(plane) for plane in cv2.split(pixels)])


def _invert(pixels: np.ndarray, policy: LineRandAugment, operation: Operation) -> np.ndarray:
    return cv2.bitwise_not(pixels)


_TONES: dict[str, Callable[[np.ndarray, LineRandAugment, Operation], np.ndarray]] = {
    "posterize": _posterize,
    "contrast": _contrast,
    "sharpness": _sharpness,
    "brightness": _brightness,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "invert": _invert,
    "colour": _colour,
    "solarize": _solarize,
}
