"""Learning rates at the points that name a schedule, and torch's own where torch has it."""

import itertools

import pytest
import torch

from saccade.engine.schedule import compute_rate
from saccade.recipes.tables.training import Constant, Cosine, Cyclic, OneCycle, Schedule, Step

EPOCH, NUM_STEPS, PEAK = 10, 100, 0.5


def curve(schedule: Schedule, num_steps: int = NUM_STEPS) -> list[float]:
    return [compute_rate(schedule, PEAK, step, steps_per_epoch=EPOCH, num_steps=num_steps) for step in range(num_steps)]


def is_rising(rates: list[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(rates))


def test_constant() -> None:
    assert set(curve(Constant())) == {PEAK}


def test_step_drops_at_each_milestone_after_its_warmup() -> None:
    rates = curve(Step(milestone_epochs=(4.0, 7.5), factor=0.1, warmup_epochs=2.0, warmup_start_rate=0.1))
    assert rates[0] == 0.1 and is_rising(rates[:21]) and rates[19] == pytest.approx(0.48) and rates[20] == PEAK
    assert rates[39] == PEAK and rates[40] == pytest.approx(PEAK / 10)
    assert rates[74] == pytest.approx(PEAK / 10) and rates[75] == rates[-1] == pytest.approx(PEAK / 100)


def test_cosine_warms_up_linearly_and_ends_at_its_minimum() -> None:
    rates = curve(Cosine(warmup_epochs=2.0, warmup_start_rate=0.1, min_rate=0.01))
    assert rates[0] == 0.1 and rates[10] == pytest.approx(0.3) and rates[20] == PEAK == max(rates)
    assert rates[-1] == pytest.approx(0.01, rel=1e-9) and is_rising(rates[20:][::-1])
    assert rates[59] == pytest.approx((rates[58] + rates[60]) / 2, rel=1e-3)
    assert curve(Cosine(warmup_epochs=10.0))[-1] == pytest.approx(PEAK * 0.99)
    assert curve(Cosine(), num_steps=1) == [PEAK]


@pytest.mark.parametrize(("fraction", "num_steps"), [(0.3, 100), (0.25, 40), (0.5, 7), (0.05, 10)])
def test_one_cycle_is_that_of_torch(fraction: float, num_steps: int) -> None:
    table = OneCycle(warmup_fraction=fraction, start_divisor=10.0, final_divisor=100.0)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK, total_steps=num_steps, pct_start=fraction, div_factor=10, final_div_factor=100
    )
    wanted = []
    for _ in range(num_steps):
        wanted.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(wanted) < num_steps:
            theirs.step()
    assert curve(table, num_steps) == pytest.approx(wanted, rel=1e-6)


def test_cyclic_rises_and_falls_and_each_peak_is_lower() -> None:
    rates = curve(Cyclic(cycle_epochs=4.0, min_rate=0.1, factor=0.5))
    assert [rates[step] for step in (0, 40, 80)] == pytest.approx([0.1] * 3)
    assert [rates[step] for step in (20, 60)] == pytest.approx([PEAK, 0.3])
    assert is_rising(rates[:21]) and is_rising(rates[20:41][::-1])
