"""Sentences of a comparison: each is said in both languages, and each of its gaps is filled."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

import saccade
from saccade.records.writer import State
from saccade.report.languages import LANGUAGES, Language
from saccade.report.sentences import Sentence, say, say_both, say_clauses, say_state
from saccade.report.words import Words
from saccade.report.writing import write_sentence

SOURCES = Path(saccade.__file__).parent
NAMES = [field.name for field in fields(Words)]
EN, KO = LANGUAGES["en"], LANGUAGES["ko"]


def find_calls(text: str) -> Iterator[tuple[str, set[str]]]:
    """Yield what is said somewhere in a source, and the gaps that are filled there."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else ast.unparse(node.args[0])
            yield str(name), {keyword.arg or "**" for keyword in node.keywords}


def find_faults(text: str) -> list[str]:
    """Return the sentences that no language has, or whose gaps are others than those that are filled."""
    found = []
    for name, filled in find_calls(text):
        for words in LANGUAGES.values():
            template = getattr(words, name, None)
            if template is None or {gap for _, gap, _, _ in Formatter().parse(template) if gap} != filled:
                found.append(name)
    return found


def test_every_sentence_is_in_both_languages_and_its_gaps_are_filled() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted((SOURCES / "report").glob("*.py"))]
    assert sum(len(list(find_calls(text))) for text in texts) > 50
    assert [fault for text in texts for fault in find_faults(text)] == []


@pytest.mark.parametrize(
    "call",
    ['say("nobody_says_it")', 'say("both", first=a)', 'say("both", **gaps)', "say(name)", 'say("points", size=a)'],
)
def test_the_check_finds_what_cannot_be_said(call: str) -> None:
    assert find_faults(call)


def test_no_word_is_left_that_nothing_says() -> None:
    """A name may stand as an attribute of words, or as a text: of a sentence, or of a problem."""
    texts = [path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py") if not path.name.startswith("words")]
    parsed = [node for text in texts for node in ast.walk(ast.parse(text))]
    used = {node.attr for node in parsed if isinstance(node, ast.Attribute)}
    used |= {node.value for node in parsed if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    made = {f"run_{state}" for state in get_args(State)}
    assert [name for name in NAMES if name not in used | made] == []


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "12,345 val images of a and the 10,000 evaluation images of CIFAR-10"),
        ("ko", "a 실험의 val 이미지 12,345장, CIFAR-10 평가 이미지 10,000장"),
    ],
)
def test_sentences_stand_in_the_gaps_of_others(language: Language, said: str) -> None:
    parts = (say("origin_run", count=12_345, split="val", side="a"), say("origin_set", count=10_000, name="CIFAR-10"))
    assert write_sentence(say_both(parts), LANGUAGES[language]) == said  # type: ignore[arg-type]  # two parts are a sentence


def test_one_part_needs_no_joint() -> None:
    one = say("start_fresh")
    assert say_both(["a"]) == "a"
    assert say_clauses([one]) is one
    assert write_sentence(say_clauses([one, one, one]), EN) == "fresh weights; fresh weights; fresh weights"


def test_several_things_in_a_gap_stand_between_commas() -> None:
    parts = (say("threads", count="2"), say("ranks", count="3"))
    machine = say("in_brackets", what="Chip", more=parts)
    assert write_sentence(machine, EN) == "Chip (2 threads, 3 ranks)"
    assert write_sentence(machine, KO) == "Chip(스레드 2개, 랭크 3개)"


def test_braces_of_names_are_no_gaps() -> None:
    assert write_sentence(say("not_over", side="{odd}"), EN) == "no run of {odd} came to its end"


@pytest.mark.parametrize("state", get_args(State))
def test_every_state_of_a_run_has_a_word(state: str) -> None:
    assert write_sentence(say_state({"state": state}), EN) == state
    assert write_sentence(say_state({"state": state, "cause": "NaN"}), EN) == f"{state} (NaN)"
    assert isinstance(say_state({"state": state}), Sentence)
