"""The chart of the best values: its numbers, its words, its short names."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from saccade.report.chain import read_report
from saccade.report.languages import LANGUAGES
from saccade.report.overview import make_overview
from saccade.report.page import Chart
from tests.report.draw_runs import Drawn, draw_runs

WORDS = LANGUAGES["en"]
ONE = Drawn("exp1", 0.8, num_validations=12)


def make(folder: Path, *experiments: Drawn) -> Chart | None:
    draw_runs(folder, experiments)
    return make_overview(read_report(folder).chains[0], WORDS)


def list_kinds(chart: Chart) -> list[str]:
    """Return what the legend names."""
    kinds: list[str] = chart.spec["layer"][1]["encoding"]["shape"]["scale"]["domain"]
    return kinds


def list_rows(chart: Chart) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = chart.spec["data"]["values"]
    return rows


def test_what_it_shows_is_said_in_words(tmp_path: Path) -> None:
    reported = replace(ONE, reported={"metrics": {"exact_match": 0.75}})
    chart = make(tmp_path, reported, replace(ONE, name="exp2", share=0.4))
    assert chart is not None
    first, second = list_rows(chart)
    assert chart.description == f"Best exact_match: exp1 {first['best']:.3f}, exp2 {second['best']:.3f}."
    assert (first["reported"], second.get("reported")) == (0.75, None)


def test_without_a_number_there_is_no_chart(tmp_path: Path) -> None:
    assert make(tmp_path, replace(ONE, odd="no_validation")) is None


def test_an_interval_of_a_share_stays_within_0_and_1(tmp_path: Path) -> None:
    chart = make(tmp_path, replace(ONE, share=1.0), replace(ONE, share=0.3, settings={"seed": 1}))
    assert chart is not None
    [row] = list_rows(chart)
    assert (row["low"], row["high"]) == (0, 1)


@pytest.mark.parametrize(
    ("lengths", "median"),
    [((12,), "median of last 10"), ((4, 4), "median of last 4"), ((4, 12), "median of last 4–10")],
)
def test_the_legend_says_of_how_many_validations_the_median_is(
    tmp_path: Path, lengths: tuple[int, ...], median: str
) -> None:
    chart = make(tmp_path, *(replace(ONE, name=f"exp{n}", num_validations=length) for n, length in enumerate(lengths)))
    assert chart is not None
    assert list_kinds(chart) == ["best", "last", median]
    assert len(list_rows(chart)) == len(lengths)


def test_a_long_name_is_short_on_the_axis_and_whole_where_it_is_pointed_at(tmp_path: Path) -> None:
    settings = {"train.epochs": 12, "schedule.warmup_epochs": 1}
    ad_hoc = replace(
        ONE, settings=settings, overrides=("--set train.epochs=12", "--set schedule.warmup_epochs=1"), name="recipe"
    )
    chart = make(tmp_path, replace(ONE, name="recipe"), ad_hoc)
    assert chart is not None
    assert [(row["label"], row["experiment"]) for row in list_rows(chart)] == [
        ("recipe", "recipe"),
        ("recipe #2", "recipe, train.epochs = 12, schedule.warmup_epochs = 1"),
    ]
    assert chart.spec["encoding"]["y"]["field"] == "label"
