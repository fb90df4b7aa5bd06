"""The first witness: a classifier whose images live on the device, and the drawn sources that both witnesses share.

The two stand at the ends of what the seam allows, and `fit` trains them without knowing them. This one has no `prepare`
and no `collate` and augments whole tensors; the other (`ragged_witness.py`) is the opposite.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from saccade.recipes.tables.base import Table
from saccade.recipes.tables.data import DataTable, SourceTable
from saccade.recipes.tables.recipe import Recipe
from saccade.recipes.tables.training import SelectTable
from saccade.tasks.base import Batch, Examples, LossOutput, Metrics, Progress, Task


class DrawnSource(SourceTable):
    """Images drawn from a seed."""

    format: Literal["drawn"] = "drawn"
    num_images: int = Field(default=96, ge=0)
    """How many."""
    seed: int = Field(default=0, ge=0)
    """Another seed draws others."""


class DrawnData(DataTable):
    """`[data]` of both witnesses."""

    train: tuple[DrawnSource, ...] = (DrawnSource(),)
    """Training images."""
    val: tuple[DrawnSource, ...] = (DrawnSource(num_images=48, seed=1),)
    """Validation images."""


def draw_each(data: DrawnData, split: str) -> list[tuple[str, np.random.Generator]]:
    """Return the id and the generator of every image of a split."""
    return [
        (f"{position}-{index:04d}", np.random.default_rng([source.seed, index]))
        for position, source in enumerate(getattr(data, split))
        for index in range(source.num_images)
    ]


SIZE_PX = 16
CLASSES = ("row", "column", "frame", "cross")


class ShapesModel(Table):
    """`[model]`."""

    channels: int = Field(default=16, ge=1)
    """Of both convolutions."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Before the head."""


class ShapesAugment(Table):
    """`[augment]`: on whole batches."""

    flip_probability: float = Field(default=0.0, ge=0, le=1)
    """How often left and right change places."""
    shift_px: int = Field(default=0, ge=0)
    """Largest move along each axis."""


class ShapesRecipe(Recipe):
    """A recipe of the classifier."""

    task: Literal["shapes"] = "shapes"
    """Name a shape."""
    data: DrawnData = DrawnData()
    """Where shapes come from."""
    model: ShapesModel = ShapesModel()
    """The network."""
    augment: ShapesAugment = ShapesAugment()
    """Augmentation on the device."""


@dataclass(frozen=True)
class ShapesBatch(Batch):
    """Images uint8 [B, 1, 16, 16] and labels [B]."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Classified:
    """A class and its probability."""

    label: int
    confidence: float


def draw_shape(rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Draw one shape over noise, uint8 [16, 16]."""
    image = rng.integers(0, 120, (SIZE_PX, SIZE_PX))
    label = int(rng.integers(len(CLASSES)))
    top, left = rng.integers(1, 6, 2)
    bottom, right, ink = top + 9, left + 9, int(rng.integers(170, 256))
    if CLASSES[label] in ("row", "cross"):
        image[(top + bottom) // 2, left:right] = ink
    if CLASSES[label] in ("column", "cross"):
        image[top:bottom, (left + right) // 2] = ink
    if CLASSES[label] == "frame":
        image[top, left:right] = image[bottom - 1, left:right] = ink
        image[top:bottom, left] = image[top:bottom, right - 1] = ink
    return image.astype(np.uint8), label


class ShapesExamples(Examples):
    """Shapes of one split, drawn at once."""

    def __init__(self, recipe: ShapesRecipe, split: str) -> None:
        drawn = [(name, *draw_shape(rng)) for name, rng in draw_each(recipe.data, split)]
        self.ids = [name for name, _, _ in drawn]
        self._images = np.array([image for _, image, _ in drawn], np.uint8).reshape(-1, 1, SIZE_PX, SIZE_PX)
        self._labels = np.array([label for _, _, label in drawn], np.int64)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[str, np.ndarray, int]:
        return self.ids[index], self._images[index], int(self._labels[index])

    def gather(self, indices: Sequence[int]) -> ShapesBatch:
        rows = list(indices)
        ids = tuple(self.ids[row] for row in rows)
        return ShapesBatch(ids, torch.from_numpy(self._images[rows]), torch.from_numpy(self._labels[rows]))

    @property
    def example_bytes(self) -> int:
        return SIZE_PX**2


class ShapesNet(nn.Module):
    """Two convolutions without batch statistics, so that any split of a batch gives the same gradients."""

    def __init__(self, table: ShapesModel) -> None:
        super().__init__()
        size = table.channels
        self.backbone = nn.Sequential(
            nn.Conv2d(1, size, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(size, size, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(table.dropout)
        self.head = nn.Linear(size * (SIZE_PX // 4) ** 2, len(CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.dropout(self.backbone(images / 127.5 - 1).flatten(1)))


class LabelMetrics(Metrics[Any]):
    """The share of right labels."""

    names = ("top1_accuracy",)

    def __init__(self) -> None:
        self._rows: list[dict[str, object]] = []

    def update(self, ids: Sequence[str], predictions: Sequence[Classified], targets: Sequence[Any]) -> None:
        self._rows += [
            {"id": name, "target": target, "prediction": prediction.label, "confidence": prediction.confidence}
            for name, prediction, target in zip(ids, predictions, targets, strict=True)
        ]

    def rows(self) -> list[dict[str, object]]:
        return self._rows

    def compute(self) -> dict[str, float]:
        return {"top1_accuracy": sum(row["target"] == row["prediction"] for row in self._rows) / len(self._rows)}


class ShapesTask(Task[ShapesBatch, Classified]):
    """Names a shape."""

    default_select = SelectTable(metric="top1_accuracy")
    recipe: ShapesRecipe

    def examples(self, split: str) -> ShapesExamples:
        return ShapesExamples(self.recipe, split)

    def unlabelled(self, image: Path | np.ndarray) -> tuple[str, np.ndarray, int]:
        pixels = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE) if isinstance(image, Path) else image
        return "", pixels.reshape(1, SIZE_PX, SIZE_PX), -1

    def prepare(self, example: Any, rng: np.random.Generator | None) -> Any:
        return example

    def collate(self, samples: Sequence[Any]) -> ShapesBatch:
        ids, images, labels = zip(*samples, strict=True)
        return ShapesBatch(ids, torch.from_numpy(np.stack(images)), torch.tensor(labels))

    def needs_prepare(self, training: bool) -> bool:
        return False

    def augment_batch(self, batch: ShapesBatch, progress: Progress) -> ShapesBatch:
        table, images = self.recipe.augment, batch.images
        draws = progress.draw_uniform(3)
        flipped = torch.where((draws[:, 0] < table.flip_probability)[:, None, None, None], images.flip(3), images)
        moves = (draws[:, 1:] * (2 * table.shift_px + 1)).long() - table.shift_px
        cells = torch.arange(SIZE_PX, device=images.device)
        rows = ((cells[None] + moves[:, :1]) % SIZE_PX)[:, None, :, None].expand_as(flipped)
        columns = ((cells[None] + moves[:, 1:]) % SIZE_PX)[:, None, None, :].expand_as(flipped)
        return ShapesBatch(batch.ids, flipped.gather(2, rows).gather(3, columns), batch.labels)

    def build_model(self) -> nn.Module:
        return ShapesNet(self.recipe.model)

    def loss(self, model: nn.Module, batch: ShapesBatch, progress: Progress) -> LossOutput:
        return LossOutput(functional.cross_entropy(model(batch.images).float(), batch.labels), float(len(batch)), {})

    def predict(self, model: nn.Module, batch: ShapesBatch) -> list[Classified]:
        best = model(batch.images).softmax(1).max(1)
        return [Classified(*pair) for pair in zip(best.indices.tolist(), best.values.tolist(), strict=True)]

    def targets(self, batch: ShapesBatch) -> list[int]:
        return batch.labels.tolist()

    def metrics(self) -> LabelMetrics:
        return LabelMetrics()

    def summarise(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
        return {
            "top1_accuracy": {
                "value": sum(row["target"] == row["prediction"] for row in rows) / len(rows),
                "n": len(rows),
            }
        }

    def render(self, image: np.ndarray, target: Any, prediction: Classified | None) -> np.ndarray:
        return np.repeat(image.reshape(SIZE_PX, SIZE_PX, 1), 3, axis=2)
