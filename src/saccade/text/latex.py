"""LaTeX formulas as tokens: cut a string into them, and bring two spellings of one formula to one.

Path: a string -> `tokenise_latex` -> tokens -> `normalise_latex` -> one spelling. The rules are data,
`latex_rules.toml`; faults of the structure are found in `structure.py`. Nothing is executed and nothing rendered here.
"""

import re
from collections.abc import Collection

from saccade.text.latex_rewrite import Rewriter, Tables, build_tables, spell
from saccade.text.latex_tree import TooDeepError, parse_formula, write_formula
from saccade.text.structure import classify, find_fault

_MAX_ROUNDS = 8
_COMMAND = r"\\(?:(?:operatorname|hspace|vspace)\*|[A-Za-z]+|\S|(?=\s)|$)"
_TOKEN = re.compile(
    r"\\(?P<end>begin|end)\s*\{(?P<name>[A-Za-z\s]+\*?)\s*\}"
    rf"|\\(?P<side>left|right|middle)(?![A-Za-z])\s*(?P<delimiter>{_COMMAND}|[^\w\s\\{{}}^&])"
    rf"|(?P<token>{_COMMAND}|\S)"
)


def tokenise_latex(text: str) -> list[str]:
    r"""Cut a formula into tokens, with or without spaces between them.

    A token is a command, one character, `\left`, `\right` or `\middle` with its delimiter, or `\begin` or `\end`
    with its environment. Space between tokens goes; a backslash before space stays as a token of its own.
    """
    return [_read_token(match) for match in _TOKEN.finditer(text)]


def _read_token(match: re.Match[str]) -> str:
    if match["end"]:
        return f"\\{match['end']}{{{''.join(match['name'].split())}}}"
    if match["side"]:
        return f"\\{match['side']}{match['delimiter']}"
    return match["token"]


def normalise_latex(text: str, also: Collection[str] = ()) -> str:
    """Return the one spelling of a formula, tokens with single spaces between them.

    Two formulas with one spelling look the same and mean the same; the reverse is not promised. Normalising twice
    changes nothing more. A formula with a structural fault, or one that nests deeper than any reader writes, is cut
    into tokens and otherwise left as it is.

    Args:
        text: A formula, its tokens separated by spaces or not.
        also: Names of optional rules.

    Raises:
        ValueError: A name is that of no optional rule.
    """
    tables = build_tables(tuple(sorted(also)))
    tokens = tokenise_latex(text)
    for _ in range(_MAX_ROUNDS):
        before, tokens = tokens, _rewrite(tokens, tables)
        if tokens == before:
            break
    return " ".join(tokens)


def _rewrite(tokens: list[str], tables: Tables) -> list[str]:
    """Apply all rules once; return the same tokens where the structure cannot be relied on."""
    spelled = spell(tokens, tables)
    if find_fault(spelled) or any(classify(token).is_bare for token in spelled):
        return tokens
    try:
        return write_formula(Rewriter(tables).rewrite(parse_formula(spelled)))
    except TooDeepError:
        return tokens
