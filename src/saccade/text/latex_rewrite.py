"""The rules of the normaliser applied to the nodes of a formula, from the inside out.

Path: nodes -> `Rewriter.rewrite` -> nodes. Which tokens the rules speak of is in `latex_rules.toml`; what each rule is
for stands there too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from saccade.text.latex_rules import LatexRules, load_latex_rules
from saccade.text.latex_tree import MAX_DEPTH, Command, Group, Leaf, Node, Nodes, Scripted, TooDeepError

_INTEGRALS = frozenset({"\\int", "\\iint", "\\iiint", "\\oint"})
_OVER = "\\over"
_TABLE_SIGNS = frozenset({"&", "\\\\"})
_INFIX = frozenset({_OVER, "\\atop", "\\choose", "\\above"})


@dataclass(frozen=True)
class Tables:
    """The tables of all rules that apply, put together; the fields are those of `LatexRule`, `spell` by its first token."""

    spell: Mapping[str, Sequence[tuple[tuple[str, ...], tuple[str, ...]]]]
    rename: Mapping[str, str]
    drop: frozenset[str]
    drop_commands: frozenset[str]
    switches: Mapping[str, str]
    has_plain_delimiters: bool


@cache
def build_tables(also: tuple[str, ...]) -> Tables:
    """Return the tables of all rules that are not optional and of those optional ones that are named.

    Raises:
        ValueError: A name is that of no optional rule.
    """
    rules = load_latex_rules().rules
    optional = {rule.name for rule in rules if rule.is_optional}
    if unknown := set(also) - optional:
        raise ValueError(f"no optional rule {sorted(unknown)}: there are {sorted(optional)}")
    used = [rule for rule in rules if not rule.is_optional or rule.name in also]
    pairs = [pair for rule in used for pair in rule.spell]
    return Tables(
        spell={before[0]: [pair for pair in pairs if pair[0][0] == before[0]] for before, _ in pairs},
        rename=_merge(rule.rename for rule in used),
        drop=frozenset[str]().union(*(rule.drop for rule in used)),
        drop_commands=frozenset[str]().union(*(rule.drop_commands for rule in used)),
        switches=_merge(rule.switches for rule in used),
        has_plain_delimiters="plain_delimiters" in also,
    )


def _merge(tables: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {key: value for table in tables for key, value in table.items()}


def spell(tokens: Sequence[str], tables: Tables) -> list[str]:
    """Replace the sequences of tokens that have another spelling, from the left."""
    spelled: list[str] = []
    position = 0
    while position < len(tokens):
        for before, after in tables.spell.get(tokens[position], ()):
            if tuple(tokens[position : position + len(before)]) == before:
                spelled += after
                position += len(before)
                break
        else:
            spelled.append(tokens[position])
            position += 1
    return spelled


class Rewriter:
    """Applies the tables of some rules, and those rules that need no table."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rules: LatexRules = load_latex_rules()

    def rewrite(self, nodes: Nodes) -> Nodes:
        """Return the nodes of a formula, or of a part of it, as the rules want them.

        Raises:
            TooDeepError: So many fonts are switched that the result would nest deeper than MAX_DEPTH.
        """
        if sum(_is_leaf_of(node, self._tables.switches) for node in nodes) > MAX_DEPTH:
            raise TooDeepError
        written: list[Node] = []
        for node in _join_fraction(self._apply_switches(nodes)):
            for new in self._rewrite_node(node):
                if isinstance(new, Group) and new.opener == "{" and not self._needs_braces(new, written):
                    written += new.children
                else:
                    written.append(new)
        return tuple(written)

    def _apply_switches(self, nodes: Nodes) -> Nodes:
        """Give a font switch what follows it, up to the end of the group or of a cell of a table, as its argument."""
        for start, node in enumerate(nodes):
            if isinstance(node, Leaf) and (command := self._tables.switches.get(node.token)):
                signs = (index for index in range(start, len(nodes)) if _is_leaf_of(nodes[index], _TABLE_SIGNS))
                end = next(signs, len(nodes))
                switched = (Command(command, None, (nodes[start + 1 : end],)),) if end > start + 1 else ()
                return (*nodes[:start], *switched, *self._apply_switches(nodes[end:]))
        return nodes

    def _rewrite_node(self, node: Node) -> Nodes:
        match node:
            case Leaf():
                return () if node.token in self._tables.drop else (Leaf(self._rename(node.token)),)
            case Group():
                return self._rewrite_group(node)
            case Command():
                return self._rewrite_command(node)
            case Scripted():
                return self._rewrite_scripted(node)

    def _rename(self, token: str) -> str:
        return self._tables.rename.get(token, token)

    def _rewrite_group(self, group: Group) -> Nodes:
        if group.opener == "{":
            return (replace(group, children=self.rewrite(group.children)),)
        if group.opener.startswith("\\begin"):
            start = self._count_specification(group)
            kept, rest = group.children[:start], group.children[start:]
            return (replace(group, children=(*kept, *self.rewrite(rest))),)
        sides = [
            self._rename(side.removeprefix(name))
            for side, name in ((group.opener, "\\left"), (group.closer, "\\right"))
        ]
        if self._tables.has_plain_delimiters:
            left, right = ((Leaf(side),) if side != "." else () for side in sides)
            return (*left, *self.rewrite(group.children), *(right or (Group("{", (), "}"),)))
        return (Group(f"\\left{sides[0]}", self.rewrite(group.children), f"\\right{sides[1]}"),)

    def _count_specification(self, environment: Group) -> int:
        """Return how many nodes at the start of an environment may tell its columns: `[t]` and a group."""
        if environment.opener[len("\\begin{") : -1] in self._rules.plain_environments:
            return 0
        children, start = environment.children, 0
        if children and _is_leaf_of(children[0], {"["}):
            ends = (index for index, child in enumerate(children) if _is_leaf_of(child, {"]"}))
            start = next(ends, -1) + 1
        is_group = start < len(children) and isinstance(children[start], Group)
        return start + is_group

    def _rewrite_command(self, command: Command) -> Nodes:
        if command.token in self._tables.drop_commands:
            return ()
        if command.token in self._rules.text_commands:
            return (command,)
        arguments = tuple(self.rewrite(argument) for argument in command.arguments)
        if self._tables.has_plain_delimiters and command.token in self._rules.bare_arguments - {"\\not"}:
            return arguments[0]
        option = command.option and self.rewrite(command.option)
        if option and any(_is_leaf_of(node, {"[", "]"}) for node in option):
            option = command.option  # its braces, or the name of a bracket, keep it whole
        return (Command(self._rename(command.token), option, arguments),)

    def _rewrite_scripted(self, scripted: Scripted) -> Nodes:
        before, base = self._rewrite_base(scripted.base)
        limits = "" if self._has_these_limits(base, scripted.limits) else scripted.limits
        scripts = [
            script if script is None else self.rewrite(script) for script in (scripted.subscript, scripted.superscript)
        ]
        if base is not None and not limits and scripts == [None, None]:
            return (*before, base)
        return (*before, Scripted(base, limits, *scripts))

    def _rewrite_base(self, base: Node | None) -> tuple[Nodes, Node | None]:
        """Return what stands before the symbol that the scripts belong to, and that symbol."""
        if base is None:
            return (), None
        nodes = self._rewrite_node(base) or (Group("{", (), "}"),)
        last = nodes[-1]
        if (
            isinstance(last, Group)
            and last.opener == "{"
            and len(last.children) == 1
            and self._stands_alone(last.children[0])
        ):
            last = last.children[0]
        return nodes[:-1], last

    def _stands_alone(self, node: Node) -> bool:
        """Say whether braces around a symbol make no difference to its scripts."""
        if isinstance(node, Leaf):
            token = node.token
            return token.isalnum() or token in self._rules.symbols - self._rules.limit_operators
        return isinstance(node, Command) and node.token not in self._rules.limit_commands

    def _has_these_limits(self, base: Node | None, limits: str) -> bool:
        if not isinstance(base, Leaf):
            return False
        operators = self._rules.limit_operators if limits == "\\limits" else _INTEGRALS
        return base.token in operators

    def _needs_braces(self, group: Group, before: Sequence[Node]) -> bool:
        """Say whether something depends on the braces of a group: its scripts, a switch, or a command in front of it."""
        first = group.children[0] if group.children else None
        if (isinstance(first, Scripted) and first.base is None) or _is_leaf_of(first, {"["}):
            return True
        if any(_is_leaf_of(node, self._rules.switches | _INFIX) for node in group.children):
            return True
        for node in reversed(before):
            if not (isinstance(node, Group) and node.opener == "{"):
                return isinstance(node, Leaf) and self._may_take_arguments(node.token)
        return False

    def _may_take_arguments(self, token: str) -> bool:
        return token.startswith("\\") and token[1:2].isalpha() and token not in self._rules.symbols


def _join_fraction(nodes: Nodes) -> Nodes:
    r"""Write `a \over b`, where it is all there is, as a fraction."""
    signs = [index for index, node in enumerate(nodes) if _is_leaf_of(node, _INFIX | _TABLE_SIGNS)]
    if len(signs) != 1 or not _is_leaf_of(nodes[signs[0]], {_OVER}):
        return nodes
    return (Command("\\frac", None, (nodes[: signs[0]], nodes[signs[0] + 1 :])),)


def _is_leaf_of(node: Node | None, tokens: Iterable[str]) -> bool:
    return isinstance(node, Leaf) and node.token in tokens
