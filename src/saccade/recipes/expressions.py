"""Regular expressions that end: what in one can take for ever on a single file name.

Python's `re` tries every way in which repeats can share a text. It stays quick where few of them can reach into what
follows; a repeat of repeats, or of alternatives, multiplies the ways with each character. This is no proof: it refuses
some expressions that would end, and says how to write those.
"""

import re
from collections.abc import Sequence

_GROUP = r"\(\?(?:P<\w+>|<?[=!]|[:>]|[a-zA-Z-]+:)|\("
_TOKEN = re.compile(
    rf"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[a-zA-Z]+\)|{_GROUP}|\)|(?:[*+?]|\{{\d*,?\d*\}})[+?]?|.", re.DOTALL
)
_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d*,?\d*\})[+?]?")
_SEALED = ("(?>", "(?=", "(?!", "(?<=", "(?<!")
"""Groups that `re` does not go back into."""
_SHORT = 16
"""Fewer repeats than this are no long repeat."""
_MOST_REPEATS = 3
_MOST_CHARACTERS = 1000


def find_endless(expression: str) -> str | None:
    """Say what can take for ever in an expression that compiles, and the cure; None where nothing can."""
    if len(expression) > _MOST_CHARACTERS:
        return f"{len(expression):,} characters are no expression for a file name; write at most {_MOST_CHARACTERS:,}"
    tokens = _TOKEN.findall(expression)
    repeats = [place for place, token in enumerate(tokens) if place and _is_long(token)]
    for place in repeats:
        start = _find_start(tokens, place)
        inner = tokens[start:place]
        nested = [one for one in repeats if start < one < place and _reaches(tokens, one, past_groups=False)]
        if inner[0] not in _SEALED and (nested or "|" in inner):
            what = "repeats" if nested else "alternatives"
            return f"a repeat of {what} can take for ever on one name; seal what it repeats: (?>...) in place of (...)"
    num_reaching = sum(_reaches(tokens, place, past_groups=True) for place in repeats)
    if num_reaching > _MOST_REPEATS:
        return (
            f"{num_reaching} repeats that can share a text can take for ever on one name; let each end before what follows, "
            "such as [^_]+_ in place of .+_"
        )
    return None


def _is_long(token: str) -> bool:
    """Tell a repeat without end, or of many, that gives back what it took; `++` does not."""
    if not _QUANTIFIER.fullmatch(token) or token[0] == "?" or (len(token) > 1 and token[-1] == "+"):
        return False
    if token[0] in "*+":
        return True
    most = token.rstrip("?").strip("{}").rpartition(",")[2]
    return not most or int(most) >= _SHORT


def _find_start(tokens: Sequence[str], place: int) -> int:
    """Return where what is repeated begins: the token before the quantifier, or the group that this one closes."""
    start, depth = place - 1, 0
    while True:
        depth += (tokens[start] == ")") - _opens(tokens[start])
        if depth <= 0 or start == 0:
            return start
        start -= 1


def _opens(token: str) -> bool:
    return token.startswith("(") and not token.endswith(")")


def _reaches(tokens: Sequence[str], place: int, *, past_groups: bool) -> bool:
    """Tell whether a repeat can go on over what follows it: not over a character that it does not match, nor over the end."""
    atom, rest = tokens[place - 1], list(tokens[place + 1 :])
    if past_groups:
        rest = [one for one in rest if one != ")" and not _opens(one)]
        if not rest or rest[0] == "$":
            return False
    after, then = [*rest, "", ""][:2]
    literal = after[1:] if re.fullmatch(r"\\\W", after) else after
    if atom == ")" or re.match(r"\\\d", atom) or len(literal) != 1 or (literal == after and literal in ".^$|()"):
        return True
    return bool(_QUANTIFIER.fullmatch(then)) or re.fullmatch(atom, literal) is not None
