"""One step: accumulation, clipping, number formats, the moving average, and what a bad loss does."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from saccade.engine.batches import StepMaker
from saccade.engine.device import Ranks
from saccade.engine.ema import MovingAverage
from saccade.engine.history import History, Hooks
from saccade.engine.session import Session, open_session
from saccade.engine.step import train_step
from saccade.errors import InputError
from saccade.recipes.tables.training import AdamW, Sgd, TrainTable
from tests.contract.tasks import make_task

CPU = torch.device("cpu")


def run_steps(num_steps: int = 3, rate: float = 0.05, **train: Any) -> tuple[Session[Any], list[Any]]:
    task = make_task(
        "shapes", train=TrainTable(**{"batch_size": 30} | train), optimizer=Sgd(learning_rate=0.05, momentum=0.9)
    )
    session, results = open_session(task, CPU, Ranks()), []
    make = StepMaker(task, session.train, task.recipe.train.accumulation_steps, session.ranks)
    batches = [draws for epoch in range(num_steps) for draws in session.sampler.batches(epoch)][:num_steps]
    for draws in batches:
        results.append(train_step(session, task, task.recipe, make((0, draws)), rate, measure=True))
        session.position.step += 1
    return session, results


def weights(session: Session[Any]) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in session.model.parameters()])


@pytest.mark.parametrize("accumulation_steps", [2, 4, 7])
def test_accumulation_is_one_step_in_pieces(accumulation_steps: int) -> None:
    """30 images in 4 or 7 unequal micro-batches."""
    whole, ours = run_steps(), run_steps(accumulation_steps=accumulation_steps)
    torch.testing.assert_close(weights(ours[0]), weights(whole[0]), rtol=0, atol=1e-6)
    for one, other in zip(ours[1], whole[1], strict=True):
        torch.testing.assert_close(one.loss, other.loss, rtol=0, atol=1e-6)
        torch.testing.assert_close(one.gradient_norm, other.gradient_norm, rtol=1e-5, atol=1e-6)
        assert one.weight == other.weight == one.num_images == 30


def test_more_micro_batches_than_images_is_bad_input() -> None:
    with pytest.raises(InputError, match=r"train.batch_size: 2 images cannot be split among 1 ranks x 4 micro-batches"):
        run_steps(batch_size=2, accumulation_steps=4)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_clipping_bounds_the_first_update(precision: str) -> None:
    _, (free, *_) = run_steps(precision=precision)
    _, (clipped, *_) = run_steps(precision=precision, grad_clip_norm=0.01)
    assert (
        free.gradient_norm > 0.1 and clipped.gradient_norm == free.gradient_norm
    )  # what is recorded is before clipping
    assert float(clipped.update_norm) == pytest.approx(0.05 * 0.01, rel=1e-3)


@pytest.mark.parametrize(("precision", "tolerance"), [("bf16", 0.05), ("fp16", 0.01)])
def test_short_number_formats_follow_the_long_one(precision: str, tolerance: float) -> None:
    (long, _), (short, results) = run_steps(), run_steps(precision=precision)
    start, _ = run_steps(0)
    moved, wanted = weights(short) - weights(start), weights(long) - weights(start)
    assert 0 < (moved - wanted).norm() < tolerance * wanted.norm()
    assert all(parameter.dtype == torch.float32 for parameter in short.model.parameters())
    assert short.scaler.is_enabled() == (precision == "fp16")
    assert all(torch.isfinite(result.loss) for result in results)


def test_fp16_skips_a_step_whose_gradient_overflows_and_lowers_its_scale() -> None:
    task = make_task("shapes", train=TrainTable(batch_size=32, precision="fp16"))
    session = open_session(task, CPU, Ranks())
    session.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    before = weights(session)
    step = StepMaker(task, session.train, 1, session.ranks)((0, next(session.sampler.batches(0))))
    train_step(session, task, task.recipe, step, 0.1, measure=False)
    assert weights(session).equal(before) and session.scaler.get_scale() == 2.0**39


def test_moving_average_warms_up() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    average = MovingAverage(model, 0.5)
    torch.nn.init.ones_(model.weight)
    wanted = 0.0
    for step in range(20):
        average.update(model, step)
        decay = min(0.5, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay)
        assert float(average.model.weight) == pytest.approx(wanted, rel=1e-5)
    assert not average.model.training and not average.model.weight.requires_grad


def test_moving_average_copies_running_statistics() -> None:
    model = torch.nn.BatchNorm1d(2)
    average = MovingAverage(model, 0.9)
    model(torch.randn(8, 2) + 5)
    average.update(model, 0)
    assert average.model.running_mean.equal(model.running_mean) and int(average.model.num_batches_tracked) == 1


def test_results_keep_no_graph() -> None:
    _, results = run_steps(2, accumulation_steps=2)
    for result in results:
        assert not result.loss.requires_grad and not any(part.requires_grad for part in result.parts.values())


class _NoReading(TorchDispatchMode):
    """Forbids reading a value out of a tensor, which on an accelerator waits for all that it has to do."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func not in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default), "reads a value"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("accumulation_steps", [1, 3])
def test_a_step_away_from_the_host_reads_no_value_back(
    accumulation_steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU that is taken for an accelerator, in the middle of a window of the history."""
    train = TrainTable(batch_size=30, accumulation_steps=accumulation_steps, ema_decay=0.9, grad_clip_norm=1.0)
    task = make_task("shapes", train=train, optimizer=AdamW(weight_decay=0.1))
    session = open_session(task, CPU, Ranks())
    log = History(session, None, Hooks())
    make = StepMaker(task, session.train, accumulation_steps, session.ranks)
    steps = [make((0, draws)) for draws in session.sampler.batches(0)]
    monkeypatch.setattr(Session, "is_on_host", property(lambda session: False))
    with _NoReading():
        for number, step in enumerate(steps):
            result = train_step(session, task, task.recipe, step, 0.01, measure=number == 1)
            session.position.step += 1
            log.count(result, 0.01, 0.0, ends_window=False)
    assert len(steps) == 4 and session.position.step == 4


def test_reading_a_value_back_would_be_noticed() -> None:
    with pytest.raises(AssertionError, match="reads a value"), _NoReading():
        bool(torch.zeros(()) > 1)
