"""The reader: what a run says, whoever killed it, and one line for whatever is damaged."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from saccade.errors import InputError
from saccade.records import SCHEMA_VERSION, RunWriter, find_runs, read_run
from saccade.records.reader import State


def test_a_run_reads_back_what_was_written(writer: RunWriter) -> None:
    run = read_run(writer.folder)
    assert run.folder == writer.folder
    assert run.recipe == {"task": "read", "seed": 3, "text": {"charset": "가京A"}}
    assert run.recipe_diff == {"diff": {}, "ancestors": {}}
    assert run.environment == {"seed": 3}
    assert run.data == {"train": {"count": 2}}
    assert run.preprocessing == {"height_px": 48, "charset": "가京A"}
    assert run.metrics is None
    assert run.history() == []
    assert run.splits() == []


# History


def test_a_resume_drops_the_steps_that_were_taken_again(writer: RunWriter) -> None:
    rows = [{"step": 10}, {"event": "validation", "step": 20}, {"event": "checkpoint", "step": 20}, {"step": 30}]
    again = [{"event": "resume", "step": 20}, {"step": 30, "loss": 0.5}, {"step": 40}]
    for row in [*rows, *again]:
        writer.append(row)
    assert read_run(writer.folder).history() == [*rows[:3], *again]


def test_a_second_resume_drops_what_came_after_it_in_both_segments(writer: RunWriter) -> None:
    steps = [{"step": 1}, {"step": 2}, {"event": "resume", "step": 1}, {"step": 2}, {"step": 3}]
    for row in [*steps, {"event": "resume", "step": 0}, {"step": 1, "loss": 2.0}]:
        writer.append(row)
    assert read_run(writer.folder).history() == [{"event": "resume", "step": 0}, {"step": 1, "loss": 2.0}]


def test_events_alone_are_those_of_the_whole_history(writer: RunWriter) -> None:
    rows = [{"step": 1}, {"event": "validation", "step": 2}, {"event": "validation", "step": 4}, {"step": 5}]
    for row in [*rows, {"event": "resume", "step": 2}, {"step": 3}, {"event": "validation", "step": 4, "epoch": 2}]:
        writer.append(row)
    run = read_run(writer.folder)
    assert run.history(events_only=True) == [row for row in run.history() if "event" in row]
    assert [row.get("epoch") for row in run.history(events_only=True)] == [None, None, 2]


def test_a_damaged_event_keeps_its_line_number(writer: RunWriter) -> None:
    writer.append({"step": 1})
    with (writer.folder / "history.jsonl").open("ab") as file:
        file.write(b'{"event": \n{"step": 3}\n')
    with pytest.raises(InputError, match=r"history\.jsonl, line 2, is damaged"):
        read_run(writer.folder).history(events_only=True)


def test_a_row_without_a_step_stays(writer: RunWriter) -> None:
    writer.append({"event": "note"})
    writer.append({"event": "resume", "step": 0})
    assert len(read_run(writer.folder).history()) == 2


@pytest.mark.parametrize("tail", [b'{"step": 2, "loss"', b'{"step": 2}', b"\xea", b"{"])
def test_a_torn_last_line_is_ignored(writer: RunWriter, tail: bytes) -> None:
    writer.append({"step": 1})
    with (writer.folder / "history.jsonl").open("ab") as file:
        file.write(tail)
    assert read_run(writer.folder).history() == [{"step": 1}]


@pytest.mark.parametrize("line", [b'{"step": 2, "loss"', b"", b"[1]", b"\0\0\0"])
def test_a_damaged_line_in_the_middle_is_named(writer: RunWriter, line: bytes) -> None:
    writer.append({"step": 1})
    with (writer.folder / "history.jsonl").open("ab") as file:
        file.write(line + b'\n{"step": 3}\n')
    with pytest.raises(InputError, match=r"history\.jsonl, line 2, is damaged") as caught:
        read_run(writer.folder).history()
    assert "\n" not in str(caught.value)


def test_line_ends_of_unicode_do_not_end_a_line(writer: RunWriter) -> None:
    row = {"step": 1, "cause": "a\u2028b\x85c\nd"}
    writer.append(row)
    assert read_run(writer.folder).history() == [row]


# Predictions


def test_predictions_are_found_by_split(writer: RunWriter) -> None:
    writer.write_predictions("val", [ROW])
    writer.write_predictions("test", [])
    run = read_run(writer.folder)
    assert run.splits() == ["test", "val"]
    assert run.predictions("val") == [ROW]
    assert run.predictions("test") == []
    with pytest.raises(InputError, match=r"no predictions of split 'train' \(it has: test, val\)"):
        run.predictions("train")


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"plain", lambda content: b""])
def test_damaged_predictions_are_named(writer: RunWriter, damage: Callable[[bytes], bytes]) -> None:
    path = writer.write_predictions("val", [{"id": str(number)} for number in range(50)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"val\.jsonl\.gz is damaged"):
        read_run(writer.folder).predictions("val")


# Folders


def test_runs_are_found_in_order_of_time(make_writer: Callable[[], RunWriter], tmp_path: Path) -> None:
    folders = [make_writer().folder for _ in range(3)]
    assert find_runs(tmp_path) == sorted(folders)
    assert find_runs(folders[1]) == [folders[1]]
    (tmp_path / "empty").mkdir()
    assert find_runs(tmp_path / "empty") == []
    with pytest.raises(InputError, match="is not a folder"):
        find_runs(tmp_path / "missing")


def test_a_run_that_lost_its_status_is_found_and_says_so(make_writer: Callable[[], RunWriter], tmp_path: Path) -> None:
    lost, whole = make_writer().folder, make_writer().folder
    (lost / "status.json").unlink()
    copy = whole / "checkpoints" / "best"  # holds two files of a run, and is part of one
    copy.mkdir()
    for name in ("recipe.toml", "preprocessing.json"):
        (copy / name).write_bytes((whole / name).read_bytes())
    (tmp_path / "recipe.toml").write_text("a recipe that lies there, and nothing else")
    assert find_runs(tmp_path) == sorted([lost, whole])
    with pytest.raises(
        InputError, match=rf"{lost} lacks status\.json, by which a run is known: restore it from a copy"
    ):
        read_run(lost)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run folder"):
        read_run(tmp_path)
    (tmp_path / "status.json").write_text('{"ok": true}', encoding="utf-8")
    with pytest.raises(InputError, match="no schema_version"):
        read_run(tmp_path)


def test_a_record_of_a_newer_saccade_is_refused(writer: RunWriter) -> None:
    path = writer.folder / "status.json"
    newer = json.loads(path.read_text(encoding="utf-8")) | {"schema_version": SCHEMA_VERSION + 1}
    path.write_text(json.dumps(newer), encoding="utf-8")
    with pytest.raises(InputError, match="install a newer saccade"):
        read_run(writer.folder)


def test_a_half_written_run_names_every_missing_file(writer: RunWriter) -> None:
    for name in ("data.json", "recipe.diff.json"):
        (writer.folder / name).unlink()
    with pytest.raises(
        InputError, match=r"is half written, it lacks recipe\.diff\.json, data\.json: .*remove it, train again"
    ):
        read_run(writer.folder)


@pytest.mark.parametrize("name", ["recipe.toml", "data.json", "preprocessing.json", "history.jsonl"])
@pytest.mark.parametrize("state", ["finished", "stopped", "failed", "running"])
def test_a_run_with_weights_that_lost_a_file_is_never_to_be_removed(writer: RunWriter, name: str, state: State) -> None:
    writer.write_status(state)
    (writer.checkpoints / "best").mkdir()
    (writer.checkpoints / "best" / "model.safetensors").touch()
    (writer.folder / name).unlink()
    with pytest.raises(InputError) as caught:
        read_run(writer.folder)
    said = {"finished": "is finished", "stopped": "is stopped"}.get(state, "has trained weights")
    assert str(caught.value) == f"{writer.folder} {said} but lacks {name}: restore it from a copy of the run"


@pytest.mark.parametrize("name", ["recipe.toml", "data.json", "status.json"])
@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"= 1"])
def test_a_damaged_file_is_named(writer: RunWriter, name: str, content: bytes) -> None:
    (writer.folder / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} is damaged") as caught:
        read_run(writer.folder)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(writer: RunWriter) -> None:
    (writer.folder / "metrics.json").mkdir()
    with pytest.raises(InputError, match=r"metrics\.json cannot be read"):
        read_run(writer.folder)


def test_a_folder_may_be_a_string(writer: RunWriter) -> None:
    assert read_run(str(writer.folder)) == read_run(writer.folder)


# JSON that is whole and says something else than a record does

SPLITS = {"splits": {"val": {"count": 1, "digest": "0" * 64}}}
ODD = [
    ("recipe.toml", "", "it names no task"),
    ("recipe.toml", "seed = 3\n", "it names no task"),
    ("recipe.toml", "task = 3\n", "it names no task"),
    ("recipe.toml", "a = " + "[" * 5000, "it is nested too deeply"),
    ("recipe.toml", "a = " + "9" * 5000, "integer string conversion"),
    ("data.json", "[]", "not a JSON object"),
    ("data.json", "[" * 200_000, "it is nested too deeply"),
    ("data.json", '{"splits": []}', '"splits" is no object'),
    ("data.json", '{"splits": {"val": 3}}', '"splits.val" is no object'),
    ("data.json", '{"splits": {"val": {"count": 3}}}', '"splits.val.digest" is no text'),
    ("data.json", '{"loss": null, "non_finite": []}', '"non_finite" is no object of numbers'),
    ("data.json", '{"loss": null, "non_finite": {"loss": 3}}', '"non_finite" is no object of numbers'),
    ("metrics.json", "3", "not a JSON object"),
    ("metrics.json", '{"selection": {}}', '"splits" is no object'),
    ("metrics.json", '{"splits": {"val": []}}', '"splits.val" is no object'),
    ("metrics.json", '{"splits": {}, "selection": 3}', '"selection" is no object'),
    ("metrics.json", '{"splits": {}, "selection": {}}', '"selection.metric" is no text'),
    ("status.json", '{"schema_version": 1}', '"state" is none of running, finished, failed, stopped'),
    ("status.json", '{"schema_version": 1, "state": ["finished"]}', '"state" is none of running'),
]


@pytest.mark.parametrize(("name", "content", "says"), ODD, ids=[f"{name} {says[:30]}" for name, _, says in ODD])
def test_what_no_writer_wrote_is_named(writer: RunWriter, name: str, content: str, says: str) -> None:
    (writer.folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_run(writer.folder)
    line = str(caught.value)
    assert line.startswith(f"{writer.folder / name} is damaged (")
    assert says in line
    assert "): restore it from a copy of the run" in line


def test_a_run_of_a_task_of_ones_own_may_describe_no_data(writer: RunWriter) -> None:
    (writer.folder / "data.json").write_text(json.dumps(SPLITS), encoding="utf-8")
    assert read_run(writer.folder).data == SPLITS
    (writer.folder / "data.json").write_text("{}", encoding="utf-8")
    assert read_run(writer.folder).data == {}


@pytest.mark.parametrize("row", [b'{"event": "resume"}', b'{"event": "resume", "step": "2"}', b'{"step": [1]}'])
def test_a_row_of_the_history_with_an_odd_step_is_named(writer: RunWriter, row: bytes) -> None:
    writer.append({"step": 1})
    with (writer.folder / "history.jsonl").open("ab") as file:
        file.write(row + b"\n")
    with pytest.raises(InputError, match=r"history\.jsonl, line 2, is damaged \(\"step\" is no whole number\)"):
        read_run(writer.folder).history()


@pytest.mark.parametrize("epoch", ['"five"', "null", "NaN", "[1]"])
def test_a_row_of_the_history_with_an_odd_epoch_is_named(writer: RunWriter, epoch: str) -> None:
    writer.append({"step": 1, "epoch": 1})
    with (writer.folder / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write(f'{{"event": "validation", "step": 2, "epoch": {epoch}}}\n')
    for events_only in (False, True):
        with pytest.raises(InputError, match=r"history\.jsonl, line 2, is damaged \(\"epoch\" is no number\)"):
            read_run(writer.folder).history(events_only=events_only)


ROW = {"id": "1", "target": "A", "prediction": "B", "confidence": 0.5}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({}, "the row lacks id, target, prediction, confidence"),
        ({"id": "1", "target": "A"}, "the row lacks prediction, confidence"),
        (ROW | {"id": 3}, "id of the row is of another kind"),
        (ROW | {"target": ["A"], "prediction": None}, "target, prediction of the row is of another kind"),
        (ROW | {"confidence": "high"}, "confidence of the row is of another kind"),
        (ROW | {"confidence": True}, "confidence of the row is of another kind"),
    ],
)
def test_prediction_rows_of_another_form_are_named(writer: RunWriter, row: dict[str, object], says: str) -> None:
    path = writer.write_predictions("val", [ROW, row])
    with pytest.raises(InputError) as caught:
        read_run(writer.folder).predictions("val")
    assert str(caught.value) == f"{path}, line 2, is damaged ({says}): evaluate the split again to replace it"


def test_a_prediction_row_that_is_a_list_is_named(writer: RunWriter) -> None:
    path = writer.write_predictions("val", [ROW])
    path.write_bytes(gzip.compress(b'["1", "A"]\n'))
    with pytest.raises(InputError, match=r"line 1, is damaged \(not a JSON object\)"):
        read_run(writer.folder).predictions("val")


def test_rows_of_a_task_of_ones_own_hold_anything(writer: RunWriter) -> None:
    (writer.folder / "recipe.toml").write_text('task = "mine"\n', encoding="utf-8")
    rows: list[dict[str, object]] = [{"id": "1", "target": [[0, 1]], "prediction": None}]
    writer.write_predictions("val", rows)
    assert read_run(writer.folder).predictions("val") == rows


# Notes


def test_a_run_without_notes_has_none(writer: RunWriter) -> None:
    assert read_run(writer.folder).notes() == []


def test_notes_that_are_not_utf8_are_named(writer: RunWriter) -> None:
    (writer.folder / "notes.md").write_bytes("앞".encode("euc-kr"))
    with pytest.raises(InputError, match=r"notes\.md is not UTF-8: save it as UTF-8"):
        read_run(writer.folder).notes()
