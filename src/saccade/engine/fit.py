"""The training loop, for every task: plain functions called by name, read from top to bottom.

`fit` trains, validates, selects and records. What a step does is in `step.py`, what lives meanwhile in `session.py`.
"""

from itertools import pairwise
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor, nn

from saccade.engine.batches import Step, StepMaker, iterate_steps, list_stages
from saccade.engine.compilation import compile_ahead
from saccade.engine.history import History, Hooks
from saccade.engine.optimizer import change_decay
from saccade.engine.schedule import compute_rate
from saccade.engine.selection import finish, validate
from saccade.engine.session import Session, save_session
from saccade.engine.step import train_step
from saccade.errors import RunFailedError, StoppedError
from saccade.recipes.diff import diff
from saccade.recipes.tables.recipe import Recipe
from saccade.records.writer import RunWriter
from saccade.tasks.base import B, Task

NOBODY = Hooks()

_STEPS_BETWEEN_MEETINGS = 8


def fit(session: Session[B], writer: RunWriter | None, *, resumed: bool = False, hooks: Hooks = NOBODY) -> Session[B]:
    """Train to the end of the recipe.

    Args:
        session: what to train with; its position says from where.
        writer: the run's record on the first rank, None on the others.
        resumed: whether the session was brought back from the run's last checkpoint.
        hooks: asked after each step whether to save and stop; shown each row, and a row of event "step" a step.

    Returns:
        The session, with the last weights.

    Raises:
        InputError: an image is bad, or the record cannot be written.
        RunFailedError: the loss was not finite; the record names the batch.
        StoppedError: the hooks said so; the run is saved.
    """
    position, train = session.position, session.task.recipe.train
    compiled = compile_ahead(session, hooks)
    log = History(session, writer, hooks)
    log.write({"event": "resume" if resumed else "start", "step": position.step, **describe(session), **compiled})
    if not resumed:
        _save(session, log)
    while position.epoch < train.epochs and not _is_patience_spent(session):
        task, recipe = stage_of(session.task, position.epoch)
        if position.batch == 0 and (changes := _new_stage(session.task, position.epoch)):
            log.write({"event": "stage", "step": position.step, "epoch": position.epoch, "changes": changes})
        _train_epoch(session, log, task, recipe)
        position.epoch, position.batch = position.epoch + 1, 0
        if position.epoch == train.epochs or position.epoch % train.validate_every_epochs == 0:
            log.flush()
            _check_weights(session, log)
            log.write(validate(session, task, writer, seconds=log.seconds()))
            _save(session, log)
        if position.epoch < train.epochs:
            _stop_if_asked(session, log)
    if _is_patience_spent(session):
        log.write({"event": "early_stop", "step": position.step, "best_step": position.best_step})
    if writer is not None:
        finish(session, writer)
    return session


def describe(session: Session[Any]) -> dict[str, Any]:
    """Return what is worth saying before the first step: sizes, and where the data live and why."""
    return {
        "device": session.device.type,
        "num_parameters": sum(parameter.numel() for parameter in session.model.parameters()),
        "num_train": len(session.train),
        "num_val": len(session.val),
        "num_steps": session.num_steps,
        "steps_per_epoch": session.sampler.num_batches,
        "num_left_out": session.sampler.num_left_out,
        "overlap": session.task.describe_data().get("overlap", {}),
        "num_ranks": session.ranks.size,
        "batch_size_per_rank": session.batch_size_per_rank,
        "num_synchronised_norms": sum(isinstance(module, nn.SyncBatchNorm) for module in session.model.modules()),
        "train_residency": f"{session.train.residency.place} ({session.train.residency.reason})",
        "val_residency": f"{session.val.residency.place} ({session.val.residency.reason})",
    }


def stage_of(task: Task[B, Any], epoch: int) -> tuple[Task[B, Any], Recipe]:
    """Return the task and recipe that hold in an epoch."""
    current = [stage for first, stage in list_stages(task) if first <= epoch][-1]
    return current, current.recipe


def _new_stage(task: Task[Any, Any], epoch: int) -> dict[str, Any]:
    """Return the keys and values that change with a stage that begins in this epoch."""
    recipes = [(first, stage.recipe) for first, stage in list_stages(task)]
    for (_, before), (first, after) in pairwise(recipes):
        if first == epoch:
            return {change.key: change.value for change in diff(before, after)}
    return {}


def _train_epoch(session: Session[B], log: History, task: Task[B, Any], recipe: Recipe) -> None:
    position, train, steps_per_epoch = session.position, recipe.train, session.sampler.num_batches
    make = StepMaker(task, session.train, train.accumulation_steps, session.ranks)
    jobs = [(position.epoch, draws) for draws in session.sampler.batches(position.epoch, position.batch)]
    session.wrapped.train()
    change_decay(session.optimizer, recipe.optimizer.weight_decay)
    for step in iterate_steps(make, jobs, recipe.data):
        if position.step != log.saved_step and position.step % (train.checkpoint_every_steps or session.num_steps) == 0:
            _save(session, log)
        peak = recipe.optimizer.learning_rate
        rate = compute_rate(
            recipe.schedule, peak, position.step, steps_per_epoch=steps_per_epoch, num_steps=session.num_steps
        )
        ends_window = _ends_window(position.step + 1, train.log_every_steps, steps_per_epoch)
        result = train_step(session, task, recipe, step, rate, measure=ends_window)
        if session.is_on_host or ends_window:  # elsewhere reading the flag would wait for the device
            _stop_if_bad(session, log)
        position.step, position.batch = position.step + 1, position.batch + 1
        log.count(result, rate, step.waited_seconds, ends_window=ends_window)
        if position.batch < steps_per_epoch:  # the end of an epoch is validated first, so that no row comes twice
            _stop_if_asked(session, log)


def _ends_window(num_steps: int, log_every_steps: int, steps_per_epoch: int) -> bool:
    """Return whether the history gets a row after so many steps: every few, and at the end of an epoch that had none."""
    if num_steps % log_every_steps == 0:
        return True
    num_rows, num_before = num_steps // log_every_steps, (num_steps - steps_per_epoch) // log_every_steps
    return num_steps % steps_per_epoch == 0 and num_rows == num_before


def _stop_if_asked(session: Session[Any], log: History) -> None:
    if not _agree(session, log.hooks.stop()):
        return
    if log.saved_step != session.position.step:
        _save(session, log)
    raise StoppedError(f"stopped at step {session.position.step}; go on with: saccade train --resume {log.folder}")


def _agree(session: Session[Any], asked: bool) -> bool:
    """Return whether any rank was asked to stop; asking the others waits for the device, so they meet every few steps."""
    if session.ranks.size == 1:
        return asked
    if session.position.step % _STEPS_BETWEEN_MEETINGS:
        return False
    flag = torch.tensor(float(asked), device=session.device)
    dist.all_reduce(flag)
    return bool(flag > 0)


def _save(session: Session[Any], log: History) -> None:
    _check_weights(session, log)
    log.saved_step = session.position.step
    if log.writer is None:
        return
    log.keep()
    save_session(session, log.writer.checkpoints / "last")
    log.write({"event": "checkpoint", "step": session.position.step})


def _check_weights(session: Session[Any], log: History) -> None:
    """End the run where the loss was finite and its gradient was not: the last step spoiled the weights."""
    _stop_if_bad(session, log)
    if not session.is_finite():
        session.first_bad_step.fill_(max(session.position.step - 1, 0))
        _stop_if_bad(session, log)


def _stop_if_bad(session: Session[Any], log: History) -> None:
    """End the run at the first step that was not finite, keeping the batch that did it.

    On a CPU a bad loss has not touched the weights, which are saved; otherwise the last checkpoint is the last good state.
    """
    bad_step = int(session.first_bad_step)
    if bad_step < 0:
        return
    epoch = bad_step // session.sampler.num_batches
    batches = _rebuild_step(session, bad_step).micro_batches
    if log.writer is not None:
        if session.position.step == bad_step and session.is_on_host and session.is_finite():
            log.keep()
            save_session(session, log.writer.checkpoints / "last")
        save_file(
            {
                f"{number}.{name}": value.cpu().contiguous()
                for number, batch in enumerate(batches)
                for name, value in vars(batch).items()
                if isinstance(value, Tensor)
            },
            log.writer.folder / "failure.safetensors",
        )
        ids = [name for batch in batches for name in batch.ids]
        log.write({"event": "failure", "step": bad_step, "epoch": epoch, "ids": ids})
    raise RunFailedError(
        f"loss or weights are not finite at step {bad_step} (epoch {epoch}); its batch is in "
        f"{log.folder}/failure.safetensors, the last good state in checkpoints/last; lower optimizer.learning_rate or set "
        "train.grad_clip_norm"
    )


def _rebuild_step(session: Session[Any], number: int) -> Step[Any]:
    """Make the batches of a step again: every draw is a function of (seed, epoch, example)."""
    epoch, batch = divmod(number, session.sampler.num_batches)
    task, recipe = stage_of(session.task, epoch)
    make = StepMaker(task, session.train, recipe.train.accumulation_steps, session.ranks)
    return make((epoch, next(session.sampler.batches(epoch, batch))))


def _is_patience_spent(session: Session[Any]) -> bool:
    patience = session.task.recipe.train.patience_validations
    return patience is not None and session.position.stale_validations >= patience
