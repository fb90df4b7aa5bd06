r"""The structure of a LaTeX formula, followed token by token: what is open, what a command still waits for.

Path: a token -> `classify` (its role) -> `advance` (a state, or a `StructureError`) -> `find_fault`, and the grammar of
decoding (`grammar.py`). It knows braces, `\left` with `\right`, `\begin` with `\end`, scripts and the commands of
`latex_rules.toml`; a command it does not know is a symbol. It renders nothing and is no TeX.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from saccade.text.latex_rules import load_latex_rules

SUPERSCRIPT, SUBSCRIPT = 1, 2


class Role(NamedTuple):
    r"""What a token does.

    Attributes:
        action: A key of the table of actions below.
        arity: Arguments that a command takes.
        name: Of an environment.
        is_delimiter: Whether it may follow a `\left` or `\right` that stands alone.
        is_bare: Whether the other half of the token, a delimiter or an environment's name, stands alone behind it.
    """

    action: str
    arity: int = 0
    name: str = ""
    is_delimiter: bool = False
    is_bare: bool = False


class Need(NamedTuple):
    """A command, `^` or `_` that waits for arguments; `[` may come first where it takes an option."""

    command: str
    missing: int
    takes_option: bool = False


class Frame(NamedTuple):
    """Something open: the formula itself, a brace, a pair, an environment, or the option of a command.

    Attributes:
        kind: formula, brace, pair, environment or option.
        opener: The token that opened it.
        position: Of that token, from 1.
        name: Of an environment.
        needs: What waits for arguments, the innermost last.
        scripts: Which of SUPERSCRIPT and SUBSCRIPT the last symbol has.
        due: The token whose delimiter comes next; empty where none is due.
    """

    kind: str
    opener: str = ""
    position: int = 0
    name: str = ""
    needs: tuple[Need, ...] = ()
    scripts: int = 0
    due: str = ""


Frames = tuple[Frame, ...]
START: Frames = (Frame("formula"),)


class StructureError(Exception):
    """A token that cannot stand where it does; the message says why."""


_BOUND_TO_WHAT_IS_BEFORE = frozenset({"superscript", "subscript", "prime", "modify"})
_PAIR = re.compile(r"\\(left|right|middle)(?![A-Za-z])(.*)", re.DOTALL)
_ENVIRONMENT = re.compile(r"\\(begin|end)(?:\{([^{}]*)\})?")
_FIXED = {
    "{": "open",
    "}": "close",
    "^": "superscript",
    "_": "subscript",
    "'": "prime",
    "[": "option_open",
    "]": "option_close",
    "&": "align",
    "\\\\": "row",
    "\\limits": "modify",
    "\\nolimits": "modify",
    "\\over": "row",
    "\\atop": "row",
    "\\choose": "row",
}


@lru_cache(maxsize=4096)
def classify(token: str) -> Role:
    """Return what a token does; a token without a part in the structure is `plain`."""
    rules = load_latex_rules()
    if pair := _PAIR.fullmatch(token):
        return Role(pair[1], is_bare=not pair[2])
    if environment := _ENVIRONMENT.fullmatch(token):
        return Role(environment[1], name=environment[2] or "", is_bare=environment[2] is None)
    if arity := rules.arities.get(token):
        return Role("command", arity=arity)
    return Role(_FIXED.get(token, "plain"), is_delimiter=token in rules.delimiters)


def advance(frames: Frames, role: Role, token: str, position: int) -> Frames:
    """Return what is open after one more token.

    Args:
        frames: What was open before.
        role: Of the token.
        token: The token itself, for messages.
        position: Of the token, from 1.

    Raises:
        StructureError: The token cannot stand here.
    """
    top = frames[-1]
    if top.due:
        if not role.is_delimiter:
            raise StructureError(f"{top.due} is followed by {token}, which is no delimiter")
        return (*frames[:-1], top._replace(due=""))
    return _ACTIONS[role.action](frames, role, token, position)


def find_fault(tokens: Iterable[str]) -> str | None:
    r"""Return what is wrong with the structure of a formula and at which token, counted from 1; None where nothing is.

    Found are braces and pairs that do not match, `\begin` without `\end`, commands without their arguments, a symbol
    with two superscripts or subscripts, `&` outside of everything, and a formula without a token.
    """
    frames, position = START, 0
    for position, token in enumerate(tokens, start=1):
        try:
            frames = advance(frames, classify(token), token, position)
        except StructureError as fault:
            return f"token {position}: {fault}"
    if not position:
        return "the formula is empty"
    top = frames[-1]
    if top.due or top.needs:
        return f"token {position}: the formula ends where {top.due or top.needs[-1].command} still waits for more"
    if len(frames) > 1:
        return f"token {top.position}: {top.opener} is never closed"
    return None


def can_stand_beside(left: Sequence[str], right: Sequence[str]) -> bool:
    r"""Return whether two formulas of which one is drawn to the right of the other read as the tokens of one and of the other.

    They do not where either has a fault, where the second begins with a script, which would be one of the first's last
    symbol, where `\\` or `\over` divides either, which would divide both, or where the first switches to another font
    or size, which would be the second's too.
    """
    if any(find_fault(tokens) is not None or _is_divided(tokens) for tokens in (left, right)):
        return False
    if any(_is_switch(token) for token in _list_outermost(left)):
        return False
    return classify(right[0]).action not in _BOUND_TO_WHAT_IS_BEFORE


def _is_divided(tokens: Iterable[str]) -> bool:
    """Return whether a formula without a fault has rows that nothing encloses."""
    return any(classify(token).action == "row" for token in _list_outermost(tokens))


def _list_outermost(tokens: Iterable[str]) -> Iterator[str]:
    """Yield the tokens of a formula without a fault that nothing encloses."""
    frames = START
    for position, token in enumerate(tokens, start=1):
        if len(frames) == 1:
            yield token
        frames = advance(frames, classify(token), token, position)


def _is_switch(token: str) -> bool:
    rules = load_latex_rules()
    return token in rules.switches or any(token in rule.switches for rule in rules.rules)


def is_complete(frames: Frames) -> bool:
    """Say whether a formula may end here."""
    return len(frames) == 1 and not frames[0].needs and not frames[0].due


def _fill(frame: Frame) -> Frame:
    """Take one more symbol: the argument that is waited for, or else a symbol of its own, without scripts so far."""
    if not frame.needs:
        return frame._replace(scripts=0) if frame.scripts else frame
    *outer, last = frame.needs
    rest = (last._replace(missing=last.missing - 1, takes_option=False),) if last.missing > 1 else ()
    return frame._replace(needs=(*outer, *rest))


def _require_nothing(frame: Frame, token: str) -> None:
    if frame.needs:
        raise StructureError(f"{token} stands where {frame.needs[-1].command} waits for its argument")


def _plain(frames: Frames, role: Role, token: str, position: int) -> Frames:
    del role, token, position
    top = _fill(frames[-1])
    return frames if top is frames[-1] else (*frames[:-1], top)


def _command(frames: Frames, role: Role, token: str, position: int) -> Frames:
    del position
    top = _fill(frames[-1])
    need = Need(token, role.arity, token in load_latex_rules().with_option)
    return (*frames[:-1], top._replace(needs=(*top.needs, need)))


def _open(frames: Frames, role: Role, token: str, position: int) -> Frames:
    del role
    return (*frames[:-1], _fill(frames[-1]), Frame("brace", token, position))


def _close(frames: Frames, role: Role, token: str, position: int) -> Frames:
    del role, position
    return _pop(frames, "brace", token)


def _pop(frames: Frames, kind: str, token: str) -> Frames:
    top = frames[-1]
    _require_nothing(top, token)
    if top.kind == "formula":
        raise StructureError(f"{token} closes nothing")
    if top.kind != kind:
        raise StructureError(f"{token} comes before {top.opener} of token {top.position} is closed")
    return frames[:-1]


def _script(frames: Frames, role: Role, token: str, position: int) -> Frames:
    del position
    top = frames[-1]
    _require_nothing(top, token)
    bit = SUPERSCRIPT if role.action == "superscript" else SUBSCRIPT
    if top.scripts & bit:
        raise StructureError(f"a second {role.action} of the same symbol")
    return (*frames[:-1], top._replace(scripts=top.scripts | bit, needs=(Need(token, 1),)))


def _prime(frames: Frames, role: Role, token: str, position: int) -> Frames:
    del role, position
    _require_nothing(frames[-1], token)
    if frames[-1].scripts & SUPERSCRIPT:
        raise StructureError(f"{token} behind a superscript of the same symbol")
    return frames


def _left(frames: Frames, role: Role, token: str, position: int) -> Frames:
    _require_nothing(frames[-1], token)
    return (*frames[:-1], _fill(frames[-1]), Frame("pair", token, position, due=token if role.is_bare else ""))


def _right(frames: Frames, role: Role, token: str, position: int) -> Frames:
    del position
    *outer, parent = _pop(frames, "pair", token)
    return (*outer, parent._replace(due=token if role.is_bare else ""))


def _middle(frames: Frames, role: Role, token: str, position: int) -> Frames:
    del position
    _require_nothing(frames[-1], token)
    if frames[-1].kind != "pair":
        raise StructureError(f"{token} stands outside of \\left and \\right")
    return (*frames[:-1], frames[-1]._replace(scripts=0, due=token if role.is_bare else ""))


def _begin(frames: Frames, role: Role, token: str, position: int) -> Frames:
    _require_nothing(frames[-1], token)
    needs = (Need(token, 1),) if role.is_bare else ()
    return (*frames[:-1], _fill(frames[-1]), Frame("environment", token, position, role.name, needs))


def _end(frames: Frames, role: Role, token: str, position: int) -> Frames:
    del position
    top = frames[-1]
    *outer, parent = _pop(frames, "environment", token)
    if role.name != top.name:
        raise StructureError(f"{token} closes {top.opener} of token {top.position}")
    return (*outer, parent._replace(needs=(Need(token, 1),)) if role.is_bare else parent)


def _separate(frames: Frames, role: Role, token: str, position: int) -> Frames:
    del position
    _require_nothing(frames[-1], token)
    if role.action == "align" and len(frames) == 1:
        raise StructureError(f"{token} stands outside of a table")
    return (*frames[:-1], frames[-1]._replace(scripts=0))


def _modify(frames: Frames, role: Role, token: str, position: int) -> Frames:
    del role, position
    _require_nothing(frames[-1], token)
    return frames


def _option_open(frames: Frames, role: Role, token: str, position: int) -> Frames:
    top = frames[-1]
    if not (top.needs and top.needs[-1].takes_option):
        return _plain(frames, role, token, position)
    *outer, last = top.needs
    top = top._replace(needs=(*outer, last._replace(takes_option=False)))
    return (*frames[:-1], top, Frame("option", token, position))


def _option_close(frames: Frames, role: Role, token: str, position: int) -> Frames:
    if frames[-1].kind == "option":
        return _pop(frames, "option", token)
    return _plain(frames, role, token, position)


_ACTIONS: Mapping[str, Callable[[Frames, Role, str, int], Frames]] = {
    "plain": _plain,
    "command": _command,
    "open": _open,
    "close": _close,
    "superscript": _script,
    "subscript": _script,
    "prime": _prime,
    "left": _left,
    "right": _right,
    "middle": _middle,
    "begin": _begin,
    "end": _end,
    "align": _separate,
    "row": _separate,
    "modify": _modify,
    "option_open": _option_open,
    "option_close": _option_close,
}
