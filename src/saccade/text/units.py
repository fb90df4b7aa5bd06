"""What texts are made of: characters, or tokens with spaces between them."""

from collections.abc import Callable
from typing import Literal, TypeAlias, assert_never

from saccade.text.charset import Charset
from saccade.text.token_set import TokenSet

Units: TypeAlias = Charset | TokenSet
"""All that a reader can write; `split` takes a text apart and `join` puts it together."""

Kind: TypeAlias = Literal["characters", "tokens"]


def split_into(kind: Kind) -> Callable[[str], list[str]]:
    """Return what takes a text apart into its characters or its tokens."""
    match kind:
        case "characters":
            return list
        case "tokens":
            return str.split
        case _:
            assert_never(kind)
