"""Examples, samples and batches of the classify task."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saccade.data.formats.entry import Entry
from saccade.data.images import read_image
from saccade.data.parallel import map_in_threads
from saccade.data.preprocess import Preprocessing
from saccade.tasks.base import Batch, Examples


@dataclass(frozen=True)
class ClassifySample:
    """One image as the model sees it, uint8 [H, W, C], the number of its class, and its own number in the split.

    Without a label the class is -1 and the number 0.
    """

    id: str
    image: NDArray[np.uint8]
    label: int
    number: int


@dataclass(frozen=True)
class ClassifyBatch(Batch):
    """Images and labels of some examples.

    Attributes:
        images: uint8 [B, C, H, W].
        labels: int64 [B], positions among the classes; -1 where there is none.
        numbers: int64 [B], positions in the split.
        partner_labels: int64 [B], the labels of what was mixed in; `labels` where nothing was.
        shares: float32 [B], the share of `labels` in the target, the rest being `partner_labels`; 1 where nothing was
            mixed in.
    """

    images: Tensor
    labels: Tensor
    numbers: Tensor
    partner_labels: Tensor
    shares: Tensor


class ClassifyExamples(Examples[ClassifyBatch]):
    """Images of one split, brought to the model's input size."""

    def __init__(
        self, entries: Sequence[Entry], preprocessing: Preprocessing, images: NDArray[np.uint8] | None = None
    ) -> None:
        """Keep what is needed to decode each image.

        Args:
            entries: Images and labels, each label one of the classes of `preprocessing`.
            preprocessing: What an image becomes.
            images: What they became, uint8 [N, C, H, W], where they were decoded before; nobody writes to it.
        """
        if preprocessing.classes is None:
            raise ValueError("this preprocessing is of a model that answers with text")
        numbers = {name: number for number, name in enumerate(preprocessing.classes)}
        self._entries, self._preprocessing, self._images = entries, preprocessing, images
        self._labels = [numbers[entry.label] for entry in entries]
        self.num_classes = len(numbers)
        self.ids = [entry.id for entry in entries]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._entries)

    def __getitem__(self, index: int) -> ClassifySample:
        """Return one image, decoded and resized.

        Raises:
            InputError: the image cannot be read.
        """
        entry = self._entries[index]
        if self._images is None:
            image = self._preprocessing.apply(read_image(entry, self._preprocessing.colour))
        else:
            image = self._images[index].transpose(1, 2, 0)  # (C, H, W) -> (H, W, C)
        return ClassifySample(entry.id, image, self._labels[index], range(len(self))[index])

    def gather(self, indices: Sequence[int]) -> ClassifyBatch:
        """Return these images as one batch, decoded in threads where they were not before.

        Raises:
            InputError: an image cannot be read.
        """
        ids, labels = [self.ids[index] for index in indices], [self._labels[index] for index in indices]
        if self._images is not None:
            whole = indices == range(len(self))  # the memory is shared then: nobody writes to examples
            return _make_batch(
                ids, torch.from_numpy(self._images if whole else self._images[list(indices)]), labels, indices
            )
        side = self._preprocessing
        images = torch.empty((len(indices), self._num_channels, side.height_px, side.width_px), dtype=torch.uint8)
        rows = images.numpy()

        def decode(place: tuple[int, int]) -> None:
            row, index = place
            rows[row] = self[index].image.transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)

        map_in_threads(decode, list(enumerate(indices)))
        return _make_batch(ids, images, labels, indices)

    @property
    def example_bytes(self) -> int:
        """Bytes of one decoded image."""
        return self._preprocessing.height_px * self._preprocessing.width_px * self._num_channels

    @property
    def weights(self) -> Sequence[float] | None:
        """Share of each image in an epoch."""
        weights = [entry.weight for entry in self._entries]
        return None if set(weights) <= {1.0} else weights

    @property
    def _num_channels(self) -> int:
        return 1 if self._preprocessing.colour == "grey" else 3


def collate(samples: Sequence[ClassifySample]) -> ClassifyBatch:
    """Join samples of one size."""
    images = np.stack([sample.image for sample in samples]).transpose(0, 3, 1, 2)  # (B, H, W, C) -> (B, C, H, W)
    return _make_batch(
        [sample.id for sample in samples],
        torch.from_numpy(np.ascontiguousarray(images)),
        [sample.label for sample in samples],
        [sample.number for sample in samples],
    )


def _make_batch(ids: Sequence[str], images: Tensor, labels: Sequence[int], numbers: Sequence[int]) -> ClassifyBatch:
    own = torch.tensor(labels, dtype=torch.int64)
    return ClassifyBatch(
        ids=tuple(ids),
        images=images,
        labels=own,
        numbers=torch.tensor(numbers, dtype=torch.int64),
        partner_labels=own.clone(),
        shares=torch.ones(len(own)),
    )
