"""What every task must keep, the witnesses and the real ones alike."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from saccade.commands import data_of_task
from saccade.data.sampler import make_generator
from saccade.recipes.tables.read import CtcHead
from saccade.records import reader
from saccade.records.predictions import ClassifyPrediction, ReadPrediction
from saccade.tasks.base import Batch, Progress, Task
from saccade.tasks.registry import TASKS
from tests.contract.ragged_witness import Detected
from tests.contract.tasks import NAMES, TINY_READER, TINY_READERS, make_task
from tests.contract.witness import Classified

every_task = pytest.mark.parametrize("name", NAMES)


def make_progress(num_rows: int, step: int = 0) -> Progress:
    generator = torch.Generator().manual_seed(step)
    return Progress(step, 100, 0, {}, generator, slice(0, num_rows), num_rows)


def make_batch(task: Task[Any, Any], indices: list[int], epoch: int | None = None) -> Any:
    examples = task.examples("train")
    rngs = [None if epoch is None else make_generator(0, epoch, index) for index in indices]
    return task.collate([task.prepare(examples[index], rng) for index, rng in zip(indices, rngs, strict=True)])


def assert_equal(a: Any, b: Any) -> None:
    """Compare samples, batches and predictions leaf by leaf, exactly."""
    if isinstance(a, Tensor | np.ndarray):
        np.testing.assert_array_equal(a, b)
    elif isinstance(a, tuple | list):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_equal(one, other)
    elif hasattr(a, "__dataclass_fields__"):
        for field in fields(a):
            assert_equal(getattr(a, field.name), getattr(b, field.name))
    else:
        assert a == b


def assert_close(a: Any, b: Any) -> None:
    """Compare the fields of two predictions: names are equal, numbers nearly."""
    if isinstance(a, tuple) and a and isinstance(a[0], tuple | str):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_close(one, other)
    else:
        assert a == b if isinstance(a, str | None) else np.allclose(a, b, atol=1e-5)


@every_task
def test_loss_is_finite_weighted_and_reaches_every_weight(name: str) -> None:
    torch.manual_seed(0)
    task = make_task(name)
    model, batch = task.build_model().train(), make_batch(task, list(range(8)), epoch=0)
    with torch.no_grad():  # what begins at nothing, such as a residual branch, hides the weights behind it for a step
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.01)
    output = task.loss(model, task.augment_batch(batch, make_progress(8)), make_progress(8))
    output.total.backward()
    num_units = sum(len(text) + 1 for text in batch.texts) if name in TINY_READERS else 8
    assert output.total.shape == () and torch.isfinite(output.total) and output.weight == num_units
    silent = [
        name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert silent == []


def test_the_second_head_learns_in_training_and_is_absent_elsewhere() -> None:
    torch.manual_seed(0)
    task = make_task("read", model=TINY_READER.model_copy(update={"head": CtcHead(auxiliary_weight=0.5)}))
    model, batch = task.build_model().train(), make_batch(task, [0, 1])
    output = task.loss(model, batch, make_progress(2))
    output.total.backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.parameters())
    assert output.total > output.parts["ctc"]
    assert len(model.eval()(batch.images)) == 1


@every_task
def test_loss_is_a_mean_over_its_weight(name: str) -> None:
    """Two halves, joined by their weights, give the loss of the whole: what accumulation and ranks rest on."""
    torch.manual_seed(0)
    task = make_task(name)
    model = task.build_model().eval()
    whole, *halves = (
        task.loss(model, make_batch(task, rows), make_progress(len(rows)))
        for rows in ([0, 1, 2, 3, 4], [0, 1], [2, 3, 4])
    )
    joined = sum(half.total * half.weight for half in halves) / sum(half.weight for half in halves)
    torch.testing.assert_close(joined, whole.total, rtol=1e-5, atol=1e-5)
    for part, value in whole.parts.items():
        assert torch.isfinite(value) and part in halves[0].parts


@every_task
def test_model_is_called_once_through_forward(name: str) -> None:
    task, calls = make_task(name), []
    model = task.build_model()
    model.register_forward_hook(lambda *_: calls.append(1))
    task.loss(model, make_batch(task, [0, 1]), make_progress(2))
    assert calls == [1]


@every_task
@torch.no_grad()
def test_batch_of_one_predicts_as_batch_of_three(name: str) -> None:
    torch.manual_seed(0)
    task = make_task(name)
    model = task.build_model().eval()
    together = task.predict(model, make_batch(task, [0, 1, 2]))
    for index in range(3):
        (alone,) = task.predict(model, make_batch(task, [index]))
        for field in fields(alone):
            assert_close(getattr(alone, field.name), getattr(together[index], field.name))


def make_oracle(name: str, target: Any) -> Any:
    match name:
        case "shapes":
            return Classified(target, 1.0)
        case "boxes":
            return Detected(tuple(map(tuple, target)), (1.0,) * len(target))
        case "classify":
            return ClassifyPrediction(target, 1.0, ((target, 1.0),), 0.0)
    return ReadPrediction(target, 1.0, (1.0,) * len(target))


@every_task
def test_oracle_scores_the_optimum_of_every_metric(name: str) -> None:
    task = make_task(name)
    batch = make_batch(task, list(range(8)))
    targets = task.targets(batch)
    metrics = task.metrics()
    for rows in (slice(0, 3), slice(3, 8)):
        metrics.update(batch.ids[rows], [make_oracle(name, target) for target in targets[rows]], targets[rows])
    computed = metrics.compute()
    assert tuple(computed) == metrics.names
    assert task.default_select.metric in metrics.names
    lower_is_better = {"cer", "nll", "ece"}
    assert computed == {metric: 0.0 if metric in lower_is_better else 1.0 for metric in metrics.names}
    assert [row["id"] for row in metrics.rows()] == list(batch.ids)
    summary = task.summarise(metrics.rows())
    assert all(summary[metric]["value"] == computed[metric] for metric in metrics.names)  # type: ignore[index]


@every_task
def test_worst_predictions_do_not_score_the_optimum(name: str) -> None:
    task = make_task(name)
    batch = make_batch(task, list(range(8)))
    targets = task.targets(batch)
    wrong = {
        "shapes": Classified(-1, 0.5),
        "boxes": Detected(((0.0, 0.0, 1.0, 1.0),), (0.9,)),
        "classify": ClassifyPrediction("none of them", 0.5, (("none of them", 0.5),), -9.0),
    }
    metrics = task.metrics()
    metrics.update(batch.ids, [wrong.get(name, ReadPrediction("", 0.5, ()))] * 8, targets)
    assert metrics.compute()[task.default_select.metric] == 0.0


@every_task
def test_prepare_is_a_function_of_example_and_generator(name: str) -> None:
    task = make_task(name)
    example = task.examples("train")[3]
    assert_equal(task.prepare(example, None), task.prepare(example, None))
    assert_equal(task.prepare(example, make_generator(0, 5, 3)), task.prepare(example, make_generator(0, 5, 3)))
    assert_equal(task.examples("train")[3], example)  # decoded again, and not written to meanwhile


@every_task
def test_batches_are_selected_row_by_row(name: str) -> None:
    task = make_task(name)
    whole = make_batch(task, [0, 1, 2, 3])
    assert isinstance(whole, Batch)
    for rows in (slice(1, 3), [2, 0]):
        part = whole.select(rows)
        assert part.ids == tuple(np.array(whole.ids)[rows]) and len(part) == 2
        assert (
            task.targets(part) == [task.targets(whole)[row] for row in range(4)[rows]]
            if isinstance(rows, slice)
            else True
        )
    assert_equal(whole.to(torch.device("cpu")), whole)
    if task.examples("train").has_one_size:
        assert_equal(task.examples("train").gather([0, 1, 2, 3]), whole)


@every_task
@torch.no_grad()
def test_image_without_a_label_is_predicted_like_a_labelled_one(name: str, tmp_path: Path) -> None:
    task = make_task(name)
    model = task.build_model().eval()
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (16, 16) if name == "shapes" else (24, 96), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "image.png"), image)
    for source in (image, tmp_path / "image.png"):
        batch = task.collate([task.prepare(task.unlabelled(source), None)])
        assert len(task.predict(model, batch)) == 1


@every_task
def test_picture_is_rgb(name: str) -> None:
    task = make_task(name)
    batch = make_batch(task, [0])
    image = batch.images[0]
    pixels = (image.numpy() if isinstance(image, Tensor) else image).transpose(1, 2, 0)
    for prediction in (None, make_oracle(name, task.targets(batch)[0])):
        picture = task.render(pixels, task.targets(batch)[0], prediction)
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3


def test_draws_are_cut_from_those_of_the_global_batch() -> None:
    def draw(rows: slice) -> Tensor:
        return Progress(7, 100, 0, {}, torch.Generator().manual_seed(7), rows, 10).draw_uniform(3)

    assert_equal(torch.cat([draw(slice(0, 4)), draw(slice(4, 10))]), draw(slice(0, 10)))


def test_the_commands_that_need_no_network_know_every_task() -> None:
    """`data stats|look` and `evaluate` work without building a task, so each has a line a task of its own."""
    assert set(data_of_task._TASKS) == set(TASKS)
    for name in TASKS:
        assert reader._ANSWERS_IN_WORDS.count(name) == 1
