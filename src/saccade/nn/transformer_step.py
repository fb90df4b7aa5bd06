"""What a transformer decoder remembers of a text that it writes token by token, and how it goes on.

A step multiplies a few rows with each weight and reads all keys and values once; how these lie in memory and how many
operations it calls decide what it costs, not how much is computed. Hence weights that are copied once into the form that
rows are multiplied with, and caches of a layout of their own. `LayerParts.run` is how the parts of a layer are joined, for
the step and for the pass over a known text alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Int64
from torch import Tensor, nn

CacheKind = Literal["inputs", "outputs"]
_CHUNK = 32
"""Positions by which the cache grows."""

Map = tuple[Tensor, Tensor]
"""Weights (in, out) in one piece, and bias: rows times these take a third of the time of rows times their transpose."""


@dataclass(frozen=True, slots=True)
class LayerParts:
    """What a layer does, and how it is joined."""

    text_norm: Callable[[Tensor], Tensor]
    memory_norm: Callable[[Tensor], Tensor]
    feed_norm: Callable[[Tensor], Tensor]
    attend_text: Callable[[Tensor], Tensor]
    attend_memory: Callable[[Tensor], Tensor]
    feed: Callable[[Tensor], Tensor]
    norm_first: bool
    asks_with_inputs: bool
    """The memory is asked by the layer's inputs instead of what attention to the text gave."""

    def run(self, inputs: Tensor) -> Tensor:
        """Return the layer's outputs."""
        if self.norm_first:
            hidden = inputs + self.attend_text(self.text_norm(inputs))
            hidden = hidden + self.attend_memory(self.memory_norm(inputs if self.asks_with_inputs else hidden))
            return hidden + self.feed(self.feed_norm(hidden))
        hidden = self.text_norm(inputs + self.attend_text(inputs))
        hidden = self.memory_norm(hidden + self.attend_memory(inputs if self.asks_with_inputs else hidden))
        return self.feed_norm(hidden + self.feed(hidden))


@dataclass(frozen=True)
class LayerMaps:
    """The linear maps of a layer; what gives queries is scaled."""

    text_in: Map
    """To queries, keys and values."""
    text_out: Map
    memory_in: Map
    memory_out: Map
    first: Map
    second: Map
    last_relu: bool


@dataclass(frozen=True)
class Ends:
    """What stands before the first layer and behind the last."""

    embedding: Tensor
    """As it enters the sum with the positions."""
    positions: Callable[[Tensor, int], Tensor]
    norm: Callable[[Tensor], Tensor]
    classifier: Map


def make_map(*layers: nn.Linear, dtype: torch.dtype, scale: float = 1.0) -> Map:
    """Join linear layers that have the same inputs; the outputs of the first are scaled."""
    factors = [scale, *[1.0] * (len(layers) - 1)]
    weights = [layer.weight * factor for layer, factor in zip(layers, factors, strict=True)]
    biases = [layer.bias * factor for layer, factor in zip(layers, factors, strict=True)]
    return torch.cat(weights).t().to(dtype).contiguous(), torch.cat(biases).to(dtype)


def apply_map(linear: Map, rows: Tensor) -> Tensor:
    """Return what rows become."""
    return torch.addmm(linear[1], rows, linear[0])


@dataclass
class _Counts:
    """What all layers of a state have in common; B images of N beams are B * N rows."""

    num_images: int
    num_beams: int = 1
    length: int = 0


class StepLayer:
    """The maps of a layer, keys and values of the memory, once an image, and of the text so far, once a row.

    Keys lie as (rows * heads, head, positions) and values as (rows * heads, positions, head): the products with the one
    query of a row then run along memory.
    """

    def __init__(self, maps: LayerMaps, memory: tuple[Tensor, Tensor], counts: _Counts) -> None:
        keys, values = memory  # (B, heads, M, head)
        self.maps, self.counts = maps, counts
        self.num_heads, self.head_size = keys.shape[1], keys.shape[3]
        self.memory_keys = keys.transpose(2, 3).flatten(0, 1).contiguous()
        self.memory_values = values.flatten(0, 1).contiguous()
        self.keys = keys.new_empty(len(self.memory_keys), self.head_size, 0)
        self.values = keys.new_empty(len(self.memory_keys), 0, self.head_size)

    def attend_text(self, inputs: Tensor) -> Tensor:
        """Return what each row gathers from its own text, its present inputs included."""
        queries = self.write(inputs)
        end = self.counts.length + 1
        gathered = _attend(queries.unsqueeze(1), self.keys.narrow(2, 0, end), self.values.narrow(1, 0, end))
        return apply_map(self.maps.text_out, gathered.view(len(inputs), -1))

    def attend_memory(self, inputs: Tensor) -> Tensor:
        """Return what each row gathers from the memory of its image."""
        num_images, num_beams = self.counts.num_images, self.counts.num_beams
        queries = apply_map(self.maps.memory_in, inputs).view(num_images, num_beams, self.num_heads, self.head_size)
        queries = queries.transpose(1, 2)  # (B, N, heads, head) -> (B, heads, N, head)
        flat = queries.reshape(-1, num_beams, self.head_size)
        gathered = _attend(flat, self.memory_keys, self.memory_values).view(queries.shape).transpose(1, 2)
        return apply_map(self.maps.memory_out, gathered.reshape(len(inputs), -1))

    def feed(self, inputs: Tensor) -> Tensor:
        """Return the feed-forward part of each row."""
        outputs = apply_map(self.maps.second, apply_map(self.maps.first, inputs).relu_())
        return outputs.relu_() if self.maps.last_relu else outputs

    def write(self, inputs: Tensor) -> Tensor:
        """Keep the keys and values of these inputs at the present position; return their queries, (rows * heads, head)."""
        projected = apply_map(self.maps.text_in, inputs).view(len(inputs), 3, self.num_heads, self.head_size)
        queries, keys, values = projected.transpose(0, 1).reshape(3, -1, self.head_size).unbind(0)
        self.keys.select(2, self.counts.length).copy_(keys)
        self.values.select(1, self.counts.length).copy_(values)
        return queries

    def grow(self) -> None:
        """Make room for one more position."""
        length = self.counts.length
        if length == self.keys.shape[2]:
            num_rows, room = len(self.keys), length + _CHUNK
            keys, values = (
                self.keys.new_empty(num_rows, *shape) for shape in ((self.head_size, room), (room, self.head_size))
            )
            keys.narrow(2, 0, length).copy_(self.keys)
            values.narrow(1, 0, length).copy_(self.values)
            self.keys, self.values = keys, values

    def take_rows(self, sources: Tensor) -> None:
        """Keep the texts of these rows, in this order."""
        self.keys, self.values = (
            cache.unflatten(0, (-1, self.num_heads)).index_select(0, sources).flatten(0, 1)
            for cache in (self.keys, self.values)
        )

    def copy_rows(self, rows: Tensor, sources: Tensor, start: int) -> None:
        """Put the texts of some rows in the place of others, from a position on."""
        num_positions = self.counts.length - start
        for cache in (self.keys.narrow(2, start, num_positions), self.values.narrow(1, start, num_positions)):
            by_row = cache.unflatten(0, (-1, self.num_heads))
            by_row.index_copy_(0, rows, by_row.index_select(0, sources))

    def take_images(self, images: Tensor) -> None:
        """Keep the memory of these images, in this order."""
        self.memory_keys, self.memory_values = (
            cache.unflatten(0, (-1, self.num_heads)).index_select(0, images).flatten(0, 1)
            for cache in (self.memory_keys, self.memory_values)
        )


class TransformerState:
    """The layers of a text that is being written, B images with N beams each."""

    def __init__(self, ends: Ends, cache: CacheKind, num_images: int) -> None:
        """Begin with one empty beam an image; `add` brings the layers."""
        self.ends, self.cache = ends, cache
        self.counts = _Counts(num_images)
        self.forks: Tensor | None = None
        """Where the texts of two beams of an image begin to differ, (B, N, N); none before there are several."""
        self.layers: list[StepLayer] = []
        self.parts: list[LayerParts] = []

    def add(
        self, maps: LayerMaps, memory: tuple[Tensor, Tensor], norms: Sequence[nn.LayerNorm], join: tuple[bool, bool]
    ) -> None:
        """Add a layer.

        Args:
            maps: Its linear maps.
            memory: Keys and values that it makes of the memory, (B, heads, M, head).
            norms: Of text, memory and feed-forward.
            join: `norm_first` and `asks_with_inputs` of `LayerParts`.
        """
        layer = StepLayer(maps, memory, self.counts)
        self.layers.append(layer)
        self.parts.append(
            LayerParts(*map(make_norm, norms), layer.attend_text, layer.attend_memory, layer.feed, *join)  # type: ignore[call-arg, arg-type]
        )

    @property
    def num_bytes(self) -> int:
        """Memory that keys and values take."""
        caches = [(one.memory_keys, one.memory_values, one.keys, one.values) for one in self.layers]
        return sum(cache.numel() * cache.element_size() for several in caches for cache in several)

    def step(self, tokens: Int64[Tensor, "B N"]) -> Tensor:
        """Append a token to each beam; return the logits of the one that follows, (B, N, V)."""
        length = self.counts.length
        hidden = self.ends.positions(torch.embedding(self.ends.embedding, tokens.reshape(-1, 1)), length).squeeze(1)
        for layer, parts in zip(self.layers, self.parts, strict=True):
            layer.grow()
            hidden = parts.run(hidden)
            if self.cache == "outputs":  # the fault of the math series
                layer.write(parts.text_norm(hidden) if parts.norm_first else hidden)
        self.counts.length += 1
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = self.ends.norm(hidden).to(self.ends.classifier[0].dtype)
            return apply_map(self.ends.classifier, hidden).view(*tokens.shape, -1)

    def select(self, beams: Int64[Tensor, "B N"]) -> None:
        """Let beam n of image b go on from what was its beam `beams[b, n]`.

        Beams that stay where they are cost nothing while their number does not change, and of the others only what they do
        not have in common with the beam whose place they take: beams fork from each other a few tokens ago.
        """
        num_images, num_beams = beams.shape
        first_rows = torch.arange(num_images, device=beams.device).unsqueeze(1) * self.counts.num_beams
        sources = (first_rows + beams).flatten()
        if num_beams != self.counts.num_beams:
            for layer in self.layers:
                layer.take_rows(sources)
        else:
            rows = (sources != torch.arange(len(sources), device=beams.device)).nonzero().squeeze(1)
            if self.forks is not None and len(rows):
                start = int(self.forks.gather(2, beams.unsqueeze(2)).flatten()[rows].min())
                for layer in self.layers:
                    layer.copy_rows(rows, sources[rows], start)
        self._fork(beams)
        self.counts.num_beams = num_beams

    def _fork(self, beams: Tensor) -> None:
        """Note where the texts differ that go on from `beams`: from here on, where two of them have the same past."""
        num_images, num_beams = beams.shape
        pairs = (num_images, num_beams, num_beams)
        ours, others = beams.unsqueeze(2).expand(pairs), beams.unsqueeze(1).expand(pairs)
        if self.forks is None:
            self.forks = torch.full((num_images, 1, 1), self.counts.length, device=beams.device)
        before = self.forks.flatten(1).gather(1, (ours * self.counts.num_beams + others).flatten(1)).view(pairs)
        self.forks = before.masked_fill(ours == others, self.counts.length)

    def keep(self, images: Int64[Tensor, " K"]) -> None:
        """Forget all images but these, in this order."""
        columns = torch.arange(self.counts.num_beams, device=images.device)
        rows = (images.unsqueeze(1) * self.counts.num_beams + columns).flatten()
        self.counts.num_images = len(images)
        if self.forks is not None:
            self.forks = self.forks[images]
        for layer in self.layers:
            layer.take_rows(rows)
            layer.take_images(images)


def make_norm(norm: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return a layer norm without the module around it."""
    if not isinstance(norm, nn.LayerNorm):
        return norm
    shape, weight, bias, eps = list(norm.normalized_shape), norm.weight, norm.bias, norm.eps
    return lambda rows: torch.layer_norm(rows, shape, weight, bias, eps)


def _attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """(R, N, head), (R, head, M), (R, M, head) -> (R, N, head); the queries are scaled already.

    For the few queries of a step two plain products take half the time that PyTorch's fused attention takes on a CPU.
    """
    weights = torch.bmm(queries, keys).softmax(dim=2)
    return torch.bmm(weights.to(values.dtype), values)
