"""`[augment.concatenation]`: a training line, and to the right of it another one.

Path: sample and its generator -> whether, and which other line -> `augment.concatenate` -> a sample with both texts.
The other line is drawn from the sample's own generator, so it is the same with any number of workers and after a
resume. A sample that cannot hold both texts stays alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from saccade.augment.concatenate import join_drawn, join_padded, join_stretched
from saccade.augment.line_draws import make_side_stream
from saccade.data.preprocess import Preprocessing
from saccade.recipes.tables.augment import Concatenation
from saccade.tasks.read.data import ReadExamples, ReadSample

_REMEMBERED_LINES = 4096
_GAP_FRACTIONS = (0.1, 0.25)
"""Narrowest and widest paper between two drawings, as a fraction of the height."""


class Partners:
    """The training lines that others are joined with, drawn as often as an epoch holds them; the last read are remembered."""

    def __init__(self, examples: ReadExamples) -> None:
        """Read nothing yet."""
        self.units = examples.units
        weights: Sequence[float] = examples.weights or [1.0] * len(examples)
        self._upto = np.cumsum(weights) / np.sum(weights)
        self._read = lru_cache(maxsize=_REMEMBERED_LINES)(examples.__getitem__)

    def __getitem__(self, draw: float) -> ReadSample:
        """Return the line at a draw from [0, 1).

        Raises:
            InputError: its image cannot be read.
        """
        return self._read(min(int(np.searchsorted(self._upto, draw, side="right")), len(self._upto) - 1))


def concatenate(
    sample: ReadSample,
    partners: Partners,
    preprocessing: Preprocessing,
    *,
    table: Concatenation,
    can_join: Callable[[ReadSample, ReadSample], bool],
    rng: np.random.Generator,
) -> ReadSample:
    """Return the sample, now and then with another line behind it.

    Args:
        sample: Not augmented yet; it keeps its id.
        partners: Where the other line comes from.
        preprocessing: How lines lie in their frames.
        table: How often, and how they are laid out.
        can_join: Whether the text of the second can stand behind that of the first.
        rng: The sample's own; what it draws afterwards is the same as without.

    Raises:
        InputError: the image of the other line cannot be read.
    """
    acts, which, gap = make_side_stream(rng).random(3).tolist()
    if acts >= table.probability:
        return sample
    other = partners[which]
    is_one_line = preprocessing.two_lines == "join" or 2 not in (sample.num_lines, other.num_lines)
    if not sample.tokens or not other.tokens or not is_one_line or not can_join(sample, other):
        return sample
    image = _join_images(sample, other, preprocessing.pad_value, table, gap)
    if image is None:
        return sample
    text = partners.units.join([*partners.units.split(sample.text), *partners.units.split(other.text)])
    return replace(sample, image=image, text=text, tokens=(*sample.tokens, *other.tokens))


def _join_images(
    sample: ReadSample, other: ReadSample, pad_value: int | None, table: Concatenation, gap: float
) -> np.ndarray | None:
    """Return both images in one frame, None where it has no room; `gap` is a draw from [0, 1)."""
    num_units = (len(sample.tokens), len(other.tokens))
    if pad_value is None:
        return join_stretched(sample.image, other.image, num_units[0] / sum(num_units))
    if table.layout == "line":
        return join_padded(sample.image, other.image, pad_value)
    narrowest, widest = _GAP_FRACTIONS
    return join_drawn(
        sample.image,
        other.image,
        pad_value,
        num_units=num_units,
        symbol_min_px=table.symbol_min_px,
        gap_fraction=narrowest + gap * (widest - narrowest),
    )
