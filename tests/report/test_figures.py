"""Figures are SVG that the page colours, and say in words what they show."""

import re
from xml.etree import ElementTree

import pytest

from saccade.metrics.intervals import Estimate
from saccade.report.figures import CHILD, PARENT, Curve, draw_curves, draw_intervals

CURVES = [Curve("first", PARENT, [1, 2], [0.2, 0.71], "s"), Curve("second", CHILD, [1, 3], [0.1, 0.7])]
INTERVALS = [("exact match", Estimate(0.1, 0.05, 0.15, 40)), ("one image", Estimate(-0.1, None, None, 1))]


@pytest.fixture(params=["curves", "intervals"])
def svg(request: pytest.FixtureRequest) -> str:
    if request.param == "curves":
        return draw_curves(CURVES, y_label="exact match", description='says "so" & more')
    return draw_intervals(INTERVALS, x_label="difference", description='says "so" & more')


def test_is_well_formed_and_described(svg: str) -> None:
    root = ElementTree.fromstring(svg.replace("xlink:href", "href"))  # noqa: S314  our own
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == 'says "so" & more'
    assert root.attrib["viewBox"].startswith("0 0 ")


def test_every_colour_and_font_is_the_pages(svg: str) -> None:
    assert re.findall(r"#[0-9a-f]{6}\b", svg) == []
    assert "var(--child)" in svg
    assert "font-family" not in svg
    assert "://" not in svg


def test_texts_stay_texts_and_name_the_last_value() -> None:
    svg = draw_curves(CURVES, y_label="exact match", description="d")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {"0.71  first", "0.70  second", "exact match"} <= set(texts)


def test_labels_of_curves_that_end_together_stand_apart() -> None:
    svg = draw_curves(CURVES, y_label="exact match", description="d")
    heights = [float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>0\.7\d  ', svg)]
    assert abs(heights[0] - heights[1]) > 10
