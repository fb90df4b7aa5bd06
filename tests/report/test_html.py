"""The page: valid, whole in itself, readable without colours or pictures, and true to the records."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from saccade.metrics.paired import Difference
from saccade.records.predictions import ReadPrediction
from saccade.report.comparison import compare_runs
from saccade.report.html import Reading, describe_difference, render_page
from tests.report.conftest import TEXT, MakeRun

VOID = {"meta", "link", "img", "br", "hr", "input"}
READINGS = [
    Reading(b"\x89PNG right", "easy", "AB12", ReadPrediction("AB12", 0.98765, (1.0,) * 4)),
    Reading(b"\x89PNG wrong", "hard", "CD34", ReadPrediction("", 0.25, ())),
]


class Page(HTMLParser):
    """Collects every tag and complains where one is closed that was not opened last."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def render(make_run: MakeRun, num_parent: int = 10, num_child: int = 30) -> str:
    parent, child = (
        make_run(name, [TEXT] * count + ["?"] * (40 - count))
        for name, count in (("first", num_parent), ("second", num_child))
    )
    return render_page(compare_runs(parent, child), READINGS, title="A <title>", commands="saccade new FOLDER")


def test_is_valid_and_accessible(make_run: MakeRun) -> None:
    text = render(make_run)
    page = Page(text)
    assert page.open == []
    assert text.startswith("<!DOCTYPE html>")
    assert page.named("html") == [{"lang": "en"}]
    assert len(page.named("h1")) == len(page.named("title")) == len(page.named("main")) == 1
    assert all(image["alt"] for image in page.named("img")) and page.named("img")
    assert all(svg["aria-label"] for svg in page.named("svg")) and len(page.named("svg")) == 2
    assert all(cell.get("scope") in ("col", "row") for cell in page.named("th"))
    assert len(page.named("caption")) == len(page.named("table"))
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


def test_asks_nothing_of_another_machine(make_run: MakeRun) -> None:
    text = render(make_run)
    sources = [
        value for _, attributes in Page(text).tags for name, value in attributes.items() if name in ("src", "href")
    ]
    assert all(value is None or value.startswith(("data:", "#")) for value in sources)
    assert "://" not in text and "@import" not in text and "<script" not in text
    assert re.findall(r"url\((?!#)", text) == []


def test_shows_light_dark_and_print(make_run: MakeRun) -> None:
    text = render(make_run)
    assert "prefers-color-scheme: dark" in text and "@media print" in text


@pytest.mark.parametrize(
    ("num_parent", "num_child", "word"), [(10, 30, "better"), (30, 10, "worse"), (20, 20, "not shown")]
)
def test_says_the_verdict(make_run: MakeRun, num_parent: int, num_child: int, word: str) -> None:
    assert re.findall(r"<strong>(.*?)</strong>", render(make_run, num_parent, num_child)) == [word]


def test_says_what_was_asked_what_changed_and_where_the_records_are(make_run: MakeRun) -> None:
    text = render(make_run)
    assert "Do &lt;corners&gt; &amp; light help?" in text
    assert "augment.text_line.perspective_probability" in text
    assert "+50.0 points (95 % interval" in text and "n = 40" in text
    assert "plates/first/" in text and "plates/second/" in text
    assert "saccade new FOLDER" in text


def test_right_and_wrong_readings_differ_without_colour(make_run: MakeRun) -> None:
    text = render(make_run)
    assert "\N{CHECK MARK} AB12" in text and "confidence 0.99" in text
    assert "\N{BALLOT X} (nothing)" in text and "truth CD34" in text
    assert "1 of 2 right" in text


def test_a_single_image_has_no_interval() -> None:
    assert describe_difference(Difference(-1.0, None, None, 1)) == "\N{MINUS SIGN}100.0 points (no interval, n = 1)"


def test_reports_need_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; import saccade.report.html; print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
