"""The tables of `docs/metrics.md` are parsed and run: definition, worked cases and test are one object."""

import importlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
RESULT = "= "
FUNCTIONS = ("normalise", "find_fault")  # columns that name a function of `saccade.text`


@dataclass(frozen=True)
class Case:
    name: str
    arguments: dict[str, Any]
    expected: dict[str, Any]


def read_cases() -> list[Case]:
    cases = []
    for section in re.split(r"^#+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE):
        name = section.partition("\n")[0].strip()
        lines = [line for line in section.splitlines() if line.startswith("|")]
        if not re.fullmatch(r"\w+\.\w+", name):
            continue
        header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        for row in rows:
            cells = dict(zip(header, (json.loads(cell.strip("`")) for cell in row), strict=True))
            arguments = {key: value for key, value in cells.items() if not key.startswith(RESULT)}
            expected = {key.removeprefix(RESULT): value for key, value in cells.items() if key.startswith(RESULT)}
            cases.append(Case(name, arguments, expected))
    return cases


def find_function(name: str, package: str = "metrics") -> Callable[..., Any]:
    module, function = name.split(".")
    found: Callable[..., Any] = getattr(importlib.import_module(f"saccade.{package}.{module}"), function)
    return found


def assert_equal(found: Any, expected: Any) -> None:
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            assert_equal(found[key], expected[key])
    elif isinstance(expected, int | float):
        assert found == pytest.approx(expected, abs=5.1e-5)
    else:
        assert found == expected


CASES = read_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{json.dumps(list(case.arguments.values()))}")
def test_case_worked_by_hand(case: Case) -> None:
    functions = {key: find_function(case.arguments[key], "text") for key in FUNCTIONS if key in case.arguments}
    found = find_function(case.name)(**{**case.arguments, **functions})
    for column, expected in case.expected.items():
        assert_equal(getattr(found, column, found), expected)


def test_every_metric_has_a_table() -> None:
    names = {case.name for case in CASES}
    text = {"edit_distance", "exact_match", "within_1", "within_2", "cer", "ned", "by_length", "by_character"}
    intervals = {"wilson_interval", "bootstrap_interval", "mean_interval", "t_quantile"}
    assert {f"text.{name}" for name in text} | {f"intervals.{name}" for name in intervals} <= names
    classes = {"top1_accuracy", "top5_accuracy", "nll", "confusion_counts", "most_confused", "by_class"}
    assert {f"classification.{name}" for name in classes} <= names
    assert {f"sequence.{name}" for name in SEQUENCES} <= names
    assert {"paired.paired_bootstrap", "paired.mcnemar_exact", "calibration.expected_calibration_error"} <= names


SCORES = [f"text.{name}" for name in ("exact_match", "within_1", "within_2", "cer", "ned")]
SEQUENCES = ["exact_match", "exact_match_normalised", "within_1", "within_2", "wer", "wer_max", "bleu", "validity"]
SEQUENCES += ["leaderboard_score"]
SCORES += [f"sequence.{name}" for name in SEQUENCES]
SCORES += [f"classification.{name}" for name in ("top1_accuracy", "top5_accuracy", "nll")]


@pytest.mark.parametrize("name", SCORES)
def test_every_score_has_a_case_that_is_not_the_best(name: str) -> None:
    best = 0 if name in ("text.cer", "sequence.wer", "sequence.wer_max", "classification.nll") else 1
    assert any(case.expected["value"] != best for case in CASES if case.name == name)
