"""Formulas on a page: how they look in the place of their tokens, the tokens below with those that are wrong, and text without either."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.commands.formula_pictures import typeset
from saccade.records.writer import RunWriter
from saccade.report.chain import read_report
from saccade.report.formulas import mark_tokens, place_formula
from saccade.report.html import render_html
from saccade.report.languages import LANGUAGES, Language
from saccade.report.markdown import render_markdown
from saccade.report.page import Formula, Page, Strong
from saccade.report.sections import Extra, make_page
from tests.report.draw_runs import Drawn, draw_run

ONE = Drawn("formulas", 0.4, num_validations=12, settings={"text.units": "tokens", "text.notation": "latex"})
ROWS = [
    ("a.png", r"\frac { x } { 2 } + 1", r"\frac { x } { 3 } + 1"),
    ("b.png", r"a + b", r"{ { {"),
    ("c.png", r"x", ""),
    ("d.png", r"x ^ 2", r"x ^ 2"),
]


def draw(folder: Path, drawn: Drawn = ONE, language: Language = "en", extra: Extra | None = None) -> Page:
    """Return the page of a run that has read these rows."""
    run = draw_run(folder, drawn)
    rows = [
        {"id": name, "target": target, "prediction": prediction, "confidence": 0.5} for name, target, prediction in ROWS
    ]
    with RunWriter.resume(run) as writer:
        writer.write_predictions("val", rows)
    return make_page(read_report(folder), LANGUAGES[language], lambda hardest: {}, extra or Extra(typeset=typeset))


def test_a_formula_is_ink_on_nothing() -> None:
    picture = typeset(r"\frac { x } { 2 }")
    assert picture is not None
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None and pixels.shape[2] == 4 and not pixels[..., :3].any()
    assert pixels[..., 3].max() == 255 and pixels[0, 0, 3] == 0
    assert typeset("{ { {") is None


@pytest.mark.parametrize(("language", "truth"), [("en", "truth "), ("ko", "정답 ")])
def test_what_was_read_and_the_truth_are_typeset_and_the_tokens_stand_below(
    tmp_path: Path, language: Language, truth: str
) -> None:
    text = render_html(draw(tmp_path, language=language), "")
    assert text.count('<img class="formula"') == 4  # of a.png both, of b.png and c.png the truth alone
    assert rf'{truth}<img class="formula" src="data:image/png;base64,' in text
    assert r'alt="\frac { x } { 2 } + 1"' in text
    assert r'<span>\frac { x } { <strong class="wrong">3</strong> } + 1</span>' in text
    assert "\N{BALLOT X} <code>{ { {</code>" in text
    assert LANGUAGES[language].nothing in text


def test_markdown_shows_tokens(tmp_path: Path) -> None:
    text = render_markdown(draw(tmp_path))
    assert r"**`\frac { x } { 3 } + 1`**: wrong; truth `\frac { x } { 2 } + 1`" in text


def test_texts_and_tokens_of_no_notation_are_texts(tmp_path: Path) -> None:
    plain = {"text.units": "tokens", "text.notation": "none"}
    text = render_html(draw(tmp_path, Drawn("plain", 0.4, num_validations=12, settings=plain)), "")
    assert '<img class="formula"' not in text and r"truth \frac { x } { 2 } + 1" in text


def test_without_somebody_who_draws_the_tokens_stand_there(tmp_path: Path) -> None:
    text = render_html(draw(tmp_path, extra=Extra()), "")
    assert '<img class="formula"' not in text and r"truth \frac { x } { 2 } + 1" in text


def test_formulas_are_hard_by_their_tokens(tmp_path: Path) -> None:
    r"""One of two tokens wrong is worse than one of seven, however many letters the commands have."""
    text = render_html(draw(tmp_path), "")
    places = [text.index(f"<small>{name}</small>") for name in ("b.png", "c.png", "a.png")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("read", "wanted", "line"),
    [
        ("a + b", "a + c", ("a +", " ", Strong("b", "wrong"))),
        ("a b", "a + b", ("a", " ", Strong("\N{MIDDLE DOT}", "wrong"), " ", "b")),
        ("a a b", "a b", ("a", " ", Strong("a", "wrong"), " ", "b")),
        ("", "a", (Strong("\N{MIDDLE DOT}", "wrong"),)),
        ("a", "a", ("a",)),
    ],
)
def test_marks_tokens_that_are_wrong_and_places_of_those_that_lack(
    read: str, wanted: str, line: tuple[str | Strong, ...]
) -> None:
    assert mark_tokens(read, wanted) == line


def test_places_a_formula_anywhere_in_a_sentence() -> None:
    formula = Formula("x", None)
    assert place_formula("truth {truth}", "truth", formula) == ("truth ", formula)
    assert place_formula("{truth} is true", "truth", formula) == (formula, " is true")
