"""The grammar of decoding: what each rule forbids, that it always ends in time, and that no real label is forbidden."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saccade.errors import InputError
from saccade.text.grammar import Grammar, GrammarRules, GrammarState
from saccade.text.sequence_vocabulary import SequenceVocabulary
from saccade.text.structure import find_fault
from saccade.text.token_set import TokenSet

TOKENS = (
    *("x", "1", "+", "(", ")", "[", "]", "{", "}", "^", "_", "'", "\\frac", "\\sqrt", "\\hat", "\\sum", "\\limits"),
    *("\\left(", "\\right)", "\\left", "\\right", "\\begin{array}", "\\end{array}", "\\begin{matrix}", "&", "\\\\"),
)
VOCABULARY = SequenceVocabulary(TokenSet(TOKENS))
ALL = GrammarRules()
NONE = GrammarRules(balanced_braces=False, paired_delimiters=False, complete_commands=False, no_bad_start=False)


def walk(grammar: Grammar, text: str) -> GrammarState:
    state = grammar.start
    for token_id in VOCABULARY.encode(text):
        assert grammar.allowed(state)[token_id], VOCABULARY.decode([token_id])
        state = grammar.advance(state, token_id)
    return state


def list_allowed(grammar: Grammar, text: str, remaining: int | None = None) -> set[str]:
    mask = grammar.allowed(walk(grammar, text), remaining)
    assert not mask[[VOCABULARY.pad_id, VOCABULARY.bos_id]].any()
    names = {VOCABULARY.decode([int(token_id)]) for token_id in np.flatnonzero(mask) if token_id != VOCABULARY.eos_id}
    return names | ({"END"} if mask[VOCABULARY.eos_id] else set())


def test_a_closing_token_closes_what_is_open() -> None:
    grammar = Grammar(VOCABULARY, ALL)
    assert not {"}", "\\right)", "\\right", "\\end{array}"} & list_allowed(grammar, "x")
    assert "}" in list_allowed(grammar, "{ x")
    assert {"\\right)", "\\right"} <= list_allowed(grammar, "\\left( x")
    assert "}" not in list_allowed(grammar, "{ \\left( x")
    assert "\\end{array}" in list_allowed(grammar, "\\begin{array} x")


@pytest.mark.parametrize("text", ["{ x", "\\left( x", "\\begin{array} x", "\\frac { x }", "x ^", "\\left"])
def test_nothing_ends_while_something_is_open(text: str) -> None:
    assert "END" not in list_allowed(Grammar(VOCABULARY, ALL), text)


def test_what_cannot_start_does_not() -> None:
    starts = list_allowed(Grammar(VOCABULARY, ALL), "")
    assert starts == {
        "x",
        "1",
        "+",
        "(",
        ")",
        "[",
        "]",
        "{",
        "\\frac",
        "\\sqrt",
        "\\hat",
        "\\sum",
        "\\left(",
        "\\left",
        "\\begin{array}",
    }


def test_an_environment_that_the_vocabulary_cannot_close_is_never_opened() -> None:
    assert "\\begin{matrix}" not in list_allowed(Grammar(VOCABULARY, ALL), "x")


def test_arguments_and_scripts_come_complete() -> None:
    grammar = Grammar(VOCABULARY, ALL)
    assert not {"^", "_", "}", "&", "\\left(", "'"} & list_allowed(grammar, "{ \\frac { x }")
    assert "^" not in list_allowed(grammar, "x ^ 1")
    assert "_" in list_allowed(grammar, "x ^ 1")
    assert list_allowed(grammar, "\\left") == {"(", ")", "[", "]"}


def test_rules_that_are_off_forbid_nothing() -> None:
    everything = {*TOKENS, "END"}
    assert list_allowed(Grammar(VOCABULARY, NONE), "") == everything
    assert list_allowed(Grammar(VOCABULARY, NONE), "} ^ ^ \\right)") == everything
    loose = Grammar(VOCABULARY, GrammarRules(complete_commands=False, paired_delimiters=False))
    assert everything - {"}"} == list_allowed(loose, "x ^ ^")
    assert everything - {"END"} == list_allowed(loose, "x \\right) {")


def test_a_token_stands_so_often_in_a_row_and_no_more() -> None:
    grammar = Grammar(VOCABULARY, GrammarRules(max_repeats=3))
    assert "x" in list_allowed(grammar, "x x 1 x x")
    assert "x" not in list_allowed(grammar, "1 x x x")
    assert "}" in list_allowed(grammar, "{ { { x ^ { 1 } } }")  # what closes is never counted


def test_a_phrase_stands_so_often_in_a_row_and_no_more() -> None:
    grammar = Grammar(VOCABULARY, GrammarRules(max_phrase_repeats=2, max_phrase_length=3))
    assert "1" in list_allowed(grammar, "x 1 x")
    assert "1" not in list_allowed(grammar, "x 1 x 1 x")
    assert "+" not in list_allowed(grammar, "x 1 + x 1 + x 1")
    assert "x" in list_allowed(grammar, "x x x x")  # one token is no phrase


def test_there_is_always_time_to_close() -> None:
    grammar = Grammar(VOCABULARY, ALL)
    assert list_allowed(grammar, "x", remaining=0) == {"END"}
    assert list_allowed(grammar, "{ x", remaining=1) == {"}"}
    assert list_allowed(grammar, "\\frac { x", remaining=2) == {"}"}
    assert "{" not in list_allowed(grammar, "x", remaining=1)
    assert "{" in list_allowed(grammar, "x", remaining=2)
    assert "\\frac" not in list_allowed(grammar, "x", remaining=2)
    assert "\\frac" in list_allowed(grammar, "x", remaining=3)


@given(st.integers(0, 2**32 - 1), st.integers(1, 14))
def test_whatever_is_chosen_the_formula_is_sound_and_in_time(seed: int, length: int) -> None:
    grammar = Grammar(VOCABULARY, GrammarRules(max_repeats=2, max_phrase_repeats=2))
    generator, state, tokens = np.random.default_rng(seed), grammar.start, []
    for step in range(length + 1):
        token_id = int(generator.choice(np.flatnonzero(grammar.allowed(state, length - step))))
        state = grammar.advance(state, token_id)
        if token_id == VOCABULARY.eos_id:
            break
        tokens.append(token_id)
    assert token_id == VOCABULARY.eos_id
    assert find_fault(VOCABULARY.decode(tokens).split(" ")) is None


def test_masks_are_kept_and_cannot_be_spoilt() -> None:
    grammar = Grammar(VOCABULARY, ALL)
    first, second = grammar.allowed(walk(grammar, "x + x")), grammar.allowed(walk(grammar, "1 1 1 1 1"))
    assert first is second
    with pytest.raises(ValueError, match="read-only"):
        first[0] = True


def test_a_token_that_is_not_allowed_cannot_be_taken() -> None:
    grammar = Grammar(VOCABULARY, ALL)
    with pytest.raises(ValueError, match="} closes nothing"):
        grammar.advance(grammar.start, VOCABULARY.encode("}")[0])
    with pytest.raises(ValueError, match="no unit"):
        grammar.advance(grammar.start, VOCABULARY.bos_id)


def test_rules_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InputError, match="balanced_braces"):
        GrammarRules(balanced_braces=False)
    with pytest.raises(InputError, match="max_repeats is 0"):
        GrammarRules(max_repeats=0)


def test_every_real_label_is_allowed(real_set: Callable[[str], Path]) -> None:
    paths = sorted(real_set("crohme").glob("*.tsv"))
    labels = sorted({line.split("\t")[1] for path in paths for line in path.read_text(encoding="utf-8").splitlines()})
    vocabulary = SequenceVocabulary(TokenSet.from_labels(labels))
    grammar = Grammar(vocabulary, ALL)
    forbidden = []
    for label in labels:
        ids, state = (*vocabulary.encode(label), vocabulary.eos_id), grammar.start
        for position, token_id in enumerate(ids):
            if not grammar.allowed(state, len(ids) - 1 - position)[token_id]:
                forbidden.append((label, position))
                break
            state = grammar.advance(state, token_id)
    assert forbidden == []


@pytest.mark.parametrize("start", ["}", "^", "\\right)"])
def test_a_bad_start_is_one_without_any_other_rule(start: str) -> None:
    vocabulary = SequenceVocabulary(TokenSet((start, "x", "1")))
    grammar = Grammar(vocabulary, replace(NONE, no_bad_start=True))
    first = grammar.allowed(grammar.start)
    (bad,), (good,) = vocabulary.encode(start), vocabulary.encode("x")
    assert first[good] and not first[bad]
    assert grammar.allowed(grammar.advance(grammar.start, good))[bad]
