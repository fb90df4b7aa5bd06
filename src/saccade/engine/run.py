"""One run, from a task to a finished record: what `saccade train`, the demo and `saccade.train` all call."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from saccade.engine.assembly import Assembly, measure, open_assembly
from saccade.engine.budget import check_budget, estimate_seconds
from saccade.engine.checkpoint import find_checkpoint
from saccade.engine.device import Ranks, choose_device, describe_device, use_one_opencv_thread
from saccade.engine.fit import fit
from saccade.engine.history import Hooks, keep_notes
from saccade.engine.ranks import announce, joined_ranks, reported_ranks
from saccade.engine.session import Session, open_session, restore_session
from saccade.errors import InputError, RunFailedError, StoppedError
from saccade.recipes.diff import Change
from saccade.recipes.loader import Ancestor, LoadedRecipe, canonical_hash, to_toml
from saccade.records.environment import collect_environment
from saccade.records.fingerprint import file_hash
from saccade.records.reader import read_run
from saccade.records.writer import RunWriter, State
from saccade.tasks.base import B, Task


def train_run(
    task: Task[Any, Any],
    *,
    runs: Path,
    name: tuple[str, str],
    loaded: LoadedRecipe | None = None,
    device: str = "auto",
    hooks: Hooks,
) -> Path:
    """Train a task, or put together and measure what is not trained, and return the run's folder.

    Args:
        task: what to train; its recipe holds the seed.
        runs: where records go.
        name: series and experiment, the two folders above the run.
        loaded: where the recipe came from; None for a recipe made in Python.
        device: "auto", "cpu", "cuda" or "mps".
        hooks: who is asked to stop and shown the rows.

    Raises:
        InputError: recipe, data or machine do not fit; where that shows before the first step, nothing is written.
        RunFailedError: the run could not go on, or another rank is gone; its record says why.
        StoppedError: a signal stopped it; it can be resumed.
    """
    use_one_opencv_thread()
    chosen = choose_device(device)
    recipe_hash = canonical_hash(task.recipe)
    frozen = task.with_recipe(task.frozen_recipe())
    with joined_ranks(chosen) as ranks:
        with _reported_memory():
            session = _open(frozen, chosen, ranks)
        if not ranks.is_first:
            _fit(session, None, hooks)
            return runs
        with RunWriter.create(
            runs, series=name[0], experiment=name[1], seed=frozen.recipe.seed, recipe_hash=recipe_hash
        ) as writer:
            announce(ranks, writer)
            _write_beginning(writer, session, loaded)
            _fit(session, writer, hooks)
    return writer.folder


def estimate_run(task: Task[Any, Any], *, device: str = "auto") -> float:
    """Return the seconds that training a task will take on this machine, by a few of its steps; nothing is written.

    Raises:
        InputError: recipe, data or machine do not fit.
        RunFailedError: there is not enough memory, or another rank is gone.
    """
    if not task.recipe.is_trained:
        raise InputError("there is nothing to estimate: this recipe puts trained models together and trains nothing")
    use_one_opencv_thread()
    chosen = choose_device(device)
    with joined_ranks(chosen) as ranks, _reported_memory():
        session = open_session(task.with_recipe(task.frozen_recipe()), chosen, ranks)
        try:
            return estimate_seconds(session)
        finally:
            if ranks.size > 1:
                session.part()


def _open(task: Task[B, Any], device: torch.device, ranks: Ranks) -> Session[B] | Assembly[B]:
    if not task.recipe.is_trained:
        return open_assembly(task, device, ranks)
    check_budget(task, device, ranks)
    return open_session(task, device, ranks)


def _write_beginning(writer: RunWriter, session: Session[Any] | Assembly[Any], loaded: LoadedRecipe | None) -> None:
    """Write what is written once, or leave no folder behind."""
    try:
        _write_once(writer, session, loaded)
    except BaseException:
        shutil.rmtree(writer.folder, ignore_errors=True)
        raise


def _write_once(writer: RunWriter, session: Session[Any] | Assembly[Any], loaded: LoadedRecipe | None) -> None:
    task, device = session.task, describe_device(session.device)
    writer.write_once("recipe.toml", to_toml(task.recipe))
    writer.write_json_once("recipe.diff.json", _describe_lineage(loaded))
    environment = collect_environment(command=sys.argv, seed=task.recipe.seed, device=device)
    described = {"task": _describe_class(task), "ranks": session.ranks.size}
    writer.write_json_once("environment.json", environment | described)
    writer.write_json_once("data.json", task.describe_data())
    writer.write_json_once("preprocessing.json", task.preprocessing())


def resume_run(task: Task[Any, Any], folder: Path, *, device: str = "auto", hooks: Hooks) -> Path:
    """Go on with a run that was stopped or killed, bit for bit, and return its folder.

    Args:
        task: built from the run's own recipe.
        folder: the run.
        device: "auto", "cpu", "cuda" or "mps".
        hooks: who is asked to stop and shown the rows.

    Raises:
        InputError, RunFailedError, StoppedError: as `train_run`.
    """
    use_one_opencv_thread()
    chosen = choose_device(device)
    with joined_ranks(chosen) as ranks:
        if not ranks.is_first:
            _fit(_reopen(task, folder, chosen, ranks), None, hooks, resumed=True)
            return folder
        with RunWriter.resume(folder) as writer:
            announce(ranks, writer)
            session = _reopen(task, folder, chosen, ranks)
            writer.write_status("running")
            _fit(session, writer, hooks, resumed=True)
    return folder


def _reopen(task: Task[B, Any], folder: Path, device: torch.device, ranks: Ranks) -> Session[B]:
    """Return a session that stands where the run's last checkpoint was written."""
    _check_same_data(task, folder)
    read_run(folder).history()  # a damaged one is said now, not after the training
    checkpoint = find_checkpoint(folder / "checkpoints" / "last")
    if checkpoint is None:
        raise InputError(f"{folder}: has no checkpoint to go on from; train its recipe.toml again")
    with _reported_memory():
        session = open_session(task.with_recipe(task.frozen_recipe()), device, ranks, start=False)
        restore_session(session, checkpoint)
    return session


@contextmanager
def _reported_memory() -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        is_memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not is_memory and "can't allocate memory" not in str(error):  # for a CPU PyTorch has no class of its own
            raise
        detail = str(error).splitlines()[0] if str(error) else "host"
        raise RunFailedError(
            f"out of memory ({detail}); lower train.batch_size or raise train.accumulation_steps"
        ) from error


def _fit(
    session: Session[Any] | Assembly[Any], writer: RunWriter | None, hooks: Hooks, *, resumed: bool = False
) -> None:
    """Train or measure, and on the first rank record how it ended."""
    try:
        if writer is not None:
            hooks.began(writer.folder)
        with _reported_memory(), reported_ranks(session.ranks):
            if isinstance(session, Assembly):
                measure(session, writer, hooks=hooks)
            else:
                fit(session, writer, resumed=resumed, hooks=hooks)
    except BaseException as error:
        told = isinstance(error, InputError | RunFailedError | StoppedError)
        cause = str(error) if told else f"{type(error).__name__}: {error}"
        with suppress(InputError):  # a full disk takes no status either; what is reported is the first cause
            if writer is not None:
                _end(session, writer, hooks, "stopped" if isinstance(error, StoppedError) else "failed", cause)
        raise
    finally:
        if session.ranks.size > 1:
            session.part()
    if writer is not None:
        _end(session, writer, hooks, "finished", "")


def _end(session: Session[Any] | Assembly[Any], writer: RunWriter, hooks: Hooks, state: State, cause: str) -> None:
    """Write how the run ended, then let the hooks see it, whose last words the history keeps."""
    writer.write_status(state, cause)
    hooks.ended(state)
    keep_notes(hooks, writer, session.position.step)


def _describe_lineage(loaded: LoadedRecipe | None) -> dict[str, object]:
    ancestors: Sequence[Ancestor] = () if loaded is None else loaded.lineage
    changes: Sequence[Change] = () if loaded is None else loaded.changes
    return {
        "lineage": [asdict(ancestor) for ancestor in ancestors],
        "changes": [asdict(change) for change in changes],
        "overrides": [] if loaded is None else list(loaded.overrides),
        "ad_hoc": loaded is not None and bool(loaded.overrides),
    }


def _describe_class(task: Task[Any, Any]) -> dict[str, str | None]:
    """Return class, file and the file's SHA-256: of a task of somebody's own, the recipe alone does not tell what ran."""
    name = f"{type(task).__module__}.{type(task).__qualname__}"
    path = getattr(sys.modules[type(task).__module__], "__file__", None)  # none where the class was typed at a prompt
    return {"class": name, "file": path, "sha256": None if path is None else file_hash(Path(path))}


def _check_same_data(task: Task[Any, Any], folder: Path) -> None:
    """Refuse to go on over other data: half of such a run would be about other images."""
    recorded = json.loads((folder / "data.json").read_text(encoding="utf-8")).get("splits", {})
    present: Any = task.describe_data().get("splits", {})
    for split, described in present.items():
        if split in recorded and recorded[split]["digest"] != described["digest"]:
            raise InputError(
                f"{folder}: its {split} images or labels have changed since; bring them back, or start a new run with [start] weights"
            )
