"""ResNet-vd in the form for lines of text: an image in, one vector a column out.

The stem is three 3x3 convolutions, shortcuts average before they project (He et al. 2019, "Bag of Tricks", model D), and the later
stages halve the height alone, so that the columns, which become time steps, stay a quarter of the width. This is what PaddleOCR calls
ResNet (`ppocr/modeling/backbones/rec_resnet_vd.py`), with a squeeze-excite that is really there where it is asked for.
"""

from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.conv_norm import ConvNorm, SqueezeExcite

NUM_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Number of layers -> blocks of each stage."""
CHANNELS = (64, 128, 256, 512)
_SE_REDUCTION = 16


class BasicBlockVd(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: tuple[int, int], projects: bool, squeeze_excite: bool
    ) -> None:
        """Build the layers; `projects`: the shortcut is a 1x1 convolution, behind an average where the block strides."""
        super().__init__()
        self.first = ConvNorm(in_channels, out_channels, 3, stride=stride)
        self.second = ConvNorm(out_channels, out_channels, 3, activation=None)
        self.excite = SqueezeExcite(out_channels, _SE_REDUCTION) if squeeze_excite else nn.Identity()
        pool = nn.AvgPool2d(stride, stride, ceil_mode=True) if stride != (1, 1) else nn.Identity()
        project = ConvNorm(in_channels, out_channels, 1, activation=None)
        self.shortcut = nn.Sequential(pool, project) if projects else nn.Identity()
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C2 H2 W2"]:
        """Return the features of this block."""
        outputs: Tensor = self.activation(self.excite(self.second(self.first(features))) + self.shortcut(features))
        return outputs


class ResNetVd(nn.Module):
    """Stem, four stages and two max-pools: 1/32 of the height, a quarter of the width."""

    out_size = CHANNELS[-1]

    def __init__(self, in_channels: int, num_layers: int, *, squeeze_excite: bool) -> None:
        """Build the layers; `num_layers` is a key of `NUM_BLOCKS`."""
        super().__init__()
        self.stem = nn.Sequential(
            ConvNorm(in_channels, 32, 3), ConvNorm(32, 32, 3), ConvNorm(32, 64, 3), nn.MaxPool2d(3, stride=2, padding=1)
        )
        blocks, previous = [], 64
        for stage, (channels, count) in enumerate(zip(CHANNELS, NUM_BLOCKS[num_layers], strict=True)):
            for block in range(count):
                stride = (2, 1) if block == 0 and stage > 0 else (1, 1)
                blocks.append(
                    BasicBlockVd(previous, channels, stride=stride, projects=block == 0, squeeze_excite=squeeze_excite)
                )
                previous = channels
        self.stages = nn.Sequential(*blocks)
        self.pool = nn.MaxPool2d(2)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H2 T"]:
        """Return one vector a column: D is 512, H2 is 1 for heights from 18 to 48, T a quarter of the width."""
        columns: Tensor = self.pool(self.stages(self.stem(images)))
        return columns
