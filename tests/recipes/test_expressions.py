"""Expressions that cannot end are told from those that people write."""

import re

import pytest

from saccade.recipes.expressions import find_endless

ENDLESS = [
    r"^(a+)+$(?P<text>)",
    r"(?P<text>(?:.*)*)x",
    r"(?:a|aa)+(?P<text>x)",
    r"^(?:[a-z]+){20}(?P<text>x)",
    r"(?P<text>(?:\w*_?)*)x",
    r".*.*.*.*(?P<text>x)",
    r"(?P<text>.*)_(.*)_(.*)_(.*)_x",
    r"([^_]+_?)+(?P<text>x)",
]
FINE = [
    r"^(?P<text>[^_]+)",
    r"^(?P<text>..)",
    r"^[^-]+-[^-]+-[^-]+-[^-]+-(?P<text>[^-]+)-[^-]+-[^-]+$",
    r"^(?P<date>\d+)_(?P<camera>[^_]+)_(?P<text>[^_]+)_.*",
    r"^(?:[^_]+_)*(?P<text>[^_]+)$",
    r"^(?>a|aa)+(?P<text>x)",
    r"^(?:[a-z]++ ?)*(?P<text>\d)",
    r"(?P<text>(?:[가-힣]|[A-Z]){1,3}\d{4})",
    r"(?i)plate[ _-]*(?P<text>\w{2,8})(?:\(\d+\))?$",
    r"^[]_+*(]+(?P<text>[^]]+)\]",
    r"(?P<text>[^_]+)_{2,}\d+",
]


@pytest.mark.parametrize("expression", ENDLESS)
def test_what_can_take_for_ever_is_said_with_its_cure(expression: str) -> None:
    re.compile(expression)
    said = find_endless(expression)
    assert said is not None and "take for ever" in said and "in place of" in said


@pytest.mark.parametrize("expression", FINE)
def test_what_people_write_passes(expression: str) -> None:
    re.compile(expression)
    assert find_endless(expression) is None


@pytest.mark.parametrize("expression", FINE)
@pytest.mark.parametrize("text", ["a" * 60, "1_" * 30, "a1-" * 20 + "!", "가A0" * 20])
def test_what_passes_ends(expression: str, text: str) -> None:
    for _ in range(100):
        re.search(expression, text)
