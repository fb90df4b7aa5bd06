"""The encoder of SATRN (Lee et al. 2020, "On Recognizing Texts of Arbitrary Shapes with 2D Self-Attention").

Path: images -> a backbone's vectors, row by row -> their positions -> layers of self-attention and feed-forward ->
memory. Two published forms differ in every part: the authors' own (clovaai/SATRN: `ShallowEncoder`, adaptive positions,
norms in front, separable feed-forward) and that of the formulas series (bcaitech1/p4-fr-connectnet: `DenseEncoder`,
projected positions, norms behind, linear feed-forward). Either takes the other's parts, or a lighter backbone. The
authors' keys are a quarter as long as their values; here both have one length.
"""

from dataclasses import dataclass
from typing import Literal, assert_never

from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.conv_norm import ConvNorm
from saccade.nn.encoding import Encoder, check_shape, flatten_map
from saccade.nn.multi_head import MultiHeadAttention
from saccade.nn.positional_2d import AdaptivePositional2d, Positional2d

FeedForward = Literal["linear", "convolution", "separable"]
"""Each vector alone; with its neighbours in a 3x3 convolution; in one over each channel alone (section 3.2.3)."""


@dataclass(frozen=True)
class EncoderLayers:
    """What the layers of self-attention are made of."""

    num_layers: int
    num_heads: int
    head_size: int
    """Length of a key, a query and a value in each head."""
    filter_size: int
    """Length of a vector inside the feed-forward part."""
    feed_forward: FeedForward = "linear"
    norm: Literal["post", "pre"] = "post"
    """Layer norms behind each sum, or in front of each part and once at the end."""
    scale: float | None = None
    """What products of queries and keys are multiplied by; None: head_size ** -0.5."""
    dropout: float = 0.0
    """Share of attention weights, of what attention gives and of linear feed-forward that is dropped in training."""


class ShallowEncoder(nn.Module):
    """The authors' backbone: 3x3 convolutions, each with a pool that halves height and width."""

    def __init__(self, in_channels: int, channels: tuple[int, ...] = (256, 512)) -> None:
        """Build the layers; the last channels are the length of a vector of the memory."""
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((in_channels, *channels), channels, strict=False):
            layers += [ConvNorm(before, after, 3), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers)
        self.reduction, self.out_size = 2 ** len(channels), channels[-1]

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B M D"]:
        """Return one vector for each 4 x 4 px (with two layers), row by row."""
        self.shape(*images.shape[2:])
        return flatten_map(self.layers(images))

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the memory: a quarter of height and width (with two layers).

        Raises:
            ValueError: the image is too small.
        """
        return check_shape(height_px, width_px, (height_px // self.reduction, width_px // self.reduction))


class SatrnLayer(nn.Module):
    """Self-attention over all places of the map, and a feed-forward part, each with a shortcut and a layer norm."""

    def __init__(self, size: int, layers: EncoderLayers) -> None:
        """Build the parts; `size` is the length of a vector."""
        super().__init__()
        self.attention = MultiHeadAttention(
            size,
            size,
            num_heads=layers.num_heads,
            head_size=layers.head_size,
            dropout=layers.dropout,
            scale=layers.scale,
        )
        self.attention_norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(layers.dropout)
        self.feed_forward = _build_feed_forward(layers.feed_forward, size, layers.filter_size, layers.dropout)
        self.feed_forward_norm = nn.LayerNorm(size)
        self.is_local = layers.feed_forward != "linear"
        self.norms_first = layers.norm == "pre"

    def forward(self, vectors: Float[Tensor, "B M D"], rows: int) -> Float[Tensor, "B M D"]:
        """Return the vectors of this layer; they come row by row."""
        if self.norms_first:
            vectors = vectors + self._attend(self.attention_norm(vectors))
            return vectors + self._feed(self.feed_forward_norm(vectors), rows)
        vectors = self.attention_norm(vectors + self._attend(vectors))
        normed: Tensor = self.feed_forward_norm(vectors + self._feed(vectors, rows))
        return normed

    def _attend(self, vectors: Tensor) -> Tensor:
        attended: Tensor = self.dropout(self.attention(vectors, vectors))
        return attended

    def _feed(self, vectors: Tensor, rows: int) -> Tensor:
        if self.is_local:
            features = vectors.transpose(1, 2).unflatten(2, (rows, -1))  # (B, M, D) -> (B, D, rows, columns)
            return flatten_map(self.feed_forward(features))
        outputs: Tensor = self.feed_forward(vectors)
        return outputs


class SatrnEncoder(nn.Module):
    """Backbone, positions, and layers of self-attention; without layers, a backbone that knows where things stand."""

    def __init__(
        self, backbone: Encoder, positional: Positional2d | AdaptivePositional2d, layers: EncoderLayers
    ) -> None:
        """Build the layers; `positional` is of the backbone's size, and so is the memory."""
        super().__init__()
        self.backbone, self.positional = backbone, positional
        self.layers = nn.ModuleList(SatrnLayer(backbone.out_size, layers) for _ in range(layers.num_layers))
        self.norm = nn.LayerNorm(backbone.out_size) if layers.norm == "pre" else nn.Identity()
        self.out_size = backbone.out_size

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B M D"]:
        """Return the memory, row by row."""
        rows, columns = self.shape(*images.shape[2:])
        vectors = self.positional(self.backbone(images), rows, columns)
        for layer in self.layers:
            vectors = layer(vectors, rows)
        memory: Tensor = self.norm(vectors)
        return memory

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the memory, which are the backbone's.

        Raises:
            ValueError: the image is too small, or larger than there are positions.
        """
        rows, columns = self.backbone.shape(height_px, width_px)
        self.positional.tables(rows, columns)
        return rows, columns


def _build_feed_forward(kind: FeedForward, size: int, filter_size: int, dropout: float) -> nn.Sequential:
    match kind:
        case "linear":
            return nn.Sequential(
                nn.Linear(size, filter_size), nn.ReLU(inplace=True), nn.Dropout(dropout),
                nn.Linear(filter_size, size), nn.ReLU(inplace=True), nn.Dropout(dropout),
            )  # fmt: skip
        case "convolution" | "separable":
            middle = ConvNorm(filter_size, filter_size, 3, groups=1 if kind == "convolution" else filter_size)
            return nn.Sequential(ConvNorm(size, filter_size, 1), middle, ConvNorm(filter_size, size, 1))
        case _:
            assert_never(kind)
