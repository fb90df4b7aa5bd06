"""A recipe that is being made from another program's configuration, and what became of each key of that.

Whether a key exists here and takes a value is asked of the recipe tables, each time: what they refuse is not carried over.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

from saccade.errors import InputError
from saccade.recipes.diff import join_key
from saccade.recipes.importers.document import Document, Place, write_place
from saccade.recipes.loader import validate
from saccade.recipes.toml import format_value, sections

Kind = Literal["carried", "ignored", "left", "aside"]
"""Carried over; had no effect there; has one there and is not carried over; decides nothing that is trained."""


@dataclass(frozen=True)
class To:
    """A rule: the value of this key of the recipe."""

    key: str
    why: str = ""


@dataclass(frozen=True)
class NoEffect:
    """A rule: the other program never reads it."""

    why: str


@dataclass(frozen=True)
class Left:
    """A rule: no counterpart here; with one of the `neutral` values it changes nothing there either."""

    why: str
    neutral: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Aside:
    """A rule: decides nothing that is trained."""

    why: str


Rule = To | NoEffect | Left | Aside
EMPTY = "says nothing"
_MOST = 10**9
"""Of anything that is counted."""


@dataclass(frozen=True)
class Outcome:
    """What became of a key."""

    key: str
    """Dotted, as the configuration has it."""
    line: int | None
    """None for what the file does not say and the other program adds."""
    value: Any
    kind: Kind
    why: str = ""
    to: Mapping[str, Any] = field(default_factory=dict)
    """Dotted key of the recipe -> value."""


class Draft:
    """A recipe in the making: `raw` is valid at any time after the first source of data is in it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.raw: dict[str, Any] = {"task": "read"}
        self.outcomes: list[Outcome] = []

    def put(self, values: Mapping[str, Any]) -> str | None:
        """Set dotted keys all at once; where the tables refuse them, change nothing and return why."""
        trial = copy.deepcopy(self.raw)
        for key, value in values.items():
            *parents, last = key.split(".")
            table = trial
            for parent in parents:
                table = table.setdefault(parent, {})
            table[last] = value
        try:
            validate(trial, file="recipe")
        except InputError as error:
            return str(error).removeprefix("recipe: ")
        self.raw = trial
        return None

    def enter(self, place: Place, value: Any, kind: Kind, why: str = "", to: Mapping[str, Any] | None = None) -> None:
        """Say what became of a key."""
        line = self.document.lines.get(place)
        self.outcomes.append(Outcome(write_place(place), line, value, kind, why, to or {}))

    def list_outcomes(self, kind: Kind) -> list[Outcome]:
        """Return the outcomes of one kind, in the order of the file; what it does not say comes last."""
        chosen = [outcome for outcome in self.outcomes if outcome.kind == kind]
        return sorted(chosen, key=lambda outcome: (outcome.line is None, outcome.line or 0))

    def write(self, heading: str) -> str:
        """Return the recipe as TOML below a comment that lists what was not carried over."""
        tree = copy.deepcopy(self.raw)
        if ignored := {outcome.key: _explain(outcome) for outcome in self.list_outcomes("ignored")}:
            tree["reported"] = {"ignored": ignored}
        lines = [f"# {heading}"]
        left = self.list_outcomes("left")
        lines += ["#", "# Not carried over:"] if left else []
        lines += [f"# - {outcome.key}{_write_value(outcome)}: {outcome.why}" for outcome in left]
        for section in sections(tree):
            lines += ["", section.header] if section.header else [""]
            lines += [f"{join_key('', key)} = {format_value(value)}" for key, value in section.values.items()]
        return "\n".join(lines) + "\n"


class Section:
    """A mapping of the configuration at its place; each of its keys is dealt with once."""

    def __init__(self, draft: Draft, place: Place, table: Any) -> None:
        if table is None:
            table = {}
        if not isinstance(table, dict):
            raise InputError(f"{draft.document.where(place)}: expected keys and values, found {describe(table)}")
        self.draft, self.place, self.table = draft, place, table
        self._done: set[str] = set()
        self._below: dict[str, Section] = {}

    @property
    def is_begun(self) -> bool:
        """Whether any key was dealt with."""
        return bool(self._done)

    def below(self, name: str) -> "Section":
        """Return the mapping under a key, empty where there is none; its keys are then dealt with one by one."""
        self._done.add(name)
        if name not in self._below:
            self._below[name] = Section(self.draft, (*self.place, name), self.table.get(name))
        return self._below[name]

    def take(self, name: str) -> Any:
        """Return the value of a key that is dealt with part by part; None where there is none."""
        self._done.add(name)
        return self.table.get(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a key, or the default where it is absent or empty."""
        value = self.table.get(name)
        return default if value is None else value

    def read_number(self, name: str, default: float | None = None) -> float:
        """Return a number; a text that spells one counts, as YAML 1.1 takes `5e-4` for a text.

        Raises:
            InputError: It is no number, or is missing and has no default.
        """
        value = self.get(name, default)
        try:
            if isinstance(value, bool) or value is None:
                raise ValueError
            return float(value)
        except (TypeError, ValueError):
            what = f"found {describe(value)}" if value is not None else "and there is none"
            raise InputError(f"{self.where(name)}: expected a number, {what}; correct it") from None

    def read_count(self, name: str, default: int | None = None) -> int:
        """Return a whole number of 1 or more.

        Raises:
            InputError: It is none, or is missing and has no default.
        """
        number = self.read_number(name, default)
        if not 1 <= number <= _MOST or number != int(number):
            found = describe(self.get(name, default))
            raise InputError(
                f"{self.where(name)}: expected a whole number from 1 to {_MOST:,}, found {found}; correct it"
            )
        return int(number)

    def read_text(self, name: str, default: str | None = None) -> str:
        """Return a text.

        Raises:
            InputError: It is no text, or is missing and has no default.
        """
        value = self.get(name, default)
        if not isinstance(value, str):
            what = "and there is none" if value is None else f"found {describe(value)}"
            raise InputError(f"{self.where(name)}: expected a text, {what}; correct it")
        return value

    def where(self, name: str) -> str:
        """Return file, line and dotted key, as an error names it."""
        return self.draft.document.where((*self.place, name))

    def enter(self, name: str, kind: Kind, why: str = "", to: Mapping[str, Any] | None = None) -> None:
        """Say what became of a key, once."""
        if name in self._done:
            return
        self._done.add(name)
        self.draft.enter((*self.place, name), self.table.get(name), kind, why, to)

    def carry(self, name: str, values: Mapping[str, Any], why: str = "") -> bool:
        """Set keys of the recipe for a key of the configuration; where the tables refuse them, say so."""
        notes = [why] if why else []
        if name not in self.table:
            notes = ["not in the file, and its default there", *notes]
        elif isinstance(self.table[name], str) and any(isinstance(value, float) for value in values.values()):
            notes.append("a text in YAML 1.1, which wants a point in it (5.0e-4)")
        refusal = self.draft.put(values)
        if refusal is None:
            self.enter(name, "carried", "; ".join(notes), values)
        else:
            self.enter(name, "left", f"the recipe cannot say it: {refusal}")
        return refusal is None

    def apply(self, rules: Mapping[str, Rule]) -> None:
        """Deal with every key that has a rule."""
        for name, value in self.table.items():
            if name in rules and name not in self._done:
                self._apply(name, value, rules[name])

    def _apply(self, name: str, value: Any, rule: Rule) -> None:
        if value is None:
            self.enter(name, "aside", EMPTY)
            return
        match rule:
            case To():
                self.carry(name, {rule.key: value}, rule.why)
            case NoEffect():
                self.enter(name, "ignored", rule.why)
            case Left():
                if any(value == neutral for neutral in rule.neutral):
                    self.enter(name, "aside", "as it is here")
                else:
                    self.enter(name, "left", rule.why)
            case Aside():
                self.enter(name, "aside", rule.why)
            case _:
                assert_never(rule)

    def finish(self, kind: Kind, why: str) -> None:
        """Say the same of every key that nobody dealt with."""
        for name, value in self.table.items():
            self.enter(name, "aside" if value is None else kind, EMPTY if value is None else why)


def describe(value: Any) -> str:
    """Say what was found in place of a value."""
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "keys and values"
    return str(value)


def _explain(outcome: Outcome) -> str:
    """Return why a key had no effect, and what it said."""
    return outcome.why if outcome.value is None else f"{outcome.why} (it said {format_value(_writable(outcome.value))})"


def _write_value(outcome: Outcome) -> str:
    return "" if outcome.value is None else f" = {format_value(_writable(outcome.value))}"


def _writable(value: Any) -> Any:
    """Return a value that TOML can write on a line: nothing as an empty text."""
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_writable(item) for item in value]
    return "" if value is None else value
