"""The page of some data: what the statistics say is on it, for every kind of labels, and nothing comes from outside."""

import re
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from saccade.report.data_page import DataFacts, Example, make_data_page
from saccade.report.html import render_html
from saccade.report.page import Bullets, Chart, Charts, Heading, Pictures, Table
from tests.report.test_html import SCRIPT, Html

SHARES = {"p0": 1, "p5": 1, "p50": 3, "p95": 9, "p100": 10}
COMMON = {
    "count": 4,
    "height_px": SHARES,
    "width_px": SHARES,
    "aspect": SHARES,
    "num_duplicates": 1,
    "conflicts": [{"a": "x", "b": "y"}],
    "dropped": {"unreadable": ["a", "b"]},
    "sources": {"": 1, "printed": 3},
    "levels": {},
}
TOKENS = {
    "num_labels": 3,
    "num_tokens": SHARES,
    "tokens": {"<b>": 2000, "\\frac": 7},
    "rare_tokens": {"\\frac": 7},
    "faults": [{"label": "x", "fault": "f"}],
}
TEXTS = {"num_labels": 3, "characters": {" ": 2}, "rare_characters": {" ": 2}, "max_required_steps": 1}
CLASSES = {
    "num_classes": 2,
    "missing_classes": ["eel"],
    "images_per_class": SHARES,
    "class_counts": {"cat": 4, "eel": 0},
}
PNG = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()


def make_facts(kind: str = "tokens", cells: dict[str, Any] = TOKENS) -> DataFacts:
    return DataFacts(
        title="Data of <this>",
        statistics={"labels": kind, "splits": {"train": COMMON | cells, "val": COMMON | cells | {"sources": {}}}},
        remarks=["train: dropped 2 (unreadable): a, b"],
        lengths={} if kind == "classes" else {"train": [("1-5", 3), ("6-10", 1)]},
        sizes_px={"train": [(10, 40)] * 4},
        examples={"train": [Example(PNG, "a.png", "\\frac { <b> }")]},
    )


@pytest.mark.parametrize(("kind", "cells"), [("tokens", TOKENS), ("texts", TEXTS), ("classes", CLASSES)])
def test_every_kind_is_a_whole_page(kind: str, cells: dict[str, Any]) -> None:
    text = render_html(make_data_page(make_facts(kind, cells)), SCRIPT)
    page = Html(text)
    assert not page.open
    assert not [
        each for tag, each in page.tags for key in ("src", "href") if not (each.get(key) or "data:").startswith("data:")
    ]
    assert "Data of &lt;this&gt;" in text
    assert "<b>" not in re.sub(r"<li><img[^>]*><div><b>", "", text)


def test_the_table_says_what_was_counted() -> None:
    page = make_data_page(make_facts())
    table = next(block for block in page.blocks if isinstance(block, Table))
    rows = {row[0][0][0]: [cell[0][0] for cell in row[1:]] for row in table.rows}  # type: ignore[index]
    assert table.columns == ["", "train", "val"]
    assert rows["Images"] == ["4", "4"]
    assert rows["Tokens a label"] == ["1 · 3 · 10"] * 2
    assert rows["Unsound labels"] == ["1", "1"]
    assert rows["Dropped"] == ["2", "2"]
    assert rows["Rare tokens"] == ["1", "1"]
    assert Bullets([("train: dropped 2 (unreadable): a, b",)]) in page.blocks


def test_shares_of_sources_stand_where_they_are_known() -> None:
    page = make_data_page(make_facts())
    titles = [block.text for block in page.blocks if isinstance(block, Heading)]
    assert "Sources" in titles and "Levels" not in titles
    chart = next(block for block in page.blocks if isinstance(block, Chart))
    assert chart.description == "train: not known 1 (25.0%); train: printed 3 (75.0%)"
    assert [row["share"] for row in chart.spec["data"]["values"]] == [0.25, 0.75]


def find_charts(facts: DataFacts, name: str) -> list[Chart]:
    groups = [block for block in make_data_page(facts).blocks if isinstance(block, Charts)]
    return [chart for group in groups for chart in group.charts if chart.name == name]


def test_charts_hold_the_counts() -> None:
    (lengths,) = find_charts(make_facts(), "lengths")
    assert lengths.spec["data"]["values"] == [{"length": "1-5", "labels": 3}, {"length": "6-10", "labels": 1}]
    frequencies = find_charts(make_facts(), "frequencies")[0]
    assert [(row["name"], row["times"]) for row in frequencies.spec["data"]["values"]] == [("<b>", 2000), ("\\frac", 7)]
    assert frequencies.title == "train, tokens: 2 in all"


def test_of_many_tokens_the_most_frequent_and_of_many_images_some() -> None:
    facts = make_facts("tokens", TOKENS | {"tokens": {f"t{place}": 100 - place for place in range(40)}})
    chart = find_charts(facts, "frequencies")[0]
    assert chart.title == "train, tokens: the 30 most frequent of 40"
    assert len(chart.spec["data"]["values"]) == 30
    chart = find_charts(replace(facts, sizes_px={"train": [(10, 40)] * 5000}), "sizes")[0]
    assert chart.title == "train: 1,000 of 5,000 images"
    assert len(chart.spec["data"]["values"]) == 1000


def test_an_image_stands_with_its_label_and_no_mark() -> None:
    (pictures,) = (block for block in make_data_page(make_facts()).blocks if isinstance(block, Pictures))
    assert pictures.pictures[0].answer == "4 tokens"
    text = render_html(make_data_page(make_facts()), SCRIPT)
    assert "\\frac { &lt;b&gt; }" in text
    assert "\N{CHECK MARK}" not in text and "\N{BALLOT X}" not in text
    (pictures,) = (block for block in make_data_page(make_facts("texts", TEXTS)).blocks if isinstance(block, Pictures))
    assert pictures.pictures[0].answer == "\\frac { <b> }"
