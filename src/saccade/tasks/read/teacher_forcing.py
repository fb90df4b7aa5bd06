"""How often a reader is given the truth before each token in training: schedules, and which texts of a batch are meant.

Path: `[model.loss.teacher_forcing]` and progress -> share of the texts -> one draw a text of the global batch. Nothing
is remembered: the share follows from the epoch, the step or the last validation alone.
"""

import math
from dataclasses import replace
from typing import assert_never

import torch
from jaxtyping import Bool
from torch import Tensor

from saccade.recipes.tables.sequence import (
    AccuracyForcing,
    ArctanForcing,
    ConstantForcing,
    ListForcing,
    StepForcing,
    TeacherForcing,
)
from saccade.tasks.base import Progress

_ARCTAN_REACH = 5.0
"""The arctangent goes from minus this to this: half of the way is made in the middle sixth of training."""


def compute_forcing_ratio(forcing: TeacherForcing, progress: Progress) -> float:
    """Return the share of texts, in [0, 1], that are learned with the truth before each token.

    A milestone acts from the first epoch on that begins at it or later. By accuracy the share is 1 before the first
    validation.
    """
    match forcing:
        case ConstantForcing(ratio=ratio):
            return ratio
        case StepForcing():
            past = [r for m, r in zip(forcing.milestone_epochs, forcing.ratios, strict=True) if m <= progress.epoch]
            return past[-1] if past else forcing.ratio
        case ArctanForcing(start=start, end=end):
            done = progress.step / max(progress.num_steps - 1, 1)
            way = 0.5 + 0.5 * math.atan(_ARCTAN_REACH * (2 * done - 1)) / math.atan(_ARCTAN_REACH)
            return start + (end - start) * way
        case ListForcing(ratios=ratios):
            return ratios[min(progress.epoch, len(ratios) - 1)]
        case AccuracyForcing(floor=floor, metric=metric):
            return max(floor, 1 - progress.metrics.get(metric, 0.0))
        case _:
            assert_never(forcing)


def draw_forced(progress: Progress, ratio: float) -> Bool[Tensor, " B"]:
    """Draw which texts at hand are given the truth, each on its own; the answer lies on the CPU.

    The draws are those of the global batch, so they are the same on any number of ranks; a larger share keeps all that
    a smaller one chose.

    Args:
        progress: Whose generator draws once a text.
        ratio: Share of the texts, in [0, 1].
    """
    generator = progress.generator
    if generator.device.type != "cpu":
        # Who writes alone is asked before anything is computed: for a device's draw that would have to wait.
        generator = torch.Generator().manual_seed(generator.initial_seed())
    return replace(progress, generator=generator).draw_uniform() < ratio
