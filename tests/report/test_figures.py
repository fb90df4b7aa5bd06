"""Small curves: SVG that a reader can hear of, and block characters that keep low and high apart."""

import math
import re
from xml.etree import ElementTree

import pytest

from saccade.report.curves import Curve, Point
from saccade.report.figures import draw_spark, write_spark


def make(*values: float) -> Curve:
    return tuple(Point(float(place), value) for place, value in enumerate(values))


def path_of(svg: str) -> str:
    return re.findall(r'<path d="([^"]*)"', svg)[0]


def test_a_spark_is_well_formed_and_described() -> None:
    root = ElementTree.fromstring(draw_spark(make(0.1, 0.9), 'says "so" & more'))  # noqa: S314  our own
    assert (root.attrib["role"], root.attrib["aria-label"]) == ("img", 'says "so" & more')
    assert root.attrib["viewBox"] == "0 0 120 30"


def test_it_rises_from_the_lower_left_to_the_upper_right() -> None:
    assert path_of(draw_spark(make(0.1, 0.9), "")) == "M3.0 27.0L117.0 3.0"


def test_a_break_lifts_the_pen() -> None:
    assert [letter for letter in path_of(draw_spark(make(1, 2, math.nan, 3, 4), "")) if letter.isalpha()] == [
        "M",
        "L",
        "M",
        "L",
    ]


@pytest.mark.parametrize("curve", [make(0.5), make(0.5, 0.5, 0.5)])
def test_one_value_stands_at_middle_height(curve: Curve) -> None:
    svg = draw_spark(curve, "")
    assert re.findall(r'cy="([\d.]+)"', svg) == ["15.0"]
    assert "nan" not in svg


def test_a_long_curve_is_short_and_keeps_its_peak() -> None:
    values = [0.0] * 2000
    values[1234] = 1.0
    svg = draw_spark(make(*values), "")
    assert len(svg) < 2000
    assert " 3.0" in path_of(svg)


@pytest.mark.parametrize(
    ("curve", "text"),
    [
        (make(0, 1), "▁█"),
        (make(1, 0.5, 0), "█▅▁"),
        (make(0, math.nan, 1), "▁ █"),
        (make(0.3), "▅"),
        (make(math.nan), ""),
        ((), ""),
    ],
)
def test_blocks_go_from_low_to_high(curve: Curve, text: str) -> None:
    assert write_spark(curve) == text


def test_blocks_are_few_and_end_where_the_curve_ends() -> None:
    text = write_spark(make(*range(1000)))
    assert len(text) == 24
    assert (text[0], text[-1]) == ("▁", "█")
