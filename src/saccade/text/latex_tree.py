"""A LaTeX formula taken apart into nodes and written again in one form. What is changed in between is in `latex.py`.

Path: tokens without a structural fault -> `parse_formula` -> nodes -> `write_formula` -> tokens. Written, every argument
and script stands in braces, the subscript comes first, and primes are superscripts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from saccade.text.latex_rules import load_latex_rules
from saccade.text.structure import classify

MAX_DEPTH = 64
"""Formulas that nest deeper are not taken apart: no reader writes them, and the call stack ends somewhere."""


class TooDeepError(Exception):
    """The formula nests deeper than MAX_DEPTH."""


@dataclass(frozen=True)
class Leaf:
    """A token that stands for itself."""

    token: str


@dataclass(frozen=True)
class Group:
    r"""What stands between braces, `\left` and `\right`, or `\begin` and `\end`."""

    opener: str
    children: "Nodes"
    closer: str


@dataclass(frozen=True)
class Command:
    """A command with its arguments; `option` is what stands in brackets before them, None without brackets."""

    token: str
    option: "Nodes | None"
    arguments: tuple["Nodes", ...]


@dataclass(frozen=True)
class Scripted:
    r"""A symbol with scripts; `base` is None at the start of a group, `limits` is `\limits`, `\nolimits` or empty."""

    base: "Node | None"
    limits: str
    subscript: "Nodes | None"
    superscript: "Nodes | None"


Node: TypeAlias = Leaf | Group | Command | Scripted
Nodes: TypeAlias = tuple[Node, ...]

_SCRIPT_ACTIONS = frozenset({"superscript", "subscript", "prime", "modify"})
_GROUP_ENDS = {"open": "close", "left": "right", "begin": "end"}


def parse_formula(tokens: Sequence[str]) -> Nodes:
    """Return the nodes of a formula in which `find_fault` finds nothing.

    Raises:
        TooDeepError: It nests deeper than MAX_DEPTH.
    """
    return _Parser(tokens).read_sequence(0, frozenset())


class _Parser:
    """Reads from the front; the structure is known to be sound, so that nothing is checked again."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._next = 0

    def read_sequence(self, depth: int, ends: frozenset[str]) -> Nodes:
        """Read until a token with one of these actions, which stays, or to the end."""
        nodes: list[Node] = []
        while (action := self._action()) and action not in ends:
            if action in _SCRIPT_ACTIONS:
                nodes.append(self._read_scripts(nodes.pop() if nodes else None, depth))
            else:
                nodes.append(self._read_node(depth))
        return tuple(nodes)

    def _action(self) -> str:
        return classify(self._tokens[self._next]).action if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1]

    def _read_node(self, depth: int) -> Node:
        if depth >= MAX_DEPTH:
            raise TooDeepError
        action, token = self._action(), self._take()
        if end := _GROUP_ENDS.get(action):
            children = self.read_sequence(depth + 1, frozenset({end}))
            return Group(token, children, self._take())
        if action == "command":
            return self._read_command(token, depth)
        return Leaf(token)

    def _read_command(self, token: str, depth: int) -> Command:
        option = None
        if token in load_latex_rules().with_option and self._action() == "option_open":
            self._take()
            option = self.read_sequence(depth + 1, frozenset({"option_close"}))
            self._take()
        return Command(token, option, tuple(self._read_argument(depth + 1) for _ in range(classify(token).arity)))

    def _read_argument(self, depth: int) -> Nodes:
        node = self._read_node(depth)
        return node.children if isinstance(node, Group) and node.opener == "{" else (node,)

    def _read_scripts(self, base: Node | None, depth: int) -> Scripted:
        limits, primes = "", 0
        scripts: dict[str, Nodes] = {}
        while (action := self._action()) in _SCRIPT_ACTIONS:
            token = self._take()
            if action == "modify":
                limits = token
            elif action == "prime":
                primes += 1
            else:
                scripts[action] = self._read_argument(depth + 1)
        superscript = scripts.get("superscript")
        if primes:
            superscript = (Leaf("\\prime"),) * primes + (superscript or ())
        return Scripted(base, limits, scripts.get("subscript"), superscript)


def write_formula(nodes: Nodes) -> list[str]:
    """Return the tokens of nodes."""
    return [token for node in nodes for token in _write_node(node)]


def _write_node(node: Node) -> Iterator[str]:
    match node:
        case Leaf():
            yield node.token
        case Group():
            yield node.opener
            yield from write_formula(node.children)
            yield node.closer
        case Command():
            yield node.token
            if node.option is not None:
                yield from ("[", *write_formula(node.option), "]")
            is_bare = node.token in load_latex_rules().bare_arguments
            for argument in node.arguments:
                yield from write_formula(argument) if is_bare and _is_one_token(argument) else _write_braced(argument)
        case Scripted():
            yield from _write_scripts(node)


def _write_scripts(node: Scripted) -> Iterator[str]:
    if node.base is not None:
        yield from _write_node(node.base)
    if node.limits:
        yield node.limits
    for sign, script in (("_", node.subscript), ("^", node.superscript)):
        if script is not None:
            yield from (sign, *_write_braced(script))


def _is_one_token(nodes: Nodes) -> bool:
    return len(nodes) == 1 and isinstance(nodes[0], Leaf)


def _write_braced(nodes: Nodes) -> list[str]:
    return ["{", *write_formula(nodes), "}"]
