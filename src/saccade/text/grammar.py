"""Which token may come next while a formula is decoded, without torch: an immutable state a hypothesis, a mask a step.

Path: `Grammar(vocabulary, rules)` -> `start` -> `allowed(state, remaining)` [V] -> the search chooses -> `advance`. What
a token does to the structure is in `structure.py`; the search is in the read task.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saccade.errors import InputError
from saccade.text.sequence_vocabulary import SequenceVocabulary
from saccade.text.structure import START, Frame, Frames, Role, StructureError, advance, classify, is_complete

Mask = NDArray[np.bool_]

_MAX_GAIN = 8
_MAX_CACHED = 4096
_PLAIN = "plain"
_BRACES = frozenset({"open", "close"})
_PAIRS = frozenset({"left", "right", "middle", "begin", "end"})
_COMMANDS = frozenset(
    {"command", "superscript", "subscript", "prime", "align", "row", "modify", "option_open", "option_close"}
)
_BAD_STARTS = _COMMANDS - {"command", "option_open", "option_close"} | {"close", "right", "middle", "end"}
_CLOSERS = frozenset({"close", "right", "end"})


@dataclass(frozen=True)
class GrammarRules:
    r"""What a decoded formula must keep to; each rule by itself.

    Attributes:
        balanced_braces: `}` closes a `{`, and the formula ends with none open.
        paired_delimiters: the same of `\left` and `\right`, `\begin` and `\end`.
        complete_commands: commands and scripts have their arguments, no symbol has two superscripts; takes
            `balanced_braces`.
        no_bad_start: a formula has a token, and begins with none that belongs behind another.
        max_repeats: how often a token may stand in a row; None for any number. Closing tokens do not count.
        max_phrase_repeats: how often two to `max_phrase_length` tokens may stand in a row; None for any number.
        max_phrase_length: tokens of the longest phrase that is looked for.
    """

    balanced_braces: bool = True
    paired_delimiters: bool = True
    complete_commands: bool = True
    no_bad_start: bool = True
    max_repeats: int | None = None
    max_phrase_repeats: int | None = None
    max_phrase_length: int = 8

    def __post_init__(self) -> None:
        if self.complete_commands and not self.balanced_braces:
            raise InputError("complete_commands counts what stands in braces: turn balanced_braces on, or both off")
        for name in ("max_repeats", "max_phrase_repeats"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}: a token stands at least once; give 1 or more")


@dataclass(frozen=True)
class GrammarState:
    """What one hypothesis has open and what it wrote last.

    Attributes:
        frames: What is open.
        num_tokens: Tokens written so far.
        cost: Tokens that are needed at least before the formula may end.
        recent: The last ids, as many as the longest phrase has.
        matches: For each phrase length n from 1, how many ids in a row equal the one n before.
    """

    frames: Frames
    num_tokens: int
    cost: int
    recent: tuple[int, ...]
    matches: tuple[int, ...]


class Grammar:
    """The rules over one vocabulary; masks are kept by what they depend on, so that a step costs a look-up."""

    def __init__(self, vocabulary: SequenceVocabulary, rules: GrammarRules) -> None:
        self._rules = rules
        self._eos_id, self._first = vocabulary.eos_id, vocabulary.first_unit_id
        self._tokens = vocabulary.units.units
        self._size = len(vocabulary)
        self._roles = [self._choose_role(token) for token in self._tokens]
        self._examples: Mapping[Role, str] = dict(zip(self._roles, self._tokens, strict=True))
        ids = np.arange(self._first, self._size)
        role_of = np.array([list(self._examples).index(role) for role in self._roles])
        self._ids = {role: ids[role_of == index] for index, role in enumerate(self._examples)}
        self._usable = [role for role in self._examples if self._can_be_closed(role)]
        self._pair_cost = 1 if any(role.action == "right" and not role.is_bare for role in self._examples) else 2
        # whatever rules are on: a brace that no rule counts is a bad start all the same
        self._good_starts = np.ones(self._size, bool)
        self._good_starts[self._first :] = [classify(token).action not in _BAD_STARTS for token in self._tokens]
        self._lengths = self._list_lengths()
        self._masks: dict[tuple[Any, ...], Mask] = {}

    @property
    def start(self) -> GrammarState:
        """The state of a formula without a token."""
        return GrammarState(START, 0, 0, (), (0,) * len(self._lengths))

    def allowed(self, state: GrammarState, remaining: int | None = None) -> Mask:
        """Return which ids may come next, bool [V], not to be written into; one at least is always allowed.

        Args:
            state: Of the hypothesis.
            remaining: Tokens that may still be written, the end not counted; None for any number. The formula is
                brought to its end in time where it was allowed to be that long from its start.
        """
        gain = _MAX_GAIN if remaining is None else max(min(remaining - state.cost, _MAX_GAIN), -1)
        top = state.frames[-1]
        need = top.needs[-1].takes_option if top.needs else None
        key = (top.kind, top.name, need, top.scripts, bool(top.due), len(state.frames) > 1, state.num_tokens > 0, gain)
        mask = self._masks.get(key)
        if mask is None:
            if len(self._masks) >= _MAX_CACHED:
                self._masks.clear()
            mask = self._masks[key] = self._compute_mask(state, gain)
        return self._without_repeats(state, mask)

    def advance(self, state: GrammarState, token_id: int) -> GrammarState:
        """Return the state after one more token, which `allowed` must allow; the end changes nothing.

        Raises:
            ValueError: The token is not allowed here.
        """
        if token_id == self._eos_id:
            return state
        index = token_id - self._first
        if not 0 <= index < len(self._tokens):
            raise ValueError(f"id {token_id} is no unit")
        role, token = self._roles[index], self._tokens[index]
        try:
            frames = advance(state.frames, role, token, state.num_tokens + 1)
        except StructureError as fault:
            raise ValueError(f"{token} is not allowed here: {fault}") from None
        recent = state.recent
        matches = tuple(
            count + 1 if len(recent) >= length and recent[-length] == token_id else 0
            for length, count in zip(self._lengths, state.matches, strict=True)
        )
        longest = self._lengths[-1] if self._lengths else 0
        recent = (*recent, token_id)[-longest:] if longest else ()
        cost = state.cost if frames is state.frames else self._count_cost(frames)
        return GrammarState(frames, state.num_tokens + 1, cost, recent, matches)

    def _choose_role(self, token: str) -> Role:
        """Return what a token does under the rules that are on; one that no rule looks at is plain."""
        role, rules = classify(token), self._rules
        is_watched = (
            (role.action in _BRACES and rules.balanced_braces)
            or (role.action in _PAIRS and rules.paired_delimiters)
            or (role.action in _COMMANDS and rules.complete_commands)
        )
        if role.action == "option_open" and "]" not in self._tokens:
            is_watched = False  # no option could end: a bracket like any other
        return role if is_watched else Role(_PLAIN, is_delimiter=role.is_delimiter)

    def _can_be_closed(self, role: Role) -> bool:
        """Say whether the vocabulary has what a token that opens or needs something waits for."""
        has_delimiter = any(other.is_delimiter for other in self._examples)
        has_right = any(other.action == "right" and (has_delimiter or not other.is_bare) for other in self._examples)
        match role.action:
            case "open":
                return any(other.action == "close" for other in self._examples)
            case "left":
                return has_right and (has_delimiter or not role.is_bare)
            case "right" | "middle":
                return has_delimiter or not role.is_bare
            case "begin":
                return Role("end", name=role.name, is_bare=role.is_bare) in self._examples
            case "command" | "superscript" | "subscript":
                return any(other.action == _PLAIN for other in self._examples)
            case _:
                return True

    def _list_lengths(self) -> tuple[int, ...]:
        """Return the lengths of phrases that are watched; one token is a phrase of its own."""
        first = 2 if self._rules.max_repeats is None else 1
        last = 1 if self._rules.max_phrase_repeats is None else self._rules.max_phrase_length
        return tuple(range(first, last + 1))

    def _count_cost(self, frames: Frames) -> int:
        return sum(self._count_frame_cost(frame) for frame in frames)

    def _count_frame_cost(self, frame: Frame) -> int:
        waiting = sum(need.missing for need in frame.needs) + bool(frame.due)
        match frame.kind:
            case "formula":
                return waiting
            case "pair":
                return waiting + self._pair_cost
            case "environment":
                return waiting + (1 if frame.name else 2)
            case _:
                return waiting + 1

    def _compute_mask(self, state: GrammarState, gain: int) -> Mask:
        """Return the mask without the limits of repeats; `gain` is how much dearer the end may become by the token."""
        growth = {}
        for role in self._usable:
            with suppress(StructureError):
                frames = advance(state.frames, role, self._examples[role], 1)
                growth[role] = self._count_cost(frames) - state.cost + 1
        may_end = is_complete(state.frames) and (state.num_tokens > 0 or not self._rules.no_bad_start)
        chosen = [role for role, grown in growth.items() if grown <= gain]
        if (
            not chosen and not may_end
        ):  # no room at all: end at once where that is possible, or else by the shortest way
            may_end = is_complete(state.frames)
            chosen = [] if may_end else [role for role, grown in growth.items() if grown == min(growth.values())]
        mask = np.zeros(self._size, bool)
        mask[self._eos_id] = may_end
        for role in chosen:
            mask[self._ids[role]] = True
        if self._rules.no_bad_start and not state.num_tokens and mask[self._good_starts].any():
            mask &= self._good_starts
        mask.setflags(write=False)
        return mask

    def _without_repeats(self, state: GrammarState, mask: Mask) -> Mask:
        banned = []
        for length, count in zip(self._lengths, state.matches, strict=True):
            limit = self._rules.max_repeats if length == 1 else self._rules.max_phrase_repeats
            if limit is not None and len(state.recent) >= length and count + 1 >= length * limit:
                token_id = state.recent[-length]
                if self._roles[token_id - self._first].action not in _CLOSERS:
                    banned.append(token_id)
        if not banned:
            return mask
        narrowed = mask.copy()
        narrowed[banned] = False
        return narrowed if narrowed.any() else mask
