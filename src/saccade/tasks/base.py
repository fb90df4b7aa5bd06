"""The seam: what a task gives the engine, and nothing else.

A task is built from a recipe and holds no weights and no run state; `engine.fit` trains any of them. This file defines no loop, no model
and no file format.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from saccade.recipes.tables.recipe import Recipe
from saccade.recipes.tables.training import SelectTable

Own = TypeVar("Own", bound="Batch")


@dataclass(frozen=True)
class Batch:
    """Images and targets of some examples, as tensors or tuples with one entry an example.

    Subclasses are frozen dataclasses whose every field is indexed by example along its first axis.
    """

    ids: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.ids)

    def to(self: Own, device: torch.device) -> Own:
        """Return the same batch with every tensor on the device."""
        return replace(self, **{field.name: _move(getattr(self, field.name), device) for field in fields(self)})

    def select(self: Own, rows: Sequence[int] | slice) -> Own:
        """Return the examples at these positions, in this order."""
        positions = range(len(self))[rows] if isinstance(rows, slice) else rows
        return replace(self, **{field.name: _take(getattr(self, field.name), positions) for field in fields(self)})


# Bound to the class itself, not to its name: other modules that use it do not import `Batch`, and annotations are checked in tests.
B = TypeVar("B", bound=Batch)
P = TypeVar("P")


def _move(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, tuple):
        return tuple(_move(item, device) for item in value)
    return value


def _take(value: Any, positions: Sequence[int]) -> Any:
    if isinstance(value, Tensor):
        if isinstance(positions, range) and positions.step == 1:
            return value[positions.start : positions.stop]
        return value[send_positions(torch.as_tensor(positions), value.device)]
    return tuple(value[position] for position in positions)


def send_positions(positions: Tensor, device: torch.device) -> Tensor:
    """Return positions on the device; only a copy out of pinned memory does not wait until the device has come to it."""
    return positions.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else positions


@dataclass(frozen=True)
class Progress:
    """Where training stands, for whatever changes during it.

    `generator` is seeded by (seed, step) on the device. Draws are made for the whole global batch of `num_rows` examples and cut to `rows`,
    so the same images get the same draws on any number of ranks and micro-batches.
    """

    step: int
    num_steps: int
    epoch: int
    metrics: Mapping[str, float]
    generator: torch.Generator
    rows: slice
    num_rows: int

    def draw_uniform(self, *shape: int) -> Tensor:
        """Return draws from [0, 1), `[len(rows), *shape]`, one independent row an example."""
        draws = torch.rand(self.num_rows, *shape, generator=self.generator, device=self.generator.device)
        return draws[self.rows]


@dataclass(frozen=True)
class LossOutput:
    """A loss that is a mean over `weight` units (images, tokens): the engine weights micro-batches and ranks by it."""

    total: Tensor
    weight: float
    parts: Mapping[str, Tensor]


class Examples(ABC, Generic[B]):
    """Decoded uint8 examples of one split: deterministic, never augmented, all that residency may keep."""

    ids: Sequence[str]

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of examples."""

    @abstractmethod
    def __getitem__(self, index: int) -> Any:
        """Return one decoded example.

        Raises:
            InputError: the image cannot be read.
        """

    @abstractmethod
    def gather(self, indices: Sequence[int]) -> B:
        """Return these examples as one batch on the CPU; only where all have one size (`example_bytes` is exact then)."""

    @property
    @abstractmethod
    def example_bytes(self) -> int:
        """Bytes that one decoded example takes in memory, estimated where sizes differ."""

    @property
    def has_one_size(self) -> bool:
        """Whether `gather` works: every image has the same size."""
        return True

    @property
    def weights(self) -> Sequence[float] | None:
        """Share of each example in an epoch; None means every example once."""
        return None

    @property
    def lengths(self) -> Sequence[int] | None:
        """What each example costs in a batch beside shorter ones, such as the tokens of its text; None where all cost the same."""
        return None


class Metrics(ABC, Generic[P]):
    """Collects predictions of a split and computes every metric once from the whole list."""

    names: tuple[str, ...]
    """What `compute` returns, in order, of which one can choose the checkpoint."""

    @abstractmethod
    def update(self, ids: Sequence[str], predictions: Sequence[P], targets: Sequence[Any]) -> None:
        """Add the predictions of a batch."""

    @abstractmethod
    def rows(self) -> list[dict[str, object]]:
        """Return one plain row an example: id, target, prediction and what the metrics need."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """Return metric -> value over everything added so far."""


class Task(ABC, Generic[B, P]):
    """What is trained: data, model, loss, decoding and metrics of one kind of recogniser."""

    default_select: SelectTable
    """Which validation result chooses the checkpoint where the recipe says nothing."""

    def __init__(self, recipe: Recipe) -> None:
        """Keep the recipe."""
        self.recipe = recipe

    @abstractmethod
    def examples(self, split: str) -> Examples[B]:
        """Return the examples of "train", "val" or "test"; empty where the recipe has no such split.

        Raises:
            InputError: a file, label or image of the split is bad.
        """

    @abstractmethod
    def unlabelled(self, image: Path | np.ndarray) -> Any:
        """Return the example of an image without a label, for `predict`; an array is uint8 [H, W] grey or [H, W, 3] RGB.

        Raises:
            InputError: the image cannot be read.
        """

    @abstractmethod
    def prepare(self, example: Any, rng: np.random.Generator | None) -> Any:
        """Turn one example into a sample on the CPU; `rng` is None wherever nothing may be augmented."""

    @abstractmethod
    def collate(self, samples: Sequence[Any]) -> B:
        """Join samples into a batch; the only place that pads."""

    def needs_prepare(self, training: bool) -> bool:
        """Return whether examples must go through `prepare`; otherwise `gather` makes batches without Python per image."""
        return True

    def augment_batch(self, batch: B, progress: Progress) -> B:
        """Change whole tensors on the device, in training only."""
        return batch

    @abstractmethod
    def build_model(self) -> nn.Module:
        """Return the network with fresh weights, drawn from torch's global generator."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: B, progress: Progress) -> LossOutput:
        """Return the loss; calls `model(...)` exactly once."""

    @abstractmethod
    def predict(self, model: nn.Module, batch: B) -> list[P]:
        """Return predictions in batch order; the model is in eval mode and no gradient is recorded."""

    @abstractmethod
    def targets(self, batch: B) -> list[Any]:
        """Return what `predict` should have returned, in batch order."""

    @abstractmethod
    def metrics(self) -> Metrics[P]:
        """Return an empty collector."""

    @abstractmethod
    def summarise(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
        """Recompute every metric with its interval from stored prediction rows: the content of `metrics.json` for a split."""

    @abstractmethod
    def render(self, image: np.ndarray, target: Any, prediction: P | None) -> np.ndarray:
        """Return a picture, uint8 [H, W, 3] RGB, of an image with its truth and what was read."""

    def with_recipe(self, recipe: Recipe) -> "Task[B, P]":
        """Return the task of a later stage."""
        return type(self)(recipe)

    def frozen_recipe(self) -> Recipe:
        """Return the recipe with everything filled in that the training data decided (a charset); it repeats the run."""
        return self.recipe

    def parts(self) -> Mapping[str, Path]:
        """Return module of the model -> run whose best weights it takes; only of a recipe that trains nothing."""
        return {}

    def preprocessing(self) -> dict[str, object]:
        """Return the content of `preprocessing.json`: the contract of every consumer of the weights."""
        return {}

    def describe_data(self) -> dict[str, object]:
        """Return the content of `data.json`: sources, counts, digests, what was dropped and why, overlap."""
        return {}
