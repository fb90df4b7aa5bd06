"""Predictions of a split: every example once, in fp32 as `saccade predict` computes them, without augmentation unless asked for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from saccade.data.sampler import rows_of_part
from saccade.engine.batches import Held, make_batch
from saccade.engine.device import Ranks
from saccade.tasks.base import B, Metrics, Progress, Task

ALONE = Ranks()
MOST_AT_ONCE = 512
"""Images predicted at once; larger batches take memory and give no speed."""


@torch.no_grad()
def predict_split(
    task: Task[B, Any],
    model: nn.Module,
    held: Held[B],
    indices: Sequence[int],
    *,
    ranks: Ranks = ALONE,
    augmented: Progress | None = None,
) -> Metrics[Any]:
    """Return the filled collector of these examples, in their order, the same on every rank.

    Each rank computes its share, without padding; the predictions are gathered and the metrics see the whole list once.

    Args:
        task: what predicts.
        model: the unwrapped network; it is put into eval mode.
        held: the split.
        indices: which examples of the split.
        ranks: who shares the work.
        augmented: None for the images as they are; otherwise the point of training whose augmentation they get.
    """
    model.eval()
    device = next(model.parameters()).device
    size = min(task.recipe.train.batch_size, MOST_AT_ONCE)
    own = rows_of_part(len(indices), ranks.rank, ranks.size)
    collected: list[tuple[str, Any, Any]] = []
    for start in range(own.start, own.stop, size):
        rows = slice(start, min(start + size, own.stop))
        chunk = indices[rows]
        if augmented is None:
            batch = make_batch(task, held, chunk, seed=None).to(device)
        else:
            batch = make_batch(task, held, chunk, seed=task.recipe.seed, epoch=augmented.epoch).to(device)
            augmented.generator.manual_seed(augmented.generator.initial_seed())  # draws for all, cut to these rows
            batch = task.augment_batch(batch, replace(augmented, rows=rows, num_rows=len(indices)))
        collected += zip(batch.ids, task.predict(model, batch), task.targets(batch), strict=True)
    metrics = task.metrics()
    for part in _gather(collected, ranks):
        if part:
            metrics.update(*zip(*part, strict=True))
    return metrics


def _gather(collected: list[tuple[str, Any, Any]], ranks: Ranks) -> list[list[tuple[str, Any, Any]]]:
    if ranks.size == 1:
        return [collected]
    shares: list[Any] = [None] * ranks.size
    dist.all_gather_object(shares, collected)
    return shares
