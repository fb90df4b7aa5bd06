"""The non-local block (Wang et al. 2018): every cell of a map gathers from all others what it cannot see from where it is."""

import math

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from saccade.nn.encoding import flatten_map

_WEIGHT_DEVIATION = 0.01


class NonLocal(nn.Module):
    """Attention of the cells to a map of half the height and width, added to what came in: the embedded Gaussian of the paper.

    The products are scaled by the root of the inner size; the last convolution begins at zero, so that the block begins as the identity.
    """

    def __init__(self, channels: int) -> None:
        """Build the four 1x1 convolutions; inside, a cell has half of the channels."""
        super().__init__()
        inner = max(channels // 2, 1)
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, inner, 1)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.out = nn.Conv2d(inner, channels, 1)
        for convolution in (self.query, self.key, self.value):
            nn.init.normal_(convolution.weight, std=_WEIGHT_DEVIATION)
        for weight in self.out.parameters():
            nn.init.zeros_(weight)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Return the features, each cell with what it gathered."""
        gathered = functional.scaled_dot_product_attention(
            flatten_map(self.query(features)),
            flatten_map(self.pool(self.key(features))),
            flatten_map(self.pool(self.value(features))),
        )
        grid = gathered.transpose(1, 2).unflatten(2, features.shape[2:])  # (B, M, D) -> (B, D, H, W)
        outputs: Tensor = features + self.out(grid)
        return outputs

    def compute_weights(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B M M2"]:
        """Return where each cell looks; each row sums to one. For pictures and tests: `forward` never makes this table."""
        queries, keys = flatten_map(self.query(features)), flatten_map(self.pool(self.key(features)))
        products = queries @ keys.transpose(1, 2) / math.sqrt(keys.shape[2])
        return products.softmax(dim=2)
