"""Rows of a run's history while it trains: sums stay on the device and are read one log step later, so nothing waits for the device."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from saccade.engine.device import read_used_memory
from saccade.engine.session import Session
from saccade.engine.step import StepResult
from saccade.records.writer import RunWriter

Row = Mapping[str, Any]


class Hooks:
    """Who is asked to stop, and who sees a run begin and its rows; by default nobody."""

    def stop(self) -> bool:
        """Return whether the run should be saved and end; asked after each step."""
        return False

    def began(self, folder: Path) -> None:
        """See the run's folder before the first step."""

    def watch(self, row: Row) -> None:
        """See a row of the history, or one of event "step" or "compiling", which are only shown."""

    def ended(self, state: str) -> None:
        """See that the run is over and recorded as "finished", "stopped" or "failed"."""

    def notes(self) -> Sequence[Row]:
        """Return the rows that the history should have of the hooks' own doings, each once; asked after each row."""
        return ()


def keep_notes(hooks: Hooks, writer: RunWriter | None, step: int) -> None:
    """Write what the hooks have to say of themselves, and show it."""
    for note in hooks.notes():
        row = {"event": note["event"], "step": step, **note}
        if writer is not None:
            writer.append(row)
        hooks.watch(row)


class History:
    """Collects steps into windows, writes a row a window, and shows every row to the hooks."""

    def __init__(self, session: Session[Any], writer: RunWriter | None, hooks: Hooks) -> None:
        """Start the clock where the session's position says it stood."""
        self.writer = writer
        self.folder: Path | str = "the run" if writer is None else writer.folder
        self.hooks = hooks
        self.saved_step: int | None = None
        self._session, self._watch = session, hooks.watch
        self._before, self._begun = session.position.seconds, time.perf_counter()
        self._tick = self._begun
        self._sums: dict[str, Tensor | float] = dict(session.position.window)
        self._pending: tuple[dict[str, Any], dict[str, Tensor | float]] | None = None

    def seconds(self) -> float:
        """Return the seconds of the run so far, validation and earlier segments included."""
        return self._before + time.perf_counter() - self._begun

    def write(self, row: Row) -> None:
        """Append a row at once."""
        if self.writer is not None:
            self.writer.append(row)
        self._watch(row)
        keep_notes(self.hooks, self.writer, self._session.position.step)

    def count(self, result: StepResult, rate: float, waited: float, *, ends_window: bool) -> None:
        """Add a step, whose number the position already counts; at the end of a window, read the one before."""
        position, now = self._session.position, time.perf_counter()
        losses = {"loss": result.loss, **{f"loss_{name}": part for name, part in result.parts.items()}}
        amounts: dict[str, Tensor | float] = {name: value * result.weight for name, value in losses.items()}
        amounts |= {"weight": result.weight, "images": result.num_images, "waited": waited, "seconds": now - self._tick}
        for name, amount in amounts.items():
            self._sums[name] = self._sums.get(name, 0.0) + amount
        self._tick = now
        counts = {"step": position.step, "epoch": position.epoch, "images": result.num_images, "waited": waited}
        self._watch({"event": "step", **counts})
        if ends_window:
            self.flush()
            row: dict[str, Any] = {"step": position.step, "epoch": position.epoch, "seconds": round(self.seconds(), 3)}
            row |= {"learning_rate": rate, "gradient_norm": result.gradient_norm, "update_norm": result.update_norm}
            self._pending, self._sums = (row, self._sums), {}

    def flush(self) -> None:
        """Write the row that waits to be read; the clock of the window goes on from here."""
        if self._pending is not None:
            row, sums = self._pending
            self._pending = None
            self.write(self._finish(row, sums))
        self._tick = time.perf_counter()

    def _finish(self, row: dict[str, Any], sums: Mapping[str, Tensor | float]) -> dict[str, Any]:
        read = {name: float(value) for name, value in sums.items()}
        weight, images, waited, seconds = (read.pop(name) for name in ("weight", "images", "waited", "seconds"))
        norms = {name: float(row.pop(name)) for name in ("gradient_norm", "update_norm") if row[name] is not None}
        return {
            **row,
            **{name: value / weight for name, value in read.items()},
            **norms,
            "images_per_second": images / seconds,
            "waiting_fraction": waited / seconds,
            "memory_bytes": read_used_memory(self._session.device),
        }

    def keep(self) -> None:
        """Put the clock and the open window into the position, which a checkpoint saves."""
        self.flush()
        self._session.position.seconds = self.seconds()
        self._session.position.window = {name: float(value) for name, value in self._sums.items()}
