"""Validation, the choice of the best checkpoint, and the numbers at the end. The test split is never touched here."""

import math
import statistics
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from saccade.data.sampler import make_generator
from saccade.engine.checkpoint import find_checkpoint, load_weights
from saccade.engine.evaluate import predict_split
from saccade.engine.session import Session, save_best
from saccade.errors import InputError
from saccade.records.reader import read_run
from saccade.records.writer import RunWriter
from saccade.tasks.base import Progress, Task

_MOST_TRAIN_IMAGES = 512
_LAST_VALIDATIONS = 10


def validate(
    session: Session[Any], task: Task[Any, Any], writer: RunWriter | None, *, seconds: float
) -> dict[str, Any]:
    """Measure the selected weights on the validation split and on as many training images, with and without augmentation; keep the best.

    The three columns tell overfitting (clean against validation) from what augmentation alone costs (augmented against clean).

    Args:
        session: what is trained; its position remembers the result.
        task: the task of the present stage, whose augmentation is measured.
        writer: where the best weights go; None on ranks that write nothing.
        seconds: of the run so far.
    """
    position, select = session.position, session.select
    _share_buffers(session)
    val = _measure(session, task, "val")
    row = {
        "event": "validation",
        "step": position.step,
        "epoch": position.epoch,
        "seconds": round(seconds, 3),
        "val": val,
        "train_clean": _measure(session, task, "train_clean"),
        "train_augmented": _measure(session, task, "train_augmented"),
    }
    position.metrics = val
    value = val[select.metric]
    if _is_at_least(value, position.best_value, higher_is_better=select.higher_is_better):
        position.stale_validations = 0 if value != position.best_value else position.stale_validations + 1
        position.best_value, position.best_step = value, position.step
        if writer is not None:
            save_best(session, writer.checkpoints / "best")
    else:
        position.stale_validations += 1
    return row | {"is_best": position.best_step == position.step}


def _is_at_least(value: float, best: float | None, *, higher_is_better: bool) -> bool:
    """Return whether a value is as good as the best; of equals the later one, trained longer, is kept. NaN never is."""
    if math.isnan(value):
        return False
    return best is None or (value >= best if higher_is_better else value <= best)


def _share_buffers(session: Session[Any]) -> None:
    """Give every rank the running statistics of the first, which are those that are saved."""
    if session.ranks.size > 1:
        for buffer in [*session.model.buffers(), *session.evaluated_model.buffers()]:
            dist.broadcast(buffer, 0)


def _measure(session: Session[Any], task: Task[Any, Any], view: str) -> dict[str, float]:
    if view == "val":
        return predict_split(
            task, session.evaluated_model, session.val, range(len(session.val)), ranks=session.ranks
        ).compute()
    rng = make_generator(session.task.recipe.seed, 0, 0, 2)
    count = min(len(session.train), max(len(session.val), 64), _MOST_TRAIN_IMAGES)
    indices = sorted(rng.permutation(len(session.train))[:count].tolist())
    augmented = _progress(session) if view == "train_augmented" else None
    return predict_split(
        task, session.evaluated_model, session.train, indices, ranks=session.ranks, augmented=augmented
    ).compute()


def _progress(session: Session[Any]) -> Progress:
    position = session.position
    step = min(position.step, session.num_steps - 1)  # at the end: as the last step saw the images
    generator = torch.Generator(session.device).manual_seed((session.task.recipe.seed << 32) + step)
    return Progress(step, session.num_steps, position.epoch, position.metrics, generator, slice(0, 0), 0)


def finish(session: Session[Any], writer: RunWriter) -> None:
    """Write the best checkpoint's predictions and the final numbers: best, last, median of the last ten; raw and averaged."""
    task, select = session.task, session.select
    best = find_checkpoint(writer.checkpoints / "best")
    if best is None:
        raise InputError(f"{writer.folder}: no validation gave a number for {select.metric}; look at history.jsonl")
    models: dict[str, nn.Module] = {"last_raw": session.model}
    if session.ema is not None:
        models |= {"last_ema": session.ema.model, "best_ema": _load_best(session, best / "ema.safetensors")}
    models["best_raw"] = _load_best(session, best / "model.safetensors")
    measured = {
        name: predict_split(task, model, session.val, range(len(session.val))) for name, model in models.items()
    }
    chosen = measured["best_raw" if session.ema is None else "best_ema"].rows()
    writer.drop_predictions()
    writer.write_predictions("val", chosen)
    validations = [row for row in read_run(writer.folder).history() if row.get("event") == "validation"]
    values = [row["val"][select.metric] for row in validations]
    best_row = next(row for row in reversed(validations) if row["step"] == session.position.best_step)
    selection = {
        "metric": select.metric,
        "split": "val",
        "best": session.position.best_value,
        "best_step": session.position.best_step,
        "last": values[-1],
        "median_last_ten": statistics.median(values[-_LAST_VALIDATIONS:]),
        "num_validations": len(values),
        "variants": {name: metrics.compute()[select.metric] for name, metrics in sorted(measured.items())},
        "train_clean": best_row["train_clean"].get(select.metric),
        "train_augmented": best_row["train_augmented"].get(select.metric),
    }
    writer.write_metrics({"splits": {"val": task.summarise(chosen)}, "selection": selection})


def _load_best(session: Session[Any], path: Path) -> nn.Module:
    model = session.task.build_model().to(session.device)
    load_weights(model, path, contract=session.task.preprocessing())
    return model
