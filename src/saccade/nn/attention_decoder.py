"""Recurrent decoder with additive attention (Bahdanau, Cho & Bengio 2015, section 3.1) over the memory of an image.

At each token the hidden state asks where to look, score = w tanh(W memory + U hidden); what it gathers there and the
embedding of the token move the hidden state on, from which the next token is told. The pass over a known text and the
step share `_advance`; embeddings, the memory's projection and the classifier are computed once for all positions.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from saccade.nn.decoding import DecoderState


@dataclass(frozen=True, kw_only=True)
class AttentionDecoderOptions:
    """Sizes and variants of an `AttentionDecoder`."""

    hidden_size: int
    embedding_size: int
    num_layers: int = 1
    cell: Literal["lstm", "gru"] = "lstm"
    dropout: float = 0.0
    """Share of the hidden state dropped before the classifier."""
    num_extra_rows: int = 0
    """Rows of the embedding beyond the classes; the math series has one that nothing uses."""


class AttentionState:
    """The memory and its projection, once an image, and the hidden state of each beam."""

    def __init__(
        self, memory: Float[Tensor, "B M D"], keys: Float[Tensor, "B M H"], hidden: list[list[Tensor]]
    ) -> None:
        """Begin with these hidden tensors, of shape (B, 1, H): one a layer of GRU, hidden and cell of LSTM."""
        self.memory, self.keys, self.hidden = memory, keys, hidden

    @property
    def num_bytes(self) -> int:
        """Memory that the state holds."""
        tensors = [self.memory, self.keys, *(part for parts in self.hidden for part in parts)]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def select(self, beams: Int64[Tensor, "B N"]) -> None:
        """Let beam n of image b go on from what was its beam `beams[b, n]`."""
        images = torch.arange(len(beams), device=beams.device).unsqueeze(1)
        self.hidden = [[part[images, beams] for part in parts] for parts in self.hidden]

    def keep(self, images: Int64[Tensor, " K"]) -> None:
        """Forget all images but these, in this order."""
        self.memory, self.keys = self.memory[images], self.keys[images]
        self.hidden = [[part[images] for part in parts] for parts in self.hidden]


class AttentionDecoder(nn.Module):
    """Embedding, attention, cells, classifier, in fp32: a recurrence loses more to bf16 than it gains."""

    def __init__(self, num_classes: int, memory_size: int, options: AttentionDecoderOptions) -> None:
        """Build the decoder.

        Args:
            num_classes: Tokens, those included that are never predicted.
            memory_size: Length of a vector of the memory.
            options: Sizes and variants.
        """
        super().__init__()
        self.num_classes, self.options = num_classes, options
        size, in_size = options.hidden_size, memory_size + options.embedding_size
        self.embedding = nn.Embedding(num_classes + options.num_extra_rows, options.embedding_size)
        self.memory_projection = nn.Linear(memory_size, size, bias=False)
        self.hidden_projection = nn.Linear(size, size)
        self.score = nn.Linear(size, 1, bias=False)
        cell = nn.LSTMCell if options.cell == "lstm" else nn.GRUCell
        self.cells = nn.ModuleList(cell(size if number else in_size, size) for number in range(options.num_layers))
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear(size, num_classes)

    def forward(self, memory: Float[Tensor, "B M D"], inputs: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Return the logits of the token that follows each input."""
        return self._run(memory, inputs)[0]

    def compute_attention(self, memory: Float[Tensor, "B M D"], inputs: Int64[Tensor, "B L"]) -> Float[Tensor, "B L M"]:
        """Return where it looks for the token that follows each input; rows sum to one."""
        return self._run(memory, inputs)[1]

    def init(self, memory: Float[Tensor, "B M D"]) -> AttentionState:
        """Return the state of one empty beam an image."""
        with torch.autocast(memory.device.type, enabled=False):
            memory = memory.float()
            empty = memory.new_zeros(len(memory), 1, self.options.hidden_size)
            num_parts = 2 if self.options.cell == "lstm" else 1
            hidden = [[empty] * num_parts for _ in self.cells]
            return AttentionState(memory, self.memory_projection(memory), hidden)

    def step(self, state: DecoderState, tokens: Int64[Tensor, "B N"]) -> Float[Tensor, "B N V"]:
        """Append a token to each beam; return the logits of the one that follows."""
        assert isinstance(state, AttentionState)
        with torch.autocast(tokens.device.type, enabled=False):
            self._advance(state, self.embedding(tokens))
            logits: Tensor = self.classifier(self.dropout(state.hidden[-1][0]))
            return logits

    def _run(self, memory: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and attention of a known text."""
        with torch.autocast(inputs.device.type, enabled=False):
            state = self.init(memory)
            weights, hidden = [], []
            for embedded in self.embedding(inputs).split(1, dim=1):
                weights.append(self._advance(state, embedded))
                hidden.append(state.hidden[-1][0])
            return self.classifier(self.dropout(torch.cat(hidden, dim=1))), torch.cat(weights, dim=1)

    def _advance(self, state: AttentionState, embedded: Tensor) -> Tensor:
        """Move the hidden state on by a token a beam, (B, N, E); return where each beam looked, (B, N, M)."""
        asked = self.hidden_projection(state.hidden[-1][0])
        scores = self.score(torch.tanh(state.keys.unsqueeze(1) + asked.unsqueeze(2))).squeeze(
            3
        )  # (B, N, M, 1) -> (B, N, M)
        weights: Tensor = scores.softmax(dim=2)
        vectors = torch.cat([torch.bmm(weights, state.memory), embedded], dim=2)
        shape = embedded.shape[:2]
        hidden = []
        for cell, before in zip(self.cells, state.hidden, strict=True):
            flat = [part.flatten(0, 1) for part in before]
            after = cell(vectors.flatten(0, 1), tuple(flat) if len(flat) == 2 else flat[0])  # (B, N, D) -> (B * N, D)
            parts = [part.unflatten(0, shape) for part in (after if isinstance(after, tuple) else (after,))]
            vectors = parts[0]
            hidden.append(parts)
        state.hidden = hidden
        return weights
