"""From step-by-step readers to texts: greedy and beam search over a whole batch, with or without a grammar.

A reader is anything with `init` and `step` as `EncoderDecoder` and `EnsembleReader` have them. Images that are done
leave the batch, and beams are no more than the image that needs most of them has.
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saccade.nn.decoding import DecoderState
from saccade.text.grammar import Grammar
from saccade.text.sequence_vocabulary import SequenceVocabulary

BOS_ID, EOS_ID = SequenceVocabulary.bos_id, SequenceVocabulary.eos_id
_IMPOSSIBLE = float("-inf")
_LEAVING_SHARE = 0.25
"""Images leave once this share of the batch is done: dropping each alone would copy the caches of the others each time."""
_STEPS_BETWEEN_LOOKS = 8
"""Steps after which greedy search asks a device which images are done, for which it has to wait; a CPU is asked after each."""


@runtime_checkable
class Reader(Protocol):
    """What writes one token after the other; images are a tensor, or one tensor a member of an ensemble."""

    def init(self, images: Any) -> DecoderState:
        """Return the state of one empty beam an image."""

    def step(self, state: DecoderState, tokens: Int64[Tensor, "B N"]) -> Float[Tensor, "B N V"]:
        """Append a token to each beam; return log-probabilities of the next."""


@dataclass(frozen=True)
class Hypothesis:
    """A text that was found; `is_complete` is false where it was cut at the longest length."""

    tokens: tuple[int, ...]
    log_probability: float
    """Of all tokens and, where it is complete, of the end."""
    token_log_probabilities: tuple[float, ...]
    is_complete: bool

    def compute_score(self, length_normalisation: bool) -> float:
        """Return the log-probability, or its mean over tokens, the end counted as one."""
        num_steps = len(self.tokens) + self.is_complete
        return self.log_probability / max(num_steps, 1) if length_normalisation else self.log_probability


@torch.inference_mode()
def search_greedy(
    reader: Reader, images: Any, max_length: int, grammar: Grammar | None = None, looks_every_steps: int | None = None
) -> list[Hypothesis]:
    """Return for each image the text that takes the most probable token at each step.

    Args:
        reader: In evaluation mode.
        images: What the reader's `init` takes.
        max_length: Tokens of the longest text, the end not counted.
        grammar: What may follow what; log-probabilities stay those of the reader.
        looks_every_steps: After how many steps it is asked which images are done, which changes no text. Default: each
            where the images lie on a CPU, else every eight.
    """
    state, first = reader.init(images), _find_tensor(images)
    looks_every_steps = looks_every_steps or (1 if first.device.type == "cpu" else _STEPS_BETWEEN_LOOKS)
    rows = torch.arange(len(first), device=first.device)
    tokens = torch.full((len(rows), 1), BOS_ID, device=first.device)
    # A step beyond the longest text asks whether it ends there.
    texts = torch.full((len(rows), max_length + 1), EOS_ID, device=first.device)
    log_probabilities = torch.zeros(len(rows), max_length + 1, device=first.device)
    is_live = torch.ones(len(rows), dtype=torch.bool, device=first.device)
    positions = None if grammar is None else _Positions(grammar, len(rows))
    written: list[tuple[Tensor, Tensor]] = []  # since images last left
    for length in range(max_length + 1):
        answers = reader.step(state, tokens)
        if positions is not None:
            answers = positions.mask(answers, is_live.unsqueeze(1), max_length - length)
        values, tokens = answers.squeeze(1).max(dim=1, keepdim=True)
        written.append((tokens, values))
        is_live &= tokens[:, 0] != EOS_ID
        if positions is not None:
            positions.advance(torch.zeros_like(tokens), tokens, is_live.unsqueeze(1))
        if length < max_length and (length + 1) % looks_every_steps:
            continue
        num_live = int(is_live.sum())
        if length < max_length and num_live > (1 - _LEAVING_SHARE) * len(rows):
            continue
        columns = slice(length + 1 - len(written), length + 1)
        texts[rows, columns] = torch.cat([one for one, _ in written], dim=1)
        log_probabilities[rows, columns] = torch.cat([one for _, one in written], dim=1)
        written = []
        if num_live == 0:
            break
        kept = is_live.nonzero().squeeze(1)
        state.keep(kept)
        rows, tokens, is_live = rows[kept], tokens[kept], is_live[kept]
        if positions is not None:
            positions.keep(kept)
    return [
        _cut(text, values, max_length) for text, values in zip(texts.tolist(), log_probabilities.tolist(), strict=True)
    ]


@torch.inference_mode()
def search_beam(
    reader: Reader,
    images: Any,
    width: int,
    max_length: int,
    length_normalisation: bool = True,
    grammar: Grammar | None = None,
) -> list[Hypothesis]:
    """Return for each image the best text among those that `width` beams find; one beam is greedy search.

    A beam that ends is not replaced. An image is done when none of its beams can become better than the best text found.

    Args:
        reader: In evaluation mode.
        images: What the reader's `init` takes.
        width: Beams an image.
        max_length: Tokens of the longest text, the end not counted.
        length_normalisation: Compare means of log-probabilities over tokens; otherwise sums, which prefer short texts.
        grammar: What may follow what; log-probabilities stay those of the reader.
    """
    state, first = reader.init(images), _find_tensor(images)
    beams = _Beams(len(first), first.device, width, length_normalisation)
    positions = None if grammar is None else _Positions(grammar, len(first))
    for length in range(max_length + 1):
        answers = reader.step(state, beams.tokens)
        if positions is not None:
            answers = positions.mask(answers, beams.totals > _IMPOSSIBLE, max_length - length)
        if length == max_length:
            beams.close(answers)
            break
        parents = beams.extend(answers)
        kept = beams.find_undone(max_length)
        if len(kept) == 0:
            break
        state.select(parents)
        if positions is not None:
            positions.advance(parents, beams.tokens, beams.totals > _IMPOSSIBLE)
        if len(kept) <= (1 - _LEAVING_SHARE) * len(beams.rows):
            state.keep(kept)
            beams.keep(kept)
            if positions is not None:
                positions.keep(kept)
    return beams.choose()


def _find_tensor(images: Any) -> Tensor:
    tensor: Tensor = images if isinstance(images, Tensor) else images[0]
    return tensor


def _cut(text: list[int], values: list[float], max_length: int) -> Hypothesis:
    is_complete = EOS_ID in text
    end = text.index(EOS_ID) if is_complete else max_length
    return Hypothesis(tuple(text[:end]), sum(values[: end + is_complete]), tuple(values[:end]), is_complete)


class _Positions:
    """Where each beam stands in a grammar."""

    def __init__(self, grammar: Grammar, num_images: int) -> None:
        self.grammar = grammar
        self.states = [[grammar.start] for _ in range(num_images)]

    def mask(self, answers: Tensor, is_live: Tensor, remaining: int) -> Tensor:
        """Return log-probabilities in which what may not follow a live beam is impossible.

        Args:
            answers: Of the reader, (B, N, V).
            is_live: Beams that go on, (B, N).
            remaining: Tokens that may still be written, the end not counted.
        """
        everything = np.ones(answers.shape[2], dtype=np.bool_)
        masks = [
            [
                self.grammar.allowed(state, remaining) if live else everything
                for state, live in zip(states, lives, strict=True)
            ]
            for states, lives in zip(self.states, is_live.tolist(), strict=True)
        ]
        return answers.masked_fill(~torch.from_numpy(np.array(masks)).to(answers.device), _IMPOSSIBLE)

    def advance(self, parents: Tensor, tokens: Tensor, is_live: Tensor) -> None:
        """Move on by a token a beam; what is not live any more stays where it is."""
        rows = zip(self.states, parents.tolist(), tokens.tolist(), is_live.tolist(), strict=True)
        self.states = [
            [
                self.grammar.advance(states[parent], token) if live else states[parent]
                for parent, token, live in zip(*row, strict=True)
            ]
            for states, *row in rows
        ]

    def keep(self, images: Tensor) -> None:
        """Forget all images but these."""
        self.states = [self.states[number] for number in images.tolist()]


class _Beams:
    """What beam search knows of its texts: B images, N beams each, columns whose total is -inf being empty."""

    def __init__(self, num_images: int, device: torch.device, width: int, length_normalisation: bool) -> None:
        self.width, self.length_normalisation = width, length_normalisation
        self.rows = torch.arange(num_images, device=device)
        self.tokens = torch.full((num_images, 1), BOS_ID, device=device)
        self.totals = torch.zeros(num_images, 1, device=device)
        self.texts = torch.empty(num_images, 1, 0, dtype=torch.int64, device=device)
        self.values = torch.empty(num_images, 1, 0, device=device)
        self.room = torch.full((num_images, 1), width, device=device)
        self.best = torch.full((num_images,), _IMPOSSIBLE, device=device)
        self.found: list[list[Hypothesis]] = [[] for _ in range(num_images)]

    def extend(self, answers: Tensor) -> Tensor:
        """Go on with the best tokens; return which beam each beam comes from."""
        if self.width == 1:  # what greedy search takes, however the sums are rounded
            values, places = answers.squeeze(1).max(dim=1, keepdim=True)
            totals = self.totals + values
        else:
            sums = (self.totals.unsqueeze(2) + answers).flatten(1)  # (B, N, V) -> (B, N * V)
            totals, places = sums.topk(min(self.width, sums.shape[1]))
        num_tokens = answers.shape[2]
        chosen = _Chosen(
            parents=places // num_tokens,
            tokens=places % num_tokens,
            values=answers.flatten(1).gather(1, places),
            totals=totals,
        )
        is_valid = (torch.arange(totals.shape[1], device=totals.device) < self.room) & (totals > _IMPOSSIBLE)
        ends = is_valid & (chosen.tokens == EOS_ID)
        goes_on = is_valid & ~ends
        if bool(ends.any()):
            self._store(ends, chosen)
            order = goes_on.int().argsort(dim=1, descending=True, stable=True)
            chosen, goes_on = chosen.take(order), goes_on.gather(1, order)
        num_beams = max(int(goes_on.sum(dim=1).max()), 1)
        chosen, goes_on = chosen.take(slice(num_beams)), goes_on[:, :num_beams]
        if num_beams == self.tokens.shape[1]:
            order = _stay(chosen.parents, goes_on)
            chosen, goes_on = chosen.take(order), goes_on.gather(1, order)
            here = torch.arange(num_beams, device=order.device)
            chosen.parents = torch.where(goes_on, chosen.parents, here)
        self._move(chosen, goes_on)
        return chosen.parents

    def find_undone(self, max_length: int) -> Tensor:
        """Return the images that can still find something better, and empty the beams of the others."""
        # A total only falls; its mean over tokens is highest where nothing falls until the longest length.
        bound = self.totals.amax(dim=1)
        if self.length_normalisation:
            bound = bound / (max_length + 1)
        is_done = bound <= self.best
        self.totals[is_done] = _IMPOSSIBLE
        return (~is_done).nonzero().squeeze(1)

    def keep(self, images: Tensor) -> None:
        """Forget all images but these; what they found stays."""
        self.rows, self.tokens, self.totals = self.rows[images], self.tokens[images], self.totals[images]
        self.texts, self.values = self.texts[images], self.values[images]
        self.room, self.best = self.room[images], self.best[images]

    def close(self, answers: Tensor) -> None:
        """Cut what is as long as can be: it is complete where its most probable next token is the end."""
        values, tokens = answers.max(dim=2, keepdim=True)
        for image, beam in (self.totals > _IMPOSSIBLE).nonzero().tolist():
            is_complete = int(tokens[image, beam, 0]) == EOS_ID
            total = self.totals[image, beam] + (values[image, beam, 0] if is_complete else 0)
            self._append(image, beam, float(total), is_complete)

    def choose(self) -> list[Hypothesis]:
        """Return the best text of each image."""
        return [max(texts, key=lambda one: one.compute_score(self.length_normalisation)) for texts in self.found]

    def _store(self, ends: Tensor, chosen: "_Chosen") -> None:
        for image, place in ends.nonzero().tolist():
            found = self._append(image, int(chosen.parents[image, place]), float(chosen.totals[image, place]), True)
            score = found.compute_score(self.length_normalisation)
            self.best[image] = max(float(self.best[image]), score)
        self.room -= ends.sum(dim=1, keepdim=True)

    def _append(self, image: int, beam: int, total: float, is_complete: bool) -> Hypothesis:
        text, values = self.texts[image, beam].tolist(), self.values[image, beam].tolist()
        found = Hypothesis(tuple(text), total, tuple(values), is_complete)
        self.found[int(self.rows[image])].append(found)
        return found

    def _move(self, chosen: "_Chosen", goes_on: Tensor) -> None:
        parents = chosen.parents.unsqueeze(2).expand(-1, -1, self.texts.shape[2])
        self.texts = torch.cat([self.texts.gather(1, parents), chosen.tokens.unsqueeze(2)], dim=2)
        self.values = torch.cat([self.values.gather(1, parents), chosen.values.unsqueeze(2)], dim=2)
        self.tokens = chosen.tokens
        self.totals = chosen.totals.masked_fill(~goes_on, _IMPOSSIBLE)


@dataclass
class _Chosen:
    """Continuations in order of their totals, (B, K) each."""

    parents: Tensor
    tokens: Tensor
    values: Tensor
    totals: Tensor

    def take(self, order: Tensor | slice) -> "_Chosen":
        """Return some of them, in another order."""
        tensors = (self.parents, self.tokens, self.values, self.totals)
        if isinstance(order, slice):
            return _Chosen(*(tensor[:, order] for tensor in tensors))
        return _Chosen(*(tensor.gather(1, order) for tensor in tensors))


def _stay(parents: Tensor, goes_on: Tensor) -> Tensor:
    """Return an order in which one continuation of each beam stays in the column of its beam, so that no cache moves for it."""
    num_beams = parents.shape[1]
    has_elder = (parents.unsqueeze(2) == parents.unsqueeze(1)) & goes_on.unsqueeze(1)
    stays = goes_on & ~has_elder.tril(-1).any(dim=2)
    is_taken = torch.zeros_like(parents).scatter_add_(1, parents, stays.long())
    free = is_taken.argsort(dim=1, stable=True)  # free columns first
    rank = (~stays).long().cumsum(dim=1) - 1
    columns = torch.where(stays, parents, free.gather(1, rank.clamp(0, num_beams - 1)))
    return columns.argsort(dim=1)
