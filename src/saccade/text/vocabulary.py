"""Token ids of a CTC reader: 0 is the blank, then the characters in charset order. `ctc.py` finds the tokens."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from saccade.errors import InputError
from saccade.text.charset import Charset


@dataclass(frozen=True)
class Vocabulary:
    """Turns text into tokens (ids) and back; its length is the number of classes of a CTC head, blank included."""

    charset: Charset
    blank_id: ClassVar[int] = 0

    def __len__(self) -> int:
        """Count the classes: the blank and every character."""
        return 1 + len(self.charset)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {character: token for token, character in enumerate(self.charset.characters, start=1)}

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the token of each character of the text in NFC.

        Raises:
            InputError: A character is not in the charset.
        """
        normalised = unicodedata.normalize("NFC", text)
        if unknown := self.charset.unknown(normalised):
            raise InputError(
                f"text {text!r} holds {describe_characters(unknown)}, which is not in the charset;"
                " list every character in [text] charset"
            )
        return tuple(self._ids[character] for character in normalised)

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of tokens without blanks, as `ctc.decode_greedy` gives them.

        Raises:
            ValueError: A token is the blank or beyond the last character.
        """
        characters = []
        for token in tokens:
            if not 0 < token < len(self):
                raise ValueError(f"token {token} is not a character: those are 1..{len(self) - 1}")
            characters.append(self.charset.characters[token - 1])
        return "".join(characters)


def describe_characters(characters: str) -> str:
    """Write up to three characters with their code points, by which look-alikes can be told apart."""
    shown = ", ".join(f"{character!r} (U+{ord(character):04X})" for character in characters[:3])
    return shown + (f" and {len(characters) - 3} more" if len(characters) > 3 else "")
