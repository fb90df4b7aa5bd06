"""`saccade train --sink ...` with the real packages, offline: what W&B will send is read back from its own files."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from saccade.records.reader import read_run
from saccade.records.sinks.base import read_recipe
from tests.records.sinks.runs import find_run, read_wandb, train
from tests.records.sinks.test_tensorboard import points

pytestmark = pytest.mark.slow


def list_offline(folder: Path) -> list[Path]:
    """Return the .wandb files of a run, oldest first."""
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))


def collect(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def read_sent(path: Path) -> Mapping[str, Any]:
    """Return what a .wandb file holds: run, curves by step, summary and artifacts."""
    sent: dict[str, Any] = {"curves": {}, "summary": {}, "artifacts": []}
    for record in read_wandb(path):
        match record.WhichOneof("record_type"):
            case "run":
                sent["run"], sent["config"] = record.run, collect(record.run.config.update)
            case "history":
                row = collect(record.history.item)
                sent["curves"][row["_step"]] = row
            case "summary":
                sent["summary"] |= collect(record.summary.update)
            case "artifact":
                sent["artifacts"].append(record.artifact)
            case "exit":
                sent["exit_code"] = record.exit.exit_code
    return sent


def test_a_stopped_run_goes_on_in_both(tmp_path: Path) -> None:
    status, _, said = train(tmp_path, "series/exp.toml", "--sink", "wandb", "--sink", "tensorboard", stop_at=9)
    assert status == 75, said
    folder = find_run(tmp_path)
    (first,) = list_offline(folder)
    assert f"sink     wandb: {first.parent.relative_to(folder)}\n" in said
    assert train(tmp_path, "--resume", str(folder))[0] == 0
    first, second = list_offline(folder)
    before, after = read_sent(first), read_sent(second)
    assert before["run"].run_id == after["run"].run_id
    assert before["run"].project == after["run"].project == "series"
    assert (before["exit_code"], after["exit_code"]) == (1, 0)
    # the curves are those of the history, and none comes twice
    run = read_run(folder)
    rows = [row for row in run.history() if "event" not in row]
    assert not set(before["curves"]) & set(after["curves"])
    curves = before["curves"] | after["curves"]
    assert [curves[row["step"]]["loss"] for row in rows] == pytest.approx([row["loss"] for row in rows])
    validations = [row for row in run.history() if row.get("event") == "validation"]
    shown = [(curves[row["step"]]["epoch"], curves[row["step"]]["val/cer"]) for row in validations]
    assert shown == [(row["epoch"], row["val"]["cer"]) for row in validations]
    assert dict(points(folder, "loss")) == pytest.approx({row["step"]: row["loss"] for row in rows})
    assert len(points(folder, "loss")) == len(rows)
    assert dict(points(folder, "val/cer")) == pytest.approx({row["step"]: row["val"]["cer"] for row in validations})
    # configuration, summary and artifact
    assert before["config"] == after["config"] == read_recipe(folder) | {"_wandb": {}}
    assert run.metrics is not None
    assert after["summary"]["final/val/cer"] == run.metrics["splits"]["val"]["cer"]["value"]
    assert after["summary"]["selection/best_step"] == run.metrics["selection"]["best_step"]
    assert after["summary"]["state"] == "finished"
    (artifact,) = after["artifacts"]
    assert artifact.type == "model" and "best" in artifact.aliases
    held = {Path(entry.path).name: entry for entry in artifact.manifest.contents}
    assert {"model.safetensors", "state.json", "recipe.toml", "preprocessing.json"} == set(held)
    best = folder / "checkpoints" / "best" / "model.safetensors"
    assert held["model.safetensors"].size == best.stat().st_size
    # the record says where it was shown, once a segment
    places = [(row["sink"], row["step"]) for row in run.history() if row.get("event") == "sink"]
    assert places == [("wandb", 0), ("tensorboard", 0), ("wandb", 9), ("tensorboard", 9)]


def test_each_seed_is_a_run_where_the_variables_say(tmp_path: Path) -> None:
    arguments = ("series/exp.toml", "--seeds", "3,4", "--set", "train.epochs=1", "--sink", "wandb")
    status, out, said = train(tmp_path, *arguments, WANDB_PROJECT="elsewhere", WANDB_DIR=str(tmp_path / "kept"))
    assert status == 0, said
    sent = [read_sent(path) for path in list_offline(tmp_path / "kept")]
    assert sorted(one["config"]["seed"] for one in sent) == [3, 4]
    assert len({one["run"].run_id for one in sent}) == 2
    assert {one["run"].project for one in sent} == {"elsewhere"}
    for folder in out.split():
        assert not (tmp_path / folder / "wandb").exists()


def test_failing_sinks_do_not_stop_the_training(tmp_path: Path) -> None:
    """W&B knows no account, and the place of the event files is taken when the run goes on."""
    nobody = {"WANDB_MODE": "online", "HOME": str(tmp_path / "home"), "NETRC": str(tmp_path / "home" / "netrc")}
    arguments = ("series/exp.toml", "--sink", "wandb", "--sink", "tensorboard")
    status, _, said = train(tmp_path, *arguments, stop_at=4, **nobody)
    assert status == 75, said
    assert said.count("wandb is switched off, training goes on: ") == 1
    folder = find_run(tmp_path)
    (folder / "tensorboard").rename(folder / "kept")
    (folder / "tensorboard").write_text("")
    status, _, said = train(tmp_path, "--resume", str(folder), **nobody)
    assert status == 0 and "Traceback" not in said
    assert said.count("tensorboard is switched off, training goes on: FileExistsError") == 1
    run = read_run(folder)
    failed = [(row["sink"], row["step"]) for row in run.history() if row.get("event") == "sink_failed"]
    assert failed == [("wandb", 0), ("tensorboard", 4)]
    assert run.status["state"] == "finished" and run.metrics is not None


def test_training_without_sinks_imports_neither(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    code = (
        "import sys; from saccade.cli import run; from tests.records.sinks.runs import RECIPE\n"
        "from pathlib import Path; Path('series/exp.toml').write_text(RECIPE)\n"
        "assert run(['train', 'series/exp.toml', '--set', 'train.epochs=1']) == 0\n"
        "assert not {'wandb', 'tensorboard'} & set(sys.modules), 'imported'"
    )
    root = str(Path(__file__).parents[3])
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": root, "OMP_NUM_THREADS": "1"}, check=True
    )
