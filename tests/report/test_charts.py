"""Charts are Vega-Lite that compiles, coloured by the page, named at the ends of the lines, and small."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import vl_convert

from saccade.report.chain import Chain, read_report
from saccade.report.charts import SCHEMA, _choose_ticks, make_curve_charts
from saccade.report.languages import LANGUAGES
from saccade.report.overview import make_overview
from saccade.report.page import Chart
from tests.report.draw_runs import Drawn, draw_runs, make_plates

WORDS = LANGUAGES["en"]
ONE = Drawn("exp1", 0.8, num_validations=12)
Read = Callable[..., Chain]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_chain(*experiments: Drawn) -> Chain:
        draw_runs(tmp_path, experiments)
        return read_report(tmp_path).chains[0]

    return read_chain


def draw(chart: Chart) -> str:
    """Draw a chart as the page's own libraries do, at a width of its own."""
    return str(vl_convert.vegalite_to_svg(json.dumps(chart.spec | {"width": 500}), vl_version="6.4"))


def points_of(chart: Chart) -> list[list[str]]:
    return [line.split(",") for line in chart.spec["data"]["values"].split("\n")[1:]]


def layer_values(chart: Chart) -> list[dict[str, Any]]:
    return [row for layer in chart.spec["layer"] for row in layer.get("data", {}).get("values", [])]


def test_every_chart_of_a_chain_with_every_oddity_draws(read: Read) -> None:
    chain = read(*make_plates())
    overview = make_overview(chain, WORDS)
    assert overview is not None
    charts = [overview, *make_curve_charts(chain, WORDS)]
    assert [chart.name for chart in charts] == ["overview", "validation", "gap", "loss", "rate"]
    for chart in charts:
        assert chart.spec["$schema"] == SCHEMA
        svg = draw(chart)
        assert "exp09" in svg
        assert "NaN" not in svg


def test_colours_are_the_pages(read: Read) -> None:
    chain = read(ONE)
    text = json.dumps([make_overview(chain, WORDS).spec, *(chart.spec for chart in make_curve_charts(chain, WORDS))])
    assert re.findall(r"#[0-9a-f]{3,6}\b", text) == []
    css = files("saccade.report").joinpath("style.css").read_text(encoding="utf-8")
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", text)) <= set(re.findall(r"(--[a-z0-9-]+):", css))


def test_a_line_a_run_and_breaks_where_there_is_no_number(read: Read) -> None:
    chain = read(replace(ONE, seeds=(0, 1)), replace(ONE, name="exp2", odd="nan", num_validations=30))
    validation = make_curve_charts(chain, WORDS)[0]
    points = points_of(validation)
    assert {row[0] for row in points} == {"0", "1", "2"}
    assert [row for row in points if row[2] == ""] == [["2", "7", ""], ["2", "8", ""]]
    assert draw(validation).count('aria-roledescription="line mark"') == 3


def test_a_point_that_no_line_reaches_is_a_dot(read: Read) -> None:
    chain = read(ONE, replace(ONE, name="exp2", odd="one_point"))
    dots = [row for row in layer_values(make_curve_charts(chain, WORDS)[0]) if "y" in row]
    assert [(row["experiment"], row["x"]) for row in dots] == [("exp2", 1.0)]


def test_names_at_the_ends_stand_apart_and_say_the_mean_of_the_seeds(read: Read) -> None:
    chain = read(*(replace(ONE, name=f"exp{number}", share=0.8, seeds=(0, 1)) for number in range(8)))
    chart = make_curve_charts(chain, WORDS)[0]
    names = [row for row in layer_values(chart) if "name" in row]
    low, high = chart.spec["encoding"]["y"]["scale"]["domain"]
    heights = sorted((row["at"] - low) / (high - low) for row in names)
    assert len(names) == 8
    assert all(-1e-9 <= height <= 1 for height in heights)
    assert min(above - below for below, above in pairwise(heights)) > 0.06
    ends = [course.curve("val", "exact_match")[-1].value for course in chain.experiments[0].courses]
    assert f"{sum(ends) / 2:.3g}  exp0" in {row["name"] for row in names}


def test_a_name_stands_at_the_end_of_its_lines_and_not_of_one_that_was_stopped(read: Read, tmp_path: Path) -> None:
    draw_runs(tmp_path, [replace(ONE, odd="stopped", num_validations=4, settings={"train.epochs": 12}, seeds=(2,))])
    chain = read(replace(ONE, seeds=(0, 1)))
    [experiment] = chain.experiments
    [name] = [row for row in layer_values(make_curve_charts(chain, WORDS)[0]) if "name" in row]
    ends = [course.curve("val", "exact_match")[-1] for course in experiment.courses]
    assert [end.epoch for end in ends] == [12, 12, 3]
    assert name["at"] == pytest.approx((ends[0].value + ends[1].value) / 2)


def test_a_name_of_runs_of_several_lengths_stands_at_the_longest(read: Read, tmp_path: Path) -> None:
    draw_runs(tmp_path, [replace(ONE, num_validations=5, settings={"train.epochs": 12}, seeds=(1,))])
    chain = read(ONE)
    [name] = [row for row in layer_values(make_curve_charts(chain, WORDS)[0]) if "name" in row]
    assert name["at"] == pytest.approx(chain.experiments[0].courses[0].curve("val", "exact_match")[-1].value)


def test_a_long_name_is_short_at_the_ends_of_its_lines(read: Read) -> None:
    long = "recipe-of-the-third-attempt-with-everything"
    chart = make_curve_charts(read(replace(ONE, name=long), replace(ONE, name="short")), WORDS)[0]
    names = {row["experiment"]: row["name"] for row in layer_values(chart) if "name" in row}
    assert names[long].endswith("  recipe-of-the… #1") and names["short"].endswith("  short")
    assert chart.spec["encoding"]["color"]["scale"]["domain"] == [long, "short"]


def test_a_loss_over_orders_of_magnitude_is_logarithmic(read: Read) -> None:
    charts = {chart.name: chart for chart in make_curve_charts(read(ONE), WORDS)}
    assert charts["loss"].spec["encoding"]["y"]["scale"].get("type") == "log"
    assert "type" not in charts["validation"].spec["encoding"]["y"]["scale"]


def test_axes_of_shares_stay_within_0_and_1(read: Read) -> None:
    chain = read(replace(ONE, share=1.0), replace(ONE, share=0.3, settings={"seed": 1}))
    validation = next(chart for chart in make_curve_charts(chain, WORDS) if chart.name == "validation")
    assert max(float(y) for _, _, y in points_of(validation)) > 0.98
    assert validation.spec["encoding"]["y"]["scale"]["domain"][1] == 1


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.002, 5.0, [0.01, 0.1, 1.0]), (0.1, 3.0, [0.1, 0.2, 0.5, 1.0, 2.0]), (2.5, 4.0, [])],
)
def test_a_logarithmic_axis_has_round_values(low: float, high: float, ticks: list[float]) -> None:
    assert _choose_ticks(low, high) == pytest.approx(ticks)


def test_many_runs_are_thinned_and_not_named_at_their_ends(read: Read) -> None:
    chain = read(*(replace(ONE, name=f"exp{number}", num_validations=40) for number in range(30)))
    for chart in make_curve_charts(chain, WORDS):
        assert len(points_of(chart)) <= 5100
        assert not [row for row in layer_values(chart) if "name" in row]


def test_what_it_shows_is_said_in_words(read: Read) -> None:
    assert "exp1" in make_curve_charts(read(ONE), WORDS)[0].description


def test_without_a_number_there_is_no_chart(read: Read) -> None:
    chain = read(replace(ONE, odd="no_validation"))
    assert [chart.name for chart in make_curve_charts(chain, WORDS)] == ["loss", "rate"]


def test_every_number_is_plain_json(read: Read) -> None:
    for chart in make_curve_charts(read(*make_plates()), WORDS):
        assert math.isfinite(len(json.dumps(chart.spec, allow_nan=False)))
