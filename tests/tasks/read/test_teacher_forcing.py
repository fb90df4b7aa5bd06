"""Teacher forcing: each schedule by hand, and draws that no number of ranks changes."""

import math

import pytest
import torch
from pydantic import TypeAdapter

from saccade.recipes.tables.sequence import TeacherForcing
from saccade.tasks.base import Progress
from saccade.tasks.read.teacher_forcing import compute_forcing_ratio, draw_forced


def make_progress(
    epoch: int = 0, step: int = 0, num_steps: int = 101, rows: slice = slice(0, 8), **metrics: float
) -> Progress:
    return Progress(step, num_steps, epoch, metrics, torch.Generator().manual_seed(3), rows, 8)


def compute(progress: Progress, **values: object) -> float:
    return compute_forcing_ratio(TypeAdapter(TeacherForcing).validate_python(values), progress)


def test_constant_and_steps_and_lists() -> None:
    assert [compute(make_progress(epoch), name="constant", ratio=0.7) for epoch in (0, 99)] == [0.7, 0.7]
    steps = {"name": "steps", "ratio": 0.5, "milestone_epochs": (100.0, 135.5), "ratios": (0.4, 0.3)}
    shares = {0: 0.5, 99: 0.5, 100: 0.4, 135: 0.4, 136: 0.3, 500: 0.3}
    assert {epoch: compute(make_progress(epoch), **steps) for epoch in shares} == shares
    listed = {"name": "list", "ratios": (0.8, 0.8, 0.65, 0.5)}
    assert [compute(make_progress(epoch), **listed) for epoch in range(6)] == [0.8, 0.8, 0.65, 0.5, 0.5, 0.5]


def test_arctan_goes_from_one_end_to_the_other_around_the_middle() -> None:
    shares = {step: compute(make_progress(step=step), name="arctan", start=0.8, end=0.3) for step in (0, 25, 50, 100)}
    assert shares[0] == pytest.approx(0.8) and shares[50] == pytest.approx(0.55) and shares[100] == pytest.approx(0.3)
    assert shares[25] == pytest.approx(0.55 + 0.25 * math.atan(2.5) / math.atan(5))
    assert compute(make_progress(num_steps=1), name="arctan", start=0.8, end=0.3) == pytest.approx(0.8)


@pytest.mark.parametrize(("accuracy", "share"), [(0.0, 1.0), (0.25, 0.75), (0.9, 0.2), (1.0, 0.2)])
def test_by_accuracy_it_is_told_less_the_better_it_is(accuracy: float, share: float) -> None:
    assert compute(make_progress(exact_match=accuracy), name="by_accuracy", floor=0.2) == pytest.approx(share)


def test_before_the_first_validation_it_is_told_everything() -> None:
    assert compute(make_progress(), name="by_accuracy", floor=0.2) == 1.0


def test_each_text_draws_for_itself_and_no_number_of_ranks_changes_it() -> None:
    whole = draw_forced(make_progress(), 0.5)
    parts = [draw_forced(make_progress(rows=rows), 0.5) for rows in (slice(0, 3), slice(3, 8))]
    assert torch.equal(torch.cat(parts), whole) and whole.dtype == torch.bool and len(set(whole.tolist())) == 2
    assert not draw_forced(make_progress(), 0.0).any() and draw_forced(make_progress(), 1.0).all()
    assert (draw_forced(make_progress(), 0.7) | ~whole).all()


def test_the_share_is_how_many() -> None:
    progress = Progress(0, 1, 0, {}, torch.Generator().manual_seed(0), slice(0, 4000), 4000)
    assert 0.27 < draw_forced(progress, 0.3).float().mean() < 0.33
