"""torch.compile before the clock starts: the batches of a step go through once and leave nothing behind but the code."""

import time
from typing import Any

import torch
import torch.distributed as dist

from saccade.engine.batches import StepMaker, list_stages
from saccade.engine.history import Hooks
from saccade.engine.session import Session
from saccade.engine.step import pass_through
from saccade.engine.wrap import uncompiled


def compile_ahead(session: Session[Any], hooks: Hooks) -> dict[str, Any]:
    """Compile the model for every size of batch that an epoch has, where the recipe asks for it.

    Weights, running statistics, gradients and torch's random numbers are left as they were. Ranks compile on their own and
    agree at the end: where it fails on any of them, all train uncompiled.

    Returns:
        What the record says of it: `compile_seconds`, and `compile_failed` with the cause; nothing where it was not asked for.
    """
    if not session.task.recipe.train.compile:
        return {}
    from torch._dynamo.exc import TorchDynamoException  # noqa: PLC0415  takes as long as PyTorch itself

    hooks.watch({"event": "compiling"})
    begun = time.perf_counter()
    buffers = [(buffer, buffer.clone()) for buffer in session.model.buffers()]
    cause = ""
    try:
        with torch.random.fork_rng(devices=[session.device] if session.device.type == "cuda" else []):
            _pass_each_size(session)
    except TorchDynamoException as error:
        cause = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    session.optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        for buffer, before in buffers:
            buffer.copy_(before)
    if _has_failed_anywhere(session, cause):
        session.wrapped = uncompiled(session.wrapped)
        return {"compile_failed": cause or "it failed on another rank"}
    return {"compile_seconds": round(time.perf_counter() - begun, 3)}


def _pass_each_size(session: Session[Any]) -> None:
    sizes = {len(draws): draws for draws in session.sampler.batches(0)}
    session.wrapped.train()
    _, task = list_stages(session.task)[0]
    make = StepMaker(task, session.train, task.recipe.train.accumulation_steps, session.ranks)
    for size in sorted(sizes, reverse=True):
        pass_through(session, task, make((0, sizes[size])))


def _has_failed_anywhere(session: Session[Any], cause: str) -> bool:
    if session.ranks.size == 1:
        return bool(cause)
    flag = torch.tensor(float(bool(cause)), device=session.device)
    dist.all_reduce(flag)
    return bool(flag > 0)
