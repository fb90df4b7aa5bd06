"""The read task: what the engine, the predictor and the commands know of reading lines of text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from saccade.augment.text_line import augment_text_line
from saccade.data.images import check_array, read_image
from saccade.data.preprocess import Preprocessing
from saccade.data.splits import Splits, describe_splits, load_split, load_splits, make_units
from saccade.recipes.loader import stages_of
from saccade.recipes.tables.augment import ReadAugment
from saccade.recipes.tables.ensemble import Ensemble
from saccade.recipes.tables.read import Crnn, TrainedReader
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.recipes.tables.training import SelectTable
from saccade.records.predictions import ReadPrediction
from saccade.tasks.base import LossOutput, Progress, Task
from saccade.tasks.read.concatenation import Partners, concatenate
from saccade.tasks.read.data import Preparation, ReadBatch, ReadExamples, ReadSample, collate
from saccade.tasks.read.decode import Decoder, build_decoder
from saccade.tasks.read.loss import AnyVocabulary, Loss, build_loss
from saccade.tasks.read.metrics import ReadMetrics
from saccade.tasks.read.models import build_model, build_vocabulary, count_steps
from saccade.tasks.read.render import render_reading
from saccade.tasks.read.summary import summarise_rows
from saccade.tasks.read.teacher import find_distillation, load_teacher, pin_teacher
from saccade.text.charset import Charset
from saccade.text.ctc import required_steps
from saccade.text.structure import can_stand_beside


class ReadTask(Task[ReadBatch, ReadPrediction]):
    """Reads a line of text with CTC."""

    default_select = SelectTable(metric="exact_match")
    recipe: ReadRecipe

    def __init__(self, recipe: ReadRecipe) -> None:
        """Keep the recipe; data are read when first asked for."""
        super().__init__(recipe)
        self._augments = recipe.augment != ReadAugment()
        self._teachers: dict[str, nn.Module] = {}
        self._made_partners: list[Partners] = []

    @property
    def _model(self) -> TrainedReader:
        model = self.recipe.model
        assert not isinstance(model, Ensemble)
        return model

    @property
    def _num_steps(self) -> int | None:
        """Time steps of a CTC model, which limit a text."""
        model = self.recipe.model
        return count_steps(model, self.recipe.preprocessing.width_px) if isinstance(model, Crnn) else None

    @property
    def _max_length(self) -> int | None:
        """Most units of a text; None where time steps limit it."""
        return None if isinstance(self._model, Crnn) else self._model.max_length

    def _can_join(self, left: ReadSample, right: ReadSample) -> bool:
        """Return whether both texts, one after the other, are one that the model can write."""
        tokens, num_steps, max_length = (*left.tokens, *right.tokens), self._num_steps, self._max_length
        if num_steps is not None and required_steps(tokens) > num_steps:
            return False
        if max_length is not None and len(tokens) > max_length:
            return False
        split = self.vocabulary.units.split
        return self.recipe.text.notation != "latex" or can_stand_beside(split(left.text), split(right.text))

    @property
    def _lists_units(self) -> bool:
        return self.recipe.text.charset is not None or self.recipe.text.tokens is not None

    @cached_property
    def _splits(self) -> Splits:
        recipe = self.recipe
        return load_splits(recipe.data, text=recipe.text, num_steps=self._num_steps, max_length=self._max_length)

    @property
    def _partners(self) -> Partners:
        """Whom a line can be joined with, made once for all stages."""
        if not self._made_partners:
            self._made_partners.append(Partners(self.examples("train")))
        return self._made_partners[0]

    @cached_property
    def vocabulary(self) -> AnyVocabulary:
        """What can be read, numbered: the recipe's characters or tokens, else those of the training labels."""
        units = make_units(self.recipe.text) if self._lists_units else self._splits.units
        return build_vocabulary(self._model, units)

    @cached_property
    def _loss(self) -> Loss:
        return build_loss(self._model, self.vocabulary, self._find_teacher())

    def _find_teacher(self) -> nn.Module | None:
        """Return whom the model learns from, loaded once for all stages that learn from it."""
        table, max_length = find_distillation(self.recipe.model), self._max_length
        if table is None or max_length is None:
            return None
        if table.run not in self._teachers:
            self._teachers[table.run] = load_teacher(table.run, self._preprocessing, max_length)
        return self._teachers[table.run]

    @cached_property
    def _decoder(self) -> Decoder:
        return build_decoder(self._model, self.recipe.decode, self.vocabulary)

    @cached_property
    def _preprocessing(self) -> Preprocessing:
        return Preprocessing.from_recipe(self.recipe.preprocessing, self.vocabulary.units)

    @property
    def _preparation(self) -> Preparation:
        """What each image goes through."""
        return self._preprocessing

    def examples(self, split: str) -> ReadExamples:
        """Return the images of a split.

        A split with sources of its own can be read where the training images are not at hand, once the recipe holds the charset.

        Raises:
            InputError: a file, label or image of the split is bad.
        """
        data = self.recipe.data
        sources = {"train": (), "val": data.val, "test": data.test}[split]
        if sources and self._lists_units and "_splits" not in vars(self):
            limits = {"num_steps": self._num_steps, "max_length": self._max_length}
            entries = load_split(split, sources, Path(data.root or "."), self.recipe.text, **limits).entries
        else:
            loaded = getattr(self._splits, split)
            entries = () if loaded is None else loaded.entries
        return ReadExamples(entries, self._preparation, self.vocabulary)

    def unlabelled(self, image: Path | NDArray[np.uint8]) -> ReadSample:
        """Return an image without a text, decoded and resized; an array is uint8 [H, W] grey or [H, W, 3] RGB.

        Raises:
            InputError: the image cannot be read.
        """
        decoded = read_image(image, self._preparation.colour) if isinstance(image, Path) else check_array(image)
        pixels, num_lines = self._preparation.apply_counting(decoded)
        return ReadSample(str(image) if isinstance(image, Path) else "", pixels, "", (), num_lines)

    def prepare(self, example: ReadSample, rng: np.random.Generator | None) -> ReadSample:
        """Return the image, augmented where there is a generator, maybe with another training line behind it."""
        if rng is None or not self._augments:
            return example
        augment = self.recipe.augment
        if augment.concatenation.probability > 0:
            example = concatenate(
                example,
                self._partners,
                self._preprocessing,
                table=augment.concatenation,
                can_join=self._can_join,
                rng=rng,
            )
        return replace(example, image=augment_text_line(example.image, augment, rng))

    def needs_prepare(self, training: bool) -> bool:
        """Return whether images are augmented one by one."""
        return training and self._augments

    def collate(self, samples: Sequence[ReadSample]) -> ReadBatch:
        """Join samples into a batch."""
        return collate(samples)

    def build_model(self) -> nn.Module:
        """Return the network with fresh weights."""
        return build_model(self._model, self._preprocessing, len(self.vocabulary))

    def loss(self, model: nn.Module, batch: ReadBatch, progress: Progress) -> LossOutput:
        """Return the loss of the recipe's model: CTC is a mean over images, all others over units and ends."""
        return self._loss(model, batch, progress)

    def predict(self, model: nn.Module, batch: ReadBatch) -> list[ReadPrediction]:
        """Return what is read in each image."""
        predictions = self._decoder(model, batch)
        apart = zip(predictions, batch.num_lines, batch.sources, batch.levels, strict=True)
        return [
            replace(one, num_lines=num_lines, source=source, level=level) for one, num_lines, source, level in apart
        ]

    def targets(self, batch: ReadBatch) -> list[str]:
        """Return the texts."""
        return list(batch.texts)

    def metrics(self) -> ReadMetrics:
        """Return an empty collector."""
        return ReadMetrics(self.recipe.text)

    def summarise(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
        """Recompute every metric with its interval, by length and by character."""
        return summarise_rows(rows, self.recipe.text)

    def render(self, image: np.ndarray, target: Any, prediction: ReadPrediction | None) -> np.ndarray:
        """Return the image with its truth and what was read below it."""
        return render_reading(image, target, prediction, units=self.recipe.text.units)

    def frozen_recipe(self) -> ReadRecipe:
        """Return the recipe with the charset that the training labels gave and the run of the teacher, which is loaded already.

        Raises:
            InputError: a teacher does not fit.
        """
        units = self.vocabulary.units
        for _, recipe in stages_of(self.recipe):
            self.with_recipe(recipe)._find_teacher()
        listed = {"charset": units.characters} if isinstance(units, Charset) else {"tokens": units.tokens}
        text = self.recipe.text.model_copy(update=listed)
        return pin_teacher(self.recipe.model_copy(update={"text": text}))

    def with_recipe(self, recipe: Any) -> "ReadTask":
        """Return the task of a later stage, which shares the data already read."""
        task, kept = ReadTask(recipe), {"_splits", "vocabulary", "_preprocessing", "_made_partners", "_teachers"}
        vars(task).update({name: value for name, value in vars(self).items() if name in kept})
        return task

    def preprocessing(self) -> dict[str, object]:
        """Return the contract of every consumer of the weights."""
        return self._preprocessing.to_json()

    def describe_data(self) -> dict[str, object]:
        """Return sources, counts, digests, drops and overlap."""
        return describe_splits(self._splits)
