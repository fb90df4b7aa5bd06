"""A run that was stopped ends as one that was not, bit for bit, wherever it was stopped."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from saccade.engine.history import Hooks
from saccade.engine.run import resume_run, train_run
from saccade.errors import InputError, StoppedError
from saccade.recipes.tables.augment import ReadAugment, TextLineAugment
from saccade.recipes.tables.training import Adadelta, Adam, AdamP, AdamW, Cosine, Sgd, Stage, StartTable, TrainTable
from saccade.records.reader import read_run
from saccade.tasks.base import Task
from tests.contract.tasks import READ_DATA, make_task
from tests.contract.witness import DrawnData, DrawnSource, ShapesAugment, ShapesModel
from tests.engine.runs import StopAt, assert_same_run, read_tensors, train, train_in_pieces

# 40 images in batches of 16: three steps an epoch, the last one short.
DATA = DrawnData(train=(DrawnSource(num_images=40),), val=(DrawnSource(num_images=12, seed=1),))
LOOP = {"epochs": 4, "batch_size": 16, "log_every_steps": 2}


def make_shapes(**tables: Any) -> Task[Any, Any]:
    """Return the classifier with everything that draws: dropout, augmentation on the device, a schedule."""
    moving = {"model": ShapesModel(channels=4, dropout=0.3), "augment": ShapesAugment(flip_probability=0.5, shift_px=2)}
    loop = {"train": TrainTable(**LOOP), "schedule": Cosine(warmup_epochs=1.0), "optimizer": AdamW(learning_rate=1e-2)}
    return make_task("shapes", data=DATA, **(moving | loop | tables))


def make_read(**tables: Any) -> Task[Any, Any]:
    augment = ReadAugment(text_line=TextLineAugment(perspective_probability=0.5, noise_probability=0.5))
    return make_task("read", train=TrainTable(epochs=2, batch_size=12, log_every_steps=2), augment=augment, **tables)


@pytest.mark.parametrize("stops", [(1,), (3,), (6,), (7,), (2, 3, 8, 11), (12,)], ids=str)
def test_stopped_anywhere_ends_the_same(stops: tuple[int, ...], tmp_path: Path) -> None:
    """In an epoch, at its end, in and at the end of a window of the history, several times."""
    task = make_shapes(train=TrainTable(**LOOP, ema_decay=0.9))
    assert_same_run(train(task, tmp_path / "whole"), train_in_pieces(task, tmp_path / "pieces", *stops))


@pytest.mark.parametrize(
    "tables",
    [
        {"train": TrainTable(**LOOP | {"log_every_steps": 50})},
        {"train": TrainTable(**LOOP, precision="fp16")},
        {"train": TrainTable(**LOOP, precision="bf16", accumulation_steps=3, grad_clip_norm=0.5)},
        {"train": TrainTable(**LOOP, channels_last=True, checkpoint_every_steps=2)},
        {"train": TrainTable(**LOOP, patience_validations=1, validate_every_epochs=1)},
        {"train": TrainTable(**LOOP), "optimizer": Sgd(learning_rate=0.05, momentum=0.9, nesterov=True)},
        {"train": TrainTable(**LOOP), "optimizer": Adam(weight_decay=1e-3, decay_norms_and_biases=False)},
        {"train": TrainTable(**LOOP), "optimizer": AdamP(module_weight_decay={"head": 0.1})},
        {"train": TrainTable(**LOOP), "optimizer": Adadelta(learning_rate=1.0)},
        {"stage": (Stage(from_epoch=2, optimizer={"learning_rate": 1e-3}, augment={"shift_px": 0}),)},
    ],
    ids=["rare_rows", "fp16", "bf16", "channels_last", "patience", "sgd", "adam", "adamp", "adadelta", "stage"],
)
def test_stopped_under_every_setting_ends_the_same(tables: dict[str, Any], tmp_path: Path) -> None:
    task = make_shapes(**tables)
    assert_same_run(train(task, tmp_path / "whole"), train_in_pieces(task, tmp_path / "pieces", 4))


@pytest.mark.parametrize("workers", [("thread", 2), ("process", 2)], ids=str)
def test_any_number_of_workers_and_a_stop_give_the_same_run(workers: tuple[Any, int], tmp_path: Path) -> None:
    """Images augmented one by one, in the loop, in threads and in processes; the latter two stopped in an epoch."""
    alone = make_read(data=READ_DATA.model_copy(update={"num_workers": 0}))
    held = {"workers": workers[0], "num_workers": workers[1], "residency": "lazy"}
    shared = make_read(data=READ_DATA.model_copy(update=held))
    assert_same_run(train(alone, tmp_path / "alone"), train_in_pieces(shared, tmp_path / "shared", 4))


def test_ragged_images_go_on_too(tmp_path: Path) -> None:
    task = make_task("boxes", data=DATA, train=TrainTable(epochs=2, batch_size=16, log_every_steps=1))
    assert_same_run(train(task, tmp_path / "whole"), train_in_pieces(task, tmp_path / "pieces", 2, 5))


def test_a_stop_is_recorded_and_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    task, hooks = make_shapes(), StopAt(5)
    with pytest.raises(StoppedError, match=r"stopped at step 5; go on with: saccade train --resume .*") as stopped:
        train_run(task, runs=tmp_path, name=("tests", "run"), device="cpu", hooks=hooks)
    assert stopped.value.exit_status == 75
    status = read_run(hooks.folder).status
    assert status["state"] == "stopped" and "step 5" in status["cause"]
    resume_run(task, hooks.folder, device="cpu", hooks=Hooks())
    before = read_tensors(hooks.folder)
    assert read_run(hooks.folder).status["state"] == "finished"
    resume_run(task, hooks.folder, device="cpu", hooks=Hooks())
    assert all(tensor.equal(before[name]) for name, tensor in read_tensors(hooks.folder).items())


def test_a_run_that_stopped_early_stays_stopped(tmp_path: Path) -> None:
    train_table = TrainTable(**LOOP | {"epochs": 30}, patience_validations=1)
    task = make_shapes(train=train_table, optimizer=AdamW(learning_rate=1e-6))
    folder = train(task, tmp_path)
    before = [row["step"] for row in read_run(folder).history() if row.get("event") == "validation"]
    assert before[-1] < 90
    resume_run(task, folder, device="cpu", hooks=Hooks())
    assert [row["step"] for row in read_run(folder).history() if row.get("event") == "validation"] == before


def test_other_data_are_refused(tmp_path: Path) -> None:
    task, hooks = make_shapes(), StopAt(2)
    with pytest.raises(StoppedError):
        train_run(task, runs=tmp_path, name=("tests", "run"), device="cpu", hooks=hooks)
    folder = hooks.folder
    fewer = make_task("shapes", data=DrawnData(train=(DrawnSource(num_images=39),)), train=TrainTable(**LOOP))
    with pytest.raises(InputError, match="was training on 40 images, now there are 39"):
        resume_run(fewer, folder, device="cpu", hooks=Hooks())


def test_start_weights_are_not_needed_to_go_on(tmp_path: Path) -> None:
    first = train(make_shapes(), tmp_path / "first")
    task, hooks = make_shapes(start=StartTable(weights=str(first))), StopAt(4)
    whole = train(task, tmp_path / "whole")
    with pytest.raises(StoppedError):
        train_run(task, runs=tmp_path, name=("tests", "run"), device="cpu", hooks=hooks)
    shutil.rmtree(first)
    resume_run(task, hooks.folder, device="cpu", hooks=Hooks())
    assert_same_run(whole, hooks.folder)


def stop_early(tmp_path: Path, **tables: Any) -> Path:
    hooks = StopAt(4)
    with pytest.raises(StoppedError):
        train_run(make_shapes(**tables), runs=tmp_path, name=("tests", "run"), device="cpu", hooks=hooks)
    return hooks.folder


def test_another_recipe_is_refused(tmp_path: Path) -> None:
    folder = stop_early(tmp_path)
    with pytest.raises(InputError, match=r"recipe\.toml: was changed since"):
        resume_run(make_shapes(optimizer=AdamW(learning_rate=0.5)), folder, device="cpu", hooks=Hooks())


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = stop_early(tmp_path)
    last = folder / "checkpoints" / "last"
    whole = load_file(last / "optimizer.safetensors")
    save_file({}, last / "optimizer.safetensors")
    with pytest.raises(InputError, match=r"optimizer\.safetensors: is incomplete"):
        resume_run(make_shapes(), folder, device="cpu", hooks=Hooks())
    save_file({name: torch.zeros(7) for name in whole}, last / "optimizer.safetensors")
    with pytest.raises(InputError, match="does not fit the model"):
        resume_run(make_shapes(), folder, device="cpu", hooks=Hooks())
    save_file(whole, last / "optimizer.safetensors")
    (last / "state.json").write_text("{}")
    with pytest.raises(InputError, match=r"state\.json: is damaged"):
        resume_run(make_shapes(), folder, device="cpu", hooks=Hooks())


def test_a_damaged_history_is_said_before_training(tmp_path: Path) -> None:
    folder = stop_early(tmp_path)
    history = (folder / "history.jsonl").read_text()
    (folder / "history.jsonl").write_text("garbage\n" + history)
    with pytest.raises(InputError, match=r"history\.jsonl"):
        resume_run(make_shapes(), folder, device="cpu", hooks=Hooks())
    assert (folder / "history.jsonl").read_text() == "garbage\n" + history


def test_predictions_of_an_older_checkpoint_do_not_survive(tmp_path: Path) -> None:
    folder = stop_early(tmp_path)
    (folder / "predictions").mkdir(exist_ok=True)
    (folder / "predictions" / "train.jsonl.gz").write_bytes(b"")
    resume_run(make_shapes(), folder, device="cpu", hooks=Hooks())
    assert read_run(folder).splits() == ["val"]


def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_shapes()
    monkeypatch.setattr(type(task), "describe_data", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(task, tmp_path / "runs")
    assert not list((tmp_path / "runs").rglob("recipe.toml"))
