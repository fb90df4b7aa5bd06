"""The loop: selection, stages, early stopping, starting from weights, and runs that cannot go on."""

import gc
import hashlib
import json
import math
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from saccade.engine.batches import make_batch
from saccade.engine.device import Ranks
from saccade.engine.fit import stage_of
from saccade.engine.history import Hooks
from saccade.engine.run import train_run
from saccade.engine.selection import validate
from saccade.engine.session import open_session
from saccade.errors import InputError, RunFailedError
from saccade.recipes.tables.augment import ReadAugment, TextLineAugment
from saccade.recipes.tables.data import Keep
from saccade.recipes.tables.read import CtcHead
from saccade.recipes.tables.training import AdamW, SelectTable, Sgd, Stage, StartTable, TrainTable
from saccade.records.reader import read_run
from saccade.tasks.base import LossOutput, Progress
from tests.contract.tasks import READ_DATA, TINY_READER, make_task
from tests.contract.witness import DrawnData, DrawnSource, LabelMetrics, ShapesRecipe, ShapesTask
from tests.engine.runs import read_tensors, train

CPU = torch.device("cpu")
DATA = DrawnData(train=(DrawnSource(num_images=32),), val=(DrawnSource(num_images=8, seed=1),))
LOOP = {"epochs": 3, "batch_size": 16, "log_every_steps": 1}


def make_recipe(**tables: Any) -> ShapesRecipe:
    return ShapesRecipe(
        **({"data": DATA, "train": TrainTable(**LOOP), "optimizer": AdamW(learning_rate=1e-2)} | tables)
    )


def find_run(runs: Path) -> Path:
    return next(runs.rglob("status.json")).parent


# --- what cannot go on -----------------------------------------------------------------------------------------------


class BadLoss(ShapesTask):
    """Its loss is not finite from step 3 on."""

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> LossOutput:
        output = super().loss(model, batch, progress)
        return LossOutput(output.total * (math.nan if progress.step >= 3 else 1.0), output.weight, {})


class _Spoil(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * math.inf


class BadGradient(ShapesTask):
    """Its loss stays finite, and the gradient of step 3 is not."""

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> LossOutput:
        output = super().loss(model, batch, progress)
        return LossOutput(_Spoil.apply(output.total) if progress.step == 3 else output.total, output.weight, {})


@pytest.mark.parametrize(("task_class", "good_step"), [(BadLoss, 3), (BadGradient, 2)])
def test_what_is_not_finite_ends_the_run_and_leaves_the_last_good_state(
    task_class: type[ShapesTask], good_step: int, tmp_path: Path
) -> None:
    """Two steps an epoch: step 3 ends the second one, which would be validated next."""
    with pytest.raises(RunFailedError, match=r"not finite at step 3 \(epoch 1\)") as failed:
        train(task_class(make_recipe()), tmp_path)
    assert failed.value.exit_status == 3 and "\n" not in str(failed.value)
    folder = find_run(tmp_path)
    run = read_run(folder)
    assert run.status["state"] == "failed" and "step 3" in run.status["cause"]
    assert all(
        torch.isfinite(tensor).all() for name in ("last", "best") for tensor in read_tensors(folder, name).values()
    )
    state = json.loads((folder / "checkpoints" / "last" / "state.json").read_text())
    assert state["position"]["step"] == good_step
    (row,) = [row for row in run.history() if row.get("event") == "failure"]
    batch = load_file(folder / "failure.safetensors")
    examples = ShapesTask(make_recipe()).examples("train")
    wanted = examples.gather([list(examples.ids).index(name) for name in row["ids"]])
    assert row["step"] == 3 and len(row["ids"]) == 16
    assert batch["0.images"].equal(wanted.images) and batch["0.labels"].equal(wanted.labels)


def test_bad_settings_leave_no_record(tmp_path: Path) -> None:
    faults = {
        "no metric": {"select": SelectTable(metric="top1_acuracy")},
        "no module": {"optimizer": Sgd(module_weight_decay={"neck": 0.1})},
        "start.weights does not exist": {"start": StartTable(weights=str(tmp_path / "nothing"))},
        "no validation image": {"data": DrawnData(train=DATA.train, val=(DrawnSource(num_images=0),))},
        "too few": {"data": DrawnData(train=(DrawnSource(num_images=0),))},
    }
    for message, tables in faults.items():
        with pytest.raises(InputError, match=message) as error:
            train(ShapesTask(make_recipe(**tables)), tmp_path / "runs")
        assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("*"))


# --- selection -------------------------------------------------------------------------------------------------------


class ScriptedMetrics(LabelMetrics):
    values: ClassVar[list[float]] = []
    names = ("top1_accuracy",)

    def compute(self) -> dict[str, float]:
        return {"top1_accuracy": self.values.pop(0)}


def choose(values: list[float], *, higher_is_better: bool = True) -> list[tuple[float | None, bool, int]]:
    """Return (best value, is best, stale validations) after validations that give these values."""

    class Scripted(ShapesTask):
        def metrics(self) -> LabelMetrics:
            return ScriptedMetrics()

    select = SelectTable(metric="top1_accuracy", higher_is_better=higher_is_better)
    session, seen = open_session(Scripted(make_recipe(select=select)), CPU, Ranks()), []
    for value in values:
        ScriptedMetrics.values = [value, 0.0, 0.0]  # validation, and training images twice
        session.position.step += 1
        row = validate(session, session.task, None, seconds=0.0)
        seen.append((session.position.best_value, row["is_best"], session.position.stale_validations))
    return seen


def test_the_best_is_kept_and_of_equals_the_later() -> None:
    assert choose([0.5, 0.4, 0.5, 0.6]) == [(0.5, True, 0), (0.5, False, 1), (0.5, True, 2), (0.6, True, 0)]
    assert choose([0.5, 0.6, 0.4], higher_is_better=False) == [(0.5, True, 0), (0.5, False, 1), (0.4, True, 0)]


def test_nan_is_never_the_best() -> None:
    assert choose([math.nan, 0.1, math.nan]) == [(None, False, 1), (0.1, True, 0), (0.1, False, 1)]


def test_the_moving_average_is_what_is_selected(tmp_path: Path) -> None:
    recipe = make_recipe(train=TrainTable(**LOOP, ema_decay=0.99), optimizer=AdamW(learning_rate=0.05))
    folder = train(ShapesTask(recipe), tmp_path)
    metrics = read_run(folder).metrics
    assert metrics is not None
    assert set(metrics["selection"]["variants"]) == {"best_raw", "best_ema", "last_raw", "last_ema"}
    assert metrics["selection"]["variants"]["best_ema"] == metrics["selection"]["best"]
    tensors = read_tensors(folder, "best")
    assert not tensors["ema:head.weight"].equal(tensors["model:head.weight"])


def test_patience_ends_training(tmp_path: Path) -> None:
    recipe = make_recipe(
        train=TrainTable(epochs=50, batch_size=16, patience_validations=2), optimizer=Sgd(learning_rate=1e-9)
    )
    rows = read_run(train(ShapesTask(recipe), tmp_path)).history()
    assert [row["epoch"] for row in rows if row.get("event") == "validation"] == [1, 2, 3]
    assert rows[-1]["event"] == "early_stop"


# --- stages ----------------------------------------------------------------------------------------------------------


def test_a_stage_changes_rate_and_clipping_at_its_epoch(tmp_path: Path) -> None:
    stage = Stage(from_epoch=1, optimizer={"learning_rate": 0.003}, train={"grad_clip_norm": 1e-6})
    recipe = make_recipe(stage=(stage,), optimizer=Sgd(learning_rate=0.01))
    rows = [row for row in read_run(train(ShapesTask(recipe), tmp_path)).history() if "event" not in row]
    assert [row["learning_rate"] for row in rows] == [0.01] * 2 + [0.003] * 4
    assert min(row["update_norm"] for row in rows[:2]) > 1e-4
    assert max(row["update_norm"] for row in rows[2:]) < 1e-8


def test_a_stage_changes_decay(tmp_path: Path) -> None:
    def last_norm(*stages: Stage) -> float:
        folder = train(ShapesTask(make_recipe(stage=stages)), tmp_path / str(len(stages)))
        return float(read_tensors(folder)["model:head.weight"].norm())

    assert last_norm(Stage(from_epoch=1, optimizer={"weight_decay": 20.0})) < 0.9 * last_norm()


def test_augmentation_that_a_later_stage_switches_on_reaches_images_that_live_on_the_device(tmp_path: Path) -> None:
    """Without it the images need no work one by one, and lie where none can be done."""
    stage = Stage(from_epoch=1, augment={"text_line": {"invert_probability": 1.0}})
    base = make_task("read", data=READ_DATA, stage=(stage,), train=TrainTable(epochs=2, batch_size=16))
    session = open_session(base, CPU, Ranks())

    before, after = (
        make_batch(stage_of(base, epoch)[0], session.train, [0, 1], seed=0, epoch=epoch).images for epoch in (0, 1)
    )
    assert after.equal(255 - before)
    augment = ReadAugment(text_line=TextLineAugment(invert_probability=1.0))
    off = Stage(from_epoch=1, augment={"text_line": {"invert_probability": 0.0}})
    falling = make_task(
        "read", data=READ_DATA, augment=augment, stage=(off,), train=TrainTable(epochs=2, batch_size=16)
    )
    session = open_session(falling, CPU, Ranks())
    assert make_batch(stage_of(falling, 1)[0], session.train, [0, 1], seed=0, epoch=1).images.equal(before)


# --- start from weights ----------------------------------------------------------------------------------------------


def make_read(**tables: Any) -> Any:
    return make_task("read", train=TrainTable(epochs=1, batch_size=16), **tables)


def first_weights(task: Any) -> dict[str, Tensor]:
    return open_session(task, CPU, Ranks()).model.state_dict()


def test_start_takes_weights_and_leaves_the_optimiser_fresh_unless_told(tmp_path: Path) -> None:
    folder = train(ShapesTask(make_recipe()), tmp_path)
    best = read_tensors(folder, "best")
    for kept in ("fresh", "kept"):
        start = StartTable(weights=str(folder), optimizer=kept)  # type: ignore[arg-type]
        # other groups number the weights in another order
        optimizer = AdamW(learning_rate=1e-2, weight_decay=0.1, module_weight_decay={"backbone.0": 0.0})
        session = open_session(ShapesTask(make_recipe(start=start, optimizer=optimizer)), CPU, Ranks())
        assert all(tensor.equal(best[f"model:{name}"]) for name, tensor in session.model.state_dict().items())
        state = {name: session.optimizer.state.get(weight, {}) for name, weight in session.model.named_parameters()}
        last = read_tensors(folder)
        if kept == "fresh":
            assert not any(state.values())
        else:
            assert all(state[name]["exp_avg"].equal(last[f"optimizer:{name}/exp_avg"]) for name in state)
    weights = open_session(
        ShapesTask(make_recipe(start=StartTable(weights=str(folder / "checkpoints/best/model.safetensors")))),
        CPU,
        Ranks(),
    )
    assert weights.model.state_dict()["head.bias"].equal(best["model:head.bias"])


def test_another_optimiser_cannot_keep_a_state(tmp_path: Path) -> None:
    folder = train(ShapesTask(make_recipe()), tmp_path)
    start = StartTable(weights=str(folder), optimizer="kept")
    with pytest.raises(InputError, match="was trained with adamw, not sgd"):
        open_session(ShapesTask(make_recipe(start=start, optimizer=Sgd())), CPU, Ranks())


def test_another_charset_is_refused_with_the_cure_even_where_the_shapes_agree(tmp_path: Path) -> None:
    text = {"charset": "".join(sorted("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))}
    folder = train(make_read(text=text), tmp_path)
    other = {"charset": text["charset"][:-1] + "z"}
    sources = tuple(source.model_copy(update={"keep": Keep(in_charset=True)}) for source in READ_DATA.train)
    data = READ_DATA.model_copy(update={"train": sources, "val": sources})
    with pytest.raises(
        InputError, match=r'another charset \(it lacks z, it has Z besides\); .*start.allow = \["head"\]'
    ):
        first_weights(make_read(text=other, data=data, start=StartTable(weights=str(folder))))
    with pytest.raises(InputError, match="another charset"):
        first_weights(make_read(text=other, data=data, start=StartTable(weights=str(folder), allow=("neck",))))
    fresh, started = (
        first_weights(make_read(text=other, data=data, start=start))
        for start in (None, StartTable(weights=str(folder), allow=("head",), optimizer="kept"))
    )
    two_heads = TINY_READER.model_copy(update={"head": CtcHead(auxiliary_weight=0.5)})
    reader = make_read(text=other, data=data, model=two_heads, start=StartTable(weights=str(folder), allow=("head",)))
    with pytest.raises(InputError, match=r'start.allow = \["auxiliary_head", "head"\]'):
        first_weights(reader)
    trained = read_tensors(folder, "best")
    assert started["head.weight"].equal(fresh["head.weight"])
    assert all(
        tensor.equal(trained[f"model:{name}"]) for name, tensor in started.items() if not name.startswith("head")
    )


# --- the record of the loop ------------------------------------------------------------------------------------------


def test_history_keeps_no_tensor_of_a_window_that_was_written(tmp_path: Path) -> None:
    task, alive = (
        ShapesTask(
            make_recipe(train=TrainTable(epochs=40, batch_size=16, log_every_steps=2, validate_every_epochs=40))
        ),
        [],
    )

    class Count(Hooks):
        def watch(self, row: Any) -> None:
            if row.get("event") == "step" and row["step"] % 10 == 1:
                alive.append(sum(issubclass(type(one), Tensor) for one in gc.get_objects()))

    train_run(task, runs=tmp_path, name=("tests", "run"), device="cpu", hooks=Count())
    assert max(alive[-3:]) <= max(alive[1:4])


def test_rows_are_means_over_their_window(tmp_path: Path) -> None:
    every, pairs = (
        [
            row
            for row in read_run(
                train(ShapesTask(make_recipe(train=TrainTable(**LOOP | {"log_every_steps": n}))), tmp_path / str(n))
            ).history()
            if "event" not in row
        ]
        for n in (1, 2)
    )
    assert [row["step"] for row in pairs] == [2, 4, 6]
    for number, row in enumerate(pairs):
        assert row["loss"] == pytest.approx((every[2 * number]["loss"] + every[2 * number + 1]["loss"]) / 2, rel=1e-5)


def read_log(folder: Path) -> list[dict[str, Any]]:
    return [row for row in read_run(folder).history() if "event" not in row]


def test_an_epoch_without_a_row_gets_one_at_its_end(tmp_path: Path) -> None:
    def train_logged(every: int, batch_size: int) -> list[dict[str, Any]]:
        table = TrainTable(**LOOP | {"epochs": 4, "log_every_steps": every, "batch_size": batch_size})
        return read_log(train(ShapesTask(make_recipe(train=table)), tmp_path / f"{every}-{batch_size}"))

    every = train_logged(1, 8)
    assert len(every) == 16  # 32 images: four steps an epoch
    for log_every_steps, steps in (
        (50, [4, 8, 12, 16]),
        (6, [4, 6, 12, 16]),
        (5, [4, 5, 10, 15]),
        (3, [3, 6, 9, 12, 15]),
    ):
        rows = train_logged(log_every_steps, 8)
        assert [row["step"] for row in rows] == steps
        for first, row in zip([0, *steps], rows, strict=False):
            losses = [one["loss"] for one in every[first : row["step"]]]
            assert row["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_the_record_names_class_file_and_hash_of_the_task(tmp_path):
    task = read_run(train(ShapesTask(make_recipe()), tmp_path)).environment["task"]
    assert task["class"] == "tests.contract.witness.ShapesTask"
    assert task["sha256"] == hashlib.sha256(Path(task["file"]).read_bytes()).hexdigest()
