"""What `latex_rules.toml` says: the commands that take arguments, and the rules of the normaliser. It applies none of them.

The file is read when the first formula is looked at, not at import.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class LatexRule:
    """One rule of the normaliser.

    Attributes:
        name: How the rule is asked for.
        what: What it does and why that keeps meaning and look, one line.
        examples: Formulas before and after all rules, with this one among them.
        is_optional: Whether it applies only where it is asked for.
        spell: Tokens and what they are replaced by, before the formula is taken apart.
        rename: A symbol or command and its one name.
        drop: Tokens without ink.
        drop_commands: Commands without ink, dropped with their arguments.
        switches: Commands that hold to the end of their group, and the command with an argument that does the same.
    """

    name: str
    what: str
    examples: tuple[tuple[str, str], ...]
    is_optional: bool
    spell: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    rename: Mapping[str, str]
    drop: frozenset[str]
    drop_commands: frozenset[str]
    switches: Mapping[str, str]


@dataclass(frozen=True)
class LatexRules:
    r"""The whole file.

    Attributes:
        arities: Command -> number of its arguments.
        with_option: Commands that may have an option in brackets.
        bare_arguments: Commands whose argument is one token and gets no braces.
        delimiters: Tokens that may follow `\left` and `\right`.
        symbols: Commands that are known to take no argument.
        limit_operators: Symbols whose scripts stand above and below, so that braces around them show.
        limit_commands: Commands of the same kind.
        switches: Commands that hold to the end of their group, so that its braces matter.
        plain_environments: Environments whose first group is not a column specification.
        text_commands: Commands whose argument is text and no formula.
        rules: In the order of the file.
    """

    arities: Mapping[str, int]
    with_option: frozenset[str]
    bare_arguments: frozenset[str]
    delimiters: frozenset[str]
    symbols: frozenset[str]
    limit_operators: frozenset[str]
    limit_commands: frozenset[str]
    switches: frozenset[str]
    plain_environments: frozenset[str]
    text_commands: frozenset[str]
    rules: tuple[LatexRule, ...]


@cache
def load_latex_rules() -> LatexRules:
    """Read the packaged file."""
    tables = tomllib.loads(files("saccade.text").joinpath("latex_rules.toml").read_text(encoding="utf-8"))
    commands = tables["commands"]
    arities = {
        token: arity
        for arity, key in ((1, "one_argument"), (2, "two_arguments"), (3, "three_arguments"), (1, "bare_argument"))
        for token in commands[key].split()
    }
    lists = {key: frozenset(value.split()) for key, value in commands.items()}
    return LatexRules(
        arities=arities,
        with_option=lists["with_option"],
        bare_arguments=lists["bare_argument"],
        delimiters=lists["delimiters"],
        symbols=lists["symbols"] | lists["limit_operators"],
        limit_operators=lists["limit_operators"],
        limit_commands=lists["limit_commands"],
        switches=lists["switches"],
        plain_environments=lists["plain_environments"],
        text_commands=lists["text_commands"],
        rules=tuple(_build_rule(table) for table in tables["rule"]),
    )


def _build_rule(table: dict[str, object]) -> LatexRule:
    """Return a rule; a key that no rule has is an error of the file."""
    values = {"is_optional": False, "spell": [], "rename": {}, "switches": {}, **table}
    spell, examples = values.pop("spell"), values.pop("examples")
    assert isinstance(spell, list) and isinstance(examples, list)
    drop, drop_commands = values.pop("drop", ""), values.pop("drop_commands", "")
    return LatexRule(
        **values,  # type: ignore[arg-type]  # the file is ours; its tests read every key
        spell=tuple((tuple(before.split()), tuple(after.split())) for before, after in spell),
        examples=tuple((before, after) for before, after in examples),
        drop=frozenset(str(drop).split()),
        drop_commands=frozenset(str(drop_commands).split()),
    )
