"""Named sets of operations: which images of a batch get which, how strongly, in which order.

Path: a table and a generator -> slots, one after the other, each an operation and a magnitude an image; `operations` applies
them. Tables are those of torchvision, in whole batches; what AutoAugment `original` does with a level is what timm does.
Everything is drawn for all images at once, and nothing here touches an image.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from saccade.augment.operations import Operation as Op
from saccade.recipes.tables.classify import AutoAugment, ColourJitter, NoPolicy, RandAugment, TrivialAugment

Policy = NoPolicy | AutoAugment | RandAugment | TrivialAugment
Step = tuple[Op, float, int | None]
"""Operation, how often, level; None where the operation has no strength."""

_MAX_LEVELS = 31

ORIGINAL: tuple[tuple[Step, Step], ...] = (
    ((Op.POSTERIZE, 0.4, 8), (Op.ROTATE, 0.6, 9)),
    ((Op.SOLARIZE, 0.6, 5), (Op.AUTO_CONTRAST, 0.6, None)),
    ((Op.EQUALIZE, 0.8, None), (Op.EQUALIZE, 0.6, None)),
    ((Op.POSTERIZE, 0.6, 7), (Op.POSTERIZE, 0.6, 6)),
    ((Op.EQUALIZE, 0.4, None), (Op.SOLARIZE, 0.2, 4)),
    ((Op.EQUALIZE, 0.4, None), (Op.ROTATE, 0.8, 8)),
    ((Op.SOLARIZE, 0.6, 3), (Op.EQUALIZE, 0.6, None)),
    ((Op.POSTERIZE, 0.8, 5), (Op.EQUALIZE, 1.0, None)),
    ((Op.ROTATE, 0.2, 3), (Op.SOLARIZE, 0.6, 8)),
    ((Op.EQUALIZE, 0.6, None), (Op.POSTERIZE, 0.4, 6)),
    ((Op.ROTATE, 0.8, 8), (Op.SATURATION, 0.4, 0)),
    ((Op.ROTATE, 0.4, 9), (Op.EQUALIZE, 0.6, None)),
    ((Op.EQUALIZE, 0.0, None), (Op.EQUALIZE, 0.8, None)),
    ((Op.INVERT, 0.6, None), (Op.EQUALIZE, 1.0, None)),
    ((Op.SATURATION, 0.6, 4), (Op.CONTRAST, 1.0, 8)),
    ((Op.ROTATE, 0.8, 8), (Op.SATURATION, 1.0, 2)),
    ((Op.SATURATION, 0.8, 8), (Op.SOLARIZE, 0.8, 7)),
    ((Op.SHARPNESS, 0.4, 7), (Op.INVERT, 0.6, None)),
    ((Op.SHEAR_X, 0.6, 5), (Op.EQUALIZE, 1.0, None)),
    ((Op.SATURATION, 0.4, 0), (Op.EQUALIZE, 0.6, None)),
    ((Op.EQUALIZE, 0.4, None), (Op.SOLARIZE, 0.2, 4)),
    ((Op.SOLARIZE, 0.6, 5), (Op.AUTO_CONTRAST, 0.6, None)),
    ((Op.INVERT, 0.6, None), (Op.EQUALIZE, 1.0, None)),
    ((Op.SATURATION, 0.6, 4), (Op.CONTRAST, 1.0, 8)),
    ((Op.EQUALIZE, 0.8, None), (Op.EQUALIZE, 0.6, None)),
)
"""Learned on ImageNet (Cubuk et al. 2019); what timm calls `original`."""

CIFAR: tuple[tuple[Step, Step], ...] = (
    ((Op.INVERT, 0.1, None), (Op.CONTRAST, 0.2, 6)),
    ((Op.ROTATE, 0.7, 2), (Op.TRANSLATE_X, 0.3, 9)),
    ((Op.SHARPNESS, 0.8, 1), (Op.SHARPNESS, 0.9, 3)),
    ((Op.SHEAR_Y, 0.5, 8), (Op.TRANSLATE_Y, 0.7, 9)),
    ((Op.AUTO_CONTRAST, 0.5, None), (Op.EQUALIZE, 0.9, None)),
    ((Op.SHEAR_Y, 0.2, 7), (Op.POSTERIZE, 0.3, 7)),
    ((Op.SATURATION, 0.4, 3), (Op.BRIGHTNESS, 0.6, 7)),
    ((Op.SHARPNESS, 0.3, 9), (Op.BRIGHTNESS, 0.7, 9)),
    ((Op.EQUALIZE, 0.6, None), (Op.EQUALIZE, 0.5, None)),
    ((Op.CONTRAST, 0.6, 7), (Op.SHARPNESS, 0.6, 5)),
    ((Op.SATURATION, 0.7, 7), (Op.TRANSLATE_X, 0.5, 8)),
    ((Op.EQUALIZE, 0.3, None), (Op.AUTO_CONTRAST, 0.4, None)),
    ((Op.TRANSLATE_Y, 0.4, 3), (Op.SHARPNESS, 0.2, 6)),
    ((Op.BRIGHTNESS, 0.9, 6), (Op.SATURATION, 0.2, 8)),
    ((Op.SOLARIZE, 0.5, 2), (Op.INVERT, 0.0, None)),
    ((Op.EQUALIZE, 0.2, None), (Op.AUTO_CONTRAST, 0.6, None)),
    ((Op.EQUALIZE, 0.2, None), (Op.EQUALIZE, 0.6, None)),
    ((Op.SATURATION, 0.9, 9), (Op.EQUALIZE, 0.6, None)),
    ((Op.AUTO_CONTRAST, 0.8, None), (Op.SOLARIZE, 0.2, 8)),
    ((Op.BRIGHTNESS, 0.1, 3), (Op.SATURATION, 0.7, 0)),
    ((Op.SOLARIZE, 0.4, 5), (Op.AUTO_CONTRAST, 0.9, None)),
    ((Op.TRANSLATE_Y, 0.9, 9), (Op.TRANSLATE_Y, 0.7, 9)),
    ((Op.AUTO_CONTRAST, 0.9, None), (Op.SOLARIZE, 0.8, 3)),
    ((Op.EQUALIZE, 0.8, None), (Op.INVERT, 0.1, None)),
    ((Op.TRANSLATE_Y, 0.7, 9), (Op.AUTO_CONTRAST, 0.9, None)),
)
"""Learned on CIFAR-10 (Cubuk et al. 2019)."""


@dataclass(frozen=True)
class Slot:
    """One operation an image: `Operation` as integers [B] and its magnitude, float64 [B]."""

    operations: np.ndarray
    magnitudes: np.ndarray


@dataclass(frozen=True)
class Strengths:
    """What each level of an operation does: `values` [levels], either way where `is_signed`, counted from `neutral`.

    No values at all where the operation has no strength.
    """

    values: np.ndarray
    is_signed: bool
    neutral: float = 0.0


def draw_policy(
    policy: Policy, rng: np.random.Generator, num_rows: int, *, height_px: int, width_px: int
) -> list[Slot]:
    """Draw what a policy does to each of so many images; the size decides how far images are moved."""
    size = (height_px, width_px)
    match policy:
        case NoPolicy():
            return []
        case AutoAugment(policy="original"):
            return _draw_pairs(ORIGINAL, make_original_strengths(), rng, num_rows)
        case AutoAugment():
            return _draw_pairs(CIFAR, make_strengths(*size, num_levels=10), rng, num_rows)
        case RandAugment():
            strengths, levels = make_strengths(*size, num_levels=_MAX_LEVELS), np.full(num_rows, policy.magnitude)
            del strengths[Op.INVERT]
            return [_draw_one(strengths, levels, rng) for _ in range(policy.num_operations)]
        case TrivialAugment():
            levels = rng.integers(_MAX_LEVELS, size=num_rows)
            return [_draw_one(make_wide_strengths(), levels, rng)]


def draw_jitter(jitter: ColourJitter, rng: np.random.Generator, num_rows: int) -> list[Slot]:
    """Draw factors for brightness, contrast, saturation and hue, and an order of those that are on, for each image."""
    strengths = np.array([jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue])
    moves, order = 2 * rng.random((num_rows, 4)) - 1, rng.random((num_rows, 4))
    operations = np.array([Op.BRIGHTNESS, Op.CONTRAST, Op.SATURATION, Op.HUE])
    magnitudes = np.array([1.0, 1.0, 1.0, 0.0]) + moves * strengths
    order[:, strengths == 0] = 1  # those that are off come last, and are left out
    places = np.argsort(order, axis=1)[:, : np.count_nonzero(strengths)]
    return [Slot(operations[place], np.take_along_axis(magnitudes, place[:, None], 1)[:, 0]) for place in places.T]


def make_strengths(height_px: int, width_px: int, *, num_levels: int) -> dict[Op, Strengths]:
    """Make the strengths of torchvision's AutoAugment (10 levels) and RandAugment (31), which has no `INVERT`."""
    shifts = (150 / 331 * width_px, 150 / 331 * height_px)
    strengths = _make_strengths(num_levels, shear=0.3, shifts=shifts, degrees=30.0, factor=0.9, bits=4)
    return strengths | {Op.INVERT: strengths[Op.EQUALIZE]}


def make_wide_strengths() -> dict[Op, Strengths]:
    """Make the strengths of TrivialAugment, wide, in 31 levels; images of any size move by up to 32 px."""
    return _make_strengths(_MAX_LEVELS, shear=0.99, shifts=(32.0, 32.0), degrees=135.0, factor=0.99, bits=6)


def make_original_strengths() -> dict[Op, Strengths]:
    """Make the strengths of timm's `original`: factors run from 0.1 to 1.9 and go one way only."""
    levels = np.arange(10)
    factors = Strengths(levels * 0.18 + 0.1, is_signed=False)
    return {
        Op.SHEAR_X: Strengths(levels * 0.03, is_signed=True),
        Op.ROTATE: Strengths(levels * 3.0, is_signed=True),
        Op.POSTERIZE: Strengths(4.0 + levels * 4 // 10, is_signed=False),
        Op.SOLARIZE: Strengths(levels * 256.0 // 10, is_signed=False),
        **dict.fromkeys((Op.INVERT, Op.AUTO_CONTRAST, Op.EQUALIZE), Strengths(np.zeros(0), is_signed=False)),
        **dict.fromkeys((Op.CONTRAST, Op.SATURATION, Op.SHARPNESS), factors),
    }


def _make_strengths(
    num_levels: int, *, shear: float, shifts: tuple[float, float], degrees: float, factor: float, bits: int
) -> dict[Op, Strengths]:
    factors = Strengths(_space(0.0, factor, num_levels), is_signed=True, neutral=1.0)
    kept = np.round(8 - np.arange(num_levels, dtype=np.float32) / np.float32((num_levels - 1) / bits))
    return {
        **dict.fromkeys((Op.SHEAR_X, Op.SHEAR_Y), Strengths(_space(0.0, shear, num_levels), is_signed=True)),
        Op.TRANSLATE_X: Strengths(np.trunc(_space(0.0, shifts[0], num_levels)), is_signed=True),
        Op.TRANSLATE_Y: Strengths(np.trunc(_space(0.0, shifts[1], num_levels)), is_signed=True),
        Op.ROTATE: Strengths(_space(0.0, degrees, num_levels), is_signed=True),
        **dict.fromkeys((Op.BRIGHTNESS, Op.CONTRAST, Op.SATURATION, Op.SHARPNESS), factors),
        Op.POSTERIZE: Strengths(kept.astype(np.float64), is_signed=False),
        Op.SOLARIZE: Strengths(255 * _space(1.0, 0.0, num_levels), is_signed=False),
        **dict.fromkeys((Op.IDENTITY, Op.AUTO_CONTRAST, Op.EQUALIZE), Strengths(np.zeros(0), is_signed=False)),
    }


def _space(start: float, stop: float, num_levels: int) -> np.ndarray:
    """Space levels evenly, in single precision as torchvision does: whole pixels are cut from these very values."""
    return torch.linspace(start, stop, num_levels).double().numpy()


def _draw_one(strengths: Mapping[Op, Strengths], levels: np.ndarray, rng: np.random.Generator) -> Slot:
    """Draw one of the operations for each image, all equally often, and the sign of its strength."""
    choices = rng.integers(len(strengths), size=len(levels))
    return _make_slot(strengths, np.array(list(strengths))[choices], levels, rng.random(len(levels)))


def _draw_pairs(
    pairs: tuple[tuple[Step, Step], ...],
    strengths: Mapping[Op, Strengths],
    rng: np.random.Generator,
    num_rows: int,
) -> list[Slot]:
    """Draw one of the pairs for each image, which of its operations take place, and the signs of their strengths."""
    choices = rng.integers(len(pairs), size=num_rows)
    slots = []
    for steps in zip(*pairs, strict=True):
        operations, probabilities, levels = (np.array(column)[choices] for column in zip(*_fill(steps), strict=True))
        happens, signs = rng.random((2, num_rows))
        slot = _make_slot(strengths, operations, levels, signs)
        slots.append(Slot(np.where(happens < probabilities, slot.operations, Op.IDENTITY), slot.magnitudes))
    return slots


def _fill(steps: tuple[Step, ...]) -> list[tuple[int, float, int]]:
    return [(operation, probability, level or 0) for operation, probability, level in steps]


def _make_slot(
    strengths: Mapping[Op, Strengths], operations: np.ndarray, levels: np.ndarray, signs: np.ndarray
) -> Slot:
    values, is_signed, neutral = np.zeros((len(Op), _MAX_LEVELS)), np.zeros(len(Op), np.bool_), np.zeros(len(Op))
    for operation, strength in strengths.items():
        values[operation, : len(strength.values)] = strength.values
        is_signed[operation], neutral[operation] = strength.is_signed, strength.neutral
    moves = values[operations, levels]
    moves = np.where(is_signed[operations] & (signs < 0.5), -moves, moves)
    return Slot(operations, neutral[operations] + moves)
