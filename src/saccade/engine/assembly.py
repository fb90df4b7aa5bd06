"""A run that trains nothing: weights of finished runs put together into one model, measured and recorded as any run is.

What goes where is the task's to say (`Task.parts`); the record stands alone afterwards. Nothing is chosen here.
"""

import json
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Generic

import torch
from torch import nn

from saccade.engine.batches import Held, hold
from saccade.engine.checkpoint import find_checkpoint, load_weights, save_checkpoint
from saccade.engine.device import Ranks
from saccade.engine.evaluate import predict_split
from saccade.engine.history import Hooks, Row, keep_notes
from saccade.engine.session import Position, check_settings, weights_of
from saccade.errors import InputError
from saccade.records.writer import RunWriter
from saccade.tasks.base import B, Task


@dataclass
class Assembly(Generic[B]):
    """A model with the weights of its parts, and the images it is measured on."""

    task: Task[B, Any]
    device: torch.device
    ranks: Ranks
    model: nn.Module
    val: Held[B]
    position: Position = field(default_factory=Position)

    def part(self) -> None:
        """Let go of what speaks with the other ranks: nothing does."""


def open_assembly(task: Task[B, Any], device: torch.device, ranks: Ranks) -> Assembly[B]:
    """Build the model of a recipe that trains nothing, and load each of its parts.

    Raises:
        InputError: a run has no checkpoint, its weights do not fit, or there is no image to measure on.
    """
    check_settings(task, ranks)
    if task.recipe.seed:
        raise InputError(f"seed: {task.recipe.seed} draws nothing where nothing is trained; leave it at 0")
    model = task.build_model()
    for module, run in task.parts().items():
        checkpoint = find_checkpoint(run / "checkpoints" / "best")
        if checkpoint is None:
            raise InputError(f"{run}: has no best checkpoint; name a run that has reached a validation")
        load_weights(model.get_submodule(module), weights_of(checkpoint), contract=task.preprocessing())
    task.describe_data()  # reads and checks every split at once
    val = hold(task, task.examples("val"), training=False, device=device)
    if not len(val):
        raise InputError("data.val: there is no image to measure on; give [[data.val]]")
    return Assembly(task, device, ranks, model.to(device).eval(), val)


def measure(assembly: Assembly[Any], writer: RunWriter | None, *, hooks: Hooks) -> None:
    """Read the validation images and write checkpoint, predictions and metrics.

    Args:
        assembly: what is measured.
        writer: the run's record on the first rank, None on the others.
        hooks: shown each row.
    """
    begun = time.perf_counter()
    task, model = assembly.task, assembly.model
    _write({"event": "start", "step": 0, **_describe(assembly)}, writer, hooks)
    metrics = predict_split(task, model, assembly.val, range(len(assembly.val)), ranks=assembly.ranks)
    values = metrics.compute()
    seconds = round(time.perf_counter() - begun, 3)
    row = {"event": "validation", "step": 0, "epoch": 0, "seconds": seconds, "val": values, "is_best": True}
    _write(row, writer, hooks)
    if writer is None:
        return
    contract = json.dumps(task.preprocessing(), ensure_ascii=False, sort_keys=True)
    state = {"position": asdict(assembly.position)}
    save_checkpoint(writer.checkpoints / "best", {"model": model.state_dict()}, state, contract)
    rows = metrics.rows()
    writer.write_predictions("val", rows)
    metric = (task.recipe.select or task.default_select).metric
    same = dict.fromkeys(("best", "last", "median_last_ten"), values[metric])
    selection = {"metric": metric, "split": "val", **same, "best_step": None, "num_validations": 1}
    writer.write_metrics({"splits": {"val": task.summarise(rows)}, "selection": selection})


def _describe(assembly: Assembly[Any]) -> dict[str, Any]:
    """Return what is worth saying first, as `fit.describe` does of a training."""
    described = assembly.task.describe_data()
    return {
        "device": assembly.device.type,
        "num_parameters": sum(parameter.numel() for parameter in assembly.model.parameters()),
        "num_train": 0,
        "num_val": len(assembly.val),
        "num_steps": 0,
        "parts": {module: str(run) for module, run in assembly.task.parts().items()},
        "overlap": described.get("overlap", {}),
        "num_ranks": assembly.ranks.size,
        "val_residency": f"{assembly.val.residency.place} ({assembly.val.residency.reason})",
    }


def _write(row: Row, writer: RunWriter | None, hooks: Hooks) -> None:
    if writer is not None:
        writer.append(row)
    hooks.watch(row)
    keep_notes(hooks, writer, 0)
