"""Rows of `plates_training.py`: what a user feels, seconds until validation exact match reaches 0.90.

Ours is the shipped recipe through `train_run`, the record included, with whatever it trains on besides the files that
both sides read; the time is that of the history's first validation that reaches the target (on the moving average, as
the recipe selects). Theirs is their own `train.py`, untouched, in a process of its own: their network, optimiser, loader
and defaults except the batch size, a validation every 20 steps (about 30 s) on the same images, their own greedy
decoding; the time is the `Elapsed_time` that it logs, which leaves out that validation. Both leave out the start:
imports, and on our side drawing and decoding images, on theirs opening the LMDB. `wall_seconds` stands beside it and
counts everything from the call on.

Theirs is stopped at the first validation past its limit: `limit_seconds`, or `limit_ratio` times what ours took where
that is less. Where a side does not get there its time is that of its last validation, a lower bound, marked
`..._reached: false`; without ours reaching it nothing holds.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from _dtrb import NETWORK
from _label_files import LabelFiles
from _light_reader import BASELINE, load_baseline
from _result import Goal, Row

from saccade.engine.history import Hooks
from saccade.engine.run import train_run
from saccade.errors import StoppedError
from saccade.recipes.tables.training import Constant
from saccade.tasks.read.task import ReadTask

_POLL_SECONDS = 1.0
_VALIDATION = re.compile(
    r"\[(?P<step>\d+)/\d+\].*?Elapsed_time: (?P<seconds>[\d.]+)\s+Current_accuracy\s*: (?P<percent>[\d.]+)", re.S
)


@dataclass(frozen=True)
class Race:
    """What both sides run for."""

    target: float = 0.90
    limit_seconds: float = 3600.0
    """Theirs, of training."""
    limit_ratio: float | None = None
    """Theirs too: times our seconds."""
    batch_size: int = 64
    validate_every_steps: int = 20
    """Theirs; ours validates as its recipe says."""
    in_miniature: bool = False
    """Ours: one epoch over the files alone, without stages, instead of the recipe as it is."""


@dataclass(frozen=True)
class Outcome:
    """When one side reached the target, or how long it trained without reaching it, and every validation on the way."""

    reached: bool
    seconds: float
    wall_seconds: float
    validations: list[tuple[float, float]]
    """(seconds, exact match)."""


Pair = tuple[int, Outcome, Outcome]
"""A seed, what ours did with it and what theirs did."""


class _UntilTarget(Hooks):
    """Stops a training once a validation has reached the target."""

    def __init__(self, target: float) -> None:
        self._target = target
        self.validations: list[tuple[float, float]] = []

    def stop(self) -> bool:
        return bool(self.validations) and self.validations[-1][1] >= self._target

    def watch(self, row: Any) -> None:
        if row.get("event") == "validation" and not self.stop():
            self.validations.append((row["seconds"], row["val"]["exact_match"]))


def run_ours(files: LabelFiles, race: Race, seed: int) -> Outcome:
    """Train the shipped recipe until it reaches the target or ends."""
    shipped = load_baseline(files.root)
    changes: dict[str, Any] = {"seed": seed}
    if race.in_miniature:
        train = shipped.train.model_copy(update={"epochs": 1, "batch_size": race.batch_size})
        changes |= {"data": files.make_table(), "train": train, "schedule": Constant(), "stage": ()}
    hooks = _UntilTarget(race.target)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as runs:
        try:
            task = ReadTask(shipped.model_copy(update=changes))
            train_run(task, runs=Path(runs), name=("benchmark", BASELINE.stem), device="cpu", hooks=hooks)
        except StoppedError:
            pass  # as asked
    wall = time.perf_counter() - begun
    return Outcome(hooks.stop(), hooks.validations[-1][0], wall, hooks.validations)


def run_both(peer_folder: Path, files: LabelFiles, lmdbs: dict[str, Path], race: Race, seed: int) -> Pair:
    """Run ours, then theirs, with one seed."""
    ours = run_ours(files, race, seed)
    if race.limit_ratio is not None and ours.reached:
        race = replace(race, limit_seconds=min(race.limit_seconds, race.limit_ratio * ours.seconds))
    return seed, ours, run_theirs(peer_folder, lmdbs, race, seed)


def run_theirs(peer_folder: Path, lmdbs: dict[str, Path], race: Race, seed: int) -> Outcome:
    """Run their train.py until it reaches the target or its time is over.

    Raises:
        RuntimeError: it ended by itself.
    """
    options = {
        "exp_name": "benchmark",
        "train_data": lmdbs["train"],
        "valid_data": lmdbs["val"],
        "select_data": "/",
        "batch_ratio": "1",
        "batch_size": race.batch_size,
        "valInterval": race.validate_every_steps,
        "manualSeed": seed,
        **NETWORK,
    }
    command = [sys.executable, str(Path(__file__).with_name("_dtrb.py")), str(peer_folder.resolve())]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    with tempfile.TemporaryDirectory() as folder:
        errors = Path(folder, "stderr")
        log = Path(folder, "saved_models", "benchmark", "log_train.txt")
        begun = time.perf_counter()
        with errors.open("wb") as stderr:
            # a session of its own: its worker processes end with it
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
            )
        try:
            validations = _follow(process, log, race)
        finally:
            ended_by_itself = _end(process)
        wall = time.perf_counter() - begun
        if ended_by_itself:
            raise RuntimeError(f"their train.py ended by itself: {errors.read_text(errors='replace').strip()[-500:]}")
    reached = bool(validations) and validations[-1][1] >= race.target
    return Outcome(reached, validations[-1][0] if validations else 0.0, wall, validations)


def _follow(process: subprocess.Popen[bytes], log: Path, race: Race) -> list[tuple[float, float]]:
    """Read the log until the target is reached, the time is over or the process ends."""
    validations: list[tuple[float, float]] = []
    while process.poll() is None:
        time.sleep(_POLL_SECONDS)
        validations = read_validations(log.read_text(encoding="utf-8") if log.exists() else "")
        for number, (seconds, exact_match) in enumerate(validations, start=1):
            if exact_match >= race.target or seconds >= race.limit_seconds:
                return validations[:number]
    return validations


def read_validations(log: str) -> list[tuple[float, float]]:
    """Return (seconds, exact match) of every validation in their log."""
    return [(float(found["seconds"]), float(found["percent"]) / 100) for found in _VALIDATION.finditer(log)]


def _end(process: subprocess.Popen[bytes]) -> bool:
    """End the process and its workers; return whether it had ended by itself."""
    ended_by_itself = process.poll() is not None
    if not ended_by_itself:
        os.killpg(process.pid, signal.SIGTERM)
    process.wait()
    return ended_by_itself


def read_pairs(path: Path, race: Race, seeds: Sequence[int]) -> list[Pair]:
    """Return the seeds of an earlier result that are not run again, measured for the same target; none where there is no result."""
    if not path.exists():
        return []
    row = json.loads(path.read_text(encoding="utf-8"))["rows"][0]
    if row["race"]["target"] != race.target:
        return []
    return [
        (run["seed"], _read_outcome(run["ours"]), _read_outcome(run["peer"]))
        for run in row["runs"]
        if run["seed"] not in seeds
    ]


def _read_outcome(values: dict[str, Any]) -> Outcome:
    return Outcome(**values | {"validations": [(seconds, reached) for seconds, reached in values["validations"]]})


def make_row(race: Race, outcomes: Sequence[Pair]) -> Row:
    """Return the row of the seeds that have run."""
    pairs = [(ours.seconds, theirs.seconds) for _, ours, theirs in outcomes]
    unmet = (
        "" if all(ours.reached for _, ours, _ in outcomes) else f"ours did not reach {race.target:.2f} with every seed"
    )
    details = {
        "seeds": [seed for seed, _, _ in outcomes],
        "ours_reached": [ours.reached for _, ours, _ in outcomes],
        "peer_reached": [theirs.reached for _, _, theirs in outcomes],
        "runs": [{"seed": seed, "ours": asdict(ours), "peer": asdict(theirs)} for seed, ours, theirs in outcomes],
        "race": asdict(race),
    }
    name = f"time to validation exact match {race.target:.2f}"
    return Row(name, "s", pairs, higher_is_better=False, goal=Goal("ratio", 0.25), unmet=unmet, details=details)
