"""CTC (Graves et al. 2006) in numpy: how many steps a text needs, which text a network read, and how sure it was.

Path: log-probabilities [B, T, V] -> texts (greedy or prefix beam) -> the same two confidences for either decoder. The
loss is in the read task.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Decoded:
    """A text that was read.

    `confidence` is the probability of the text given the image, summed over all paths that collapse to it, so it counts
    doubt about blanks as well and does not fall because a character could sit at either of two steps.
    `character_confidences` has one value a token: the largest probability of that token over the steps that the best
    path of the text gives to it. All lie in [0, 1].
    """

    tokens: Tokens
    confidence: float
    character_confidences: tuple[float, ...]


def required_steps(tokens: Sequence[Hashable]) -> int:
    """Count the time steps that a text needs at least: one a token, and a blank between equal neighbours."""
    return len(tokens) + sum(left == right for left, right in pairwise(tokens))


def decode_greedy(log_probabilities: Floats, blank_id: int = 0) -> list[Decoded]:
    """Read the most probable path: the best class of each step, repeats merged, blanks dropped.

    Args:
        log_probabilities: [B, T, V], natural logarithms.
        blank_id: Class of the blank.
    """
    path = log_probabilities.argmax(axis=2)  # (B, T, V) -> (B, T)
    starts = path != blank_id
    starts[:, 1:] &= path[:, 1:] != path[:, :-1]
    texts = [tuple(row[mask].tolist()) for row, mask in zip(path, starts, strict=True)]
    return _describe(log_probabilities, texts, blank_id)


def decode_prefix_beam(log_probabilities: Floats, beam_width: int, blank_id: int = 0) -> list[Decoded]:
    """Read the text whose paths sum to the largest probability (Hannun et al. 2014, without a language model).

    It is the most probable text exactly when the beam is wide enough to hold every prefix.

    Args:
        log_probabilities: [B, T, V], natural logarithms.
        beam_width: Texts kept from step to step.
        blank_id: Class of the blank.
    """
    texts = [_search_prefixes(sample.astype(np.float64), beam_width, blank_id) for sample in log_probabilities]
    return _describe(log_probabilities, texts, blank_id)


def compute_text_log_probabilities(
    log_probabilities: Floats, texts: Sequence[Sequence[int]], blank_id: int = 0
) -> NDArray[np.float64]:
    """Sum all paths of a given text for each sample, [B]; -inf where the text does not fit into T steps.

    Args:
        log_probabilities: [B, T, V], natural logarithms.
        texts: B texts as tokens, without blanks.
        blank_id: Class of the blank.
    """
    lattice = _Lattice.build(log_probabilities, texts, blank_id)
    scores = lattice.start()
    for step in range(1, log_probabilities.shape[1]):
        scores = np.logaddexp.reduce(lattice.predecessors(scores)) + lattice.emissions[:, step]
    return np.asarray(np.logaddexp.reduce(lattice.ends(scores)))


def _search_prefixes(steps: NDArray[np.float64], beam_width: int, blank_id: int) -> Tokens:
    """Run the beam over one sample, [T, V]; `blank` and `other` hold the paths of each prefix by how they end."""
    num_classes = steps.shape[1]
    prefixes: list[Tokens] = [()]
    blank, other = np.zeros(1), np.full(1, -np.inf)
    for step in steps:
        total = np.logaddexp(blank, other)
        last = np.array([prefix[-1] if prefix else blank_id for prefix in prefixes])
        rows = np.arange(len(prefixes))
        stay_blank, stay_other = total + step[blank_id], other + step[last]
        extended = total[:, None] + step  # (N,), (V,) -> (N, V)
        extended[rows, last] = blank + step[last]  # a repeat is a new token only after a blank
        extended[:, blank_id] = -np.inf
        row_of = {prefix: row for row, prefix in enumerate(prefixes)}
        for row, prefix in enumerate(prefixes):
            parent = row_of.get(prefix[:-1]) if prefix else None
            if parent is not None:  # the parent, extended, is this prefix: one text, one entry
                stay_other[row] = np.logaddexp(stay_other[row], extended[parent, prefix[-1]])
                extended[parent, prefix[-1]] = -np.inf
        scores = np.concatenate([np.logaddexp(stay_blank, stay_other), extended.ravel()])
        width = min(beam_width, len(scores))
        best = np.argpartition(-scores, width - 1)[:width]
        best = best[scores[best] > -np.inf]
        stays, extensions = best[best < len(prefixes)], best[best >= len(prefixes)] - len(prefixes)
        parents, tokens = np.divmod(extensions, num_classes)
        blank = np.concatenate([stay_blank[stays], np.full(len(extensions), -np.inf)])
        other = np.concatenate([stay_other[stays], extended[parents, tokens]])
        grown = [(*prefixes[row], int(token)) for row, token in zip(parents, tokens, strict=True)]
        prefixes = [prefixes[row] for row in stays] + grown
    return prefixes[int(np.logaddexp(blank, other).argmax())]


@dataclass(frozen=True)
class _Lattice:
    """The states of each text, blank token blank ... blank, padded to S; each step moves a path on by 0, 1 or 2."""

    emissions: NDArray[np.float64]  # [B, T, S]
    may_skip: NDArray[np.bool_]  # [B, S]: from two states back, over a blank
    lengths: NDArray[np.int64]  # [B]: tokens of each text

    @classmethod
    def build(cls, log_probabilities: Floats, texts: Sequence[Sequence[int]], blank_id: int) -> "_Lattice":
        lengths = np.array([len(text) for text in texts], np.int64)
        states = np.full((len(texts), 2 * int(lengths.max(initial=0)) + 1), blank_id)
        for row, text in enumerate(texts):
            states[row, 1 : 2 * len(text) : 2] = text
        may_skip = np.zeros(states.shape, bool)
        may_skip[:, 2:] = (states[:, 2:] != blank_id) & (states[:, 2:] != states[:, :-2])
        emissions = np.take_along_axis(log_probabilities, states[:, None, :], axis=2)  # (B, T, V) -> (B, T, S)
        return cls(emissions.astype(np.float64), may_skip, lengths)

    def start(self) -> NDArray[np.float64]:
        """Return the scores [B, S] of the first step: only its blank and its first token can be reached."""
        reachable = np.arange(self.emissions.shape[2]) < 2
        return np.where(reachable, self.emissions[:, 0], -np.inf)

    def predecessors(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores a state can be entered from, [3, B, S]: itself, the state before, the one before that."""
        padded = np.pad(scores, ((0, 0), (2, 0)), constant_values=-np.inf)
        return np.stack([scores, padded[:, 1:-1], np.where(self.may_skip, padded[:, :-2], -np.inf)])

    def ends(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of the two states a path may end in, [2, B]: the last blank, the last token."""
        rows = np.arange(len(scores))
        token = np.where(self.lengths > 0, scores[rows, 2 * self.lengths - 1], -np.inf)
        return np.stack([scores[rows, 2 * self.lengths], token])


def _describe(log_probabilities: Floats, texts: list[Tokens], blank_id: int) -> list[Decoded]:
    """Add both confidences to texts that fit into T steps."""
    confidences = np.exp(np.minimum(compute_text_log_probabilities(log_probabilities, texts, blank_id), 0.0))
    lattice = _Lattice.build(log_probabilities, texts, blank_id)
    best = np.exp(np.minimum(_align(lattice), 0.0))[:, 1::2]  # (B, S) -> (B, L)
    return [
        Decoded(text, float(confidence), tuple(row[: len(text)].tolist()))
        for text, confidence, row in zip(texts, confidences, best, strict=True)
    ]


def _align(lattice: _Lattice) -> NDArray[np.float64]:
    """Return the largest log-probability that each text's best path meets in each state, [B, S]; -inf if none."""
    num_samples, num_steps, _ = lattice.emissions.shape
    scores, moves = lattice.start(), []
    for step in range(1, num_steps):
        entries = lattice.predecessors(scores)
        moves.append(entries.argmax(axis=0))
        scores = entries.max(axis=0) + lattice.emissions[:, step]
    rows = np.arange(num_samples)
    state = 2 * lattice.lengths - lattice.ends(scores).argmax(axis=0)
    largest = np.full(scores.shape, -np.inf)
    for step in reversed(range(num_steps)):
        largest[rows, state] = np.maximum(largest[rows, state], lattice.emissions[rows, step, state])
        if step:
            state = state - moves[step - 1][rows, state]
    return largest
