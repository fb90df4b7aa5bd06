"""MobileNetV3 in the form for lines of text: an image in, one vector a column out (Howard et al. 2019, tables 1 and 2).

All strides but the first are vertical, so that the columns, which become time steps, stay a quarter of the width. This is what PaddleOCR
calls MobileNetV3 (`ppocr/modeling/backbones/rec_mobilenet_v3.py`) with the strides of its recipes, (1, 2, 2, 2).
"""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.conv_norm import Activation, ConvNorm, SqueezeExcite, make_hardswish, make_relu


@dataclass(frozen=True)
class Row:
    """One block of the published tables, before it is scaled."""

    kernel_size: int
    expanded: int
    channels: int
    has_excite: bool
    activation: Activation
    vertical_stride: int = 1


_RELU, _HARD = make_relu, make_hardswish
ROWS: dict[str, tuple[Row, ...]] = {
    "large": (
        Row(3, 16, 16, False, _RELU), Row(3, 64, 24, False, _RELU, 2), Row(3, 72, 24, False, _RELU),
        Row(5, 72, 40, True, _RELU, 2), Row(5, 120, 40, True, _RELU), Row(5, 120, 40, True, _RELU),
        Row(3, 240, 80, False, _HARD), Row(3, 200, 80, False, _HARD), Row(3, 184, 80, False, _HARD), Row(3, 184, 80, False, _HARD),
        Row(3, 480, 112, True, _HARD), Row(3, 672, 112, True, _HARD),
        Row(5, 672, 160, True, _HARD, 2), Row(5, 960, 160, True, _HARD), Row(5, 960, 160, True, _HARD),
    ),
    "small": (
        Row(3, 16, 16, True, _RELU), Row(3, 72, 24, False, _RELU, 2), Row(3, 88, 24, False, _RELU),
        Row(5, 96, 40, True, _HARD, 2), Row(5, 240, 40, True, _HARD), Row(5, 240, 40, True, _HARD),
        Row(5, 120, 48, True, _HARD), Row(5, 144, 48, True, _HARD),
        Row(5, 288, 96, True, _HARD, 2), Row(5, 576, 96, True, _HARD), Row(5, 576, 96, True, _HARD),
    ),
}  # fmt: skip
"""Size -> its blocks."""
LAST_CHANNELS = {"large": 960, "small": 576}
Size = Literal["large", "small"]


def scale_channels(channels: int, scale: float) -> int:
    """Return the multiple of 8 next to `channels * scale`, at least 8 and never below nine tenths of it."""
    wanted = channels * scale
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8


class InvertedResidual(nn.Module):
    """Widen, convolve each channel on its own, weigh the channels, narrow; a shortcut where the shape stays."""

    def __init__(self, in_channels: int, row: Row, *, scale: float, squeeze_excite: bool) -> None:
        """Build the layers of one row of the table."""
        super().__init__()
        expanded, channels = scale_channels(row.expanded, scale), scale_channels(row.channels, scale)
        self.layers = nn.Sequential(
            ConvNorm(in_channels, expanded, 1, activation=row.activation),
            ConvNorm(
                expanded,
                expanded,
                row.kernel_size,
                stride=(row.vertical_stride, 1),
                groups=expanded,
                activation=row.activation,
            ),
            SqueezeExcite(expanded) if row.has_excite and squeeze_excite else nn.Identity(),
            ConvNorm(expanded, channels, 1, activation=None),
        )
        self.has_shortcut = row.vertical_stride == 1 and in_channels == channels

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C2 H2 W"]:
        """Return the features of this block."""
        outputs: Tensor = self.layers(features)
        return features + outputs if self.has_shortcut else outputs


class MobileNetV3(nn.Module):
    """Stem, inverted residuals, a last 1x1 convolution and a max-pool: 1/32 of the height, a quarter of the width."""

    def __init__(self, in_channels: int, size: Size, *, scale: float, squeeze_excite: bool) -> None:
        """Build the layers, every width times `scale`."""
        super().__init__()
        previous = scale_channels(16, scale)
        self.stem = ConvNorm(in_channels, previous, 3, stride=2, activation=make_hardswish)
        blocks = []
        for row in ROWS[size]:
            blocks.append(InvertedResidual(previous, row, scale=scale, squeeze_excite=squeeze_excite))
            previous = scale_channels(row.channels, scale)
        self.blocks = nn.Sequential(*blocks)
        self.out_size = scale_channels(LAST_CHANNELS[size], scale)
        self.last = ConvNorm(previous, self.out_size, 1, activation=make_hardswish)
        self.pool = nn.MaxPool2d(2)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H2 T"]:
        """Return one vector a column: H2 is 1 for heights from 18 to 48, T a quarter of the width."""
        columns: Tensor = self.pool(self.last(self.blocks(self.stem(images))))
        return columns
