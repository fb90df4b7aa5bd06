"""Images that augmentation is tried on."""

import numpy as np
import torch
from torch import Tensor

SIZES = ((32, 32), (17, 23))


def make_noise(num_images: int, num_channels: int, size: tuple[int, int] = (32, 32), seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (num_images, num_channels, *size), np.uint8))


def make_gradients(num_images: int, num_channels: int, size: tuple[int, int] = (32, 32)) -> Tensor:
    """Make slopes between levels 20 and 220, steeper in each further image and channel; the first image is flat."""
    y, x = np.mgrid[: size[0], : size[1]] / 32
    image, channel = np.ogrid[:num_images, :num_channels]
    image, channel = image[..., None, None], channel[..., None, None]
    levels = 20 + (x * 90 * (channel + 1) + y * 37 * (image + 1) + 30 * channel) % 200
    levels[0] = 77
    return torch.from_numpy(levels.astype(np.uint8))


def make_pictures(num_images: int, num_channels: int, size: tuple[int, int] = (32, 32)) -> Tensor:
    return torch.cat([make_noise(num_images, num_channels, size), make_gradients(num_images, num_channels, size)])
