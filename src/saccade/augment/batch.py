"""Augmentation of a whole batch on the device it lies on, each image by draws of its own.

Path: uint8 images, the recipe's table and `Draws` -> crop and flip in one gather -> colour jitter -> policy -> erasing ->
uint8 images. It never waits for the device, knows no task, and leaves mixing, which changes labels, to `mix`.
"""

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from saccade.augment.draws import Draws, Stage, send
from saccade.augment.operations import apply_operations, fill_boxes, gather_pixels
from saccade.augment.policies import draw_jitter, draw_policy
from saccade.recipes.tables.classify import (
    AlternatingFlip,
    ClassifyAugment,
    ColourJitter,
    Cutout,
    NoErasing,
    NoFlip,
    RandomErasing,
    RandomFlip,
)

Flip = NoFlip | RandomFlip | AlternatingFlip
_ERASING_TRIALS = 10
"""Rectangles drawn an image; the first that fits is taken, as torchvision and timm do."""
_ASPECT = 0.3
"""Flattest rectangle, height by width; the steepest is its inverse."""


def augment_images(
    images: UInt8[Tensor, "B C H W"], numbers: Int64[Tensor, " B"], table: ClassifyAugment, draws: Draws
) -> UInt8[Tensor, "B C H W"]:
    """Augment a batch in the order of the table's keys, all but `mix`.

    An image's result depends on its row of the global batch and on nothing else of the batch, so any division into parts
    gives the same images bit for bit; CPU and CUDA draw the same and agree to within one grey level an operation.

    Args:
        images: Grey (C = 1) or RGB (C = 3), the rows `draws.rows` of the global batch; they are not written to.
        numbers: Position of each image in its split, on the same device; alternating flips go by it.
        table: What to do.
        draws: Which rows of which step these are.

    Returns:
        Images of the same size; pixels from outside the image are middle grey.
    """
    images = _crop_and_flip(images, numbers, table, draws)
    height, width = images.shape[2:]
    slots = []
    if table.jitter != ColourJitter():
        slots += draw_jitter(table.jitter, draws.make_generator(Stage.JITTER), draws.num_rows)
    rng = draws.make_generator(Stage.POLICY)
    slots += draw_policy(table.policy, rng, draws.num_rows, height_px=height, width_px=width)
    for slot in slots:
        images = apply_operations(images, slot.operations[draws.rows], slot.magnitudes[draws.rows])
    if isinstance(table.erasing, NoErasing):
        return images
    rng = draws.make_generator(Stage.ERASING)
    boxes = draw_boxes(table.erasing, rng, draws.num_rows, height_px=height, width_px=width)
    return fill_boxes(images, send(boxes[draws.rows], images.device))


def draw_boxes(
    erasing: RandomErasing | Cutout, rng: np.random.Generator, num_rows: int, *, height_px: int, width_px: int
) -> np.ndarray:
    """Draw what is erased of each image: int64 [num_rows, 4], left, top, right, bottom in px; empty where nothing is.

    Boxes of a cutout reach beyond the border; what they hide is smaller there.
    """
    if isinstance(erasing, Cutout):
        centres = (rng.random((num_rows, 2)) * (width_px, height_px)).astype(np.int64)
        corners = centres - erasing.size_px // 2
        return np.concatenate([corners, corners + erasing.size_px], 1)
    happens = rng.random(num_rows) < erasing.probability
    areas, aspects = rng.random((2, num_rows, _ERASING_TRIALS))
    areas = erasing.min_area_fraction + areas * (erasing.max_area_fraction - erasing.min_area_fraction)
    areas, aspects = areas * (height_px * width_px), _ASPECT ** (1 - 2 * aspects)
    heights, widths = (np.rint(np.sqrt(product)).astype(np.int64) for product in (areas * aspects, areas / aspects))
    fits = (heights < height_px) & (widths < width_px)
    first = fits.argmax(1)[:, None]
    extents = np.concatenate([np.take_along_axis(sides, first, 1) for sides in (widths, heights)], 1)
    extents *= (happens & fits.any(1))[:, None]
    corners = (rng.random((num_rows, 2)) * (np.array([width_px, height_px]) - extents + 1)).astype(np.int64)
    return np.concatenate([corners, corners + extents], 1)


def _crop_and_flip(images: Tensor, numbers: Tensor, table: ClassifyAugment, draws: Draws) -> Tensor:
    if table.crop_padding_px == 0 and isinstance(table.flip, NoFlip):
        return images
    device, padding = images.device, table.crop_padding_px
    rng = draws.make_generator(Stage.CROP)
    shifts = rng.integers(2 * padding + 1, size=(draws.num_rows, 2)) - padding
    shift_x, shift_y = send(shifts[draws.rows].astype(np.int32), device)[:, :, None, None].unbind(1)
    y, x = (torch.arange(extent, device=device, dtype=torch.int32) for extent in images.shape[2:])
    if not isinstance(table.flip, NoFlip):
        flips = _draw_flips(table.flip, numbers, draws)[:, None, None]
        x = torch.where(flips, images.shape[3] - 1 - x, x)
    return gather_pixels(images, x + shift_x, y[:, None] + shift_y)


def _draw_flips(flip: RandomFlip | AlternatingFlip, numbers: Tensor, draws: Draws) -> Bool[Tensor, " B"]:
    if isinstance(flip, RandomFlip):
        flips = draws.make_generator(Stage.FLIP).random(draws.num_rows) < flip.probability
        return send(flips[draws.rows], numbers.device)
    return (_hash(numbers) + draws.epoch) % 2 == 1


def _hash(numbers: Tensor) -> Tensor:
    """Return a number in [0, 2**31) that looks random and is the same for ever: MurmurHash3's finish, without signs."""
    mask = (1 << 31) - 1
    hashed = numbers & mask
    for factor in (0x05EBCA6B, 0x02B2AE35):  # below 2**27, so that no product reaches the sign
        hashed = ((hashed ^ (hashed >> 16)) * factor) & mask
    return hashed ^ (hashed >> 15)
