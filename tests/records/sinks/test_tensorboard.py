"""Event files, read back by TensorBoard's own reader."""

import struct
from pathlib import Path
from typing import Any

import pytest

from saccade.records.sinks.guard import Guard
from saccade.records.sinks.tensorboard import TensorBoardSink
from saccade.records.writer import RunWriter

METRICS = {"splits": {"val": {"cer": {"value": 0.125, "n": 4}}}, "selection": {"metric": "cer", "best": 0.125}}


def read_events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    return accumulator


def points(folder: Path, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in read_events(folder).Scalars(name)]


def show(folder: Path, *rows: dict[str, Any], earlier: Any = None, state: str | None = "finished") -> dict[str, Any]:
    sink = TensorBoardSink()
    where = sink.open(folder, earlier)
    for row in rows:
        sink.watch(row)
    sink.drop() if state is None else sink.close(state)  # None: killed
    return where


def log(*steps: int) -> list[dict[str, Any]]:
    return [{"step": step, "epoch": 0, "seconds": 1.0, "loss": 8.0 / step, "learning_rate": 0.5} for step in steps]


def validation(step: int, cer: float) -> dict[str, Any]:
    views = {view: {"cer": cer} for view in ("val", "train_clean", "train_augmented")}
    return {"event": "validation", "step": step, "epoch": 1, "seconds": 1.0, **views}


def test_scalars_have_the_names_and_steps_of_the_history(writer: RunWriter) -> None:
    writer.write_metrics(METRICS)
    where = show(writer.folder, {"event": "start", "step": 0}, *log(1, 2), validation(2, 0.25), *log(4))
    assert where == {"folder": "tensorboard"}
    assert points(writer.folder, "loss") == [(1, 8.0), (2, 4.0), (4, 2.0)]
    assert points(writer.folder, "val/cer") == [(2, 0.25)]
    assert points(writer.folder, "final/val/cer") == points(writer.folder, "selection/best") == [(4, 0.125)]
    names = ["learning_rate", "loss", "selection/best", "final/val/cer"]
    names += [f"{view}/cer" for view in ("val", "train_clean", "train_augmented")]
    assert sorted(read_events(writer.folder).Tags()["scalars"]) == sorted(names)


def test_the_recipe_is_text_and_hyperparameters(writer: RunWriter) -> None:
    show(writer.folder, state="failed")
    events = read_events(writer.folder)
    assert events.SummaryMetadata("recipe").plugin_data.plugin_name == "text"
    (text,) = events.Tensors("recipe")
    assert '    charset = "가京A"\n' in text.tensor_proto.string_val[0].decode()
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    held = HParamsPluginData.FromString(content).session_start_info.hparams
    assert held["seed"].number_value == 3 and held["text.charset"].string_value == "가京A"


@pytest.mark.parametrize("state", ["stopped", None], ids=["stopped", "killed"])
def test_a_resume_takes_back_the_steps_that_are_taken_again(state: str | None, writer: RunWriter) -> None:
    """Stopped after step 5, checkpoint at 3; the file's last record is torn in the kill."""
    show(writer.folder, *log(1, 2, 3), validation(3, 0.5), *log(4, 5), state=state)
    if state is None:
        (file,) = (writer.folder / "tensorboard").iterdir()
        file.write_bytes(file.read_bytes() + struct.pack("<Q", 40) + b"torn")
    again = [{"event": "resume", "step": 3}, *log(4, 5, 6)]
    writer.write_metrics(METRICS)
    show(writer.folder, *again, earlier={"folder": "tensorboard"})
    assert [step for step, _ in points(writer.folder, "loss")] == [1, 2, 3, 4, 5, 6]
    assert points(writer.folder, "val/cer") == [(3, 0.5)]
    assert len(read_events(writer.folder).Tensors("recipe")) == 1


def test_a_file_in_the_way_is_said(writer: RunWriter) -> None:
    (writer.folder / "tensorboard").write_text("")
    guard = Guard("tensorboard", TensorBoardSink)
    guard.began(writer.folder)
    guard.watch(log(1)[0])
    guard.ended("failed")
    (note,) = guard.notes()
    assert note["event"] == "sink_failed" and note["cause"].startswith("FileExistsError: ")


def test_numbers_that_are_missing_at_the_end_switch_it_off_and_the_curves_stay(writer: RunWriter) -> None:
    guard = Guard("tensorboard", TensorBoardSink)
    guard.began(writer.folder)
    guard.watch(log(1)[0])
    guard.ended("finished")  # and there is no metrics.json
    assert [note["event"] for note in guard.notes()] == ["sink", "sink_failed"]
    assert points(writer.folder, "loss") == [(1, 8.0)]
