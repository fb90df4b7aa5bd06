"""Augmentation of one text line on the CPU: one warp that keeps every character in the frame, then light and camera.

Path: recipe's `[augment]` and generator -> `formula.py`, where it is on -> `LineDraws` -> `LinePlan` (what will happen)
-> a policy's operations, warp (`line_warp.py`), light (`line_light.py`). It changes no label, knows no task, and swallows
no error. It works on the image that the model will see. Two lines in one are `concatenate.py`'s.
"""

from dataclasses import dataclass

import numpy as np

from saccade.augment.formula import augment_formula
from saccade.augment.line_draws import LineDraws, Part, draw_numbers
from saccade.augment.line_light import change_light
from saccade.augment.line_warp import LineWarp, draw_warp
from saccade.augment.rand_augment_line import (
    Operation,
    apply_tones,
    apply_unbounded,
    draw_operations,
    make_shapes,
)
from saccade.errors import InputError
from saccade.recipes.tables.augment import LineRandAugment, NoLinePolicy, ReadAugment

MIN_SIZE_PX = 2


@dataclass(frozen=True)
class LinePlan:
    """What will happen to one image: a policy's operations, the warp, and the draws that light takes."""

    operations: tuple[Operation, ...]
    warp: LineWarp
    draws: LineDraws


def augment_text_line(image: np.ndarray, augment: ReadAugment, rng: np.random.Generator) -> np.ndarray:
    """Augment one line.

    The same number of draws decides about every image, whatever is switched on, so changing one operation leaves the
    draws of the others as they were.

    Args:
        image: uint8 [H, W, C], C = 1 (grey) or 3 (RGB), at least 2 x 2 px; it is not written to.
        augment: Probabilities and strengths; `concatenation` is not looked at.
        rng: A generator of this image's own, so that the result depends on nothing else.

    Returns:
        uint8 [H, W, C]; the image itself where the draws leave it unchanged.

    Raises:
        InputError: The image is smaller than 2 x 2 px, not uint8 with 1 or 3 channels, or grey where hues shall change.
    """
    check_line(image, augment)
    image = augment_formula(image, augment, rng)
    return apply_plan(image, augment, plan_line(augment, image.shape, draw_numbers(augment, image.size, rng)))


def check_line(image: np.ndarray, augment: ReadAugment) -> None:
    """Refuse an image that cannot be augmented so.

    Raises:
        InputError: See `augment_text_line`.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or min(image.shape[:2]) < MIN_SIZE_PX:
        raise InputError(
            f"image: {image.dtype} {list(image.shape)} cannot be augmented; pass uint8 [H, W, 1 or 3], 2 x 2 px or more"
        )
    if image.shape[2] == 1 and augment.text_line.hsv_probability > 0:
        raise InputError("image: a grey image has no hue; set hsv_probability to 0 or pass RGB")


def plan_line(
    augment: ReadAugment,
    shape: tuple[int, ...],
    draws: LineDraws,
    operations: tuple[Operation, ...] | None = None,
) -> LinePlan:
    """Decide what happens to an image of a shape (H, W, C).

    Args:
        augment: Probabilities and strengths.
        shape: Of the image.
        draws: What decides.
        operations: Those of the policy, where they shall not be drawn.
    """
    size = (shape[0], shape[1])
    policy = augment.policy
    if isinstance(policy, NoLinePolicy):
        return LinePlan((), draw_warp(augment.text_line, draws, size), draws)
    if operations is None:
        operations = draw_operations(policy, draws.more[Part.POLICY].tolist(), shape[2])
    shapes = make_shapes(policy, operations, size) if policy.bounded else ()
    return LinePlan(operations, draw_warp(augment.text_line, draws, size, shapes), draws)


def apply_plan(image: np.ndarray, augment: ReadAugment, plan: LinePlan) -> np.ndarray:
    """Return what the plan makes of an image uint8 [H, W, C]; the image itself where that is nothing."""
    policy = augment.policy
    before = pixels = image[..., 0] if image.shape[2] == 1 else image
    if isinstance(policy, LineRandAugment) and not policy.bounded:
        pixels = apply_unbounded(pixels, policy, plan.operations)
    pixels = plan.warp.apply(pixels)
    if isinstance(policy, LineRandAugment) and policy.bounded:
        pixels = apply_tones(pixels, policy, plan.operations)
    pixels = change_light(pixels, augment.text_line, plan.draws)
    return image if pixels is before else pixels.reshape(image.shape)
