"""Transformer decoder (Vaswani et al. 2017, section 3.1) over the memory of an image: a known text at once, or token by token.

Both ways join the parts of a layer by the same lines, `LayerParts.run`, and differ in where attention finds its keys and
values. Step by step they come from `TransformerState` (`transformer_step.py`): those of the memory are projected once an
image and looked at by all its beams, those of the text so far are projections of each layer's inputs, as in the pass over
a known text.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from saccade.nn.decoding import DecoderState
from saccade.nn.multi_head import MultiHeadAttention
from saccade.nn.positional import Positional1d
from saccade.nn.transformer_step import CacheKind, Ends, LayerMaps, LayerParts, TransformerState, make_map, make_norm


@dataclass(frozen=True, kw_only=True)
class TransformerDecoderOptions:
    """Sizes and variants of a `TransformerDecoder`."""

    hidden_size: int
    filter_size: int
    """Width inside the feed-forward part of a layer."""
    num_layers: int
    num_heads: int
    """Each of hidden_size // num_heads."""
    num_positions: int
    """Longest input, the begin-of-sequence token counted."""
    dropout: float = 0.0
    norm: Literal["post", "pre"] = "post"
    """Layer normalisation after each part, as published, or before it with one more behind the last layer."""
    last_relu: bool = False
    """A ReLU behind the second map of the feed-forward part too, as SATRN's code has it."""
    attention_scale: float | None = None
    """What products of queries and keys are multiplied by; default: head size ** -0.5."""
    tied_embedding: bool = False
    """The classifier's weights are the embedding's."""
    num_extra_rows: int = 0
    """Rows of the embedding beyond the classes; the math series has one that nothing uses."""
    memory_queries: Literal["attended", "inputs"] = "attended"
    """Whether the memory is asked by what self-attention gave, as published, or by the layer's inputs, as the math series does."""
    cache: CacheKind = "inputs"
    """`outputs` repeats the fault of the math series, for tests of what it costs: step by step a layer sees what it made
    of earlier tokens, where the pass over a known text sees what it was given, so the two are different networks."""

    @property
    def head_size(self) -> int:
        """Length of a query, a key and a value in each head."""
        return self.hidden_size // self.num_heads


class _Layer(nn.Module):
    """Attention to the text so far, attention to the memory, feed-forward, each with its sum and norm."""

    def __init__(self, memory_size: int, options: TransformerDecoderOptions) -> None:
        super().__init__()
        size = options.hidden_size
        self.norm_first, self.last_relu = options.norm == "pre", options.last_relu
        self.asks_with_inputs = options.memory_queries == "inputs"

        def build_attention(key_size: int) -> MultiHeadAttention:
            return MultiHeadAttention(
                size,
                key_size,
                num_heads=options.num_heads,
                head_size=options.head_size,
                dropout=options.dropout,
                scale=options.attention_scale,
            )

        self.text_attention, self.text_norm = build_attention(size), nn.LayerNorm(size)
        self.memory_attention, self.memory_norm = build_attention(memory_size), nn.LayerNorm(size)
        self.first, self.second = nn.Linear(size, options.filter_size), nn.Linear(options.filter_size, size)
        self.feed_norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(options.dropout)

    def make_parts(self, memory: Tensor) -> LayerParts:
        """Return what a known text goes through."""
        return LayerParts(
            self.text_norm,
            self.memory_norm,
            self.feed_norm,
            lambda queries: self.dropout(self.text_attention(queries, queries, is_causal=True)),
            lambda queries: self.dropout(self.memory_attention(queries, memory)),
            lambda inputs: self.dropout(self._feed(inputs)),
            self.norm_first,
            self.asks_with_inputs,
        )

    def add_to(self, state: TransformerState, memory: tuple[Tensor, Tensor]) -> None:
        """Add what a step goes through, with the keys and values of the memory."""
        dtype = memory[0].dtype  # of the weights, or what autocast makes of them
        text, asked = self.text_attention, self.memory_attention
        maps = LayerMaps(
            text_in=make_map(text.query, text.key, text.value, dtype=dtype, scale=text.scale),
            text_out=make_map(text.out, dtype=dtype),
            memory_in=make_map(asked.query, dtype=dtype, scale=asked.scale),
            memory_out=make_map(asked.out, dtype=dtype),
            first=make_map(self.first, dtype=dtype),
            second=make_map(self.second, dtype=dtype),
            last_relu=self.last_relu,
        )
        norms = (self.text_norm, self.memory_norm, self.feed_norm)
        state.add(maps, memory, norms, (self.norm_first, self.asks_with_inputs))

    def _feed(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.second(self.dropout(self.first(inputs).relu()))
        return outputs.relu() if self.last_relu else outputs


class TransformerDecoder(nn.Module):
    """Embedding and sinusoids, layers, classifier. `saccade.nn.decoding.Decoder` says what the three ways in do."""

    def __init__(self, num_classes: int, memory_size: int, options: TransformerDecoderOptions) -> None:
        """Build the decoder.

        Args:
            num_classes: Tokens, those included that are never predicted.
            memory_size: Length of a vector of the memory.
            options: Sizes and variants.
        """
        super().__init__()
        self.num_classes, self.options = num_classes, options
        size = options.hidden_size
        self.embedding = nn.Embedding(num_classes + options.num_extra_rows, size)
        self.positions = Positional1d(options.num_positions, size)
        self.dropout = nn.Dropout(options.dropout)
        self.layers = nn.ModuleList(_Layer(memory_size, options) for _ in range(options.num_layers))
        self.last_norm = nn.LayerNorm(size) if options.norm == "pre" else nn.Identity()
        self.classifier = nn.Linear(size, num_classes)
        if options.tied_embedding:
            if options.num_extra_rows:
                raise ValueError("a tied embedding has a row for each class and no other")
            nn.init.normal_(self.embedding.weight, std=size**-0.5)  # as a classifier's; `_embed` scales it up to 1
            self.classifier.weight = self.embedding.weight

    def forward(self, memory: Float[Tensor, "B M D"], inputs: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Return the logits of the token that follows each input.

        Raises:
            ValueError: the inputs are longer than `num_positions`.
        """
        hidden = self._embed(inputs)
        for layer in self._each_layer():
            hidden = layer.make_parts(memory).run(hidden)
        hidden = self.last_norm(hidden)
        with torch.autocast(hidden.device.type, enabled=False):  # bf16 would round logits by what sets tokens apart
            logits: Tensor = self.classifier(hidden.to(self.classifier.weight.dtype))
        return logits

    def compute_attention(self, memory: Float[Tensor, "B M D"], inputs: Int64[Tensor, "B L"]) -> Float[Tensor, "B L M"]:
        """Return where the last layer looks for the token that follows each input, a mean over its heads; rows sum to one."""
        *others, last = self._each_layer()
        hidden = self._embed(inputs)
        for layer in others:
            hidden = layer.make_parts(memory).run(hidden)
        asked: list[Tensor] = []

        def watch(queries: Tensor) -> Tensor:
            asked.append(queries)
            return queries

        replace(last.make_parts(memory), attend_memory=watch).run(hidden)
        keys, _ = last.memory_attention.project_memory(memory)
        return last.memory_attention.compute_weights(asked[0], keys).mean(dim=1)

    @torch.no_grad()
    def init(self, memory: Float[Tensor, "B M D"]) -> TransformerState:
        """Return the state of one empty beam an image; it holds copies of the weights as they are now."""
        embedding = self.embedding.weight * math.sqrt(self.options.hidden_size)
        classifier = make_map(self.classifier, dtype=self.classifier.weight.dtype)
        ends = Ends(embedding, self.positions, make_norm(self.last_norm), classifier)
        state = TransformerState(ends, self.options.cache, len(memory))
        for layer in self._each_layer():
            layer.add_to(state, layer.memory_attention.project_memory(memory))
        return state

    @torch.no_grad()
    def step(self, state: DecoderState, tokens: Int64[Tensor, "B N"]) -> Float[Tensor, "B N V"]:
        """Append a token to each beam; return the logits of the one that follows. It is for reading: nothing is dropped.

        Raises:
            ValueError: the text is longer than `num_positions`.
        """
        assert isinstance(state, TransformerState)
        return state.step(tokens)

    def _each_layer(self) -> list[_Layer]:
        return [layer for layer in self.layers if isinstance(layer, _Layer)]

    def _embed(self, tokens: Tensor) -> Tensor:
        vectors: Tensor = self.positions(self.embedding(tokens) * math.sqrt(self.options.hidden_size))
        dropped: Tensor = self.dropout(vectors)
        return dropped
