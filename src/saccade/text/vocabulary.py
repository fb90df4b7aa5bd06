"""Token ids of a CTC reader: 0 is the blank, then the units in their order. `ctc.py` finds the tokens."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from saccade.errors import InputError
from saccade.text.units import Units


@dataclass(frozen=True)
class Vocabulary:
    """Turns text into tokens (ids) and back; its length is the number of classes of a CTC head, blank included."""

    units: Units
    blank_id: ClassVar[int] = 0

    def __len__(self) -> int:
        """Count the classes: the blank and every unit."""
        return 1 + len(self.units)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {unit: token for token, unit in enumerate(self.units.units, start=1)}

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the token of each unit of the text in NFC.

        Raises:
            InputError: A unit is not among those that can be read.
        """
        normalised = unicodedata.normalize("NFC", text)
        refuse_unknown(normalised, self.units)
        return tuple(self._ids[unit] for unit in self.units.split(normalised))

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of tokens without blanks, as `ctc.decode_greedy` gives them.

        Raises:
            ValueError: A token is the blank or beyond the last unit.
        """
        listed, units = list(tokens), self.units.units
        for token in listed:
            if not 0 < token < len(self):
                raise ValueError(f"token {token} is not a unit: those are 1..{len(self) - 1}")
        return self.units.join([units[token - 1] for token in listed])


def refuse_unknown(text: str, units: Units) -> None:
    """Refuse a text that cannot be written in these units.

    Raises:
        InputError: It holds another.
    """
    unknown = units.unknown(text)
    if isinstance(unknown, str) and unknown:
        raise InputError(
            f"text {text!r} holds {describe_characters(unknown)}, which is not in the charset;"
            " list every character in [text] charset"
        )
    if unknown:
        raise InputError(
            f"text {text!r} holds {', '.join(unknown[:3])}, which is not among the tokens; list every token in [text] tokens"
        )


def describe_characters(characters: str) -> str:
    """Write up to three characters with their code points, by which look-alikes can be told apart."""
    shown = ", ".join(f"{character!r} (U+{ord(character):04X})" for character in characters[:3])
    return shown + (f" and {len(characters) - 3} more" if len(characters) > 3 else "")
