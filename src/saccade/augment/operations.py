"""What can be done to an image of a batch, each image with an operation and a strength of its own.

Path: rows sorted by operation -> one gather for all that move pixels, one for all that map grey levels, arithmetic for the
few that do neither -> rows in their order again. Which rows get what is known on the host; nothing waits for the device.
It draws nothing and knows no policy. Coordinates and sums are integers and no sum is over floats, so a row is the same in
any batch, and CPU and CUDA agree to within one grey level.

Grey levels are those of `torchvision.transforms.v2.functional` on uint8 tensors, geometry is that of Pillow with nearest
pixels; what comes from outside the image is middle grey, where torchvision and Pillow fill with black.
"""

from collections.abc import Callable
from enum import IntEnum
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from saccade.augment.draws import send

FILL = 128
"""Middle grey."""
_FIXED = 16
"""Fractional bits of coordinates, as in Pillow: integers are the same on every device."""


class Operation(IntEnum):
    """What is done; in brackets what the magnitude means. Grey images have neither saturation nor hue to change.

    The order is that of the groups: pixels that move, tables of grey levels, arithmetic.
    """

    IDENTITY = 0
    """Nothing."""
    SHEAR_X = 1
    """Rows slide to the left, the more the lower [tangent]."""
    SHEAR_Y = 2
    """Columns slide up, the more to the right the more [tangent]."""
    TRANSLATE_X = 3
    """To the right [px]."""
    TRANSLATE_Y = 4
    """Down [px]."""
    ROTATE = 5
    """Counter-clockwise about the centre [degrees]."""
    BRIGHTNESS = 6
    """Away from black [factor]."""
    POSTERIZE = 7
    """Keep the upper bits [their number, 0 to 8]."""
    SOLARIZE = 8
    """Invert levels from a threshold on [level]."""
    INVERT = 9
    """Invert all levels."""
    CONTRAST = 10
    """Away from the image's mean grey [factor]."""
    AUTO_CONTRAST = 11
    """Stretch each channel to 0..255."""
    EQUALIZE = 12
    """Give each channel a flat histogram."""
    SATURATION = 13
    """Away from the pixel's grey [factor]."""
    SHARPNESS = 14
    """Away from the smoothed image; the outermost pixels stay [factor]."""
    HUE = 15
    """Round the colour circle [turns, -0.5 to 0.5]."""


def apply_operations(
    images: UInt8[Tensor, "B C H W"], operations: np.ndarray, magnitudes: np.ndarray
) -> UInt8[Tensor, "B C H W"]:
    """Apply to each image an operation of its own.

    Args:
        images: Grey (C = 1) or RGB (C = 3).
        operations: `Operation` of each image, integers [B].
        magnitudes: Strength of each, float [B], in the unit that `Operation` names; ignored where there is none.
    """
    order = np.argsort(operations, kind="stable")
    operations, magnitudes = operations[order], magnitudes[order].astype(np.float64)
    if not operations.any():
        return images
    images = images.index_select(0, send(order, images.device))
    bounds = np.searchsorted(operations, [*(first for first, _ in _GROUPS), len(Operation)]).tolist()
    parts = [images[: bounds[0]]]
    for (_, apply), start, stop in zip(_GROUPS, bounds[:-1], bounds[1:], strict=True):
        if stop > start:
            parts.append(apply(images[start:stop], operations[start:stop], magnitudes[start:stop]))
    return torch.cat(parts).index_select(0, send(np.argsort(order), images.device))


def gather_pixels(
    images: UInt8[Tensor, "B C H W"], x: Int[Tensor, " B #H W"], y: Int[Tensor, " B H #W"]
) -> UInt8[Tensor, "B C H W"]:
    """Fetch each pixel from column x and row y of its image; middle grey where that is outside."""
    height, width = images.shape[2:]
    outside = height * width  # one px of middle grey follows the image, and every coordinate outside leads there
    x = torch.where((x >= 0) & (x < width), x, outside)
    y = torch.where((y >= 0) & (y < height), y * width, outside)
    index = (x + y).clamp_(max=outside).long().flatten(1)  # (B, H, W) -> (B, H * W)
    flat = images.flatten(2)
    flat = torch.cat([flat, flat.new_full((*flat.shape[:2], 1), FILL)], 2)
    return flat.gather(2, index[:, None].expand(-1, flat.shape[1], -1)).view_as(images)


def mark_boxes(boxes: Int[Tensor, "B 4"], height: int, width: int) -> UInt8[Tensor, "B 1 H W"]:
    """Mark the pixels inside one box an image by 255, all others by 0.

    As bits, because choosing by bits is several times faster than `torch.where` on bytes.

    Args:
        boxes: Left, top, right, bottom in px, the last two exclusive; they may reach beyond the image.
        height: Of the image.
        width: Of the image.
    """
    left, top, right, bottom = boxes[:, :, None, None].unbind(1)  # each (B, 1, 1)
    x, y = (torch.arange(extent, device=boxes.device) for extent in (width, height))
    columns, rows = ((x >= left) & (x < right), (y >= top) & (y < bottom))  # (B, 1, W), (B, 1, H)
    columns, rows = (mask.to(torch.uint8).neg() for mask in (columns, rows.transpose(1, 2)))
    return (rows & columns)[:, None]


def fill_boxes(images: UInt8[Tensor, "B C H W"], boxes: Int[Tensor, "B 4"]) -> UInt8[Tensor, "B C H W"]:
    """Fill one box an image with middle grey; boxes as in `mark_boxes`, empty ones change nothing."""
    return images ^ ((images ^ FILL) & mark_boxes(boxes, *images.shape[2:]))


# --- Pixels that move ---


def _warp(images: Tensor, operations: np.ndarray, magnitudes: np.ndarray) -> Tensor:
    height, width = images.shape[2:]
    inverse = _make_inverse_matrices(operations, magnitudes, height, width)
    inverse[:, :, 2] += (inverse[:, :, 0] + inverse[:, :, 1]) / 2  # a pixel's centre lies half a px from its corner
    fixed = send(np.floor(inverse * (1 << _FIXED) + 0.5).astype(np.int32), images.device)
    x = torch.arange(width, device=images.device, dtype=torch.int32)
    y = torch.arange(height, device=images.device, dtype=torch.int32)[:, None]
    to_x, to_y = (fixed[:, axis, :, None, None].unbind(1) for axis in (0, 1))  # three of (n, 1, 1) each
    sources = [(by_x * x + by_y * y + shift) >> _FIXED for by_x, by_y, shift in (to_x, to_y)]
    return gather_pixels(images, *sources)


def _make_inverse_matrices(operations: np.ndarray, magnitudes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Make the maps from output to input px, float64 [n, 2, 3], the origin in the corner of the image."""

    def where(operation: Operation) -> np.ndarray:
        return np.where(operations == operation, magnitudes, 0.0)

    angle = np.deg2rad(where(Operation.ROTATE))
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = width / 2, height / 2
    matrices = np.stack([cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y], 1).reshape(-1, 2, 3)
    matrices[:, 0, 1] += where(Operation.SHEAR_X)
    matrices[:, 1, 0] += where(Operation.SHEAR_Y)
    matrices[:, 0, 2] -= where(Operation.TRANSLATE_X)
    matrices[:, 1, 2] -= where(Operation.TRANSLATE_Y)
    return matrices


# --- Tables of grey levels ---


def _map_levels(images: Tensor, operations: np.ndarray, magnitudes: np.ndarray) -> Tensor:
    """Map grey levels by a table an image, [n, C, 256]: those that no pixel decides are made on the host."""
    device, levels = images.device, images.flatten(2).long()  # (n, C, H * W), what tables are read at
    bounds = [0, *np.searchsorted(operations, [*_TABLES, Operation.SATURATION]).tolist()]
    fixed = _make_fixed_tables(operations[: bounds[1]], magnitudes[: bounds[1]])
    parts = [send(fixed, device)[:, None].expand(-1, images.shape[1], -1)]
    for make_tables, start, stop in zip(_TABLES.values(), bounds[1:-1], bounds[2:], strict=True):
        if stop > start:
            tables = make_tables(images[start:stop], levels[start:stop], magnitudes[start:stop])
            parts.append(tables.expand(-1, images.shape[1], -1))
    return torch.cat(parts).gather(2, levels).view_as(images)


def _make_fixed_tables(operations: np.ndarray, magnitudes: np.ndarray) -> np.ndarray:
    levels = np.arange(256)
    tables = np.empty((len(operations), 256), np.uint8)
    bounds = np.searchsorted(operations, range(Operation.BRIGHTNESS, Operation.INVERT + 2)).tolist()
    brightness, posterize, solarize, invert = (slice(*pair) for pair in pairwise(bounds))
    factors = magnitudes[brightness, None].astype(np.float32)
    tables[brightness] = np.clip(levels.astype(np.float32) * factors, 0, 255)
    tables[posterize] = levels & (0xFF << (8 - magnitudes[posterize, None].astype(np.int64)))
    thresholds = magnitudes[solarize, None].astype(np.float32)  # as torchvision compares them
    tables[solarize] = np.where(levels >= thresholds, 255 - levels, levels)
    tables[invert] = 255 - levels
    return tables


def _make_contrast_tables(images: Tensor, levels: Tensor, magnitudes: np.ndarray) -> Tensor:
    total = _compute_grey(images).sum((1, 2, 3), dtype=torch.int64)  # in integers, so that no order of summing shows
    num_pixels = torch.full_like(total, images.shape[2] * images.shape[3])  # CUDA would not divide by a plain number
    mean = (total / num_pixels)[:, None, None]
    factor, rest = _send_factors(magnitudes, images.device, num_axes=3)
    grey = torch.arange(256, device=images.device, dtype=torch.float32)
    return (grey * factor + mean * rest).clamp_(0, 255).to(torch.uint8)


def _make_stretching_tables(images: Tensor, levels: Tensor, magnitudes: np.ndarray) -> Tensor:
    low, high = (extreme(images.flatten(2), 2, keepdim=True).float() for extreme in (torch.amin, torch.amax))
    is_flat = low == high
    scale = ((high - low) * (1 / 255)).masked_fill_(is_flat, 1)
    grey = torch.arange(256, device=images.device, dtype=torch.float32)
    return ((grey - low.masked_fill_(is_flat, 0)) / scale).clamp_(0, 255).to(torch.uint8)


def _make_equalizing_tables(images: Tensor, levels: Tensor, magnitudes: np.ndarray) -> Tensor:
    """Follow Pillow: a step holds a 255th of the pixels below the highest level; images of too few stay as they are."""
    counts = torch.zeros(*levels.shape[:2], 256, dtype=torch.int32, device=images.device)
    counts.scatter_add_(2, levels, counts.new_ones(()).expand(levels.shape))
    num_highest = counts.gather(2, levels.amax(2, keepdim=True))
    step = (levels.shape[2] - num_highest).div_(255, rounding_mode="floor")
    below = counts.cumsum(2, dtype=torch.int32).sub_(counts)
    tables = (below + step // 2).div_(step.clamp(min=1), rounding_mode="floor").clamp_(0, 255)
    return torch.where(step > 0, tables, torch.arange(256, device=images.device, dtype=torch.int32)).to(torch.uint8)


_TABLES: dict[Operation, Callable[[Tensor, Tensor, np.ndarray], Tensor]] = {
    Operation.CONTRAST: _make_contrast_tables,
    Operation.AUTO_CONTRAST: _make_stretching_tables,
    Operation.EQUALIZE: _make_equalizing_tables,
}
"""Tables that follow from pixels, [n, 1 or C, 256], in the order of `Operation`; before them come the fixed ones."""


# --- Arithmetic ---


def _saturate(images: Tensor, operations: np.ndarray, magnitudes: np.ndarray) -> Tensor:
    if images.shape[1] == 1:
        return images
    factor, rest = _send_factors(magnitudes, images.device, num_axes=4)
    blended = images.float().mul_(factor).add_(_compute_grey(images).mul_(rest))
    return blended.clamp_(0, 255).to(torch.uint8)


def _sharpen(images: Tensor, operations: np.ndarray, magnitudes: np.ndarray) -> Tensor:
    height, width = images.shape[2:]
    if min(height, width) <= 2:
        return images
    _, rest = _send_factors(magnitudes, images.device, num_axes=4)
    result = images.float()
    columns = result[..., :-2] + result[..., 1:-1]
    columns += result[..., 2:]
    smooth = columns[..., :-2, :] + columns[..., 1:-1, :]
    smooth += columns[..., 2:, :]
    inner = result[..., 1:-1, 1:-1]
    smooth.add_(inner * 4).div_(13).round_()  # Pillow's SMOOTH: 5 for the pixel itself, 1 for each of its neighbours
    inner += smooth.sub_(inner).mul_(rest)
    return result.clamp_(0, 255).to(torch.uint8)


def _turn_hue(images: Tensor, operations: np.ndarray, magnitudes: np.ndarray) -> Tensor:
    if images.shape[1] == 1:
        return images
    red, green, blue = images.float().unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    divisor = chroma.clamp(min=1)  # of a grey pixel every numerator is 0
    sixth = torch.where(value == green, (blue - red) / divisor + 2, (red - green) / divisor + 4)
    sixth = torch.where(value == red, (green - blue) / divisor, sixth)
    sixth += send(magnitudes.astype(np.float32) * 6, images.device)[:, None, None]
    sixth -= (sixth * (1 / 6)).floor_().mul_(6)
    missing = (2 - (sixth - 3).abs_(), (sixth - 2).abs_() - 1, (sixth - 4).abs_() - 1)  # of red, green and blue
    turned = torch.stack([value - share.clamp_(0, 1).mul_(chroma) for share in missing], 1)
    return turned.mul_((256 - 1e-3) / 255).clamp_(0, 255).to(torch.uint8)  # torchvision's way back to whole levels


_GROUPS: tuple[tuple[Operation, Callable[[Tensor, np.ndarray, np.ndarray], Tensor]], ...] = (
    (Operation.SHEAR_X, _warp),
    (Operation.BRIGHTNESS, _map_levels),
    (Operation.SATURATION, _saturate),
    (Operation.SHARPNESS, _sharpen),
    (Operation.HUE, _turn_hue),
)
"""The first operation of each group, and what applies it to rows sorted by operation."""


def _compute_grey(images: Tensor) -> Tensor:
    """Compute whole levels of grey as float32 (n, 1, H, W), rounded down as torchvision does."""
    if images.shape[1] == 1:
        return images.float()
    red, green, blue = (channel.float() for channel in images.split(1, 1))
    grey: Tensor = red.mul_(0.2989).add_(green.mul_(0.587)).add_(blue.mul_(0.114)).floor_()
    return grey


def _send_factors(magnitudes: np.ndarray, device: torch.device, *, num_axes: int) -> tuple[Tensor, Tensor]:
    """Return the factors and what is missing to 1, each (n, 1, ...) of so many axes."""
    factors = send(np.stack([magnitudes, 1 - magnitudes]).astype(np.float32), device)
    factor, rest = factors.view(2, -1, *[1] * (num_axes - 1)).unbind(0)
    return factor, rest
