"""`[augment.concatenation]`: a training line, and to the right of it another one.

Path: sample and its generator -> whether, and which other line -> `augment.concatenate` -> a sample with both texts.
The other line is drawn from the sample's own generator, so it is the same with any number of workers and after a
resume. A sample that cannot hold both texts stays alone.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from saccade.augment.concatenate import join_padded, join_stretched
from saccade.augment.line_draws import make_side_stream
from saccade.data.preprocess import Preprocessing
from saccade.tasks.read.data import ReadExamples, ReadSample
from saccade.text.ctc import required_steps

_REMEMBERED_LINES = 4096


class Partners:
    """The training lines that others are joined with, drawn as often as an epoch holds them; the last read are remembered."""

    def __init__(self, examples: ReadExamples) -> None:
        """Read nothing yet."""
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
    probability: float,
    num_steps: int,
    rng: np.random.Generator,
) -> ReadSample:
    """Return the sample, now and then with another line behind it.

    Args:
        sample: Not augmented yet; it keeps its id.
        partners: Where the other line comes from.
        preprocessing: How lines lie in their frames.
        probability: How often.
        num_steps: Time steps of the network; both texts must fit.
        rng: The sample's own; what it draws afterwards is the same as without.

    Raises:
        InputError: the image of the other line cannot be read.
    """
    acts, which = make_side_stream(rng).random(2).tolist()
    if acts >= probability:
        return sample
    other = partners[which]
    tokens = (*sample.tokens, *other.tokens)
    is_one_line = preprocessing.two_lines == "join" or 2 not in (sample.num_lines, other.num_lines)
    if not sample.tokens or not other.tokens or not is_one_line or required_steps(tokens) > num_steps:
        return sample
    if preprocessing.pad_value is None:
        image = join_stretched(sample.image, other.image, len(sample.tokens) / len(tokens))
    else:
        padded = join_padded(sample.image, other.image, preprocessing.pad_value)
        if padded is None:
            return sample
        image = padded
    return replace(sample, image=image, text=sample.text + other.text, tokens=tokens)
