"""Which images make up the steps of a run: all of them, but for a last batch that the network cannot learn from.

Path: sizes of the batches -> sizes of the parts that pass through the network at once -> the sampler. BatchNorm over a
map of 1 x 1 px has nothing to compare in a part of one image, and torch refuses it, at the end of the first epoch.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from saccade.data.sampler import Sampler, rows_of_part
from saccade.engine.batches import Held, make_batch
from saccade.engine.device import Ranks
from saccade.errors import InputError
from saccade.tasks.base import B, Progress, Task

_REFUSAL = "more than 1 value per channel"
"""In the words of torch's BatchNorm."""


def make_sampler(task: Task[B, Any], model: nn.Module, train: Held[B], ranks: Ranks) -> Sampler:
    """Return the sampler of a run; it leaves out of each epoch a last batch that is too small for its parts.

    Args:
        task: what is trained.
        model: the network on its device; its weights and running statistics stay as they are.
        train: the training split.
        ranks: this process among those that train together.

    Raises:
        InputError: no batch is large enough, a source is so light that none of its images would ever be drawn, or batches shall be
            made by length and the examples have none.
    """
    recipe = task.recipe
    _check_weights(train.examples.weights)
    settings, num_parts = recipe.train, ranks.size * recipe.train.accumulation_steps
    lengths = train.examples.lengths if settings.batch_by_length else None
    if settings.batch_by_length and lengths is None:
        raise InputError(f'train.batch_by_length: examples of the task "{recipe.task}" have no length; remove it')
    make = partial(
        Sampler, len(train), settings.batch_size, seed=recipe.seed, weights=train.examples.weights, lengths=lengths
    )
    sampler, least = make(min_rows=num_parts), num_parts
    lone = [size for size in sorted({len(draws) for draws in sampler.batches(0)}) if _has_lone_row(size, num_parts)]
    if lone and not _learns_from_one_image(task, model, train):
        if lone[-1] == settings.batch_size:
            raise InputError(
                f"train.batch_size: {settings.batch_size} in {num_parts} part(s) (ranks x micro-batches) leaves one image to a part, of "
                f"which BatchNorm cannot learn where it sees 1 x 1 px; raise it to {2 * num_parts}, or the size of the images"
            )
        least = lone[-1] + 1
        sampler = make(min_rows=least)
    if sampler.num_batches == 0:
        raise InputError(
            f"data.train: {len(train)} image(s) are too few for {ranks.size} ranks x {settings.accumulation_steps} micro-batches "
            f"of this network, which need {max(least, 2 * num_parts if lone else least)}; give more"
        )
    return sampler


def _check_weights(weights: Sequence[float] | None) -> None:
    for weight, count in Counter(weights or ()).items():
        if round(weight * count) == 0:
            raise InputError(
                f"data.train: of {count} images with weight = {weight:g} none would come in an epoch; raise the weight of their source"
            )


def _has_lone_row(num_rows: int, num_parts: int) -> bool:
    rows = range(num_rows)
    return any(len(rows[rows_of_part(num_rows, part, num_parts)]) == 1 for part in range(num_parts))


def _learns_from_one_image(task: Task[B, Any], model: nn.Module, train: Held[B]) -> bool:
    """Return whether the network takes one image in training, by letting one through."""
    if not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        return True
    device = next(model.parameters()).device
    batch = make_batch(task, train, [0], seed=None).to(device)
    progress = Progress(0, 1, 0, {}, torch.Generator(device).manual_seed(0), slice(0, 1), 1)
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            task.loss(model.train(), batch, progress)
    except ValueError as error:
        if _REFUSAL not in str(error):
            raise
        return False
    finally:
        for buffer, before in buffers:
            buffer.data.copy_(before)
    return True
