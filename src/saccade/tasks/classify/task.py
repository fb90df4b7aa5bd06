"""The classify task: what the engine, the predictor and the commands know of naming what an image shows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from saccade.augment.batch import augment_images
from saccade.augment.draws import Draws
from saccade.augment.mix import mix_images
from saccade.data.classes import ClassSplits, describe_class_splits, load_class_split, load_class_splits
from saccade.data.formats.entry import normalise
from saccade.data.images import check_array, read_image
from saccade.data.pool import Keeping
from saccade.data.preprocess import Preprocessing
from saccade.data.splits import Split
from saccade.metrics.classification import summarise_classification
from saccade.recipes.tables.classify import ClassifyAugment
from saccade.recipes.tables.recipe import ClassifyRecipe
from saccade.recipes.tables.training import SelectTable
from saccade.records.predictions import ClassifyPrediction
from saccade.tasks.base import LossOutput, Progress, Task
from saccade.tasks.classify.data import ClassifyBatch, ClassifyExamples, ClassifySample, collate
from saccade.tasks.classify.loss import compute_cross_entropy
from saccade.tasks.classify.metrics import ClassifyMetrics
from saccade.tasks.classify.models import build_model
from saccade.tasks.classify.render import render_classification

_NUM_BEST = 5
_NO_CLASSES = ("", "any")
"""Where the classes are not known yet: what an image becomes does not depend on them."""


class ClassifyTask(Task[ClassifyBatch, ClassifyPrediction]):
    """Names what an image shows; no Python runs image by image in training."""

    default_select = SelectTable(metric="top1_accuracy")
    recipe: ClassifyRecipe

    def __init__(self, recipe: ClassifyRecipe) -> None:
        """Keep the recipe; data are read when first asked for."""
        super().__init__(recipe)
        self._augments = recipe.augment != ClassifyAugment()

    @cached_property
    def _splits(self) -> ClassSplits:
        return load_class_splits(self.recipe.data, classes=self.recipe.classes.names, keeping=self._choose_keeping())

    def _choose_keeping(self) -> Keeping | None:
        """Return what is kept of images that the checks decode anyway: what the model sees; nothing where they are to stay on disk."""
        if self.recipe.data.residency == "lazy":
            return None
        sides = Preprocessing.from_recipe(self.recipe.preprocessing, classes=_NO_CLASSES)
        num_channels = 1 if sides.colour == "grey" else 3
        return Keeping(sides.apply, sides.height_px * sides.width_px * num_channels)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """What can be answered, in the order of the model's outputs: the recipe's, else the training labels."""
        names = self.recipe.classes.names
        return self._splits.classes if names is None else tuple(map(normalise, names))

    @cached_property
    def _preprocessing(self) -> Preprocessing:
        return Preprocessing.from_recipe(self.recipe.preprocessing, classes=self.classes)

    def examples(self, split: str) -> ClassifyExamples:
        """Return the images of a split.

        A split with sources of its own can be read where the training images are not at hand, once the recipe holds the classes.

        Raises:
            InputError: a file, label or image of the split is bad.
        """
        data = self.recipe.data
        sources = {"train": (), "val": data.val, "test": data.test}[split]
        loaded: Split | None
        if sources and self.recipe.classes.names is not None and "_splits" not in vars(self):
            root, keeping = Path(data.root or "."), self._choose_keeping()
            loaded = load_class_split(split, sources, root, self.classes, keeping)
        else:
            loaded = getattr(self._splits, split)
        if loaded is None:
            return ClassifyExamples((), self._preprocessing)
        return ClassifyExamples(loaded.entries, self._preprocessing, loaded.images)

    def unlabelled(self, image: Path | NDArray[np.uint8]) -> ClassifySample:
        """Return an image without a class, decoded and resized; an array is uint8 [H, W] grey or [H, W, 3] RGB.

        Raises:
            InputError: the image cannot be read.
        """
        decoded = read_image(image, self._preprocessing.colour) if isinstance(image, Path) else check_array(image)
        name = str(image) if isinstance(image, Path) else ""
        return ClassifySample(name, self._preprocessing.apply(decoded), label=-1, number=0)

    def prepare(self, example: ClassifySample, rng: np.random.Generator | None) -> ClassifySample:
        """Return the image as it is: augmentation is for whole batches."""
        return example

    def needs_prepare(self, training: bool) -> bool:
        """Return False: nothing is done image by image."""
        return False

    def collate(self, samples: Sequence[ClassifySample]) -> ClassifyBatch:
        """Join samples into a batch."""
        return collate(samples)

    def augment_batch(self, batch: ClassifyBatch, progress: Progress) -> ClassifyBatch:
        """Augment and mix images on the device, with draws that are the same on any number of ranks."""
        if not self._augments:
            return batch
        draws = Draws(
            seed=progress.generator.initial_seed(),
            epoch=progress.epoch,
            rows=progress.rows,
            num_rows=progress.num_rows,
            done_fraction=progress.step / progress.num_steps,
        )
        table = self.recipe.augment
        mixed = mix_images(augment_images(batch.images, batch.numbers, table, draws), table.mix, draws)
        return replace(batch, images=mixed.images, partner_labels=batch.labels[mixed.partner_rows], shares=mixed.shares)

    def build_model(self) -> nn.Module:
        """Return the network with fresh weights."""
        return build_model(self.recipe.model, self._preprocessing, len(self.classes))

    def loss(self, model: nn.Module, batch: ClassifyBatch, progress: Progress) -> LossOutput:
        """Return the cross-entropy, a mean over images."""
        loss = compute_cross_entropy(
            model(batch.images), batch.labels, batch.partner_labels, batch.shares, self.recipe.loss.label_smoothing
        )
        return LossOutput(loss, float(len(batch)), {})

    def predict(self, model: nn.Module, batch: ClassifyBatch) -> list[ClassifyPrediction]:
        """Return the five best classes of each image with their probabilities, and what the true class got where it is known."""
        log_probabilities = model(batch.images).float().log_softmax(dim=1)
        best = log_probabilities.topk(min(_NUM_BEST, len(self.classes)), dim=1)
        labels = _find_shown(batch)
        of_targets = log_probabilities.gather(1, labels.clamp(min=0)[:, None]).squeeze(1)
        columns = (best.indices, best.values.exp(), labels, of_targets)
        return [
            self._name(numbers, probabilities, None if label < 0 else of_target)
            for numbers, probabilities, label, of_target in zip(*(column.tolist() for column in columns), strict=True)
        ]

    def _name(self, numbers: list[int], probabilities: list[float], of_target: float | None) -> ClassifyPrediction:
        top_k = tuple((self.classes[number], share) for number, share in zip(numbers, probabilities, strict=True))
        return ClassifyPrediction(top_k[0][0], top_k[0][1], top_k, of_target)

    def targets(self, batch: ClassifyBatch) -> list[str]:
        """Return the classes; of a mixed image that which most of it shows; empty where there is no label."""
        return ["" if label < 0 else self.classes[label] for label in _find_shown(batch).tolist()]

    def metrics(self) -> ClassifyMetrics:
        """Return an empty collector."""
        return ClassifyMetrics()

    def summarise(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
        """Recompute every metric with its interval, by class and by confusion."""
        return summarise_classification(rows, self.classes)

    def render(self, image: np.ndarray, target: Any, prediction: ClassifyPrediction | None) -> np.ndarray:
        """Return the image with its class and what was answered below it."""
        return render_classification(image, target, prediction)

    def frozen_recipe(self) -> ClassifyRecipe:
        """Return the recipe with the classes that the training labels gave."""
        classes = self.recipe.classes.model_copy(update={"names": self.classes})
        return self.recipe.model_copy(update={"classes": classes})

    def with_recipe(self, recipe: Any) -> "ClassifyTask":
        """Return the task of a later stage, which shares the data already read."""
        task = ClassifyTask(recipe)
        vars(task).update(
            {name: value for name, value in vars(self).items() if name in {"_splits", "classes", "_preprocessing"}}
        )
        return task

    def preprocessing(self) -> dict[str, object]:
        """Return the contract of every consumer of the weights."""
        return self._preprocessing.to_json()

    def describe_data(self) -> dict[str, object]:
        """Return sources, counts, digests, drops and overlap."""
        return describe_class_splits(self._splits)


def _find_shown(batch: ClassifyBatch) -> Tensor:
    """Return the class that most of each image shows, int64 [B]: its own unless most of it was mixed in."""
    return torch.where(batch.shares >= 0.5, batch.labels, batch.partner_labels)
