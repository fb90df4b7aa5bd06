"""SRN: all tokens of a text at once, then reconsidered together (Yu et al. 2020).

The paper: "Towards accurate scene text recognition with semantic reasoning networks". Path: map of a backbone -> `VisualAttention` (PVAM
there), one vector a position of the text -> its logits -> `SemanticReasoning` (GSRM), what the tokens before and after a position say about
it -> `Fusion` (VSFD). No target enters: the tokens that the reasoning sees are the network's own, in training too.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from saccade.nn.encoding import check_image_size, flatten_map
from saccade.nn.multi_head import MultiHeadAttention
from saccade.nn.positional import make_sinusoids
from saccade.nn.positional_2d import make_grid_sinusoids
from saccade.nn.residual_grid import GridBackbone

# Positions whose additive attention is computed at a time: its table has a vector for each pair of a position and a cell.
_CHUNK = 32


@dataclass(frozen=True)
class SrnSizes:
    """Sizes of the head; the defaults are the published ones (PaddleOCR `rec_r50_fpn_srn.yml`).

    Attributes:
        width: Length of every vector (D).
        num_heads: Heads of the transformer units.
        feed_forward_size: Length of the inner vector of a unit.
        num_visual_units: Transformer units over the cells of the map.
        num_semantic_units: Transformer units of each of the two streams of the semantic reasoning.
        dropout: Share dropped inside the units in training.
        soft_embedding: Reason about the mean of all tokens, weighted by their probability, which carries a gradient to the visual part;
            else, as published, about the most probable token.
    """

    width: int = 512
    num_heads: int = 8
    feed_forward_size: int = 512
    num_visual_units: int = 2
    num_semantic_units: int = 4
    dropout: float = 0.1
    soft_embedding: bool = False


class TransformerUnit(nn.Module):
    """Self-attention and a feed-forward layer, each on normalised vectors and added to what came in."""

    def __init__(self, sizes: SrnSizes) -> None:
        """Build the layers."""
        super().__init__()
        width = sizes.width
        self.attention_norm = nn.LayerNorm(width)
        self.attention = MultiHeadAttention(
            width, width, num_heads=sizes.num_heads, head_size=width // sizes.num_heads, dropout=sizes.dropout
        )
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, sizes.feed_forward_size),
            nn.ReLU(inplace=True),
            nn.Dropout(sizes.dropout),
            nn.Linear(sizes.feed_forward_size, width),
        )
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(
        self, vectors: Float[Tensor, "B N D"], mask: Bool[Tensor, "1 N N"] | None = None
    ) -> Float[Tensor, "B N D"]:
        """Return the vectors of this unit; vector n may look at vector m where `mask[0, n, m]` is true."""
        normed = self.attention_norm(vectors)
        vectors = vectors + self.dropout(self.attention(normed, normed, mask=mask))
        outputs: Tensor = vectors + self.dropout(self.feed_forward(vectors))
        return outputs


class TransformerStack(nn.Module):
    """Units one after the other, and a norm behind the last."""

    def __init__(self, num_units: int, sizes: SrnSizes) -> None:
        """Build the units."""
        super().__init__()
        self.dropout = nn.Dropout(sizes.dropout)
        self.units = nn.ModuleList(TransformerUnit(sizes) for _ in range(num_units))
        self.norm = nn.LayerNorm(sizes.width)

    def forward(
        self, vectors: Float[Tensor, "B N D"], mask: Bool[Tensor, "1 N N"] | None = None
    ) -> Float[Tensor, "B N D"]:
        """Return the vectors behind the last unit."""
        vectors = self.dropout(vectors)
        for unit in self.units:
            vectors = unit(vectors, mask)
        outputs: Tensor = self.norm(vectors)
        return outputs


class VisualAttention(nn.Module):
    """Each position of the text gathers what it needs from the map, all positions at once (PVAM, section 3.2)."""

    def __init__(self, in_size: int, grid: tuple[int, int], num_positions: int, sizes: SrnSizes) -> None:
        """Build the layers for maps of `grid` rows and columns, and learned positions that begin as sinusoids."""
        super().__init__()
        width = sizes.width
        self.project = nn.Linear(in_size, width)
        self.places = nn.Parameter(make_grid_sinusoids(*grid, width))
        self.units = TransformerStack(sizes.num_visual_units, sizes)
        self.orders = nn.Parameter(make_sinusoids(num_positions, width))
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B L D"]:
        """Return a vector a position."""
        memory = self.encode(features)
        keys = self.key(memory)
        parts = [self._compute_weights(orders, keys) @ memory for orders in self.orders.split(_CHUNK)]
        return torch.cat(parts, dim=1)

    def encode(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B M D"]:
        """Return the cells of the map, each with its place and what it has seen of the others."""
        memory: Tensor = self.units(self.project(flatten_map(features)) + self.places)
        return memory

    def compute_weights(self, memory: Float[Tensor, "B M D"]) -> Float[Tensor, "B L M"]:
        """Return where each position looks; each row sums to one."""
        return self._compute_weights(self.orders, self.key(memory))

    def _compute_weights(self, orders: Float[Tensor, "N D"], keys: Float[Tensor, "B M D"]) -> Float[Tensor, "B N M"]:
        queries = self.query(orders).unsqueeze(1)  # (N, D) -> (N, 1, D)
        scores = self.score(torch.tanh(queries + keys.unsqueeze(1))).squeeze(3)  # (B, N, M, 1) -> (B, N, M)
        weights: Tensor = scores.softmax(dim=2)
        return weights


class SemanticReasoning(nn.Module):
    """What the tokens before a position and those behind it say about it (GSRM, section 3.3), one stream each; they are added.

    Where upstream shifts the tokens of one stream before it and the vectors of the other behind it, both are shifted before: position t
    is told the tokens before t by one stream and those behind t by the other, and never its own.
    """

    def __init__(self, num_classes: int, num_positions: int, boundary_id: int, sizes: SrnSizes) -> None:
        """Build the layers; the token `boundary_id` stands before the first and behind the last position."""
        super().__init__()
        self.boundary_id, self.is_soft, self.scale = boundary_id, sizes.soft_embedding, math.sqrt(sizes.width)
        self.embedding = nn.Embedding(num_classes, sizes.width)
        nn.init.normal_(self.embedding.weight, std=1 / self.scale)
        self.orders = nn.Parameter(make_sinusoids(num_positions, sizes.width))
        self.forwards = TransformerStack(sizes.num_semantic_units, sizes)
        self.backwards = TransformerStack(sizes.num_semantic_units, sizes)

    def forward(self, logits: Float[Tensor, "B L V"]) -> tuple[Float[Tensor, "B L D"], Float[Tensor, "B L V"]]:
        """Return a vector a position and its logits, from the logits of the visual part."""
        words = self.embed(logits)
        vectors = self.read_forwards(words) + self.read_backwards(words)
        return vectors, functional.linear(vectors, self.embedding.weight)

    def embed(self, logits: Float[Tensor, "B L V"]) -> Float[Tensor, "B L D"]:
        """Return the embedding of the token of each position."""
        if self.is_soft:
            words: Tensor = logits.softmax(dim=2) @ self.embedding.weight
        else:
            words = self.embedding(logits.argmax(dim=2))
        return words * self.scale

    def read_forwards(self, words: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Return what the words before each position say."""
        shifted = torch.cat([self._embed_boundary(words), words[:, :-1]], dim=1)
        vectors: Tensor = self.forwards(shifted + self.orders, self._make_mask().tril())
        return vectors

    def read_backwards(self, words: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Return what the words behind each position say."""
        shifted = torch.cat([words[:, 1:], self._embed_boundary(words)], dim=1)
        vectors: Tensor = self.backwards(shifted + self.orders, self._make_mask().triu())
        return vectors

    def _embed_boundary(self, words: Float[Tensor, "B L D"]) -> Float[Tensor, "B 1 D"]:
        boundary: Tensor = self.embedding.weight[self.boundary_id] * self.scale
        return boundary.to(words.dtype).expand(len(words), 1, -1)

    def _make_mask(self) -> Bool[Tensor, "1 L L"]:
        num_positions = len(self.orders)
        return torch.ones(1, num_positions, num_positions, dtype=torch.bool, device=self.orders.device)


class Fusion(nn.Module):
    """A gate a number chooses between what was seen and what was reasoned (VSFD, section 3.4)."""

    def __init__(self, width: int, num_classes: int) -> None:
        """Build the gate and the classifier."""
        super().__init__()
        self.gate = nn.Linear(2 * width, width)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, seen: Float[Tensor, "B L D"], reasoned: Float[Tensor, "B L D"]) -> Float[Tensor, "B L V"]:
        """Return the logits of the fused vectors."""
        gates = self.gate(torch.cat([seen, reasoned], dim=2)).sigmoid()
        logits: Tensor = self.classifier(gates * seen + (1 - gates) * reasoned)
        return logits


class Srn(nn.Module):
    """Backbone, visual attention, semantic reasoning and fusion, for images of one size.

    With the published sizes, `ResNetFpn(1)`, images of 64 x 256 px, 26 positions and 39 classes: 56,811,022 parameters.
    """

    def __init__(
        self,
        backbone: GridBackbone,
        image_size_px: tuple[int, int],
        *,
        num_classes: int,
        num_positions: int,
        boundary_id: int,
        sizes: SrnSizes,
    ) -> None:
        """Build the head behind a backbone.

        Args:
            backbone: Turns an image into a map.
            image_size_px: Height and width of every image.
            num_classes: Tokens of the vocabulary (V), special ones included.
            num_positions: Longest text and its end token (L).
            boundary_id: The token that stands outside the text; never predicted.
            sizes: Sizes of the head.

        Raises:
            ValueError: the map has fewer cells than the text has positions, or the heads do not divide the width.
        """
        super().__init__()
        rows, columns = backbone.shape(*image_size_px)
        if rows * columns < num_positions:
            raise ValueError(
                f"{rows} x {columns} = {rows * columns} visual tokens are fewer than the {num_positions} positions of the text: "
                "take larger images, a smaller stride or shorter texts"
            )
        if sizes.width % sizes.num_heads:
            raise ValueError(f"a width of {sizes.width} cannot be divided among {sizes.num_heads} heads")
        self.image_size_px = image_size_px
        self.backbone = backbone
        self.visual = VisualAttention(backbone.out_size, (rows, columns), num_positions, sizes)
        self.classifier = nn.Linear(sizes.width, num_classes)
        self.semantic = SemanticReasoning(num_classes, num_positions, boundary_id, sizes)
        self.fusion = Fusion(sizes.width, num_classes)

    def forward(self, images: Float[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B L V"], ...]:
        """Return the logits that are read, and those of the visual and of the semantic part, which only the loss looks at.

        Raises:
            ValueError: the images have another size than the one the network was built for.
        """
        check_image_size(images, *self.image_size_px)
        seen = self.visual(self.backbone(images))
        visual_logits = self.classifier(seen)
        reasoned, semantic_logits = self.semantic(visual_logits)
        logits = self.fusion(seen, reasoned)
        return logits, visual_logits, semantic_logits
