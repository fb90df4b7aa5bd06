"""What a history says, whatever is missing in it, and how a long curve becomes a short one."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saccade.records.reader import read_run
from saccade.report.curves import Course, Point, finite, read_course, read_number, thin
from tests.report.draw_runs import Drawn, Odd, draw_run


def read(tmp_path: Path, odd: Odd = "", **more: int) -> Course:
    return read_course(read_run(draw_run(tmp_path, Drawn("exp1", 0.8, odd=odd, **more))), "exp1 s0")


def name_problems(course: Course) -> list[str]:
    return [problem.sentence for problem in course.problems]


def test_a_run_that_went_well_has_curves_over_epochs_and_no_problem(tmp_path: Path) -> None:
    course = read(tmp_path, num_validations=12)
    assert name_problems(course) == []
    values = course.curve("val", "exact_match")
    assert [point.epoch for point in values] == list(range(1, 13))
    assert course.curve("train_clean", "exact_match")[-1].value > values[-1].value
    assert course.losses[0].epoch == pytest.approx(20 / 60)  # the first log row is at step 20 of 60 an epoch
    assert course.rates[-1] == (12.0, pytest.approx(0.0, abs=1e-9))
    assert course.seconds == 12 * 60 / 10
    assert course.curve("val", "no such metric") == ()


@pytest.mark.parametrize(
    ("odd", "problems"),
    [
        ("nan", ["run_failed", "no_number"]),
        ("one_point", ["one_validation"]),
        ("no_validation", ["run_running", "no_validation"]),
        ("gap", ["history_gap"]),
        ("running", ["run_running"]),
        ("stopped", ["run_stopped"]),
        ("failed", ["run_failed"]),
    ],
)
def test_what_is_odd_about_a_run_is_named(tmp_path: Path, odd: Odd, problems: list[str]) -> None:
    assert name_problems(read(tmp_path, odd)) == problems


def test_a_gap_names_its_steps_and_breaks_the_curve(tmp_path: Path) -> None:
    course = read(tmp_path, "gap")
    assert dict(course.problems[0].values) == {"run": "exp1 s0", "count": "1", "before": "300", "after": "700"}
    breaks = [point.epoch for point in course.losses if math.isnan(point.value)]
    assert breaks == [pytest.approx(500 / 60)]


def test_numbers_that_are_none_stay_in_the_curve_as_breaks(tmp_path: Path) -> None:
    course = read(tmp_path, "nan")
    values = course.curve("val", "exact_match")
    assert [math.isnan(point.value) for point in values] == [False] * 6 + [True] * 2
    assert len(finite(values)) == 6
    assert course.problems[1].values["epoch"] == "7"


@pytest.mark.parametrize(("value", "number"), [(1, 1.0), (0.5, 0.5), (True, None), ("1", None), (None, None)])
def test_only_numbers_are_numbers(value: object, number: float | None) -> None:
    found = read_number(value)
    assert math.isnan(found) if number is None else found == number


def edit(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Course:
    """Rewrite a run's history row by row, None for a row that is lost, and read it."""
    path = folder / "history.jsonl"
    rows = [change(json.loads(line)) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows if row is not None))
    return read_course(read_run(folder), "exp1 s0")


def test_a_gap_between_validations_breaks_their_curves_too(tmp_path: Path) -> None:
    folder = draw_run(tmp_path, Drawn("exp1", 0.8, num_validations=30))
    course = edit(folder, lambda row: None if 10 < row.get("epoch", 0) < 24 else row)
    for view in ("val", "train_clean"):
        curve = course.curve(view, "exact_match")  # type: ignore[arg-type]
        assert [point.epoch for point in curve if math.isnan(point.value)] == [17.0]
        assert [point.epoch for point in finite(curve)] == [*range(1, 11), *range(24, 31)]
    assert name_problems(course) == ["history_gap"]  # log rows and validations of one gap are named once
    assert course.problems[0].values["count"] == "1"


def test_validations_that_are_lost_alone_are_a_gap_and_a_short_last_step_is_none(tmp_path: Path) -> None:
    folder = draw_run(tmp_path, Drawn("exp1", 0.8, num_validations=30))
    course = edit(folder, lambda row: None if "event" in row and 10 < row.get("epoch", 0) < 24 else row)
    assert dict(course.problems[0].values) == {"run": "exp1 s0", "count": "1", "before": "600", "after": "1,440"}
    assert [point.epoch for point in course.losses if math.isnan(point.value)] == []
    rare = draw_run(tmp_path / "rare", Drawn("exp1", 0.8, num_validations=30))
    kept = edit(rare, lambda row: None if "val" in row and row["epoch"] not in (14, 28, 30) else row)
    assert name_problems(kept) == []


def test_a_number_that_is_missing_beside_others_is_named_with_its_metric(tmp_path: Path) -> None:
    def lose(row: dict[str, Any]) -> dict[str, Any]:
        if row.get("event") == "validation" and row["epoch"] > 8:
            return row | {"val": row["val"] | {"ned": None}, "non_finite": {"val.ned": "nan"}}
        return row | {"loss": None, "non_finite": {"loss": "nan"}} if row["step"] > 300 and "loss" in row else row

    course = edit(draw_run(tmp_path, Drawn("exp1", 0.8, num_validations=12)), lose)
    assert [(one.sentence, dict(one.values)) for one in course.problems] == [
        ("no_number", {"run": "exp1 s0", "metrics": "ned", "count": "4", "epoch": "9"}),
        ("no_loss", {"run": "exp1 s0", "count": "21", "step": "320"}),
    ]


def test_a_validation_that_does_not_say_its_epoch_is_counted(tmp_path: Path) -> None:
    folder = draw_run(tmp_path, Drawn("exp1", 0.8, num_validations=12))
    course = edit(folder, lambda row: {key: value for key, value in row.items() if key != "epoch"})
    assert [point.epoch for point in course.curve("val", "exact_match")] == list(range(12))


# Thinning

CURVES = st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1, max_size=900)


def make_curve(values: list[float]) -> tuple[Point, ...]:
    return tuple(Point(float(place), value) for place, value in enumerate(values))


@given(CURVES, st.integers(4, 300))
def test_thinning_keeps_ends_extremes_order_and_breaks(values: list[float], limit: int) -> None:
    curve = make_curve(values)
    thinned = thin(curve, limit)
    assert len(thinned) <= max(limit * 1.5 + 2, 4)
    assert {(point.epoch, repr(point.value)) for point in thinned} <= {
        (point.epoch, repr(point.value)) for point in curve
    }
    epochs = [point.epoch for point in thinned]
    assert epochs == sorted(epochs)
    assert (epochs[0], epochs[-1]) == (0.0, float(len(values) - 1))
    known = [point.value for point in finite(curve)]
    if known:
        kept = [point.value for point in finite(thinned)]
        assert (min(kept), max(kept)) == (min(known), max(known))
    assert any(map(math.isnan, values)) == any(math.isnan(point.value) for point in thinned)


def test_a_short_curve_stays_as_it_is() -> None:
    curve = make_curve([3.0, 1.0, 2.0])
    assert thin(curve, 2) == curve
