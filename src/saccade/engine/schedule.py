"""The learning rate as a pure function of the step."""

import math
from typing import assert_never

from saccade.recipes.tables.training import Constant, Cosine, Cyclic, OneCycle, Schedule, Step


def compute_rate(schedule: Schedule, peak: float, step: int, *, steps_per_epoch: int, num_steps: int) -> float:
    """Return the learning rate of a step (from 0) of `num_steps`."""
    epoch = step / steps_per_epoch
    match schedule:
        case Constant():
            return peak
        case Step():
            if epoch < schedule.warmup_epochs:
                return _warm_up(schedule, peak, epoch)
            num_drops = sum(epoch >= milestone for milestone in schedule.milestone_epochs)
            return peak * math.pow(schedule.factor, num_drops)
        case Cosine():
            if epoch < schedule.warmup_epochs:
                return _warm_up(schedule, peak, epoch)
            warmup_steps = schedule.warmup_epochs * steps_per_epoch
            return _cosine(peak, schedule.min_rate, (step - warmup_steps) / max(num_steps - 1 - warmup_steps, 1))
        case OneCycle():
            start, turn = peak / schedule.start_divisor, schedule.warmup_fraction * num_steps - 1
            if step <= turn:
                return _cosine(start, peak, step / max(turn, 1))
            return _cosine(peak, start / schedule.final_divisor, (step - turn) / max(num_steps - 1 - turn, 1))
        case Cyclic():
            cycle, position = divmod(epoch, schedule.cycle_epochs)
            height = (peak - schedule.min_rate) * math.pow(schedule.factor, cycle)
            return schedule.min_rate + height * (1 - abs(2 * position / schedule.cycle_epochs - 1))
        case _:
            assert_never(schedule)


def _warm_up(schedule: Step | Cosine, peak: float, epoch: float) -> float:
    return schedule.warmup_start_rate + (peak - schedule.warmup_start_rate) * epoch / schedule.warmup_epochs


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2
