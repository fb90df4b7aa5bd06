"""The residual network of ASTER (Shi et al. 2018, table 1): an image in, one vector for 32 x 4 px of it out.

A line of text of 32 px leaves one row, a vector a column, as in the paper; a taller image, such as a formula, leaves
more, as in the formulas series (bcaitech1/p4-fr-connectnet, `networks/Attention.py`), where the last stage is
deformable. What reads the map along its rows, and what rectifies images in front, is in `nn.recurrent_encoder`.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.conv_norm import ConvNorm
from saccade.nn.deformable import DeformableConv
from saccade.nn.encoding import check_shape, flatten_map

CHANNELS = (32, 64, 128, 256, 512)
NUM_BLOCKS = (3, 4, 6, 6, 3)
_NUM_NARROWING = 2
"""Stages that halve the width too; all halve the height."""


class AsterBlock(nn.Module):
    """A 1x1 convolution, which strides, a 3x3 convolution, and a shortcut.

    Both convolutions that would stride are 1x1 and see only what they step on, so the steps are taken before them, once:
    a 1x1 convolution that strides over few channels in channels_last crashes in PyTorch 2.15's backward pass on CPUs.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: tuple[int, int], *, deformable: bool) -> None:
        """Build the layers; `stride` is (vertical, horizontal), `deformable` concerns the 3x3 convolution."""
        super().__init__()
        self.stride = stride
        self.first = ConvNorm(in_channels, out_channels, 1)
        self.second: nn.Module = (
            nn.Sequential(DeformableConv(out_channels, out_channels, 3), nn.BatchNorm2d(out_channels))
            if deformable
            else ConvNorm(out_channels, out_channels, 3, activation=None)
        )
        unchanged = in_channels == out_channels and stride == (1, 1)
        self.shortcut = nn.Identity() if unchanged else ConvNorm(in_channels, out_channels, 1, activation=None)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C2 H2 W2"]:
        """Return the features of this block."""
        down, across = self.stride
        features = features[:, :, ::down, ::across]
        outputs: Tensor = self.activation(self.second(self.first(features)) + self.shortcut(features))
        return outputs


class AsterResNet(nn.Module):
    """A 3x3 stem and stages of residual blocks."""

    def __init__(
        self,
        in_channels: int,
        *,
        stem_channels: int = 32,
        channels: Sequence[int] = CHANNELS,
        num_blocks: Sequence[int] = NUM_BLOCKS,
        deformable: bool = False,
    ) -> None:
        """Build the layers.

        Args:
            in_channels: Channels of the images.
            stem_channels: Channels of the stem.
            channels: Channels of each stage; the last is the length of a vector of the memory.
            num_blocks: Blocks of each stage.
            deformable: Whether the 3x3 convolutions of the last stage are deformable.
        """
        super().__init__()
        self.stem = ConvNorm(in_channels, stem_channels, 3)
        previous, blocks = stem_channels, []
        for stage, (size, count) in enumerate(zip(channels, num_blocks, strict=True)):
            is_last = stage == len(channels) - 1
            for block in range(count):
                stride = (1, 1) if block else (2, 2) if stage < _NUM_NARROWING else (2, 1)
                blocks.append(AsterBlock(previous, size, stride, deformable=deformable and is_last))
                previous = size
        self.stages = nn.Sequential(*blocks)
        self.reduction = (2 ** len(channels), 2 ** min(len(channels), _NUM_NARROWING))
        self.out_size = previous

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B M D"]:
        """Return one vector a place of the map, row by row."""
        self.shape(*images.shape[2:])
        return flatten_map(self.stages(self.stem(images)))

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the memory: 1/32 of the height, a quarter of the width (with five stages), rounded up.

        Raises:
            ValueError: the image is empty.
        """
        vertical, horizontal = self.reduction
        return check_shape(height_px, width_px, (-(-height_px // vertical), -(-width_px // horizontal)))
