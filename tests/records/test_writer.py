"""The writer: one process a run, whole files or none, one line for every fault of the disk."""

import errno
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from saccade.errors import InputError
from saccade.records import SCHEMA_VERSION, RunWriter, read_run
from saccade.records.writer import append_note


@contextmanager
def file_size_limited(num_bytes: int) -> Iterator[None]:
    """Let the kernel refuse to make any file longer, as a full disk does: a short write first, then an error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fail_with(number: int) -> Callable[..., NoReturn]:
    def fail(*arguments: object, **options: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


def list_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_run_has_its_folder_and_says_that_it_runs(writer: RunWriter, tmp_path: Path) -> None:
    assert writer.folder.parent == tmp_path / "runs" / "plates" / "exp10"
    assert re.fullmatch(r"\d{8}T\d{6}Z-s3-01234567(-2)?", writer.folder.name)
    assert writer.checkpoints == writer.folder / "checkpoints"
    assert writer.checkpoints.is_dir()
    status = read_run(writer.folder).status
    assert (status["schema_version"], status["state"], status["cause"]) == (SCHEMA_VERSION, "running", "")


def test_no_folder_is_used_twice(make_writer: Callable[[], RunWriter]) -> None:
    folders = [make_writer().folder for _ in range(4)]
    assert len(set(folders)) == 4
    assert any(folder.name.endswith("-01234567-2") for folder in folders)


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "/"])
def test_a_name_that_leaves_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot name a folder"):
        RunWriter.create(tmp_path, series="s", experiment=name, seed=0, recipe_hash="0" * 8)
    assert not any(tmp_path.iterdir())


def test_written_once_is_written_once(writer: RunWriter) -> None:
    writer.write_json_once("data.json", {"train": {"count": 2}})
    with pytest.raises(ValueError, match=r"data\.json is written once"):
        writer.write_json_once("data.json", {"train": {"count": 3}})
    assert read_run(writer.folder).data == {"train": {"count": 2}}


def test_a_file_may_lie_in_a_folder_of_its_own(writer: RunWriter) -> None:
    writer.write_once("figures/curve.txt", "up")
    assert (writer.folder / "figures" / "curve.txt").read_text(encoding="utf-8") == "up"


def test_status_and_metrics_are_replaced(writer: RunWriter) -> None:
    writer.write_metrics({"splits": {"val": {"cer": {"value": 0.1}}}})
    writer.write_metrics({"splits": {"val": {"cer": {"value": 0.2}}}})
    writer.write_status("failed", "the loss is not finite at step 7", step=7)
    run = read_run(writer.folder)
    assert run.metrics == {"splits": {"val": {"cer": {"value": 0.2}}}}
    assert (run.status["state"], run.status["cause"], run.status["step"]) == (
        "failed",
        "the loss is not finite at step 7",
        7,
    )


def test_the_same_predictions_make_the_same_bytes(writer: RunWriter) -> None:
    rows = [{"id": "가.png", "target": "A", "prediction": "B", "confidence": 0.5}]
    first = writer.write_predictions("val", rows).read_bytes()
    assert writer.write_predictions("val", iter(rows)).read_bytes() == first
    assert first[4:8] == bytes(4), "the archive holds the time it was made"
    assert read_run(writer.folder).predictions("val") == rows


def test_no_draft_is_left_behind(writer: RunWriter) -> None:
    writer.write_predictions("val", [])
    assert not [name for name in list_files(writer.folder) if "draft" in name]


def test_a_closed_writer_writes_nothing(writer: RunWriter) -> None:
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.append({"step": 1})
    with pytest.raises(ValueError, match="closed"):
        writer.write_status("finished")


# One writer


def test_a_second_writer_is_refused_and_told_who_writes(writer: RunWriter) -> None:
    with pytest.raises(InputError, match=f"is being written by process {os.getpid()}: "):
        RunWriter.resume(writer.folder)
    writer.append({"step": 1})
    assert len(read_run(writer.folder).history()) == 1


def test_a_second_process_is_refused_and_a_killed_one_frees_the_run(writer: RunWriter) -> None:
    folder = writer.folder
    writer.close()
    holder = "import sys, os; from pathlib import Path; from saccade.records import RunWriter\n"
    # The child that it forks outlives it, as a loader's worker may; the run is free all the same.
    holder += "held = RunWriter.resume(Path(sys.argv[1])); child = os.fork()\n"
    holder += (
        "os.write(1, b'%d\\n' % child); import time; time.sleep(60)"  # 0 from the child, which has closed its copy then
    )
    with subprocess.Popen([sys.executable, "-c", holder, folder], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker = max(int(process.stdout.readline()) for _ in range(2))
        try:
            with pytest.raises(InputError, match=f"by process {process.pid}: "):
                RunWriter.resume(folder)
            process.kill()
            process.wait()
            RunWriter.resume(folder).close()
        finally:
            process.kill()
            os.kill(worker, 9)


# Resume


def test_resume_goes_on_with_a_whole_line_after_a_torn_one(writer: RunWriter) -> None:
    writer.append({"step": 1})
    writer.write_status("stopped", "SIGTERM")
    writer.close()
    with (writer.folder / "history.jsonl").open("ab") as file:
        file.write(b'{"step": 2, "lo')
    with RunWriter.resume(writer.folder) as resumed:
        assert read_run(writer.folder).status["state"] == "stopped"
        resumed.append({"event": "resume", "step": 1})
        resumed.append({"step": 2})
    content = (writer.folder / "history.jsonl").read_text(encoding="utf-8")
    assert content == '{"step": 1}\n{"event": "resume", "step": 1}\n{"step": 2}\n'


def test_resume_keeps_a_history_without_a_torn_line(writer: RunWriter) -> None:
    writer.append({"step": 1})
    writer.close()
    RunWriter.resume(writer.folder).close()
    assert read_run(writer.folder).history() == [{"step": 1}]


def test_resume_refuses_what_is_no_run_and_leaves_it_alone(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="is not a run folder"):
            RunWriter.resume(folder)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["recipe.toml", "environment.json", "preprocessing.json", "history.jsonl"])
def test_resume_refuses_a_half_written_run_and_names_what_is_missing(writer: RunWriter, name: str) -> None:
    writer.close()
    (writer.folder / name).unlink()
    before = list_files(writer.folder)
    with pytest.raises(InputError, match=f"is half written, it lacks {re.escape(name)}: "):
        RunWriter.resume(writer.folder)
    assert list_files(writer.folder) == before


# The disk


def test_a_full_disk_leaves_the_history_whole(writer: RunWriter) -> None:
    writer.append({"step": 1})
    path = writer.folder / "history.jsonl"
    whole = path.read_bytes()
    with file_size_limited(len(whole) + 5), pytest.raises(InputError) as caught:
        writer.append({"step": 2, "loss": 0.25})
    assert str(path) in str(caught.value)
    assert path.read_bytes() == whole
    writer.append({"step": 3})
    assert [row["step"] for row in read_run(writer.folder).history()] == [1, 3]


def test_a_full_disk_never_replaces_a_good_file_by_half_of_one(writer: RunWriter) -> None:
    writer.write_metrics({"splits": {}})
    writer.write_predictions("val", [{"id": "1", "target": "A", "prediction": "B", "confidence": 0.5}])
    before = list_files(writer.folder)
    with file_size_limited(20):
        with pytest.raises(InputError, match=r"metrics\.json cannot be written"):
            writer.write_metrics({"splits": {}, "x": "x" * 100})
        with pytest.raises(InputError, match=r"val\.jsonl\.gz cannot be written"):
            writer.write_predictions("val", [{"id": str(number)} for number in range(1000)])
        with pytest.raises(InputError, match=r"notes\.md cannot be written"):
            writer.write_once("notes.md", "x" * 100)
    assert list_files(writer.folder) == before
    assert read_run(writer.folder).metrics == {"splits": {}}
    assert read_run(writer.folder).predictions("val") == [
        {"id": "1", "target": "A", "prediction": "B", "confidence": 0.5}
    ]


@pytest.mark.parametrize(
    ("number", "cure"),
    [(errno.ENOSPC, "free space"), (errno.EROFS, "can be written"), (errno.EACCES, "allow"), (errno.EIO, "--runs")],
)
def test_each_fault_of_the_disk_is_one_line_with_file_and_cure(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch, number: int, cure: str
) -> None:
    monkeypatch.setattr(os, "fsync", fail_with(number))
    with pytest.raises(InputError) as caught:
        writer.write_status("finished")
    message = str(caught.value)
    assert str(writer.folder / "status.json") in message
    assert os.strerror(number) in message
    assert cure in message
    assert "--runs" in message
    assert "\n" not in message
    assert read_run(writer.folder).status["state"] == "running"


def test_a_disk_that_is_full_at_the_start_leaves_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", fail_with(errno.ENOSPC))
    with pytest.raises(InputError, match="free space"):
        RunWriter.create(tmp_path, series="s", experiment="e", seed=0, recipe_hash="0" * 8)
    assert not any((tmp_path / "s" / "e").iterdir())


def test_a_place_that_cannot_be_written_is_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a part of this path is a file"):
        RunWriter.create(tmp_path / "file" / "runs", series="s", experiment="e", seed=0, recipe_hash="0" * 8)
    monkeypatch.setattr(Path, "mkdir", fail_with(errno.EROFS))
    with pytest.raises(InputError, match="Read-only file system"):
        RunWriter.create(tmp_path / "runs", series="s", experiment="e", seed=0, recipe_hash="0" * 8)
    assert list_files(tmp_path) == {"file"}


def test_a_figure_is_replaced_and_its_name_is_a_file_name(make_writer) -> None:
    writer = make_writer()
    writer.write_figure("val_confusion.png", b"old")
    assert writer.write_figure("val_confusion.png", b"new").read_bytes() == b"new"
    with pytest.raises(ValueError, match="cannot name a figure"):
        writer.write_figure("../x.png", b"")


# Notes


def test_notes_are_appended_while_the_run_is_written(writer: RunWriter) -> None:
    path = append_note(writer.folder, "first")
    append_note(writer.folder, "second\nof two lines")
    assert path == writer.folder / "notes.md"
    assert [note.text for note in read_run(writer.folder).notes()] == ["first", "second\nof two lines"]


@pytest.mark.parametrize("end", ["by hand", "by hand\n", "by hand\n\n"])
def test_a_note_never_joins_the_line_above_it(writer: RunWriter, end: str) -> None:
    (writer.folder / "notes.md").write_text(end)
    append_note(writer.folder, "added")
    assert (writer.folder / "notes.md").read_text().startswith("by hand\n\n## ")
    assert [note.text for note in read_run(writer.folder).notes()] == ["by hand", "added"]


def test_only_a_run_is_noted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run folder"):
        append_note(tmp_path, "x")
    assert list_files(tmp_path) == set()


def test_a_note_that_cannot_be_written_names_the_file(writer: RunWriter) -> None:
    (writer.folder / "notes.md").mkdir()
    with pytest.raises(InputError, match=r"notes\.md cannot be written \(Is a directory\): allow writing there"):
        append_note(writer.folder, "x")
