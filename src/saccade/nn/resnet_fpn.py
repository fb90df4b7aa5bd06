"""The backbone of the published SRN: ResNet-50 that stops at an eighth of the image, its last three stages merged top down.

As in PaddleOCR's `rec_resnet_fpn.py`, except that the first blocks of stages three and four have 3x3 convolutions as all others have:
upstream makes those two 2x2 with a hole between, because their stride compares equal to (1, 1).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.conv_norm import ConvNorm

_WIDTHS = (64, 128, 256, 512)
_STRIDES = (2, 2, 1, 1)
_EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a shortcut; the 3x3 strides."""

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        """Build the layers; four times `width` channels come out."""
        super().__init__()
        out_channels = _EXPANSION * width
        self.layers = nn.Sequential(
            ConvNorm(in_channels, width, 1),
            ConvNorm(width, width, 3, stride=stride),
            ConvNorm(width, out_channels, 1, activation=None),
        )
        unchanged = in_channels == out_channels and stride == 1
        self.shortcut = (
            nn.Identity() if unchanged else ConvNorm(in_channels, out_channels, 1, stride=stride, activation=None)
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C2 H2 W2"]:
        """Return the features of this block."""
        outputs: Tensor = self.activation(self.layers(features) + self.shortcut(features))
        return outputs


class ResNetFpn(nn.Module):
    """Stem, four stages of bottlenecks, and two merges that go back from the last stage to the second."""

    def __init__(self, in_channels: int, num_blocks: Sequence[int] = (3, 4, 6, 3), out_size: int = 512) -> None:
        """Build the layers; blocks of each of the four stages, and the length of a vector of the map.

        With the published sizes and one channel: 39,497,664 parameters.
        """
        super().__init__()
        self.stem = ConvNorm(in_channels, _WIDTHS[0], 7, stride=2)
        stages, previous = [], _WIDTHS[0]
        for width, count, stride in zip(_WIDTHS, num_blocks, _STRIDES, strict=True):
            blocks = []
            for block in range(count):
                blocks.append(Bottleneck(previous, width, 1 if block else stride))
                previous = _EXPANSION * width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.merge_third = _build_merge(previous + previous // 2, previous // 2)
        self.merge_second = _build_merge(previous // 2 + previous // 4, previous // 4)
        self.out = nn.Conv2d(previous // 4, out_size, 1)
        self.out_size = out_size

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H2 W2"]:
        """Return the map of each image."""
        features, levels = self.stem(images), []
        for stage in self.stages:
            features = stage(features)
            levels.append(features)
        _, second, third, fourth = levels  # the last three are of one size
        merged = self.merge_third(torch.cat([fourth, third], dim=1))
        outputs: Tensor = self.out(self.merge_second(torch.cat([merged, second], dim=1)))
        return outputs

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the map: an eighth of the image, rounded up."""
        return -(-height_px // 8), -(-width_px // 8)


def _build_merge(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), ConvNorm(out_channels, out_channels, 3))
