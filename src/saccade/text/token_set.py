"""The set of tokens that a model can read, for texts whose tokens are separated by single spaces, such as LaTeX formulas.

It is to tokens what `charset.py` is to characters, and knows no token ids (`sequence_vocabulary.py`).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from saccade.errors import InputError, quote

SPECIAL_TOKENS = frozenset({"<SOS>", "<EOS>", "<PAD>", "<BOS>", "<UNK>", "<s>", "</s>", "<pad>", "<unk>"})
"""What token lists of other programs hold besides the tokens themselves."""


@dataclass(frozen=True)
class TokenSet:
    """Sorted, unique tokens. Each is compared as it is written: nothing is composed, folded or stripped.

    Raises:
        InputError: There is no token, one is empty or holds white space, or one occurs twice.
    """

    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.tokens:
            raise InputError("the token set is empty: give a token list or training labels that are not empty")
        seen: set[str] = set()
        for token in self.tokens:
            if problem := _find_problem(token, seen):
                raise InputError(f"token {quote(token)} {problem}: list every token once, without white space")
            seen.add(token)
        object.__setattr__(self, "tokens", tuple(sorted(self.tokens)))

    @classmethod
    def from_labels(cls, labels: Iterable[str]) -> "TokenSet":
        """Collect the tokens of labels.

        Raises:
            InputError: A label has two spaces in a row or one at an end, or no label has a token.
        """
        return cls(tuple(sorted({token for label in labels for token in _split(label)})))

    @cached_property
    def _members(self) -> frozenset[str]:
        return frozenset(self.tokens)

    def __contains__(self, token: str) -> bool:
        """Say whether a token can be read."""
        return token in self._members

    def __len__(self) -> int:
        """Count the tokens."""
        return len(self.tokens)

    @property
    def units(self) -> tuple[str, ...]:
        """The tokens, in their order."""
        return self.tokens

    def split(self, text: str) -> list[str]:
        """Return the tokens of a text, which single spaces separate; the empty text has none.

        Raises:
            InputError: The text has two spaces in a row, or one at an end.
        """
        return _split(text)

    def join(self, units: Iterable[str]) -> str:
        """Return the text of tokens, single spaces between them."""
        return " ".join(units)

    def unknown(self, text: str) -> tuple[str, ...]:
        """Return the tokens of a text that cannot be read, sorted and unique."""
        return tuple(sorted(set(_split(text)) - self._members))

    @property
    def digest(self) -> str:
        """SHA-256 of the tokens in UTF-8, a line feed after each, as hexadecimal digits."""
        return hashlib.sha256("".join(f"{token}\n" for token in self.tokens).encode()).hexdigest()


def read_token_list(path: Path) -> TokenSet:
    """Read a token list such as `tokens.txt`: UTF-8, one token a line, perhaps a blank line at the end.

    Raises:
        InputError: The file cannot be read, or a line is empty, holds white space, repeats another or is a special
            token of another program; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a token list, one token a line") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8; save the token list as UTF-8, one token a line") from None
    lines = [line.removesuffix("\r") for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    first_lines: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if line in first_lines:
            raise InputError(
                f"{path}: line {number} repeats {quote(line)} of line {first_lines[line]}; delete one of them"
            )
        if line in SPECIAL_TOKENS:
            raise InputError(f"{path}: line {number} is {line}, which every vocabulary adds by itself; delete the line")
        if problem := _find_problem(line, ()):
            raise InputError(f"{path}: line {number} {problem}; write one token a line, without white space")
        first_lines[line] = number
    if not first_lines:
        raise InputError(f"{path}: holds no token; write one token a line")
    return TokenSet(tuple(first_lines))


def _find_problem(token: str, seen: Iterable[str]) -> str | None:
    if not token:
        return "is empty"
    if token != "".join(token.split()):
        return "holds white space"
    return "occurs twice" if token in seen else None


def _split(text: str) -> list[str]:
    tokens = text.split(" ") if text else []
    if not all(tokens):
        raise InputError(
            f"label {quote(text)}: has two spaces in a row or one at an end; separate tokens by single spaces"
        )
    return tokens
