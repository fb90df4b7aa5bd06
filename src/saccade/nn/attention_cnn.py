"""The convolutions of the Attention baseline of the formulas series: an image in, one vector for about 16 x 4 px of it out.

Seven layers as in CRNN (Shi, Bai & Yao 2017): pools halve height and width twice, then twice the height alone, while
the width grows by a column of padding each time; the last kernel is 2x2 without padding. In bcaitech1/p4-fr-connectnet
(`networks/Attention.py`) the last three layers are deformable. What reads the map along its rows is
`nn.recurrent_encoder`.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.deformable import DeformableConv
from saccade.nn.encoding import check_shape, count_windows, flatten_map

CHANNELS = (64, 128, 256, 256, 512, 512, 512)
_NORMED = (2, 4, 6)
_HALVING, _LOWERING = (0, 1), (3, 5)
"""Layers behind which a pool halves height and width, or the height alone."""


class AttentionCnn(nn.Module):
    """Seven convolutions with ReLU; the third, fifth and seventh with batch norm."""

    def __init__(self, in_channels: int, *, channels: Sequence[int] = CHANNELS, num_deformable: int = 0) -> None:
        """Build the layers.

        Args:
            in_channels: Channels of the images.
            channels: Channels of each of the seven layers; the last is the length of a vector of the memory.
            num_deformable: How many of the last layers are deformable (3 in the series), which have no bias.

        Raises:
            ValueError: there are not seven layers.
        """
        super().__init__()
        if len(channels) != len(CHANNELS):
            raise ValueError(f"channels: {len(channels)} layers, where the network has {len(CHANNELS)}")
        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(zip((in_channels, *channels), channels, strict=False)):
            is_last = index == len(channels) - 1
            if index >= len(channels) - num_deformable:
                layers.append(DeformableConv(before, after, 2 if is_last else 3))
            else:
                layers.append(nn.Conv2d(before, after, 2 if is_last else 3, padding=0 if is_last else 1))
            if index in _NORMED:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.ReLU(inplace=True))
            if index in _HALVING:
                layers.append(nn.MaxPool2d(2))
            elif index in _LOWERING:
                layers.append(nn.MaxPool2d(2, stride=(2, 1), padding=(0, 1)))
        self.layers = nn.Sequential(*layers)
        self.out_size = channels[-1]

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B M D"]:
        """Return one vector a place of the map, row by row: 7 x 33 of them for 128 x 128 px."""
        self.shape(*images.shape[2:])
        return flatten_map(self.layers(images))

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the memory.

        Raises:
            ValueError: the image is too small: below 32 px in height, or 4 in width.
        """
        rows, columns = height_px // 4, width_px // 4
        for _ in _LOWERING:
            rows, columns = count_windows(rows, 2, stride=2), count_windows(columns, 2, padding=1)
        return check_shape(height_px, width_px, (count_windows(rows, 2), count_windows(columns, 2)))
