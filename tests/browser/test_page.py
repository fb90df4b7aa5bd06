"""The report in a real browser: it draws, asks nobody, can be read by everyone, answers to the pointer, and prints."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.slow

Scheme = Literal["light", "dark"]
MOST_BYTES = 3_000_000


@dataclass
class Opened:
    """A page whose charts are drawn, with what the browser said and asked for meanwhile."""

    page: Page
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


Open = Callable[..., Opened]


@pytest.fixture
def open_page(browser: Browser, pages: dict[str, Path]) -> Iterator[Open]:
    contexts = []

    def open_it(name: str = "en", scheme: Scheme = "light", width: int = 1240, *, script: bool = True) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("console", lambda message: opened.said.append(f"{message.type}: {message.text}"))
        opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.goto(pages[name].as_uri())
        if script:
            expect(opened.page.locator(".plot svg.marks")).to_have_count(
                opened.page.locator(".plot").count(), timeout=60_000
            )
        return opened

    yield open_it
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["en", "ko", "many"])
def test_it_draws_without_a_word_asks_nobody_and_everyone_can_read_it(
    open_page: Open, pages: dict[str, Path], name: str, scheme: Scheme
) -> None:
    opened = open_page(name, scheme)
    assert opened.said == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [pages[name].as_uri()]
    assert pages[name].stat().st_size < MOST_BYTES
    found = Axe().run(opened.page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


def test_the_browser_is_forbidden_to_ask_anybody(open_page: Open) -> None:
    opened = open_page()
    blocked = "fetch('http://127.0.0.1:9/').then(() => 'asked', (error) => error.name)"
    assert opened.page.evaluate(blocked) == "TypeError"
    assert any("Content Security Policy" in said for said in opened.said)


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        ("validation", ("experiment", "exp", "seed", "epochs", "exact_match")),
        ("loss", ("exp", "loss")),
        ("overview", ("exp12", "best")),
    ],
)
def test_curves_answer_to_the_pointer(open_page: Open, chart: str, said: tuple[str, ...]) -> None:
    page = open_page().page
    plot = page.locator(f".chart.{chart} .plot")
    plot.scroll_into_view_if_needed()
    tooltip = page.locator("#vg-tooltip-element")
    if chart == "overview":
        plot.locator("svg.marks path[aria-roledescription='point']").last.hover()  # the uppermost mark
    else:
        box = plot.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
    expect(tooltip).to_have_class(re.compile(r"\bvisible\b"))
    for word in said:
        expect(tooltip).to_contain_text(word)
    page.mouse.move(2, 2)
    expect(tooltip).not_to_have_class(re.compile(r"\bvisible\b"))


def test_dark_and_light_differ_in_page_and_curves(open_page: Open) -> None:
    colour = "(element) => getComputedStyle(element).stroke"
    background = "getComputedStyle(document.body).backgroundColor"
    found = []
    for scheme in ("light", "dark"):
        page = open_page("en", scheme).page
        line = page.locator(".chart.validation path[aria-roledescription='line mark']").first
        found.append((page.evaluate(background), line.evaluate(colour)))
    assert found[0][0] != found[1][0] and found[0][1] != found[1][1]
    assert all(stroke.startswith("rgb") for _, stroke in found)


def test_paper_is_white_and_charts_fit_on_it(open_page: Open) -> None:
    page = open_page("en", "dark").page
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    expect(page.locator(".charts")).to_have_css("display", "block")
    widths = "[...document.querySelectorAll('.plot svg')].map((svg) => Number(svg.getAttribute('width')))"
    before = page.evaluate(widths)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert all(600 < width < 680 for width in page.evaluate(widths))
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(widths) == before


@pytest.mark.parametrize("width", [360, 1240])
def test_nothing_is_wider_than_the_window(open_page: Open, width: int) -> None:
    page = open_page("ko", "light", width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_long_settings_wrap_in_their_column(open_page: Open) -> None:
    page = open_page("en").page
    page.eval_on_selector_all(
        "table.settings tbody tr:first-child td",
        "cells => cells.forEach(cell => cell.textContent = 'ABCDEFGHJK'.repeat(6))",
    )
    widths = page.eval_on_selector("table.settings", "one => [one.scrollWidth, one.parentElement.clientWidth]")
    assert widths[0] <= widths[1]


def test_without_a_script_the_numbers_are_there_and_it_is_said(open_page: Open) -> None:
    page = open_page(script=False).page
    expect(page.locator(".plot").first).to_contain_text("The numbers are in the tables")
    expect(page.locator("table").first).to_contain_text("exp09")
    expect(page.locator(".plot svg")).to_have_count(0)
