"""CSTR: reading as one classification a position (Cai et al. 2021, "Revisiting classification perspective on scene text recognition").

Path: `CstrBackbone` (residual blocks with CBAM, non-local blocks, a semantic pyramid that goes down and up again) -> a head. The published
head classifies every position from one pooled vector of the whole image, and cannot hold long texts: `describe_capacity` says when. The
other head lets each position pool a vector of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from saccade.nn.cbam import CbamBlock
from saccade.nn.conv_norm import ConvNorm
from saccade.nn.encoding import check_image_size, flatten_map
from saccade.nn.multi_head import MultiHeadAttention
from saccade.nn.non_local import NonLocal
from saccade.nn.positional import make_sinusoids
from saccade.nn.positional_2d import make_grid_sinusoids

# A pooled vector whose every number has to carry more than one binary choice is refused. The published setting needs a quarter of that.
MAX_BITS_A_NUMBER = 1.0
# of what comes out of the stem, so that one cell is left at the top
_LEAST_ROWS, _LEAST_COLUMNS = 32, 24


@dataclass(frozen=True)
class PositionWise:
    """Learned queries, one a position, attend over the map; all positions share one classifier.

    Attributes:
        num_heads: Heads of the attention.
    """

    num_heads: int = 8


@dataclass(frozen=True)
class Pooled:
    """The published head: the mean of the map, and a linear layer of its own for each position.

    Attributes:
        allow_overfull: Build it where `describe_capacity` says that the texts do not fit into the vector.
    """

    allow_overfull: bool = False


@dataclass(frozen=True)
class CstrSizes:
    """Sizes of the network; the defaults are the published ones (vedastr `configs/cstr.py`).

    Attributes:
        base_channels: Channels of the first convolution; the stages have 2, 4, 8 and 16 times as many.
        num_blocks: Residual blocks of the five groups.
        pyramid_channels: Channels of the semantic pyramid, and length of a vector of the map (D).
        cbam_reduction: By how much CBAM squeezes its channels.
        stem_stride: Stride of the first convolution; 2 makes a map of an eighth instead of a quarter, at a quarter of the cost.
        dropout: Share of the numbers before the classifier that are dropped in training; not in the paper.
    """

    base_channels: int = 48
    num_blocks: tuple[int, ...] = (1, 4, 7, 5, 3)
    pyramid_channels: int = 512
    cbam_reduction: int = 16
    stem_stride: int = 1
    dropout: float = 0.0


@dataclass(frozen=True)
class Capacity:
    """What texts ask of one pooled vector.

    Attributes:
        bits_needed: Of a text of the longest length whose tokens are all equally likely.
        vector_size: Numbers of the vector.
    """

    num_positions: int
    num_classes: int
    bits_needed: float
    vector_size: int

    @property
    def bits_a_number(self) -> float:
        """What each number of the vector has to carry."""
        return self.bits_needed / self.vector_size

    @property
    def is_overfull(self) -> bool:
        """Whether that is more than `MAX_BITS_A_NUMBER`."""
        return self.bits_a_number > MAX_BITS_A_NUMBER

    def __str__(self) -> str:
        """Return one line for people."""
        return (
            f"{self.num_positions} positions of {self.num_classes} classes are up to {self.bits_needed:.0f} bits "
            f"in one vector of {self.vector_size} numbers, {self.bits_a_number:.2f} bits a number"
        )


def describe_capacity(num_positions: int, num_classes: int, vector_size: int) -> Capacity:
    """Return how many bits the positions of a text need, against the numbers of the one vector that has to hold them."""
    return Capacity(num_positions, num_classes, num_positions * math.log2(num_classes), vector_size)


class CstrBackbone(nn.Module):
    """Stages at half, a quarter and an eighth of what the stem gives, one below, and the pyramid that brings them back to a quarter."""

    def __init__(self, in_channels: int, sizes: CstrSizes) -> None:
        """Build the layers."""
        super().__init__()
        base, reduction, counts = sizes.base_channels, sizes.cbam_reduction, sizes.num_blocks
        half, quarter, eighth = 4 * base, 8 * base, 16 * base
        pool = nn.MaxPool2d(2)
        self.stem = nn.Sequential(ConvNorm(in_channels, base, 3, stride=sizes.stem_stride), ConvNorm(base, 2 * base, 3))
        self.at_half = nn.Sequential(pool, *_build_blocks(2 * base, half, counts[0], reduction), NonLocal(half))
        self.at_quarter = nn.Sequential(pool, *_build_blocks(half, quarter, counts[1], reduction), NonLocal(quarter))
        self.at_eighth = nn.Sequential(
            pool,
            *_build_blocks(quarter, eighth, counts[2], reduction),
            *(CbamBlock(eighth, eighth, reduction) for _ in range(counts[3])),
            NonLocal(eighth),
        )
        self.at_top = nn.Sequential(
            ConvNorm(eighth, eighth, 2, stride=(2, 1)),
            *(CbamBlock(eighth, eighth, reduction) for _ in range(counts[4])),
            ConvNorm(eighth, eighth, 2),
        )
        self.pyramid = SemanticPyramid((quarter, eighth, eighth), sizes.pyramid_channels)
        self.context = NonLocal(sizes.pyramid_channels)
        self.stem_stride, self.out_size = sizes.stem_stride, sizes.pyramid_channels

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H2 W2"]:
        """Return the map of each image."""
        quarter = self.at_quarter(self.at_half(self.stem(images)))
        eighth = self.at_eighth(quarter)
        features: Tensor = self.context(self.pyramid(quarter, eighth, self.at_top(eighth)))
        return features

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the map: a quarter of what the stem gives, rounded down.

        Raises:
            ValueError: nothing would be left of the image at the top of the pyramid.
        """
        stride = self.stem_stride
        least_height, least_width = (_LEAST_ROWS - 1) * stride + 1, (_LEAST_COLUMNS - 1) * stride + 1
        if height_px < least_height or width_px < least_width:
            raise ValueError(
                f"images of {height_px} x {width_px} px are too small for CSTR: {least_height} x {least_width} px at least"
            )
        return -(-height_px // stride) // 4, -(-width_px // stride) // 4


def _build_blocks(in_channels: int, channels: int, count: int, reduction: int) -> list[nn.Module]:
    blocks = [CbamBlock(channels if block else in_channels, channels, reduction) for block in range(count)]
    return [*blocks, ConvNorm(channels if blocks else in_channels, channels, 3)]


class SemanticPyramid(nn.Module):
    """Adds what the top knows to the levels below it, then brings all levels to the size of the lowest and adds them."""

    def __init__(self, in_channels: Sequence[int], channels: int) -> None:
        """Build the layers; channels of the three levels, the lowest first."""
        super().__init__()
        self.laterals = nn.ModuleList(ConvNorm(size, channels, 1) for size in in_channels)
        self.lowest = ConvNorm(channels, channels, 3)
        self.middle = ConvNorm(channels, channels, 3)
        self.top = ConvNorm(channels, channels, 3)
        self.top_again = ConvNorm(channels, channels, 3)

    def forward(
        self,
        lowest: Float[Tensor, "B C1 H W"],
        middle: Float[Tensor, "B C2 H2 W2"],
        top: Float[Tensor, "B C3 H3 W3"],
    ) -> Float[Tensor, "B D H W"]:
        """Return a map of the size of the lowest level."""
        lowest, middle, top = (
            lateral(level) for lateral, level in zip(self.laterals, (lowest, middle, top), strict=True)
        )
        middle = middle + _resize(top, middle)
        lowest = lowest + _resize(middle, lowest)
        raised = _resize(self.top_again(_resize(self.top(top), middle)), lowest)
        outputs: Tensor = self.lowest(lowest) + _resize(self.middle(middle), lowest) + raised
        return outputs


def _resize(level: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(level, like.shape[2:], mode="bilinear", align_corners=True)


class PositionPooling(nn.Module):
    """A vector a position: its learned query and what it gathers from the map."""

    def __init__(self, in_size: int, grid: tuple[int, int], num_positions: int, num_heads: int) -> None:
        """Build the layers for maps of `grid` rows and columns, and learned positions that begin as sinusoids."""
        super().__init__()
        self.norm = nn.LayerNorm(in_size)
        self.places = nn.Parameter(make_grid_sinusoids(*grid, in_size))
        self.orders = nn.Parameter(make_sinusoids(num_positions, in_size))
        self.attention = MultiHeadAttention(in_size, in_size, num_heads=num_heads, head_size=in_size // num_heads)
        self.out_norm = nn.LayerNorm(in_size)

    def forward(self, features: Float[Tensor, "B D H W"]) -> Float[Tensor, "B L D"]:
        """Return a vector a position."""
        queries = self._make_queries(features)
        pooled: Tensor = self.out_norm(queries + self.attention(queries, self._make_memory(features)))
        return pooled

    def compute_weights(self, features: Float[Tensor, "B D H W"]) -> Float[Tensor, "B heads L M"]:
        """Return where each position looks; each row sums to one."""
        keys, _ = self.attention.project_memory(self._make_memory(features))
        return self.attention.compute_weights(self._make_queries(features), keys)

    def _make_queries(self, features: Float[Tensor, "B D H W"]) -> Float[Tensor, "B L D"]:
        return self.orders.expand(len(features), -1, -1)

    def _make_memory(self, features: Float[Tensor, "B D H W"]) -> Float[Tensor, "B M D"]:
        memory: Tensor = self.norm(flatten_map(features)) + self.places
        return memory


class Cstr(nn.Module):
    """Backbone and head, for images of one size.

    With the published sizes, the pooled head and one channel: 193,424,254 parameters for 26 positions of 37 classes, as in the paper, and
    230,607,520 for the 301 positions of 244 classes of the math series.
    """

    def __init__(
        self,
        in_channels: int,
        image_size_px: tuple[int, int],
        *,
        num_classes: int,
        num_positions: int,
        sizes: CstrSizes,
        head: PositionWise | Pooled,
    ) -> None:
        """Build backbone and head.

        Args:
            in_channels: 1 for grey images, 3 for colour.
            image_size_px: Height and width of every image.
            num_classes: Tokens of the vocabulary (V), special ones included.
            num_positions: Longest text and its end token (L).
            sizes: Sizes of the network.
            head: How the positions of the text come out of the map.

        Raises:
            ValueError: the images are too small, the pooled vector is overfull, or the heads do not divide the vectors.
        """
        super().__init__()
        self.image_size_px = image_size_px
        self.backbone = CstrBackbone(in_channels, sizes)
        width = self.backbone.out_size
        grid = self.backbone.shape(*image_size_px)
        self.dropout = nn.Dropout(sizes.dropout)
        self.pooling: PositionPooling | None = None
        match head:
            case PositionWise():
                if width % head.num_heads:
                    raise ValueError(f"{width} channels of the pyramid cannot be divided among {head.num_heads} heads")
                self.pooling = PositionPooling(width, grid, num_positions, head.num_heads)
                self.classifier = nn.Linear(width, num_classes)
            case Pooled():
                capacity = describe_capacity(num_positions, num_classes, width)
                if capacity.is_overfull and not head.allow_overfull:
                    raise ValueError(
                        f"{capacity}, more than {MAX_BITS_A_NUMBER:g}: take the position-wise head, or allow it to be overfull"
                    )
                self.classifier = nn.Linear(width, num_positions * num_classes)
            case _:
                assert_never(head)
        self.num_positions = num_positions

    def forward(self, images: Float[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B L V"]]:
        """Return the logits of every class at every position.

        Raises:
            ValueError: the images have another size than the one the network was built for.
        """
        check_image_size(images, *self.image_size_px)
        features = self.backbone(images)
        if self.pooling is not None:
            return (self.classifier(self.dropout(self.pooling(features))),)
        logits = self.classifier(self.dropout(features.mean(dim=(2, 3))))
        return (logits.unflatten(1, (self.num_positions, -1)),)  # (B, L * V) -> (B, L, V)
