"""The second witness: a detector of ragged images whose losses come out of the model's own forward pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from saccade.recipes.tables.recipe import Recipe
from saccade.recipes.tables.training import SelectTable
from saccade.tasks.base import Batch, Examples, LossOutput, Metrics, Progress, Task
from tests.contract.witness import DrawnData, draw_each

STRIDE_PX = 4
BOX_PX = 12


class BoxesRecipe(Recipe):
    """A recipe of the detector."""

    task: Literal["boxes"] = "boxes"
    """Find bright rectangles."""
    data: DrawnData = DrawnData()
    """Where images come from."""


@dataclass(frozen=True)
class BoxesExample:
    """An image uint8 [H, W, 1] and its boxes [N, 4], absolute px."""

    id: str
    image: np.ndarray
    boxes_xyxy: np.ndarray


@dataclass(frozen=True)
class BoxesBatch(Batch):
    """One tensor an image, uint8 [1, H, W], and one of boxes, float [N, 4], N from 0."""

    images: tuple[Tensor, ...]
    boxes_xyxy: tuple[Tensor, ...]


@dataclass(frozen=True)
class Detected:
    """Boxes, best first."""

    boxes_xyxy: tuple[tuple[float, ...], ...] = ()
    scores: tuple[float, ...] = field(default=())


def draw_boxes(name: str, rng: np.random.Generator) -> BoxesExample:
    """Draw up to two bright rectangles, side by side, on dark noise."""
    height, width = rng.integers(20, 33), rng.integers(40, 57)
    image = rng.integers(0, 60, (height, width, 1)).astype(np.uint8)
    boxes = []
    for left in (0, width // 2)[: int(rng.integers(0, 3))]:
        box_height, box_width = rng.integers(8, BOX_PX + 1, 2)
        x, y = left + rng.integers(1, width // 2 - box_width), rng.integers(0, height - box_height)
        image[y : y + box_height, x : x + box_width] = rng.integers(150, 256)
        boxes.append((x, y, x + box_width, y + box_height))
    return BoxesExample(name, image, np.array(boxes, np.float32).reshape(-1, 4))


class BoxesExamples(Examples):
    """Images of one split."""

    def __init__(self, recipe: BoxesRecipe, split: str) -> None:
        self._drawn = [draw_boxes(name, rng) for name, rng in draw_each(recipe.data, split)]
        self.ids = [example.id for example in self._drawn]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> BoxesExample:
        return self._drawn[index]

    def gather(self, indices: Sequence[int]) -> BoxesBatch:
        raise AssertionError("images of different sizes are never gathered")

    @property
    def example_bytes(self) -> int:
        return 26 * 48

    @property
    def has_one_size(self) -> bool:
        return False


class BoxesNet(nn.Module):
    """One grid of cells of 4 px: the cell at a box's centre says that it is there and how far its sides are."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 16, 5, padding=2), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Conv2d(16, 5, 1)

    def forward(self, images: Sequence[Tensor], boxes_xyxy: Sequence[Tensor] | None = None) -> Any:
        """Return losses where there are boxes to learn from, else the cells of each image."""
        cells = [self.head(self.backbone(image[None] / 127.5 - 1))[0] for image in images]
        if boxes_xyxy is None:
            return cells
        pairs = [self._lose(cell, boxes) for cell, boxes in zip(cells, boxes_xyxy, strict=True)]
        presence, sides = (torch.stack(values).mean() for values in zip(*pairs, strict=True))
        return {"presence": presence, "sides": sides}

    def _lose(self, cell: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        column, row = (centres / STRIDE_PX).long().unbind(1)
        wanted = torch.zeros_like(cell[0]).index_put((row, column), torch.ones_like(centres[:, 0]).to(cell))
        presence = functional.binary_cross_entropy_with_logits(cell[0].float(), wanted.float(), reduction="sum") / 4
        found = cell[1:, row, column].T.float()
        sides = functional.smooth_l1_loss(found, _sides_of(boxes, row, column), reduction="sum")
        return presence, sides


def _sides_of(boxes: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Return the distances from a cell's centre to the four sides, in units of 12 px."""
    centres = torch.stack([column, row, column, row], 1) * STRIDE_PX + STRIDE_PX / 2
    return (boxes - centres).abs() / BOX_PX


class BoxMetrics(Metrics[Detected]):
    """F1 of boxes at IoU 0.5 over the whole split."""

    names = ("f1_50",)

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def update(self, ids: Sequence[str], predictions: Sequence[Detected], targets: Sequence[Any]) -> None:
        self._rows += [
            {"id": name, "target": target, "boxes": [list(box) for box in prediction.boxes_xyxy]}
            for name, prediction, target in zip(ids, predictions, targets, strict=True)
        ]

    def rows(self) -> list[dict[str, object]]:
        return list(self._rows)

    def compute(self) -> dict[str, float]:
        return {"f1_50": compute_f1(self._rows)}


def compute_f1(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return twice the matched boxes over all boxes, found and true."""
    matched = total = 0
    for row in rows:
        left = [tuple(box) for box in row["target"]]
        total += len(left) + len(row["boxes"])
        for box in row["boxes"]:
            best = max(left, key=lambda other: compute_iou(box, other), default=None)
            if best is not None and compute_iou(box, best) >= 0.5:
                left.remove(best)
                matched += 1
    return 2 * matched / total if total else 1.0


def compute_iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the area of the intersection over the union's."""
    sides = (min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1]))
    shared = max(sides[0], 0) * max(sides[1], 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared)


class BoxesTask(Task[BoxesBatch, Detected]):
    """Finds bright rectangles."""

    default_select = SelectTable(metric="f1_50")
    recipe: BoxesRecipe

    def examples(self, split: str) -> BoxesExamples:
        return BoxesExamples(self.recipe, split)

    def unlabelled(self, image: Path | np.ndarray) -> BoxesExample:
        pixels = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE) if isinstance(image, Path) else image
        return BoxesExample("", pixels.reshape(*pixels.shape[:2], 1), np.zeros((0, 4), np.float32))

    def prepare(self, example: BoxesExample, rng: np.random.Generator | None) -> BoxesExample:
        if rng is None or rng.random() < 0.5:
            return example
        width = example.image.shape[1]
        flipped = (example.boxes_xyxy * (-1, 1, -1, 1) + (width, 0, width, 0))[:, [2, 1, 0, 3]].astype(np.float32)
        return BoxesExample(example.id, example.image[:, ::-1], flipped)

    def collate(self, samples: Sequence[BoxesExample]) -> BoxesBatch:
        images = [torch.from_numpy(np.ascontiguousarray(sample.image.transpose(2, 0, 1))) for sample in samples]
        boxes = [torch.from_numpy(sample.boxes_xyxy) for sample in samples]
        return BoxesBatch(tuple(sample.id for sample in samples), tuple(images), tuple(boxes))

    def build_model(self) -> nn.Module:
        return BoxesNet()

    def loss(self, model: nn.Module, batch: BoxesBatch, progress: Progress) -> LossOutput:
        parts = model(batch.images, batch.boxes_xyxy)
        return LossOutput(parts["presence"] + parts["sides"], float(len(batch)), parts)

    def predict(self, model: nn.Module, batch: BoxesBatch) -> list[Detected]:
        return [self._decode(cell.float()) for cell in model(batch.images)]

    def _decode(self, cell: Tensor) -> Detected:
        scores = cell[0].sigmoid()
        peaks = functional.max_pool2d(scores[None], 3, stride=1, padding=1)[0]
        row, column = ((scores == peaks) & (scores > 0.3)).nonzero().unbind(1)
        centres = torch.stack([column, row, column, row], 1) * STRIDE_PX + STRIDE_PX / 2
        signs = torch.tensor([-1, -1, 1, 1], device=cell.device)
        boxes = centres + cell[1:, row, column].T * BOX_PX * signs
        order = scores[row, column].argsort(descending=True)
        return Detected(tuple(map(tuple, boxes[order].tolist())), tuple(scores[row, column][order].tolist()))

    def targets(self, batch: BoxesBatch) -> list[list[list[float]]]:
        return [boxes.tolist() for boxes in batch.boxes_xyxy]

    def metrics(self) -> BoxMetrics:
        return BoxMetrics()

    def summarise(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
        return {"f1_50": {"value": compute_f1(rows), "n": len(rows)}}

    def render(self, image: np.ndarray, target: Any, prediction: Detected | None) -> np.ndarray:
        picture = np.repeat(image, 3, axis=2)
        for box in target:
            cv2.rectangle(picture, [round(v) for v in box[:2]], [round(v) for v in box[2:]], (0, 255, 0))
        return picture
