"""`fit` trains every task through the same door, with no case of its own for any of them."""

import json
from pathlib import Path

import pytest

from saccade.engine.history import Hooks
from saccade.engine.predictor import Predictor
from saccade.engine.run import train_run
from saccade.recipes.tables.neck import NoNeck
from saccade.recipes.tables.training import AdamW, TrainTable
from saccade.records.reader import read_run
from tests.contract.tasks import TINY_READER, make_task
from tests.contract.witness import DrawnData, DrawnSource

# An LSTM learns to read as well, but later than a test can wait.
TABLES = {
    "shapes": {"data": DrawnData(train=(DrawnSource(num_images=256),))},
    "boxes": {},
    "read": {"model": TINY_READER.model_copy(update={"neck": NoNeck()})},
    "classify": {"optimizer": AdamW(learning_rate=3e-3)},
}
CASES = {"shapes": (8, 16, 0.6), "boxes": (20, 16, 0.6), "read": (30, 8, 0.6), "classify": (20, 8, 0.6)}
METRICS = {"shapes": "top1_accuracy", "boxes": "f1_50", "read": "ned", "classify": "top1_accuracy"}


@pytest.mark.parametrize("name", CASES)
def test_trains_from_task_to_a_finished_record(name: str, tmp_path: Path) -> None:
    epochs, batch_size, least = CASES[name]
    train = TrainTable(epochs=epochs, batch_size=batch_size, log_every_steps=4, validate_every_epochs=epochs // 2)
    task = make_task(name, **({"train": train, "optimizer": AdamW(learning_rate=1e-2)} | TABLES[name]))
    folder = train_run(task, runs=tmp_path, name=("contract", name), device="cpu", hooks=Hooks())
    run = read_run(folder)
    rows = run.history()
    losses = [row["loss"] for row in rows if "event" not in row]
    assert run.status["state"] == "finished"
    assert losses[-1] < losses[0] / 2
    assert run.metrics is not None
    metric, selection = METRICS[name], run.metrics["selection"]
    assert run.metrics["splits"]["val"][metric]["value"] > least  # chance gives 0.25, 0, less than 0.2 and 0.1
    best = max(row["val"][selection["metric"]] for row in rows if row.get("event") == "validation")
    assert selection["best"] == best == pytest.approx(run.metrics["splits"]["val"][selection["metric"]]["value"])
    assert {row["id"] for row in run.predictions("val")} == set(task.examples("val").ids)
    json.dumps(run.metrics, allow_nan=False)
    Predictor(task.with_recipe(task.frozen_recipe()), folder, device="cpu")
