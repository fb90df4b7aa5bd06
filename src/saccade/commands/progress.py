"""What a person sees while a run trains: a bar on a terminal, plain lines elsewhere, both on stderr; signals stop it.

One line a validation stays; between two of them a terminal shows the bar, anything else a sign of life a minute.
"""

import shlex
import signal
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from saccade.engine.history import Hooks
from saccade.records.reader import read_run
from saccade.records.sinks.choice import make_sink
from saccade.records.sinks.guard import Guard

_SMOOTHING = 0.05
_SIGN_OF_LIFE_SECONDS = 60.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_VIEWS = {"val": "validation", "train_clean": "train", "train_augmented": "augmented"}


_SPLITS = {"train": "training", "val": "validation"}
_PLACES = {"device": "the device's memory", "lazy": "files"}
"""Where training images are, as a person would say it; the record has a word for each."""


class Display(Hooks):
    """Shows one run, as a context manager; SIGTERM and SIGINT ask it to save and stop, a second one ends it at once."""

    def __init__(self, metric: str | None = None, sinks: Sequence[str] = (), *, quiet: bool = False) -> None:
        """Show a run on the screen, and in sinks.

        Args:
            metric: what is shown of a validation; by default the first metric that the task has.
            sinks: names of sinks that the run goes to besides.
            quiet: say nothing, as ranks do beside the first, and listen to signals alone.
        """
        self._metric = metric
        self._guards = [Guard(name, partial(make_sink, name)) for name in sinks]
        self._console = _Screen(stderr=True, highlight=False, quiet=quiet)
        self._bar: Progress | None = None
        self._handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        self._stopping = False
        self._pace = _Pace()
        self._folder: Path | None = None
        self._num_epochs = self._steps_per_epoch = 0
        self._loss = self._best = ""

    def __enter__(self) -> "Display":
        """Listen to signals."""
        for number in _SIGNALS:
            signal.signal(number, self._ask_to_stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away and give the signals back."""
        if self._bar is not None:
            self._bar.stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def stop(self) -> bool:
        """Return whether a signal came."""
        return self._stopping

    def began(self, folder: Path) -> None:
        """Say where the record is, and open the sinks."""
        self._folder = folder
        self._say(f"run      {folder}")
        for guard in self._guards:
            guard.began(folder)

    def ended(self, state: str) -> None:
        """Close the sinks; of a finished run say what it came to, and what comes next."""
        for guard in self._guards:
            guard.ended(state)
        if state == "finished" and self._folder is not None:
            self._say(f"{self._describe_best(self._folder)}next: saccade evaluate {shlex.quote(str(self._folder))}")

    def notes(self) -> list[Mapping[str, Any]]:
        """Return what came of the sinks."""
        return [note for guard in self._guards for note in guard.notes()]

    def watch(self, row: Mapping[str, Any]) -> None:
        """Show a row."""
        for guard in self._guards:
            guard.watch(row)
        match row.get("event"):
            case "step":
                self._pace.count(row)
                self._show_pace(row)
                return
            case "start" | "resume":
                self._start(row)
            case "validation":
                self._show_validation(row)
            case "stage":
                keys = ", ".join(row["changes"])
                self._say(f"{'':>8}{row['epoch']:>8}  next stage: {keys}")
            case "early_stop":
                self._say(f"stopped early: nothing better since step {row['best_step']:,}")
            case "compiling":
                self._say("compiling the model; the clock starts afterwards")
            case "sink" | "sink_failed":
                self._show_sink(row)
            case None:
                self._loss = f"{row['loss']:.4f}"
            case _:  # a failure is what the command ends with, a checkpoint nothing to look at
                pass
        self._pace.skip()

    def _describe_best(self, folder: Path) -> str:
        """Return the best validation of the whole run, also where it was before a resume; nothing where none was chosen."""
        selection = (read_run(folder).metrics or {}).get("selection", {})
        if selection.get("best_step") is None or not self._steps_per_epoch:
            return ""
        epoch = selection["best_step"] // self._steps_per_epoch
        return f"best     {selection['metric']} {selection['best']:.4f} at epoch {epoch}; "

    def _show_sink(self, row: Mapping[str, Any]) -> None:
        if row["event"] == "sink":
            self._say(f"sink     {row['sink']}: {row.get('url') or row.get('folder')}")
        else:
            self._say(f"sink     {row['sink']} is switched off, training goes on: {row['cause']}")

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            raise KeyboardInterrupt
        self._stopping = True
        self._say("saving, then stopping; once more ends it at once")

    def _start(self, row: Mapping[str, Any]) -> None:
        if "parts" in row:
            self._start_measuring(row)
            return
        self._steps_per_epoch = row["steps_per_epoch"]
        self._num_epochs = row["num_steps"] // self._steps_per_epoch
        self._pace = _Pace(row["step"], row["num_steps"])
        left_out = row.get("num_left_out", 0)
        rest = f"; a last batch of {left_out:,} is left out of each epoch, others each time" if left_out else ""
        self._say(f"images   {row['num_train']:,} train, {row['num_val']:,} validation{rest}")
        for name, count in row.get("overlap", {}).items():
            if count:
                one, other = (_SPLITS.get(split, split) for split in name.split("_in_"))
                self._say(f"overlap  {count:,} {one} images are also {other} images: results on them say little")
        self._say(f"held in  {_name_place(row['train_residency'], row.get('device'))}")
        epochs = f"{self._num_epochs} epochs of {row['steps_per_epoch']:,} steps"
        self._say(f"model    {row['num_parameters']:,} parameters; {epochs}")
        if "compile_failed" in row:
            self._say(f"compile  failed, so the model is trained uncompiled: {row['compile_failed']}")
        if self._console.is_terminal and not self._console.quiet:
            epoch, text = TextColumn("epoch {task.fields[epoch]}"), TextColumn("{task.fields[text]}")
            self._bar = Progress(epoch, BarColumn(None), text, console=self._console, transient=True, expand=True)
            self._bar.add_task(
                "", total=row["num_steps"], completed=row["step"], epoch=f"1/{self._num_epochs}", text=""
            )
            self._bar.start()

    def _start_measuring(self, row: Mapping[str, Any]) -> None:
        for module, run in row["parts"].items():
            self._say(f"weights  {module}: {run}")
        self._say(f"images   {row['num_val']:,} validation")
        self._say(f"model    {row['num_parameters']:,} parameters; nothing is trained")

    def _show_pace(self, row: Mapping[str, Any]) -> None:
        epoch = f"{row['epoch'] + 1}/{self._num_epochs}"
        if self._bar is not None:
            for task in self._bar.task_ids:
                self._bar.update(task, completed=row["step"], epoch=epoch, text=f"{self._pace}{self._best}")
        elif self._pace.is_silent_for(_SIGN_OF_LIFE_SECONDS):
            self._say(f"epoch {epoch}  step {row['step']:,}  {self._pace}")

    def _show_validation(self, row: Mapping[str, Any]) -> None:
        metric = self._metric if self._metric in row["val"] else next(iter(row["val"]))
        if "train_clean" not in row:  # nothing was trained
            self._say(f"{metric} {row['val'][metric]:.4f} on the validation images")
            return
        if not self._best:
            titles = "".join(f"{title:>12}" for title in _VIEWS.values())
            self._say(f"\n{'':18}{metric}\n{'time':>8}{'epoch':>8}{titles}{'loss':>12}", style="dim")
        values = "".join(f"{row[view][metric]:>12.4f}" for view in _VIEWS)
        line = f"{_format_seconds(row['seconds']):>8}{row['epoch']:>8}{values}{self._loss or '-':>12}"
        self._loss = ""  # each mean is shown once
        best = f"  best {row['val'][metric]:.4f}"
        is_new = row["is_best"] and best != self._best  # of equals the later one is kept, silently
        if is_new or not self._best:
            self._best = best
        self._say(f"{line}  best" if is_new else line)

    def _say(self, text: str, style: str | None = None) -> None:
        self._pace.spoke()
        try:
            self._console.print(text, markup=False, soft_wrap=True, style=style)
        except OSError:  # a full disk behind a redirection
            self._console.quiet = True


def _name_place(residency: str, device: str | None) -> str:
    """Return where images are held and why, in a person's words: the memory of a CPU is memory."""
    place, space, why = residency.partition(" ")
    named = "memory" if (place, device) == ("device", "cpu") else _PLACES.get(place, place)
    return f"{named}{space}{why}"


class _Screen(Console):
    """stderr, which somebody may close: training goes on in silence, and its record says the rest."""

    def on_broken_pipe(self) -> None:
        """Say no more; rich would end the process."""
        self.quiet = True


class _Pace:
    """How fast steps come: images a second, the share of time spent waiting for data (both smoothed), the time left."""

    def __init__(self, step: int = 0, num_steps: int = 0) -> None:
        self._first, self._step, self._num_steps = step, step, num_steps
        self._begun = self._last = self._spoken = time.perf_counter()
        self._rate = self._waiting = 0.0

    def count(self, row: Mapping[str, Any]) -> None:
        """Take in a step."""
        now = time.perf_counter()
        seconds = max(now - self._last, 1e-9)
        weight = _SMOOTHING if self._rate else 1.0
        self._rate += weight * (row["images"] / seconds - self._rate)
        self._waiting += weight * (min(row["waited"] / seconds, 1.0) - self._waiting)
        self._step, self._last = row["step"], now

    def skip(self) -> None:
        """Leave out of the rate what was no step: a validation, a checkpoint."""
        self._last = time.perf_counter()

    def spoke(self) -> None:
        """Remember when something was said."""
        self._spoken = time.perf_counter()

    def is_silent_for(self, seconds: float) -> bool:
        """Return whether nothing was said for so long."""
        return time.perf_counter() - self._spoken > seconds

    def __str__(self) -> str:
        # validations are in the time left, in proportion to those so far
        left = (self._num_steps - self._step) * (self._last - self._begun) / max(self._step - self._first, 1)
        return f"{self._rate:,.0f} images/s  waiting {self._waiting:.0%}  {_format_seconds(left)} left"


def _format_seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
