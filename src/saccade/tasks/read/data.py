"""Examples, samples and batches of the read task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saccade.data.formats.entry import Entry
from saccade.data.images import Colour, Image, read_image
from saccade.tasks.base import Batch, Examples
from saccade.text.sequence_vocabulary import SequenceVocabulary
from saccade.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class ReadSample:
    """One image as the model sees it, uint8 [H, W, C], its text, and its tokens: none where the charset lacks a character.

    `num_lines`: the lines of text that were found, None where nothing was looked for; `source` and `level`: what it is reported apart
    by, None where its source has no name and no levels.
    """

    id: str
    image: NDArray[np.uint8]
    text: str
    tokens: tuple[int, ...]
    num_lines: int | None = None
    source: str | None = None
    level: str | None = None


@dataclass(frozen=True)
class ReadBatch(Batch):
    """Images uint8 [B, C, H, W], tokens [B, L] padded with blanks, their lengths [B], the texts, and what each is reported apart by."""

    images: Tensor
    tokens: Tensor
    lengths: Tensor
    texts: tuple[str, ...]
    num_lines: tuple[int | None, ...]
    sources: tuple[str | None, ...]
    levels: tuple[str | None, ...]


@runtime_checkable
class Preparation(Protocol):
    """What a decoded image becomes: `Preprocessing` of one network, `Views` of several."""

    @property
    def colour(self) -> Colour:
        """As what images are decoded."""

    @property
    def num_bytes(self) -> int:
        """Bytes of the result."""

    def apply_counting(self, image: Image) -> tuple[Image, int | None]:
        """Return the input of the model, uint8 [H, W, C], and the lines of text that were found."""


class ReadExamples(Examples[ReadBatch]):
    """Images of one split, brought to the model's input size."""

    def __init__(
        self, entries: Sequence[Entry], preparation: Preparation, vocabulary: Vocabulary | SequenceVocabulary
    ) -> None:
        """Keep what is needed to decode each image."""
        self._entries, self._preparation, self.units = entries, preparation, vocabulary.units
        self._tokens = [
            () if vocabulary.units.unknown(entry.label) else vocabulary.encode(entry.label) for entry in entries
        ]
        self.ids = [entry.id for entry in entries]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._entries)

    def __getitem__(self, index: int) -> ReadSample:
        """Return one image, decoded and resized.

        Raises:
            InputError: the image cannot be read.
        """
        entry = self._entries[index]
        image, num_lines = self._preparation.apply_counting(read_image(entry, self._preparation.colour))
        tokens, text = self._tokens[index], self.units.join(self.units.split(entry.label))
        return ReadSample(entry.id, image, text, tokens, num_lines, entry.source, entry.level)

    def gather(self, indices: Sequence[int]) -> ReadBatch:
        """Return these images as one batch."""
        return collate([self[index] for index in indices])

    @property
    def example_bytes(self) -> int:
        """Bytes of one decoded image."""
        return self._preparation.num_bytes

    @property
    def weights(self) -> Sequence[float] | None:
        """Share of each image in an epoch."""
        weights = [entry.weight for entry in self._entries]
        return None if set(weights) <= {1.0} else weights

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each text."""
        return [len(tokens) for tokens in self._tokens]

    @property
    def num_unwritable(self) -> int:
        """How many labels hold a character outside the charset; such an image can only count as wrong."""
        return sum(not tokens for tokens in self._tokens)


def collate(samples: Sequence[ReadSample]) -> ReadBatch:
    """Join samples of one size; tokens are padded with blanks to the longest."""
    lengths = [len(sample.tokens) for sample in samples]
    tokens = np.zeros((len(samples), max([*lengths, 1])), dtype=np.int64)
    for row, sample in enumerate(samples):
        tokens[row, : lengths[row]] = sample.tokens
    images = np.stack([sample.image for sample in samples]).transpose(0, 3, 1, 2)  # (B, H, W, C) -> (B, C, H, W)
    return ReadBatch(
        ids=tuple(sample.id for sample in samples),
        images=torch.from_numpy(np.ascontiguousarray(images)),
        tokens=torch.from_numpy(tokens),
        lengths=torch.tensor(lengths, dtype=torch.int64),
        texts=tuple(sample.text for sample in samples),
        num_lines=tuple(sample.num_lines for sample in samples),
        sources=tuple(sample.source for sample in samples),
        levels=tuple(sample.level for sample in samples),
    )
