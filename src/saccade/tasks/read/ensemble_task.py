"""The read task with an ensemble for a model: members out of finished runs, each with its own view of an image.

It trains nothing. Runs are looked at only where the recipe does not say what their readers are, as a record does.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from torch import nn

from saccade.data.preprocess import Preprocessing
from saccade.data.splits import Splits, describe_splits, load_splits, make_units
from saccade.errors import InputError
from saccade.recipes.tables.ensemble import Ensemble, MemberReader
from saccade.recipes.tables.read import TextTable
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.recipes.tables.sequence import BeamSearch
from saccade.records.predictions import ReadPrediction
from saccade.tasks.base import LossOutput, Progress
from saccade.tasks.read.data import ReadBatch
from saccade.tasks.read.decode import Decoder, choose_search, describe_hypothesis
from saccade.tasks.read.ensemble import EnsembleNetwork, Member, choose_best
from saccade.tasks.read.members import FoundMember, find_members
from saccade.tasks.read.models import build_model
from saccade.tasks.read.search import Reader
from saccade.tasks.read.task import ReadTask
from saccade.tasks.read.views import View, Views
from saccade.text.charset import Charset
from saccade.text.sequence_vocabulary import SequenceVocabulary

_SPECIAL = ("the padding", "the beginning", "the end")
"""What the first classes of a vocabulary are; no unit has a space in it and another character."""


class EnsembleTask(ReadTask):
    """Reads a text with several trained readers together."""

    @property
    def _table(self) -> Ensemble:
        model = self.recipe.model
        assert isinstance(model, Ensemble)
        return model

    @cached_property
    def _found(self) -> tuple[FoundMember, ...]:
        """What the members' runs say."""
        return find_members(self._table.member, self.recipe.text)

    @cached_property
    def _readers(self) -> tuple[MemberReader, ...]:
        written = [member.reader for member in self._table.member if member.reader is not None]
        is_whole = self._lists_units and len(written) == len(self._table.member)
        return tuple(written) if is_whole else tuple(one.reader for one in self._found)

    @property
    def _text(self) -> TextTable:
        """What can be read: the recipe's characters or tokens, else those of the members."""
        return self.recipe.text if self._lists_units else self._found[0].text

    @cached_property
    def _splits(self) -> Splits:
        """All splits.

        Raises:
            InputError: As `load_splits`; or members left out different images, so that each took another part for validation.
        """
        data, lengths = self.recipe.data, sorted({reader.model.max_length for reader in self._readers})
        if not data.val and len(lengths) > 1 and any(source.keep.fits for source in data.train):
            raise InputError(
                f"data.val_fraction: the members write at most {' and '.join(map(str, lengths))} units, so with keep.fits"
                " each may have kept other images for validation, and been trained on those of another; name [[data.val]]"
            )
        return load_splits(data, text=self._text, max_length=self._max_length)

    @cached_property
    def vocabulary(self) -> SequenceVocabulary:
        """What can be read, numbered."""
        return SequenceVocabulary(make_units(self._text))

    @property
    def _max_length(self) -> int:
        return min(reader.model.max_length for reader in self._readers)

    @cached_property
    def _inputs(self) -> tuple[Preprocessing, ...]:
        """The preprocessing of each member."""
        return tuple(Preprocessing.from_recipe(one.preprocessing, self.vocabulary.units) for one in self._readers)

    @cached_property
    def _preparation(self) -> Views:
        pairs = list(zip(self._inputs, self._table.member, strict=True))
        turns = self._table.turns_degrees
        return Views([View(own, (turn + member.turn_degrees) % 360) for turn in turns for own, member in pairs])

    @cached_property
    def _decoder(self) -> Decoder:
        table, vocabulary, num_members = self.recipe.decode, self.vocabulary, len(self._table.member)
        find = choose_search(table, vocabulary, self._max_length)
        normalises = table.normalise_length if isinstance(table, BeamSearch) else True

        def read(network: nn.Module, batch: ReadBatch) -> list[ReadPrediction]:
            views = self._preparation.unpack(batch.images)
            turns = [views[start : start + num_members] for start in range(0, len(views), num_members)]
            readings = [find(cast(Reader, network), images) for images in turns]
            best = choose_best(readings, length_normalisation=normalises)
            return [describe_hypothesis(one, vocabulary) for one in best]

        return read

    def parts(self) -> Mapping[str, Path]:
        """Return where the weights of each member come from."""
        return {f"members.{number}": found.folder for number, found in enumerate(self._found)}

    def build_model(self) -> EnsembleNetwork:
        """Return the networks of all members with fresh weights."""
        outputs = (*_SPECIAL, *self.vocabulary.units.units)
        networks = [
            build_model(reader.model, own, len(self.vocabulary))
            for reader, own in zip(self._readers, self._inputs, strict=True)
        ]
        return EnsembleNetwork(
            [
                Member(member.run, cast(Reader, network), outputs, member.weight)
                for member, network in zip(self._table.member, networks, strict=True)
            ]
        )

    def loss(self, model: nn.Module, batch: ReadBatch, progress: Progress) -> LossOutput:
        """Refuse: there is none.

        Raises:
            InputError: always.
        """
        raise InputError('model.name: an "ensemble" cannot be trained; train its members')

    def frozen_recipe(self) -> ReadRecipe:
        """Return the recipe with what the members' runs say, which needs them for nothing but their weights."""
        frozen = super().frozen_recipe()
        members = tuple(
            member.model_copy(update={"run": str(found.folder), "reader": found.reader})
            for member, found in zip(self._table.member, self._found, strict=True)
        )
        return frozen.model_copy(update={"model": self._table.model_copy(update={"member": members})})

    def with_recipe(self, recipe: Any) -> "EnsembleTask":
        """Return the task of another seed or of the frozen recipe, which shares the data already read."""
        task, kept = EnsembleTask(recipe), {"_splits", "vocabulary"}
        vars(task).update({name: value for name, value in vars(self).items() if name in kept})
        return task

    def describe_data(self) -> dict[str, object]:
        """Return sources, counts, digests, drops and overlap of the splits that are read."""
        described = describe_splits(self._splits)
        if not self.recipe.data.train:
            described["splits"].pop("train")
            described["overlap"] = {name: count for name, count in described["overlap"].items() if "train" not in name}
        return described

    def preprocessing(self) -> dict[str, object]:
        """Return what the ensemble reads, and the contract of each member."""
        units = self.vocabulary.units
        own = {"charset": units.characters} if isinstance(units, Charset) else {"tokens": list(units.tokens)}
        members = [
            {"turn_degrees": member.turn_degrees, **one.to_json()}
            for member, one in zip(self._table.member, self._inputs, strict=True)
        ]
        return {**own, "turns_degrees": list(self._table.turns_degrees), "members": members}
