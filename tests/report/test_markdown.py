"""Markdown says what the HTML says, and nothing in it is taken for Markdown that is not."""

import re
from pathlib import Path

import pytest

from saccade.errors import InputError
from saccade.report.chain import read_report
from saccade.report.curves import Point
from saccade.report.hardest import Hardest
from saccade.report.html import render_html
from saccade.report.languages import LANGUAGES, Language
from saccade.report.markdown import render_markdown
from saccade.report.page import (
    Bullets,
    Code,
    Commands,
    Heading,
    Page,
    Paragraph,
    Picture,
    Pictures,
    Said,
    Small,
    Spark,
    Strong,
    Table,
)
from saccade.report.sections import make_page
from tests.report.draw_runs import draw_runs, make_plates


def render(*blocks: object) -> str:
    return render_markdown(Page("en", "T", blocks, "F", ""))  # type: ignore[arg-type]  # blocks of any kind


def no_images(hardest: Hardest) -> dict[str, bytes]:
    raise InputError(f"{hardest.run.recipe['data']['root']}: no such folder")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_it_has_the_headings_tables_and_sentences_of_the_html(tmp_path: Path, language: Language) -> None:
    draw_runs(tmp_path, make_plates())
    page = make_page(read_report(tmp_path), LANGUAGES[language], no_images)
    markdown, html = render_markdown(page), render_html(page, "")
    headings = [
        (len(marks), text.replace("\\", "")) for marks, text in re.findall(r"^(#+) (.*)$", markdown, re.MULTILINE)
    ]
    assert headings == [(int(level), text) for level, text in re.findall(r"<h(\d)>(.*?)</h", html)]
    assert markdown.count("\n| --- ") == html.count("</table>") == 3
    assert "/data: no such folder" in markdown
    assert markdown.endswith("\n") and not markdown.endswith("\n\n")


def test_blocks() -> None:
    text = render(
        Heading(2, "a_b"),
        Paragraph((Strong("x*"), " ", Code("a|b`c"), " ", Small("[1, 2]"))),
        Bullets([("one",), ("two\nlines",)]),
        Said((Strong("exp1"),), "first\n\nthird"),
        Pictures([Picture(None, "", "A<B", [("wrong",), ("truth C",)], "wrong")]),
        Commands("saccade new FOLDER"),
    )
    assert text.split("\n\n") == [
        "## a\\_b",
        "**x\\*** ``a\\|b`c`` \\[1, 2\\]",
        "- one\n- two lines",
        "> **exp1**\n>\n> first\n>\n> third",
        "- \N{BALLOT X} **A\\<B**: wrong, truth C",
        "```sh\nsaccade new FOLDER\n```",
        "---",
        "F\n",
    ]


def test_a_table_keeps_its_columns_whatever_stands_in_it() -> None:
    curve = (Point(0, 0.0), Point(1, 1.0))
    table = Table("caption", ("a", "n", "c"), frozenset({1}), [[[("x | y",), ("z",)], [("1",)], Spark(curve, "")]])
    assert render(table).splitlines()[2:5] == ["| a | n | c |", "| --- | ---: | --- |", "| x \\| y<br>z | 1 | ▁█ |"]
