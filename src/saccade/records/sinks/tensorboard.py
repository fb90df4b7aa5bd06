"""TensorBoard event files in RUN/tensorboard, by TensorBoard's own protocol buffers; needs no PyTorch.

One file a segment of the run. A segment that goes on from a step takes back what the one before it showed of later ones.
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from saccade.records.sinks.base import Row, Sink, flatten, name_curves, read_recipe, read_results

_FOLDER = "tensorboard"
_PREFIX = "events.out.tfevents."


class TensorBoardSink(Sink):
    """Scalars under the names of the history, the recipe as text and as hyperparameters, the final numbers."""

    name = "tensorboard"

    def __init__(self) -> None:
        """Open nothing yet."""
        self._file: BufferedWriter | None = None

    def open(self, folder: Path, earlier: Row | None) -> dict[str, object]:
        """Begin a file of its own, after those of earlier segments."""
        self._run, self._step = folder, 0
        events = folder / _FOLDER
        events.mkdir(exist_ok=True)
        # Read in the order of their names, so a file is never named as if it were older than one that is there.
        stamps = [int(path.name.removeprefix(_PREFIX).partition(".")[0]) for path in events.glob(f"{_PREFIX}*")]
        stamp = max([int(time.time()), *(stamp + 1 for stamp in stamps)])
        self._file = (events / f"{_PREFIX}{stamp:010d}.{socket.gethostname()}.{os.getpid()}").open("xb")
        self._writer = RecordWriter(self._file)
        self._write(Event(file_version="brain.Event:2"))
        if earlier is None:
            self._write_recipe()
        return {"folder": _FOLDER}

    def watch(self, row: Row) -> None:
        """Write a row's scalars; a resume takes back those of later steps."""
        if row.get("event") == "resume":
            # every event from this step on is forgotten, and those of the step itself stay
            self._write(Event(step=row["step"] + 1, session_log=SessionLog(status=SessionLog.START)))
        self._step = row.get("step", self._step)
        self._write_scalars(name_curves(row))

    def close(self, state: str) -> None:
        """Write the final numbers of a finished run and end the file."""
        if state == "finished":
            results = read_results(self._run)
            self._write_scalars({name: value for name, value in results.items() if isinstance(value, int | float)})
        self._writer.close()

    def drop(self) -> None:
        """Close the file as it is."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _write_recipe(self) -> None:
        text = (self._run / "recipe.toml").read_text(encoding="utf-8")
        markdown = "".join(f"    {line}\n" for line in text.splitlines())
        value = Summary.Value(
            tag="recipe",
            metadata=SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text")),
            tensor=TensorProto(dtype=DT_STRING, tensor_shape=TensorShapeProto(), string_val=[markdown.encode()]),
        )
        self._write(Event(summary=Summary(value=[value])))
        self._write(Event(summary=hparams_pb(dict(_list_hparams(read_recipe(self._run))))))

    def _write_scalars(self, values: dict[str, float]) -> None:
        if values:
            scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
            self._write(Event(step=self._step, summary=Summary(value=scalars)))

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self._writer.write(event.SerializeToString())
        self._writer.flush()  # rows are rare, and a run that is killed keeps its curves


def _list_hparams(recipe: dict[str, Any]) -> Iterator[tuple[str, bool | float | str]]:
    """Yield what the plugin can hold: numbers and text, lists as JSON."""
    for key, value in flatten(recipe):
        yield key, value if isinstance(value, bool | int | float | str) else json.dumps(value, ensure_ascii=False)
