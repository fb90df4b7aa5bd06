"""The page from top to bottom: result, problems, chain, tables, curves, images, notes, runs; and what a caller adds."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from saccade.errors import InputError
from saccade.records.writer import RunWriter, append_note
from saccade.report.chain import read_report
from saccade.report.hardest import Hardest
from saccade.report.languages import LANGUAGES
from saccade.report.page import Bullets, Charts, Commands, Drawing, Heading, Page, Paragraph, Pictures, Said, Verdict
from saccade.report.sections import Extra, make_page
from tests.report.draw_runs import Drawn, draw_run, draw_runs, make_plates

WORDS = LANGUAGES["en"]
Kind = TypeVar("Kind")
BASE = Drawn("baseline", 0.3, num_validations=12)
CHILD = replace(BASE, name="exp1", share=0.9, parents=("baseline",), settings={"train.batch_size": 64})


def some_images(hardest: Hardest) -> Mapping[str, bytes]:
    return {hardest.answers[0].id: b"\xff\xd8"}


def no_images(hardest: Hardest) -> Mapping[str, bytes]:
    raise InputError("the disk is away")


def make(
    folder: Path, read_images: Callable[[Hardest], Mapping[str, bytes]] = some_images, extra: Extra | None = None
) -> Page:
    return make_page(read_report(folder), WORDS, read_images, extra)


def headings(page: Page) -> list[tuple[int, str]]:
    return [(block.level, block.text) for block in page.blocks if isinstance(block, Heading)]


def only(page: Page, kind: type[Kind]) -> Kind:
    [found] = [block for block in page.blocks if isinstance(block, kind)]
    return found


def said(page: Page) -> str:
    return "\n".join(str(block.line) for block in page.blocks if isinstance(block, Paragraph))


def test_one_step_has_its_verdict_on_top(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, CHILD])
    verdict = only(make(tmp_path), Verdict)
    assert (verdict.word, verdict.tone) == ("better", "better")
    assert "baseline → exp1: exact_match" in str(verdict.line)


def test_a_chain_has_its_best_and_what_the_steps_showed_on_top(tmp_path: Path) -> None:
    draw_runs(tmp_path, make_plates())
    page = make(tmp_path)
    verdict = only(page, Verdict)
    assert verdict.word.startswith("0.9") and "Best: exp" in str(verdict.line) and "7 steps: " in str(verdict.line)
    assert headings(page) == [
        (1, f"Report: {tmp_path.name}"),
        *((2, text) for text in ("Result", "What to know first", "The chain", "Experiments side by side", "Curves")),
        (2, "The hardest images"),
        (2, "The runs"),
    ]
    problems = str(next(block for block in page.blocks if isinstance(block, Bullets)).lines)
    for named in ("exp07 s0 failed", "exp11 s0 was validated once", "exp12 s0: history rows are missing", "exp06 is compared with exp04",
                  "Not all experiments were validated on the same images (2 sets"):  # fmt: skip
        assert named in problems


def test_a_value_of_a_run_that_goes_on_is_the_best_so_far(tmp_path: Path) -> None:
    draw_runs(tmp_path, [replace(BASE, odd="running"), replace(CHILD, odd="running", parents=())])
    assert "Best so far: exp1, exact_match" in str(only(make(tmp_path), Verdict).line)


def test_short_names_of_charts_are_explained(tmp_path: Path) -> None:
    long = "recipe-of-the-third-attempt"
    draw_runs(tmp_path, [BASE, replace(CHILD, name=long)])
    assert said(make(tmp_path)).count(f"recipe-of-the… #2 = {long}") == 2  # below the overview and above the curves


def test_one_step_of_more_experiments_is_one_step(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, CHILD, replace(CHILD, name="exp9", parents=("gone",))])
    line = str(only(make(tmp_path), Verdict).line)
    assert "1 step: 1 better, 0 worse" in line


def test_a_folder_of_several_series_has_a_heading_each(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, replace(BASE, series="cifar", task="classify")])
    page = make(tmp_path)
    assert [text for level, text in headings(page) if level == 2] == ["cifar", "plates"]
    assert [text for level, text in headings(page) if level == 3].count("Result") == 2
    assert [text for level, text in headings(page) if level == 3].count("What to know first") == 2
    assert "'series ', Strong(text='2'" in said(page).replace('"', "'")


def test_images_at_hand_are_shown_and_others_are_told(tmp_path: Path) -> None:
    draw_run(tmp_path, BASE)
    pictures = only(make(tmp_path), Pictures).pictures
    assert [picture.image for picture in pictures[:2]] == [b"\xff\xd8", None]
    assert "the disk is away" not in said(make(tmp_path))
    without = make(tmp_path, no_images)
    assert "not at hand, so there is text alone: the disk is away." in said(without)
    assert {picture.image for picture in only(without, Pictures).pictures} == {None}


def test_without_mistakes_no_image_is_hardest(tmp_path: Path) -> None:
    folder = draw_run(tmp_path, BASE)
    with RunWriter.resume(folder) as writer:
        writer.write_predictions("val", [{"id": "a", "target": "A", "prediction": "A", "confidence": 1.0}])
    page = make(tmp_path, no_images)
    assert "baseline, seed 0, has all 1 validation images right." in said(page)
    (folder / "predictions" / "val.jsonl.gz").unlink()
    assert "No run keeps predictions" in said(make(tmp_path, no_images))


def test_pictures_of_the_record_are_shown_unless_they_are_too_large(tmp_path: Path) -> None:
    folder = draw_run(tmp_path, replace(BASE, task="classify"))
    with RunWriter.resume(folder) as writer:
        writer.write_figure("val_confusion.png", b"\x89PNG small")
        writer.write_figure("val_extremes.png", b"\x89PNG" + b"x" * 400_000)
    page = make(tmp_path)
    drawing = only(page, Drawing)
    assert (drawing.image, drawing.alt) == (b"\x89PNG small", "val confusion of baseline")
    assert "Too large for the page: figures/val_extremes.png." in said(page)


def test_a_note_on_an_experiment_stands_once_whatever_the_number_of_its_runs(tmp_path: Path) -> None:
    folders = draw_runs(tmp_path, [replace(BASE, seeds=(0, 1, 2))])
    append_note(folders[0].parent, "All three are flat.")
    note = only(make(tmp_path), Said)
    assert note.text == "All three are flat."
    assert "baseline, all its runs" in str(note.title) and "UTC" in str(note.title)


def test_notes_stand_with_run_and_time(tmp_path: Path) -> None:
    folder = draw_run(tmp_path, BASE, seed=3)
    append_note(folder, "Two\nlines")
    note = only(make(tmp_path), Said)
    assert note.text == "Two\nlines"
    assert "baseline, seed 3" in str(note.title) and "UTC" in str(note.title)


def test_a_run_without_a_validation_has_no_value_and_a_page(tmp_path: Path) -> None:
    draw_run(tmp_path, replace(BASE, odd="no_validation"))
    page = make(tmp_path)
    assert "No run has been validated yet" in said(page)
    assert [chart.name for chart in only(page, Charts).charts] == ["loss", "rate"]


def test_a_caller_adds_a_title_and_an_end(tmp_path: Path) -> None:
    draw_run(tmp_path, BASE)
    page = make(tmp_path, extra=Extra("A question?", [Commands("saccade new FOLDER")]))
    assert page.title == "A question?" and headings(page)[0] == (1, "A question?")
    assert isinstance(page.blocks[-1], Commands)


@pytest.mark.parametrize("task", ["read", "classify"])
def test_both_tasks_have_a_page(tmp_path: Path, task: str) -> None:
    draw_runs(tmp_path, [replace(BASE, task=task), replace(CHILD, task=task)])
    page = make(tmp_path)
    assert only(page, Verdict).word == "better"
    assert len(only(page, Pictures).pictures) > 0
