"""What two runs over the same images show, and when nothing can be said."""

import pytest

from saccade.errors import InputError
from saccade.metrics.paired import Difference
from saccade.records.reader import Run
from saccade.report.comparison import best_validation, compare_runs, judge, validations
from tests.report.conftest import TEXT, MakeRun

RIGHT, WRONG = [TEXT], ["AB1"]


@pytest.mark.parametrize(
    ("parent", "child", "verdict"),
    [
        (RIGHT * 10 + WRONG * 30, RIGHT * 35 + WRONG * 5, "better"),
        (RIGHT * 35 + WRONG * 5, RIGHT * 10 + WRONG * 30, "worse"),
        (RIGHT * 20 + WRONG * 20, WRONG + RIGHT * 21 + WRONG * 18, "not shown"),
        (RIGHT * 40, RIGHT * 40, "not shown"),
        (WRONG, RIGHT, "not shown"),
    ],
)
def test_the_verdict_is_what_the_interval_shows(
    make_run: MakeRun, parent: list[str], child: list[str], verdict: str
) -> None:
    comparison = compare_runs(make_run("first", parent), make_run("second", child))
    assert comparison.verdict == verdict
    assert comparison.exact_match.n == len(parent)


def test_differences_are_child_minus_parent_over_pairs(make_run: MakeRun) -> None:
    comparison = compare_runs(make_run("first", RIGHT * 2 + WRONG * 2), make_run("second", WRONG + RIGHT * 3))
    assert comparison.exact_match.value == pytest.approx(0.25)
    assert comparison.similarity.value == pytest.approx(0.25 * 0.25)
    assert (comparison.only_parent, comparison.only_child) == (1, 2)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.0, 0.2, "not shown"), (-0.2, 0.0, "not shown"), (0.001, 0.2, "better"), (-0.2, -0.001, "worse")],
)
def test_a_bound_at_zero_shows_nothing(low: float, high: float, verdict: str) -> None:
    assert judge(Difference((low + high) / 2, low, high, 100)) == verdict


@pytest.mark.parametrize("change", [{"readings": RIGHT * 3}, {"readings": RIGHT * 4, "target": "OTHER"}])
def test_runs_over_other_images_or_labels_are_refused(make_run: MakeRun, change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="other images or labels"):
        compare_runs(make_run("first", RIGHT * 4), make_run("second", **change))


def test_the_best_validation_is_the_last_that_was_best(make_run: MakeRun) -> None:
    run: Run = make_run("first", RIGHT * 4)
    assert best_validation(run)["epoch"] == 2
    assert [row["epoch"] for row in validations(run)] == [1, 2, 3]
