"""MixUp and CutMix of a whole batch on the device it lies on, in pairs of neighbours.

Path: uint8 images, the recipe's table and `Draws` -> a share and a box a pair -> both images of each pair mixed with each
other. Batches are shuffled, so neighbours are as good as any pairs, and a part of a batch that begins at an even row
holds both. It makes no targets; it says which share of each image is its own, and whose the rest is.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from saccade.augment.draws import Draws, Stage, send
from saccade.augment.operations import mark_boxes
from saccade.recipes.tables.classify import CutMix, MixUp, MixUpCutMix, NoMix

Mix = NoMix | MixUp | CutMix | MixUpCutMix


class Mixed(NamedTuple):
    """Images, the row of each one's partner among them (its own where it has none), and the share that is its own."""

    images: UInt8[Tensor, "B C H W"]
    partner_rows: Int64[Tensor, " B"]
    shares: Float32[Tensor, " B"]


def mix_images(images: UInt8[Tensor, "B C H W"], mix: Mix, draws: Draws) -> Mixed:
    """Mix row r of the global batch with row r ^ 1; both have the same share, and the sum of the two images stays.

    A row whose partner is not at hand stays alone: the last of an odd batch, and the ends of a part that begins or ends
    between two partners. Blending rounds to whole levels.

    Args:
        images: The rows `draws.rows` of the global batch; they are not written to.
        mix: What to do; after `until_fraction` of all steps nothing is mixed.
        draws: Which rows of which step these are.

    Returns:
        The images; int64 [B], partners as rows of `images`; float32 [B], shares in [0, 1], 1 where nothing was mixed in.
    """
    num_rows, device = len(images), images.device
    first, num_pairs = draws.rows.start % 2, (num_rows - draws.rows.start % 2) // 2
    own = np.arange(num_rows)
    if isinstance(mix, NoMix) or draws.done_fraction >= mix.until_fraction or num_pairs == 0:
        return Mixed(images, send(own, device), torch.ones(num_rows, device=device))
    last = first + 2 * num_pairs
    partners, shares = own.copy(), np.ones(num_rows, np.float32)
    partners[first:last] = ((own[first:last] - first) ^ 1) + first
    pairs = slice((draws.rows.start + 1) // 2, (draws.rows.start + 1) // 2 + num_pairs)
    blends, boxes = (
        drawn[pairs] for drawn in draw_pairs(mix, draws, height_px=images.shape[2], width_px=images.shape[3])
    )
    shares[first:last] = np.repeat(blends * _compute_left(boxes, *images.shape[2:]), 2)
    one, other = images[first:last:2], images[first + 1 : last : 2]
    if not isinstance(mix, CutMix):
        one, other = _blend(one, other, send(blends.astype(np.float32), device))
    if not isinstance(mix, MixUp):
        one, other = _swap(one, other, send(boxes, device))
    mixed = torch.stack([one, other], 1).flatten(0, 1)
    mixed = torch.cat([images[:first], mixed, images[last:]])
    return Mixed(mixed, send(partners, device), send(shares, device))


def draw_pairs(
    mix: MixUp | CutMix | MixUpCutMix, draws: Draws, *, height_px: int, width_px: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the mixing of each pair of the global batch; at most one of the two takes place.

    Returns:
        Share of MixUp, float64 [pairs], 1 for none; box of CutMix, int64 [pairs, 4], left, top, right, bottom in px, cut
        off at the border, empty for none.
    """
    rng, num_pairs = draws.make_generator(Stage.MIX), (draws.num_rows + 1) // 2
    happens, switch, *centres = rng.random((4, num_pairs))
    is_mixed, is_cut = happens < mix.probability, np.full(num_pairs, isinstance(mix, CutMix))
    if isinstance(mix, MixUpCutMix):
        is_cut = switch < mix.switch_probability
        mixup_alpha, cutmix_alpha = mix.mixup_alpha, mix.cutmix_alpha
    else:
        mixup_alpha = cutmix_alpha = mix.alpha
    blends, areas = rng.beta(mixup_alpha, mixup_alpha, num_pairs), rng.beta(cutmix_alpha, cutmix_alpha, num_pairs)
    size = np.array([width_px, height_px])
    extents = (size * np.sqrt(1 - areas)[:, None]).astype(np.int64) * (is_mixed & is_cut)[:, None]
    corners = (np.stack(centres, 1) * size).astype(np.int64) - extents // 2
    boxes = np.concatenate([corners.clip(0, size), (corners + extents).clip(0, size)], 1)
    return np.where(is_mixed & ~is_cut, blends, 1.0), boxes


def _compute_left(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Compute the share of an image that lies outside its box."""
    left, top, right, bottom = boxes.T
    hidden: np.ndarray = (right - left) * (bottom - top) / (height * width)
    return 1 - hidden


def _blend(one: Tensor, other: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    shares = shares[:, None, None, None]
    blended = one.float().mul_(shares).add_(other.float().mul_(1 - shares)).round_().to(torch.uint8)
    return blended, one + other - blended  # bytes wrap around, and come back


def _swap(one: Tensor, other: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    difference = (one ^ other) & mark_boxes(boxes, *one.shape[2:])
    return one ^ difference, other ^ difference
