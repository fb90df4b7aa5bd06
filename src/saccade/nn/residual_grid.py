"""A small residual network that keeps rows and columns: an image in, a map of vectors out. For readers of more than one line of symbols."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.conv_norm import ConvNorm
from saccade.nn.light_resnet import ResidualBlock

_STEM_STRIDE = 2


@runtime_checkable
class GridBackbone(Protocol):
    """A module that turns an image into a map of vectors of `out_size` numbers."""

    out_size: int

    def __call__(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H2 W2"]:
        """Return the map."""

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the map of an image."""


class ResidualGrid(nn.Module):
    """A convolution that halves height and width, then stages of residual blocks (He et al. 2016)."""

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        num_blocks: Sequence[int],
        strides: Sequence[tuple[int, int]],
    ) -> None:
        """Build the layers; channels, blocks and stride (vertical, horizontal) of each stage.

        Strides (1, 1), (2, 2), (2, 2) make a map of an eighth of height and width.
        """
        super().__init__()
        self.stem = ConvNorm(in_channels, channels[0], 5, stride=_STEM_STRIDE)
        self.strides = tuple(strides)
        previous, blocks = channels[0], []
        for size, count, stride in zip(channels, num_blocks, self.strides, strict=True):
            for block in range(count):
                blocks.append(ResidualBlock(previous, size, (1, 1) if block else stride))
                previous = size
        self.stages = nn.Sequential(*blocks)
        self.out_size = previous

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H2 W2"]:
        """Return the map of each image."""
        features: Tensor = self.stages(self.stem(images))
        return features

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the map; every stride rounds up."""
        rows, columns = height_px, width_px
        for down, across in ((_STEM_STRIDE, _STEM_STRIDE), *self.strides):
            rows, columns = -(-rows // down), -(-columns // across)
        return rows, columns
