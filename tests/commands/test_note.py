"""`saccade note` keeps what people write, and the report shows it."""

from pathlib import Path

import pytest

from saccade.cli import run
from saccade.records.reader import read_run
from tests.report.draw_runs import Drawn, draw_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return draw_run(tmp_path / "runs", Drawn("exp1", 0.5, num_validations=12))


def test_notes_are_kept_line_by_line_and_shown_in_the_report(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["note", str(folder), "Flat after epoch 20.\n다음은 증강을 약하게."]) == 0
    assert run(["note", str(folder), "--", "-- and again"]) == 0
    assert capsys.readouterr().out == f"{folder / 'notes.md'}\n" * 2
    assert [note.text for note in read_run(folder).notes()] == [
        "Flat after epoch 20.\n다음은 증강을 약하게.",
        "-- and again",
    ]
    assert run(["report", str(folder), "--out", str(tmp_path / "page.md")]) == 0
    assert "> 다음은 증강을 약하게." in (tmp_path / "page.md").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the note is empty: write what is to be kept after the run, in quotes"),
        (" \n ", "the note is empty"),
        ("\x1b[31mred", "the note holds U+001B, which no page can show: leave it out"),
    ],
)
def test_what_is_no_note_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    assert run(["note", str(folder), text]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"saccade: {message}") and printed.err.count("\n") == 1
    assert not (folder / "notes.md").exists()


def test_a_note_on_an_experiment_lies_beside_its_runs(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["note", str(folder.parent), "All its seeds are flat."]) == 0
    assert capsys.readouterr().out == f"{folder.parent / 'notes.md'}\n"
    assert read_run(folder).notes() == []
    assert run(["report", str(folder), "--out", str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text().count("> All its seeds are flat.") == 1


@pytest.mark.parametrize("name", [".", "runs", "recipe.toml"])
def test_what_is_neither_run_nor_experiment_says_what_is(
    folder: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.toml").write_text("")
    assert run(["note", str(tmp_path / name), "x"]) == 2
    error = capsys.readouterr().err
    assert "is not a run folder and no run lies in it" in error and "for a note on all runs of the experiment" in error
    assert error.count("\n") == 1


def test_an_empty_path_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["note", "", "x"]) == 2
    assert "Invalid value for 'RUN-OR-EXPERIMENT': it is empty" in capsys.readouterr().err
