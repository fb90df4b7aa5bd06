"""A residual network for one line of text on a small machine: an image in, one vector a column out.

The stem folds 2x2 pixels into channels and the first stage halves height and width again, early, where most multiplications would be; the
later stages halve the height alone, so that the columns, which become time steps, stay a quarter of the width. The last convolution spans
the whole remaining height.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.conv_norm import ConvNorm


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, which averages before it projects where the block strides (ResNet-D, He et al. 2019)."""

    def __init__(self, in_channels: int, out_channels: int, stride: tuple[int, int]) -> None:
        """Build the layers; `stride` is (vertical, horizontal)."""
        super().__init__()
        self.first = ConvNorm(in_channels, out_channels, 3, stride=stride)
        self.second = ConvNorm(out_channels, out_channels, 3, activation=None)
        pool = nn.AvgPool2d(stride, stride, ceil_mode=True) if stride != (1, 1) else nn.Identity()
        unchanged = in_channels == out_channels and stride == (1, 1)
        self.shortcut = (
            nn.Identity() if unchanged else nn.Sequential(pool, ConvNorm(in_channels, out_channels, 1, activation=None))
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C2 H2 W2"]:
        """Return the features of this block."""
        outputs: Tensor = self.activation(self.second(self.first(features)) + self.shortcut(features))
        return outputs


class LightResNet(nn.Module):
    """Stem, stages and a convolution that collapses the height."""

    def __init__(
        self,
        in_channels: int,
        height_px: int,
        *,
        stem_channels: int,
        channels: Sequence[int],
        num_blocks: Sequence[int],
        width: int,
    ) -> None:
        """Build the layers for images of one height; `width` is the length of a column's vector (D)."""
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), ConvNorm(4 * in_channels, stem_channels, 3))
        height, previous, blocks = height_px // 2, stem_channels, []
        for stage, (size, count) in enumerate(zip(channels, num_blocks, strict=True)):
            for block in range(count):
                stride = (1, 1) if block else (2, 2) if stage == 0 else (2, 1)
                blocks.append(ResidualBlock(previous, size, stride))
                previous = size
            height = -(-height // 2)
        self.stages = nn.Sequential(*blocks)
        self.collapse = ConvNorm(previous, width, (height, 1))
        self.out_size = width

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D 1 T"]:
        """Return one vector a column; T is a quarter of the width, rounded up. Height and width are even."""
        columns: Tensor = self.collapse(self.stages(self.stem(images)))
        return columns
