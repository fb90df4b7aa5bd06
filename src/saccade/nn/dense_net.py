"""A dense network for images that are read in two dimensions (Huang et al. 2017): an image in, one vector an eighth of it out.

Two dense blocks with a transition between them. With its defaults this is the first half of the SATRN of the formulas
series, there called DeepCNN300 (bcaitech1/p4-fr-connectnet, `networks/SATRN.py`); in the branches of that repository
the last layers are deformable.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.deformable import DeformableConv
from saccade.nn.encoding import check_shape, count_windows, flatten_map

_WIDENING = 3


@dataclass(frozen=True)
class DenseBlockSizes:
    """What the two dense blocks are made of."""

    depth: int = 16
    """Layers of each block."""
    growth: int = 24
    """Channels that each layer adds."""
    dropout: float = 0.2
    """Share of what a layer adds that is dropped in training."""


class DenseLayer(nn.Module):
    """Norm, ReLU and a 1x1 convolution to three times the growth, the same with a 3x3 convolution to it; the input stays in front."""

    def __init__(self, in_channels: int, growth: int, *, dropout: float, deformable: bool) -> None:
        """Build the layers; `deformable` concerns the 3x3 convolution."""
        super().__init__()
        inner = _WIDENING * growth
        self.narrow = nn.Sequential(
            nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True), nn.Conv2d(in_channels, inner, 1, bias=False)
        )
        grow = DeformableConv(inner, growth, 3) if deformable else nn.Conv2d(inner, growth, 3, padding=1, bias=False)
        self.grow = nn.Sequential(nn.BatchNorm2d(inner), nn.ReLU(inplace=True), grow, nn.Dropout(dropout))

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C2 H W"]:
        """Return the features and what this layer adds to them."""
        return torch.cat([features, self.grow(self.narrow(features))], dim=1)


class DenseEncoder(nn.Module):
    """Stem and pool to a quarter, dense block, transition to an eighth, dense block, and a 1x1 convolution to the memory's size."""

    def __init__(
        self,
        in_channels: int,
        out_size: int,
        *,
        stem_channels: int = 48,
        blocks: DenseBlockSizes | None = None,
        num_deformable: int = 0,
    ) -> None:
        """Build the layers.

        Args:
            in_channels: Channels of the images.
            out_size: Length of a vector of the memory.
            stem_channels: Channels of the 7x7 convolution in front.
            blocks: Sizes of the two dense blocks; default: those of the series.
            num_deformable: How many of the last layers of the second block are deformable (3 in the series' variant).
        """
        super().__init__()
        sizes = blocks or DenseBlockSizes()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, stem_channels, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(stem_channels),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.first = _make_block(stem_channels, sizes, num_deformable=0)
        channels = stem_channels + sizes.depth * sizes.growth
        self.transition = nn.Sequential(*_make_projection(channels, channels // 2), nn.AvgPool2d(2))
        self.second = _make_block(channels // 2, sizes, num_deformable=num_deformable)
        self.project = nn.Sequential(*_make_projection(channels // 2 + sizes.depth * sizes.growth, out_size))
        self.out_size = out_size

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B M D"]:
        """Return one vector for each 8 x 8 px, row by row."""
        self.shape(*images.shape[2:])
        return flatten_map(self.project(self.second(self.transition(self.first(self.stem(images))))))

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the memory: an eighth of height and width.

        Raises:
            ValueError: the image is too small.
        """
        rows, columns = (count_windows(px, 7, stride=2, padding=3) // 4 for px in (height_px, width_px))
        return check_shape(height_px, width_px, (rows, columns))


def _make_block(in_channels: int, sizes: DenseBlockSizes, *, num_deformable: int) -> nn.Sequential:
    return nn.Sequential(
        *(
            DenseLayer(
                in_channels + index * sizes.growth,
                sizes.growth,
                dropout=sizes.dropout,
                deformable=index >= sizes.depth - num_deformable,
            )
            for index in range(sizes.depth)
        )
    )


def _make_projection(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True), nn.Conv2d(in_channels, out_channels, 1, bias=False)]
