"""One optimiser step: forward, backward, clipping, update. Nothing here reads a value back from the device."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from saccade.engine.batches import Step
from saccade.engine.device import autocast
from saccade.engine.session import Session
from saccade.recipes.tables.recipe import Recipe
from saccade.tasks.base import LossOutput, Progress, Task


@dataclass(frozen=True)
class StepResult:
    """What a step leaves behind, on the device: its mean loss over `weight` units of all ranks, parts of it, two norms.

    The norms are there only where they were asked for.
    """

    loss: Tensor
    parts: dict[str, Tensor]
    weight: Tensor | float
    num_images: int
    gradient_norm: Tensor | None
    update_norm: Tensor | None


def train_step(
    session: Session[Any], task: Task[Any, Any], recipe: Recipe, step: Step[Any], rate: float, *, measure: bool
) -> StepResult:
    """Update the weights once.

    Args:
        session: what is trained; `session.position` says which step this is.
        task: the task of the present stage.
        recipe: the recipe of the present stage.
        step: this rank's micro-batches.
        rate: learning rate of this step.
        measure: whether to compute the norms of gradient and update too.
    """
    for group in session.optimizer.param_groups:
        group["lr"] = rate
    session.optimizer.zero_grad(set_to_none=True)
    # dropout draws from torch's global generators: seeding them by step makes a resumed run draw the same
    torch.manual_seed((recipe.seed << 32) + (session.position.step << 8) + session.ranks.rank)
    last = len(step.micro_batches) - 1
    outputs = [_forward_backward(session, task, step, number, synchronise=number == last) for number in range(last + 1)]
    loss, parts, own_weight = _join(outputs)
    weight: Tensor | float = own_weight
    if session.ranks.size > 1:
        loss, parts, weight = _join_ranks(loss, parts, own_weight)
    _note_bad_loss(session, loss)
    images = len(step.draws)
    if session.is_on_host and session.first_bad_step >= 0:
        return StepResult(loss, parts, weight, images, None, None)  # the weights stay as they were; `fit` ends the run
    parameters = [parameter for parameter in session.model.parameters() if parameter.grad is not None]
    session.scaler.unscale_(session.optimizer)
    _divide_gradients(session, parameters, weight, len(outputs))
    gradient_norm = _clip(parameters, recipe.train.grad_clip_norm, measure=measure)
    before = [parameter.detach().clone() for parameter in parameters] if measure else []
    session.scaler.step(session.optimizer)
    session.scaler.update()
    if session.ema is not None:
        session.ema.update(session.model, session.position.step)
    update_norm = (
        nn.utils.get_total_norm(torch._foreach_sub([p.detach() for p in parameters], before)) if measure else None
    )
    return StepResult(loss, parts, weight, images, gradient_norm, update_norm)


def _forward_backward(
    session: Session[Any], task: Task[Any, Any], step: Step[Any], number: int, *, synchronise: bool
) -> LossOutput:
    position, recipe = session.position, task.recipe
    progress = Progress(
        step=position.step,
        num_steps=session.num_steps,
        epoch=position.epoch,
        metrics=position.metrics,
        generator=torch.Generator(session.device).manual_seed((recipe.seed << 32) + position.step),
        rows=step.rows[number],
        num_rows=len(step.draws),
    )
    batch = task.augment_batch(step.micro_batches[number].to(session.device), progress)
    with _synchronise(session.wrapped, now=synchronise):
        with autocast(session.device, recipe.train.precision):
            output = task.loss(session.wrapped, batch, progress)
        alone = session.ranks.size == len(step.micro_batches) == 1
        session.scaler.scale(output.total if alone else output.total * output.weight).backward()
    return output


def pass_through(session: Session[Any], task: Task[Any, Any], step: Step[Any]) -> None:
    """Run forward and backward of a step on this rank alone, without an update; gradients pile up."""
    for number in range(len(step.micro_batches)):
        _forward_backward(session, task, step, number, synchronise=False)


def _synchronise(model: nn.Module, *, now: bool) -> AbstractContextManager[Any]:
    """Share gradients with the other ranks in the backward pass, or only `now` and not in this one."""
    apart = getattr(model, "no_sync", None)  # a compiled model passes on what the one below it has
    return nullcontext() if now or apart is None else apart()


def _join(outputs: list[LossOutput]) -> tuple[Tensor, dict[str, Tensor], float]:
    if len(outputs) == 1:
        return (
            outputs[0].total.detach(),
            {name: part.detach() for name, part in outputs[0].parts.items()},
            outputs[0].weight,
        )
    weight = sum(output.weight for output in outputs)
    shares = [output.weight / weight for output in outputs]
    parts = {
        name: torch.stack(
            [output.parts[name].detach() * share for output, share in zip(outputs, shares, strict=True)]
        ).sum()
        for name in outputs[0].parts
    }
    loss = torch.stack([output.total.detach() * share for output, share in zip(outputs, shares, strict=True)]).sum()
    return loss, parts, weight


def _join_ranks(loss: Tensor, parts: dict[str, Tensor], weight: float) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """Return the means and the weight over all ranks, so that a loss that is bad on one of them ends every one."""
    means = torch.stack([loss, *parts.values()]).float()
    sums = torch.cat([means * weight, torch.full_like(means[:1], weight)])
    dist.all_reduce(sums)
    total = sums[-1]
    joined = sums[:-1] / total
    return joined[0], dict(zip(parts, joined[1:], strict=True)), total


def _divide_gradients(
    session: Session[Any], parameters: list[nn.Parameter], weight: Tensor | float, num_micro_batches: int
) -> None:
    """Turn sums of loss times weight into the gradient of the mean over every unit of the global batch."""
    if session.ranks.size == num_micro_batches == 1:
        return
    factor = (
        session.ranks.size / weight
    )  # DDP has averaged over ranks; a number goes to the device without waiting for it
    torch._foreach_mul_([parameter.grad for parameter in parameters if parameter.grad is not None], factor)


def _clip(parameters: list[nn.Parameter], max_norm: float | None, *, measure: bool) -> Tensor | None:
    if max_norm is not None:
        return nn.utils.clip_grad_norm_(parameters, max_norm)
    return (
        nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
        if measure
        else None
    )


def _note_bad_loss(session: Session[Any], loss: Tensor) -> None:
    """Remember the first step whose loss was not finite, on the device; `fit` looks at it where reading costs nothing."""
    is_first = ~torch.isfinite(loss) & (session.first_bad_step < 0)
    session.first_bad_step.masked_fill_(is_first, session.position.step)
