"""Token ids of a reader that writes one token after the other: padding, begin and end, then the units in their order.

A unit is a character (`charset.py`) or a token of a formula (`token_set.py`). The ids of a CTC reader, which has a blank
and no end, are in `vocabulary.py`.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from saccade.text.charset import Charset
from saccade.text.units import Units
from saccade.text.vocabulary import refuse_unknown


@dataclass(frozen=True)
class SequenceVocabulary:
    """Turns text into ids and back; its length is the number of classes of the model, padding, begin and end included."""

    units: Units
    pad_id: ClassVar[int] = 0
    bos_id: ClassVar[int] = 1
    eos_id: ClassVar[int] = 2
    first_unit_id: ClassVar[int] = 3

    def __len__(self) -> int:
        """Count the classes."""
        return self.first_unit_id + len(self.units)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {unit: token for token, unit in enumerate(self.units.units, start=self.first_unit_id)}

    @cached_property
    def _units(self) -> tuple[str, ...]:
        return self.units.units

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the id of each unit of a text, without begin and end.

        Raises:
            InputError: A unit is not in the set, or tokens are not separated by single spaces.
        """
        composed = unicodedata.normalize("NFC", text) if isinstance(self.units, Charset) else text
        refuse_unknown(composed, self.units)
        return tuple(self._ids[unit] for unit in self.units.split(composed))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids up to the first end, or of all of them where there is none.

        Raises:
            ValueError: Before the end stands padding, the begin, or an id beyond the last unit.
        """
        units = []
        for token in ids:
            if token == self.eos_id:
                break
            if not self.first_unit_id <= token < len(self):
                raise ValueError(f"id {token} is no unit: those are {self.first_unit_id}..{len(self) - 1}")
            units.append(self._units[token - self.first_unit_id])
        return self.units.join(units)
