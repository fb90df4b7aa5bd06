"""Short runs of the witnesses, for the tests of the engine."""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from saccade.engine.history import Hooks
from saccade.engine.run import resume_run, train_run
from saccade.errors import StoppedError
from saccade.records.reader import Run, read_run
from saccade.tasks.base import Task

TIMES = ("seconds", "images_per_second", "waiting_fraction", "memory_bytes")


class StopAt(Hooks):
    """Asks to stop after some steps, as a signal would, and keeps the rows it is shown."""

    def __init__(self, *steps: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self.folder = Path()
        self._steps, self._step = steps, 0

    def began(self, folder: Path) -> None:
        self.folder = folder

    def watch(self, row: Any) -> None:
        self.rows.append(dict(row))
        if row.get("event") == "step":
            self._step = row["step"]

    def stop(self) -> bool:
        return self._step in self._steps


def train(task: Task[Any, Any], runs: Path, hooks: Hooks | None = None) -> Path:
    """Train without interruption and return the run's folder."""
    return train_run(task, runs=runs, name=("tests", "run"), device="cpu", hooks=hooks or Hooks())


def train_in_pieces(task: Task[Any, Any], runs: Path, *stops: int) -> Path:
    """Train with a stop after each of these steps and return the run's folder."""
    hooks = StopAt(*stops)
    try:
        return train_run(task, runs=runs, name=("tests", "run"), device="cpu", hooks=hooks)
    except StoppedError:
        folder = hooks.folder
    for number, _ in enumerate(stops, start=1):
        try:
            resume_run(task, folder, device="cpu", hooks=StopAt(*stops[number:]))
        except StoppedError:
            continue
    return folder


def read_tensors(folder: Path, checkpoint: str = "last") -> dict[str, Tensor]:
    """Return every tensor of a checkpoint: weights, average and optimiser state."""
    files = sorted((folder / "checkpoints" / checkpoint).glob("*.safetensors"))
    return {f"{file.stem}:{name}": tensor for file in files for name, tensor in load_file(file).items()}


def rows_without_times(run: Run) -> list[dict[str, Any]]:
    """Return the rows of steps and validations, without what depends on the clock."""
    kept = [row for row in run.history() if row.get("event") in (None, "validation")]
    return [{key: value for key, value in row.items() if key not in TIMES} for row in kept]


def assert_same_run(a: Path, b: Path) -> None:
    """Compare two runs bit for bit: tensors, rows, selection and predictions."""
    for checkpoint in ("last", "best"):
        ours, theirs = read_tensors(a, checkpoint), read_tensors(b, checkpoint)
        assert ours.keys() == theirs.keys()
        assert [name for name in ours if not ours[name].equal(theirs[name])] == []
    first, second = read_run(a), read_run(b)
    assert rows_without_times(first) == rows_without_times(second)
    assert first.metrics == second.metrics
    assert first.predictions("val") == second.predictions("val")
