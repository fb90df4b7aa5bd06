"""Multi-head attention (Vaswani et al. 2017, section 3.2), as encoders, decoders and decoding step by step all use it."""

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional


class MultiHeadAttention(nn.Module):
    """Queries gather values from a memory by the likeness of their keys.

    Keys and values are projected once by `project_memory` and may then be attended to many times, as a decoder does that
    goes on token by token; `forward` does both.
    """

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        *,
        num_heads: int,
        head_size: int,
        dropout: float = 0.0,
        scale: float | None = None,
    ) -> None:
        """Build the four projections.

        Args:
            query_size: Length of a query's vector, and of what comes out.
            memory_size: Length of a vector of the memory.
            num_heads: Heads.
            head_size: Length of a key, a query and a value in each head.
            dropout: Share of the attention weights dropped in training.
            scale: What the products are multiplied by before the softmax; default: head_size ** -0.5.
        """
        super().__init__()
        self.num_heads, self.dropout = num_heads, dropout
        self.scale = head_size**-0.5 if scale is None else scale
        inner_size = num_heads * head_size
        self.query = nn.Linear(query_size, inner_size)
        self.key = nn.Linear(memory_size, inner_size)
        self.value = nn.Linear(memory_size, inner_size)
        self.out = nn.Linear(inner_size, query_size)

    def forward(
        self,
        queries: Float[Tensor, "B L D"],
        memory: Float[Tensor, "B M D2"],
        *,
        mask: Bool[Tensor, "#B #L M"] | None = None,
        is_causal: bool = False,
    ) -> Float[Tensor, "B L D"]:
        """Return what each query gathers; it may look where `mask` is true, or under `is_causal` at no later position."""
        keys, values = self.project_memory(memory)
        return self.attend(queries, keys, values, mask=mask, is_causal=is_causal)

    def project_memory(
        self, memory: Float[Tensor, "B M D"]
    ) -> tuple[Float[Tensor, "B heads M head"], Float[Tensor, "B heads M head"]]:
        """Return the keys and values of a memory."""
        return self._split(self.key(memory)), self._split(self.value(memory))

    def attend(
        self,
        queries: Float[Tensor, "B L D"],
        keys: Float[Tensor, "B heads M head"],
        values: Float[Tensor, "B heads M head"],
        *,
        mask: Bool[Tensor, "#B #L M"] | None = None,
        is_causal: bool = False,
    ) -> Float[Tensor, "B L D"]:
        """Return what each query gathers from keys and values that `project_memory` made."""
        gathered = functional.scaled_dot_product_attention(
            self._split(self.query(queries)),
            keys,
            values,
            attn_mask=None if mask is None else mask.unsqueeze(1),
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=is_causal,
            scale=self.scale,
        )
        joined: Tensor = self.out(gathered.transpose(1, 2).flatten(2))  # (B, heads, L, head) -> (B, L, heads * head)
        return joined

    def compute_weights(
        self,
        queries: Float[Tensor, "B L D"],
        keys: Float[Tensor, "B heads M head"],
        mask: Bool[Tensor, "#B #L M"] | None = None,
    ) -> Float[Tensor, "B heads L M"]:
        """Return where each query looks; each row sums to one. For pictures and tests: `attend` never makes this table."""
        products = self._split(self.query(queries)) @ keys.transpose(2, 3) * self.scale
        if mask is not None:
            products = products.masked_fill(~mask.unsqueeze(1), float("-inf"))
        weights: Tensor = products.softmax(dim=-1)
        return weights

    def _split(self, vectors: Tensor) -> Tensor:
        """(B, L, heads * head) -> (B, heads, L, head)."""
        split: Tensor = vectors.unflatten(2, (self.num_heads, -1))
        return split.transpose(1, 2)
