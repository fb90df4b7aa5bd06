"""The set of characters that a model can read. It knows no token ids (`vocabulary.py`) and filters nothing.

Its sibling for texts of tokens is `token_set.py`; both cut a text into units and join units to a text.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from saccade.errors import InputError


@dataclass(frozen=True)
class Charset:
    """Sorted, unique characters, each of them in NFC.

    The constructor takes characters and normalises them one by one, so a combining mark that stands alone stays alone
    and a stored charset comes back as it was. Text that a person wrote goes through `from_labels`, which composes it
    first.

    Raises:
        InputError: There is no character.
    """

    characters: str

    def __post_init__(self) -> None:
        normalised = {c for character in self.characters for c in unicodedata.normalize("NFC", character)}
        if not normalised:
            raise InputError("the charset is empty: give [text] charset or training labels that are not empty")
        object.__setattr__(self, "characters", "".join(sorted(normalised)))

    @classmethod
    def from_labels(cls, labels: Iterable[str]) -> "Charset":
        """Collect the characters of labels, each brought to NFC as a whole."""
        return cls("".join(sorted(set().union(*(unicodedata.normalize("NFC", label) for label in labels)))))

    def __contains__(self, character: str) -> bool:
        """Say whether one character can be read."""
        return len(character) == 1 and character in self.characters

    def __len__(self) -> int:
        """Count the characters."""
        return len(self.characters)

    def unknown(self, text: str) -> str:
        """Return the characters of a text that cannot be read, sorted and unique."""
        return "".join(sorted(set(text).difference(self.characters)))

    @property
    def units(self) -> tuple[str, ...]:
        """The characters, in their order."""
        return tuple(self.characters)

    def split(self, text: str) -> list[str]:
        """Return the characters of a text in NFC."""
        return list(unicodedata.normalize("NFC", text))

    def join(self, units: Iterable[str]) -> str:
        """Return the text that these characters spell."""
        return "".join(units)

    @property
    def digest(self) -> str:
        """SHA-256 of the characters in UTF-8, as hexadecimal digits."""
        return hashlib.sha256(self.characters.encode()).hexdigest()
