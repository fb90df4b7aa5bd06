"""What a comparison has to say, before it is in a language: which sentence of `Words`, and what fills its gaps.

Path: `say` where something is found -> `writing.write_sentence` where it is shown, on a page or in a terminal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any


@dataclass(frozen=True)
class Sentence:
    """A sentence, or a part of one, in no language.

    Attributes:
        name: The field of `Words` that holds it.
        gaps: Name and content of each gap.
    """

    name: str
    gaps: "tuple[tuple[str, Gap], ...]" = ()


Gap = str | int | Sentence | tuple[str | Sentence, ...]
"""Fills a gap: a text as it is, a count, a part of a sentence, or several of these with commas between them."""


def say(name: str, /, **gaps: Gap) -> Sentence:
    """Return the sentence of `Words` called `name`, with its gaps filled."""
    return Sentence(name, tuple(gaps.items()))


def say_both(parts: Iterable[str | Sentence]) -> str | Sentence:
    """Join one or several parts by "and"."""
    return reduce(lambda first, last: say("both", first=first, last=last), parts)


def say_clauses(parts: Iterable[Sentence]) -> Sentence:
    """Join one or several sentences to one with semicolons."""
    return reduce(lambda first, last: say("clauses", first=first, last=last), parts)


def say_state(status: Mapping[str, Any]) -> Sentence:
    """Return the word for how a run ended, by its status, with the cause where one was recorded."""
    states = {
        "finished": say("state_finished"),
        "failed": say("state_failed"),
        "stopped": say("state_stopped"),
        "running": say("state_running"),
    }
    state, cause = states[status["state"]], status.get("cause")
    return say("in_brackets", what=state, more=str(cause)) if cause else state
