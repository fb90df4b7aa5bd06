"""Both languages have the same words, with the same gaps to fill."""

import re
from dataclasses import fields
from string import Formatter

import pytest

from saccade.report.curves import Problem
from saccade.report.languages import LANGUAGES, Language
from saccade.report.words import Words

NAMES = [field.name for field in fields(Words)]


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_language_has_every_word() -> None:
    assert set(LANGUAGES) == {"en", "ko"}
    for language, words in LANGUAGES.items():
        assert set(vars(words)) == set(NAMES)
        assert all(isinstance(getattr(words, name), str) and getattr(words, name).strip() for name in NAMES)
        assert words.language == language


@pytest.mark.parametrize("name", NAMES)
def test_a_word_has_the_same_gaps_in_both(name: str) -> None:
    english, korean = (getattr(LANGUAGES[language], name) for language in ("en", "ko"))
    assert gaps(english) == gaps(korean)


def test_the_korean_page_is_korean() -> None:
    without = [name for name in NAMES if not re.search(r"[가-힣]", getattr(LANGUAGES["ko"], name))]
    assert without == ["language", "one_step", "points", "both", "clauses", "in_brackets"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_sentences_of_problems_can_be_filled(language: Language) -> None:
    problem = Problem("parent_missing", {"experiment": "exp2", "files": "exp1", "parent": ""})
    assert "exp2" in getattr(LANGUAGES[language], problem.sentence).format(**problem.values)
