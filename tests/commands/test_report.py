"""`saccade report`: one file on any folder of runs, without PyTorch and without the images, and one line where it cannot be."""

import csv
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.cli import run
from saccade.commands.report import read_images
from saccade.errors import InputError
from saccade.report.chain import read_report
from saccade.report.hardest import find_hardest
from tests.report.draw_runs import Drawn, draw_runs

BASE = Drawn("baseline", 0.4, num_validations=12)
CHILD = replace(BASE, name="exp1", share=0.9, parents=("baseline",), settings={"train.batch_size": 64})


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    draw_runs(tmp_path / "runs", [BASE, CHILD])
    return tmp_path / "runs"


def report(capsys: pytest.CaptureFixture[str], *arguments: object) -> Path:
    assert run(["report", *map(str, arguments)]) == 0
    return Path(capsys.readouterr().out.rstrip("\n"))


@pytest.mark.slow
def test_a_folder_of_runs_becomes_one_page_beside_them(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = report(capsys, runs)
    assert path == runs / "report.html"
    text = path.read_text(encoding="utf-8")
    assert "baseline \N{RIGHTWARDS ARROW} exp1" in text and "window.vegaEmbed=" in text
    assert 700_000 < len(text) < 3_000_000
    assert (
        report(capsys, runs, "--lang", "ko").read_text(encoding="utf-8").startswith('<!DOCTYPE html>\n<html lang="ko">')
    )


@pytest.mark.parametrize("below", [".", "plates", "plates/exp1"])
def test_any_folder_of_runs_will_do(runs: Path, capsys: pytest.CaptureFixture[str], below: str) -> None:
    text = report(capsys, runs / below, "--format", "md").read_text(encoding="utf-8")
    assert "### exp1" in text or "\N{RIGHTWARDS ARROW} exp1" in text


def test_a_run_alone_will_do(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [folder] = (runs / "plates" / "exp1").iterdir()
    path = report(capsys, folder, "--format", "md", "--lang", "ko")
    assert path == folder / "report.md"
    assert path.read_text(encoding="utf-8").startswith("# 보고서: plates/exp1\n")


def test_the_file_says_the_format(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = report(capsys, runs, "--out", tmp_path / "table.CSV")
    with path.open(encoding="utf-8", newline="") as file:
        assert [row["experiment"] for row in csv.DictReader(file)] == ["baseline", "exp1"]
    markdown = report(capsys, runs, "--out", tmp_path / "page.csv", "--format", "md")
    assert markdown.read_text(encoding="utf-8").startswith("# Report: runs\n")


def test_images_at_hand_are_shown_small(runs: Path, tmp_path: Path) -> None:
    hardest = find_hardest(read_report(runs).chains[0])
    assert hardest is not None
    names = [f"images/{number:04}.png" for number in range(100)]
    (tmp_path / "data" / "plates" / "images").mkdir(parents=True)
    (tmp_path / "data" / "plates" / "train.tsv").write_text("".join(f"{name}\tX\n" for name in names))
    wide = cv2.imencode(".png", np.full((100, 800, 3), (0, 0, 255), np.uint8))[1].tobytes()
    for name in names:
        (tmp_path / "data" / "plates" / name).write_bytes(wide)
    images = read_images(hardest, tmp_path / "data")
    assert set(images) == {answer.id for answer in hardest.answers}
    first = cv2.imdecode(np.frombuffer(images[hardest.answers[0].id], np.uint8), cv2.IMREAD_COLOR)
    assert first.shape == (40, 320, 3)
    assert first[20, 160, 2] > 240 and first[20, 160, 0] < 20  # still red: neither channel order nor size is lost
    (tmp_path / "data" / "plates" / "train.tsv").write_text("other.png\tX\n")
    with pytest.raises(InputError, match="is not among its images any more"):
        read_images(hardest, tmp_path / "data")


def test_neither_pytorch_nor_the_images_are_needed(runs: Path, tmp_path: Path) -> None:
    program = (
        "import sys\nsys.modules.update(dict.fromkeys(('torch', 'torchvision', 'timm')))\n"
        "from saccade.cli import run\nsys.exit(run(sys.argv[1:]))"
    )
    for ending in ("md", "csv"):
        out = tmp_path / f"out.{ending}"
        ended = subprocess.run(
            [sys.executable, "-c", program, "report", str(runs), "--out", str(out)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{out}\n", "")
    assert "so there is text alone" in (tmp_path / "out.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{empty}"], "holds no run: name a folder"),
        (["{empty}/nowhere"], "is not a folder"),
        (["{runs}", "--format", "pdf"], "'--format'"),
        (["{runs}", "--lang", "fr"], "'--lang'"),
        (
            ["{runs}", "--format", "csv", "--out", "{empty}"],
            "cannot be written (Is a directory); choose another place with --out",
        ),
        (
            ["{runs}", "--format", "csv", "--out", "{empty}/no/where.csv"],
            "cannot be written (No such file or directory)",
        ),
    ],
)
def test_what_cannot_be_is_one_line(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(["report", *(one.format(runs=runs, empty=tmp_path / "empty") for one in arguments)]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and printed.out == ""


def test_where_no_run_can_be_read_it_is_one_line(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in runs.rglob("history.jsonl"):
        folder.write_bytes(b"{broken\n")
    assert run(["report", str(runs), "--format", "md"]) == 2
    printed = capsys.readouterr()
    assert "holds no run that can be read: " in printed.err and printed.err.count("\n") == 1
    assert not (runs / "report.md").exists()


def test_one_unreadable_run_is_named_on_the_page(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [folder] = (runs / "plates" / "exp1").iterdir()
    shutil.copytree(folder, runs / "plates" / "exp2" / "copy")
    (runs / "plates" / "exp2" / "copy" / "status.json").write_text('{"schema_version": 99, "state": "finished"}')
    text = report(capsys, runs, "--format", "md").read_text(encoding="utf-8")
    assert re.search(r"exp2/copy is left out: .*newer", text)
