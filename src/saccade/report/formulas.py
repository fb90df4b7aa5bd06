"""Formulas in a report: as they look, where they can be typeset, and below that their tokens, with those that are wrong marked."""

from collections.abc import Callable

from rapidfuzz.distance import Levenshtein

from saccade.report.page import Formula, Line, Strong

Typeset = Callable[[str], bytes | None]
"""Draws a formula, tokens with spaces between them, as a PNG file of black ink on nothing; None where it cannot."""


def place_formula(sentence: str, name: str, formula: Formula) -> Line:
    """Return a sentence with a formula in the place of `{name}`."""
    before, _, after = sentence.partition(f"{{{name}}}")
    return tuple(part for part in (before, formula, after) if part)


def mark_tokens(prediction: str, target: str) -> Line:
    """Return the tokens that were read; those that the truth has not, and the places where it has more, are marked."""
    read, wanted = prediction.split(), target.split()
    line: list[str | Strong] = []
    for change in Levenshtein.opcodes(read, wanted):
        tokens = " ".join(read[change.src_start : change.src_end])
        match change.tag:
            case "equal":
                part: str | Strong = tokens
            case "insert":
                part = Strong("\N{MIDDLE DOT}", "wrong")
            case _:
                part = Strong(tokens, "wrong")
        line += [" ", part] if line else [part]
    return tuple(line)
