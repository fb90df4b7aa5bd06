"""The first layer of every model: uint8 images to centred floats. It alone normalises, so nothing can do it twice."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

_LEAST_DEVIATION = 8.0


class Normalise(nn.Module):
    """Map grey levels 0..255 of each channel to (value / 255 - mean) / std; mean and std are of values in [0, 1]."""

    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        deviations = torch.tensor(std).view(-1, 1, 1)
        # not in the state: the contract beside the weights holds them
        self.register_buffer("scale", 1 / (255 * deviations), persistent=False)
        self.register_buffer("shift", -torch.tensor(mean).view(-1, 1, 1) / deviations, persistent=False)

    def forward(self, images: Shaped[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Return floats around 0; images are uint8, or floats in 0..255 after augmentation on the device."""
        return images * self.scale + self.shift


class NormaliseImage(nn.Module):
    """Centre and scale each image by its own mean and deviation, so that light and contrast of the scene drop out.

    Eight grey levels are added to the deviation, lest an empty image become pure noise.
    """

    def forward(self, images: Shaped[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Return floats around 0; images are uint8, or floats in 0..255 after augmentation on the device."""
        deviation, mean = torch.std_mean(images.float(), dim=(1, 2, 3), keepdim=True)
        return (images - mean) / (deviation + _LEAST_DEVIATION)


def build_normalise(mean: Sequence[float] | None, std: Sequence[float] | None) -> nn.Module:
    """Build the first layer of a model: fixed numbers, or each image's own where there are none."""
    if mean is None or std is None:
        return NormaliseImage()
    return Normalise(mean, std)
