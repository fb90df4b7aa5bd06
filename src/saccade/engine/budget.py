"""How long a training will take, measured before it begins, so that one that cannot end in time is refused."""

import time
from typing import Any

import torch

from saccade.engine.batches import StepMaker, iterate_steps
from saccade.engine.compilation import compile_ahead
from saccade.engine.device import Ranks
from saccade.engine.history import Hooks
from saccade.engine.selection import validate
from saccade.engine.session import Session, open_session
from saccade.engine.step import train_step
from saccade.errors import InputError
from saccade.tasks.base import Task

_WARM_STEPS, _TIMED_STEPS = 3, 8


def check_budget(task: Task[Any, Any], device: torch.device, ranks: Ranks) -> None:
    """Measure a few steps and a validation on weights that are thrown away, where the recipe has a `[budget]`.

    Raises:
        InputError: training would take longer than the budget.
    """
    if task.recipe.budget is None:
        return
    seconds = estimate_seconds(open_session(task, device, ranks))
    if seconds > task.recipe.budget.hours * 3600:
        epochs, hours = task.recipe.train.epochs, task.recipe.budget.hours
        num_possible = int(epochs * hours * 3600 / seconds)
        cure = f"lower train.epochs to {num_possible}" if num_possible else "not one epoch fits: raise budget.hours"
        raise InputError(
            f"budget.hours = {hours:g}, but {epochs} epochs will take about {seconds / 3600:.2g} hours here; "
            f"{cure}, or lower the size of the model"
        )


def estimate_seconds(session: Session[Any]) -> float:
    """Return the seconds that the whole training will take on this machine; changes the session's weights."""
    recipe = session.task.recipe
    make = StepMaker(session.task, session.train, recipe.train.accumulation_steps, session.ranks)
    batches = [draws for epoch in range(_WARM_STEPS + _TIMED_STEPS) for draws in session.sampler.batches(epoch)]
    jobs = [(0, draws) for draws in batches[: _WARM_STEPS + _TIMED_STEPS]]
    compile_ahead(session, Hooks())
    session.wrapped.train()
    begun = time.perf_counter()
    for number, step in enumerate(iterate_steps(make, jobs, recipe.data)):
        if number == _WARM_STEPS:
            _synchronise(session.device)
            begun = time.perf_counter()
        train_step(session, session.task, recipe, step, recipe.optimizer.learning_rate * 1e-3, measure=False)
        session.position.step += 1
    _synchronise(session.device)
    per_step = (time.perf_counter() - begun) / _TIMED_STEPS
    begun = time.perf_counter()
    validate(session, session.task, None, seconds=0.0)
    per_validation = time.perf_counter() - begun
    return per_step * session.num_steps + per_validation * -(-recipe.train.epochs // recipe.train.validate_every_epochs)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
