"""The page: valid, whole in itself, readable without colours, pictures or a script, and true to its blocks."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from saccade.records.writer import append_note
from saccade.report.chain import read_report
from saccade.report.hardest import Hardest
from saccade.report.html import render_html
from saccade.report.languages import LANGUAGES, Language
from saccade.report.page import (
    Code,
    Commands,
    Drawing,
    Heading,
    Page,
    Paragraph,
    Picture,
    Pictures,
    Said,
    Strong,
    Table,
    Verdict,
)
from saccade.report.sections import make_page
from tests.report.draw_runs import Drawn, draw_runs, make_plates

VOID = {"meta", "link", "img", "br", "wbr", "hr", "input", "path", "circle"}
SCRIPT = "/* the libraries */"


class Html(HTMLParser):
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


def read_images(hardest: Hardest) -> dict[str, bytes]:
    return {answer.id: b"\xff\xd8 a picture" for answer in hardest.answers}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    folders = draw_runs(
        folder, [*make_plates(), Drawn("baseline", 0.7, task="classify", series="cifar", num_validations=12)]
    )
    append_note(folders[0], "Is <b>this</b> bold?\n& the next line")
    return folder


def render(folder: Path, language: Language = "en") -> str:
    return render_html(make_page(read_report(folder), LANGUAGES[language], read_images), SCRIPT)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_is_valid_and_accessible(runs: Path, language: Language) -> None:
    text = render(runs, language)
    page = Html(text)
    assert page.open == []
    assert text.startswith("<!DOCTYPE html>")
    assert page.named("html") == [{"lang": language}]
    assert len(page.named("h1")) == len(page.named("title")) == len(page.named("main")) == 1
    assert all(image["alt"] for image in page.named("img")) and page.named("img")
    assert all(svg["aria-label"] for svg in page.named("svg")) and page.named("svg")
    assert all(cell.get("scope") in ("col", "row") for cell in page.named("th"))
    assert len(page.named("caption")) == len(page.named("table"))
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_asks_nothing_of_another_machine(runs: Path) -> None:
    text = render(runs)
    page = Html(text)
    sources = [value for _, tag in page.tags for name, value in tag.items() if name in ("src", "href")]
    assert all(value is None or value.startswith(("data:", "#")) for value in sources)
    assert set(re.findall(r"[a-z]+://[^\"]*", text)) == {"https://vega.github.io/schema/vega-lite/v6.json"}  # a name
    assert "@import" not in text and re.findall(r"url\((?!#)", text) == []
    [policy] = [tag["content"] for tag in page.named("meta") if "http-equiv" in tag]
    assert policy is not None and policy.startswith("default-src 'none'")


def test_every_chart_has_its_specification_and_its_words(runs: Path) -> None:
    text = render(runs)
    page = Html(text)
    plots = [tag for tag in page.named("div") if "data-spec" in tag]
    specs = dict(re.findall(r'<script type="application/json" id="([^"]*)">(.*?)</script>', text, re.DOTALL))
    assert len(plots) == len(specs) == 9
    for plot in plots:
        assert plot["role"] == "img" and plot["aria-label"]
        assert json.loads(specs[str(plot["data-spec"])])["$schema"].endswith("vega-lite/v6.json")
    assert text.count(SCRIPT) == 1


def test_what_people_wrote_is_text(runs: Path) -> None:
    text = render(runs)
    assert "<blockquote>Is &lt;b&gt;this&lt;/b&gt; bold?\n&amp; the next line</blockquote>" in text


def test_names_cannot_leave_a_script(tmp_path: Path) -> None:
    draw_runs(
        tmp_path, [Drawn("<script>alert(1)<|script>", 0.5, num_validations=12), Drawn("b", 0.4, num_validations=12)]
    )
    assert "<script>alert" not in render(tmp_path)


def test_shows_light_dark_and_print(runs: Path) -> None:
    text = render(runs)
    assert "prefers-color-scheme: dark" in text and "@media print" in text


def test_what_is_wrong_with_a_file_is_marked_as_english_on_a_korean_page(tmp_path: Path) -> None:
    parent = Drawn("baseline", 0.4, num_validations=12)
    *_, last = draw_runs(tmp_path, [parent, replace(parent, name="exp1", share=0.6, parents=("baseline",))])
    assert 'lang="en"' not in render(tmp_path, "ko")
    (last / "predictions" / "val.jsonl.gz").write_bytes(b"")
    assert '<span lang="en">' in render(tmp_path, "ko") and '<span lang="en">' not in render(tmp_path)


# Blocks


def render_blocks(*blocks: object) -> str:
    page = Page("en", "T", [Heading(1, "T"), *blocks], "F", "no script")  # type: ignore[list-item]  # blocks of any kind
    return render_html(page, SCRIPT)


def test_a_page_without_charts_has_no_script() -> None:
    assert "<script>" not in render_blocks(Paragraph(("x",)))


def test_right_and_wrong_answers_differ_without_colour() -> None:
    text = render_blocks(
        Pictures(
            [
                Picture(b"\x89PNG x", "Plate AB", "AB", [("right",)], "right"),
                Picture(None, "Plate CD", "CX", [("truth CD",)], "wrong"),
            ]
        )
    )
    assert "\N{CHECK MARK} AB" in text and "\N{BALLOT X} CX" in text
    assert text.count("<img ") == 1 and 'src="data:image/png;base64,' in text


def test_blocks_are_escaped_and_coloured_by_their_tone() -> None:
    text = render_blocks(
        Verdict("not shown", (Strong("a<b"),), "not_shown"),
        Paragraph((Code("train.batch_size"), " & more"), "note"),
        Said(("me",), "a\n<b>"),
        Commands("saccade new <FOLDER>"),
        Drawing(b"\x89PNG", 'the "matrix"'),
    )
    assert '<div class="verdict not_shown"><strong>not shown</strong>' in text and "<strong>a&lt;b</strong>" in text
    assert '<p class="note"><code>train.<wbr>batch<wbr>_size</code> &amp; more</p>' in text
    assert "<blockquote>a\n&lt;b&gt;</blockquote>" in text
    assert "saccade new &lt;FOLDER&gt;" in text
    assert 'alt="the &quot;matrix&quot;"' in text


def test_a_table_with_a_name_has_a_style_of_its_own() -> None:
    table = Table("caption", ("a",), frozenset(), [[[("x",)]]], name="settings")
    assert '<table class="settings">' in render_blocks(table)


def test_reports_need_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; import saccade.report.html, saccade.report.sections, saccade.report.markdown"
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
