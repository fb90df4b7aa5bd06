"""LaTeX: cutting into tokens, every rule of the normaliser from its own file, and what it must never do."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saccade.text.latex import normalise_latex, tokenise_latex
from saccade.text.latex_rules import LatexRule, load_latex_rules
from saccade.text.structure import find_fault

RULES = load_latex_rules().rules
EXAMPLES = [(rule, before, after) for rule in RULES for before, after in rule.examples]
VOCABULARY = sorted(
    {token for _, before, after in EXAMPLES for text in (before, after) for token in tokenise_latex(text)}
    | set(load_latex_rules().arities)
    | {"\\left", "\\right", "\\begin{x}", "\\end{x}", "\\limits", "\\nolimits", "'", "[", "]", "%", "\\choose", "é"}
)
TOKENS = st.lists(st.sampled_from(VOCABULARY), max_size=24)


# Formulas without a fault: what is random is put together by the rules of the language.
SOUND = st.deferred(lambda: st.lists(PIECES, max_size=2).map(" ".join))
BRACED = SOUND.map(lambda text: f"{{ {text} }}")
SYMBOLS = st.sampled_from(["x", "1", "+", "[", "]", "\\sum", "\\,", "\\rm", "\\over", "\\foo", "\\le", "\\lbrack", "*"])
COMMANDS = st.sampled_from(["\\hat", "\\sqrt", "\\mbox", "\\not"])
PIECES = st.one_of(
    SYMBOLS,
    SYMBOLS,
    BRACED,
    st.builds(lambda command, text: f"{command} {text}", COMMANDS, BRACED),
    st.builds(lambda a, b: f"\\frac {a} {b}", BRACED, SYMBOLS),
    st.builds(lambda text: f"\\left( {text} \\right.", SOUND),
    st.builds(lambda option: f"\\sqrt [ {option} ] x", SOUND),
    st.builds(lambda a, b, c: f"{a} {b} {c}", SYMBOLS | BRACED, st.sampled_from(["_", "^", "\\sp"]), BRACED),
    st.builds(lambda a, b: f"\\begin{{array}} {a} & {b} \\\\ x \\end{{array}}", BRACED, SOUND),
)


@pytest.mark.parametrize(
    ("rule", "before", "after"), EXAMPLES, ids=[f"{rule.name}-{before}" for rule, before, _ in EXAMPLES]
)
def test_every_example_of_every_rule(rule: LatexRule, before: str, after: str) -> None:
    also = [rule.name] if rule.is_optional else []
    assert normalise_latex(before, also) == after
    assert normalise_latex(after, also) == after


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_says_what_it_does_and_shows_it(rule: LatexRule) -> None:
    assert rule.what.endswith(".")
    assert any(before != after for before, after in rule.examples)


def test_optional_rules_wait_to_be_asked_for() -> None:
    assert normalise_latex("\\left( x \\right)") == "\\left( x \\right)"
    assert normalise_latex("\\left( x \\right)", ["plain_delimiters"]) == "( x )"
    with pytest.raises(ValueError, match="no optional rule"):
        normalise_latex("x", ["plain_delimeters"])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("x_1^{2}", ["x", "_", "1", "^", "{", "2", "}"]),
        ("\\frac12", ["\\frac", "1", "2"]),
        ("\\left( x\\right \\}", ["\\left(", "x", "\\right\\}"]),
        ("\\left\\langle x", ["\\left\\langle", "x"]),
        ("\\leftarrow y", ["\\leftarrow", "y"]),
        ("\\left x", ["\\left", "x"]),
        ("\\begin { array }{c}", ["\\begin{array}", "{", "c", "}"]),
        ("\\begin{a r r a y}", ["\\begin{array}"]),
        ("a\\,b\\\\c", ["a", "\\,", "b", "\\\\", "c"]),
        ("a \\ b \\", ["a", "\\", "b", "\\"]),
        ("\\operatorname*{x}", ["\\operatorname*", "{", "x", "}"]),
        ("", []),
    ],
)
def test_tokens_of_a_string(text: str, tokens: list[str]) -> None:
    assert tokenise_latex(text) == tokens
    assert tokenise_latex(" ".join(tokens)) == tokens


@given(st.text(alphabet="\\{}^_ab1 []&'.lefringtsu%é\n", max_size=30))
def test_tokens_joined_and_cut_again_are_the_same(text: str) -> None:
    tokens = tokenise_latex(text)
    assert tokenise_latex(" ".join(tokens)) == tokens


@given(st.one_of(TOKENS.map(" ".join), SOUND, st.text(max_size=20)))
@example("\\rm " * 200 + "x")
@example("{ " * 300 + "x" + " }" * 300)
@example("\\hat " * 300 + "x")
@example("x " + "^ { x " * 300 + "}" * 300)
def test_normalising_never_raises_and_twice_is_once(text: str) -> None:
    for also in ((), ("plain_delimiters",)):
        once = normalise_latex(text, also)
        assert normalise_latex(once, also) == once


@given(SOUND)
def test_a_sound_formula_stays_sound(text: str) -> None:
    tokens = tokenise_latex(text)
    if find_fault(tokens) is None and (normalised := normalise_latex(text)):
        assert find_fault(normalised.split(" ")) is None


@given(SOUND)
def test_ink_is_neither_made_nor_lost(text: str) -> None:
    if find_fault(tokenise_latex(text)) is None:
        before, after = tokenise_latex(text), normalise_latex(text).split(" ")
        for token in ("x", "1", "+", "\\sum", "\\foo", "\\hat", "\\mbox"):
            assert before.count(token) == after.count(token)


@pytest.mark.parametrize("text", ["x ^ { 2", "\\frac { a }", "\\le x }", "x \\, ^ 2 ^ 3"])
def test_a_faulty_formula_is_left_as_it_is(text: str) -> None:
    assert normalise_latex(text) == text


@pytest.mark.parametrize(
    "text", ["\\frac { a } { b }", "x _ { 1 } ^ { 2 } + \\cdots + \\ldots", "\\hat { x } \\mid y", ". . ."]
)
def test_what_no_rule_speaks_of_stays(text: str) -> None:
    assert normalise_latex(text) == text


def test_each_crohme_label_is_sound_and_few_change(real_set: Callable[[str], Path]) -> None:
    lines = [
        line
        for path in sorted(real_set("crohme").glob("*.tsv"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    labels = sorted({line.split("\t")[1] for line in lines})
    assert [label for label in labels if find_fault(label.split(" "))] == []
    changed = [label for label in labels if normalise_latex(label) != label]
    assert len(changed) <= 0.01 * len(labels)  # 50 integrals with the upper limit first, and a few primes
