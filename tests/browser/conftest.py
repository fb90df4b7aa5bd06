"""A real Chromium, and the pages that it opens: a series with everything odd in it, in both languages."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright

from saccade.records.writer import RunWriter, append_note
from saccade.report.chain import read_report
from saccade.report.hardest import Hardest
from saccade.report.html import render_html
from saccade.report.languages import LANGUAGES
from saccade.report.script import Script
from saccade.report.sections import make_page
from tests.report.draw_runs import Drawn, draw_runs, make_plates

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_browser() -> str:
    """Return the browser that $SACCADE_CHROMIUM names, or else the first that is installed."""
    found = os.environ.get("SACCADE_CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium: install it (apt-get install chromium), or set SACCADE_CHROMIUM to where it is")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        yield opened
        opened.close()


def draw_images(hardest: Hardest) -> Mapping[str, bytes]:
    """Draw what the answers are about, so that the pages have pictures."""

    def draw(text: str) -> bytes:
        image = np.full((64, 240, 3), 235, np.uint8)
        cv2.putText(image, text, (10, 42), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (30, 30, 30), 2)
        return bytes(cv2.imencode(".png", image)[1])

    return {answer.id: draw(answer.target) for answer in hardest.answers}


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Language -> page; "many" -> the page of a hundred runs of several series."""
    folder = tmp_path_factory.mktemp("pages")
    folders = draw_runs(folder / "plates", make_plates())
    append_note(folders[0], "The loss is flat after epoch 20.\nLook at the learning rate first.")
    append_note(folders[-1], "천장이 그대로다. 다음은 증강을 약하게.")
    with RunWriter.resume(folders[-1]) as writer:
        writer.write_figure(
            "val_confusion.png", cv2.imencode(".png", np.full((200, 300, 3), 200, np.uint8))[1].tobytes()
        )
    many = [Drawn(f"exp{number}", 0.5 + number / 100, task=task, series=task, num_validations=20, seeds=(0, 1))
            for task in ("read", "classify") for number in range(25)]  # fmt: skip
    draw_runs(folder / "many", many)
    with Script() as making:
        reports = {"en": read_report(folder / "plates"), "many": read_report(folder / "many")}
        script = making.read()
    reports["ko"] = reports["en"]
    found = {}
    for name, report in reports.items():
        page = make_page(report, LANGUAGES["ko" if name == "ko" else "en"], draw_images)
        found[name] = folder / f"{name}.html"
        found[name].write_text(render_html(page, script), encoding="utf-8")
    return found
