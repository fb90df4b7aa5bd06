"""What each rank of `test_ranks.py` runs: `python -m tests.engine.rank_worker RUNS [KIND]`."""

import math
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from saccade.engine.history import Hooks
from saccade.engine.run import resume_run, train_run
from saccade.errors import InputError, RunFailedError, StoppedError
from saccade.recipes.tables.training import AdamW, TrainTable
from saccade.tasks.base import LossOutput, Progress
from tests.contract.witness import CLASSES, DrawnData, DrawnSource, ShapesAugment, ShapesModel, ShapesRecipe, ShapesTask
from tests.engine.runs import StopAt


class BadOnOneRank(ShapesTask):
    """Its loss is not finite at step 5, where the first image of the global batch is not among the rank's own."""

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> LossOutput:
        output = super().loss(model, batch, progress)
        bad = progress.step == 5 and progress.rows.start > 0
        return LossOutput(output.total * (math.nan if bad else 1.0), output.weight, {})


class BadImageOnOneRank(ShapesTask):
    """The second rank meets a bad image at step 5."""

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> LossOutput:
        if progress.step == 5 and os.environ.get("RANK") == "1":
            raise InputError("images/broken.png: is truncated; remove it")
        return super().loss(model, batch, progress)


class WeighedNorms(ShapesTask):
    """With GroupNorm, and a loss whose images weigh as much as their class: each rank's part another sum."""

    def build_model(self) -> nn.Module:
        model = super().build_model()
        model.backbone = nn.Sequential(model.backbone, nn.GroupNorm(2, self.recipe.model.channels))
        return model

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> LossOutput:
        weights = torch.arange(1.0, len(CLASSES) + 1)
        total = nn.functional.cross_entropy(model(batch.images), batch.labels, weight=weights)
        return LossOutput(total, float(weights[batch.labels].sum()), {})


class Norms(ShapesTask):
    """With BatchNorm."""

    def build_model(self) -> nn.Module:
        model = super().build_model()
        model.backbone.add_module("norm", nn.BatchNorm2d(self.recipe.model.channels))
        return model


class KillAt(Hooks):
    """Kills this process, as the system does where memory runs out; the other may hang first, as in a GPU's kernel."""

    def __init__(self, rank: str, hanging: Path | None) -> None:
        """Kill this rank; `hanging` is the file by which the other says that it hangs, None where it does not."""
        self._is_victim, self._hanging = os.environ["RANK"] == rank, hanging

    def watch(self, row: Any) -> None:
        if row.get("event") == "step" and row["step"] == 7:
            if self._is_victim:
                while self._hanging is not None and not self._hanging.exists():
                    time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGKILL)
            if self._hanging is not None:
                self._hanging.touch()
                threading.Event().wait()


def make_task(kind: str = "") -> ShapesTask:
    """Return the classifier: 40 images in batches of 15, shared as 7 + 8 and 5 + 5; "norm": 52 as 15, 15, 15, 7."""
    train = TrainTable(epochs=8, batch_size=15, log_every_steps=1, validate_every_epochs=4, accumulation_steps=2)
    if kind == "norm":
        train = train.model_copy(update={"epochs": 5, "accumulation_steps": 1})
    if kind == "sync":
        train = train.model_copy(update={"sync_batch_norm": True})
    if kind == "compile":
        train = train.model_copy(update={"compile": True, "epochs": 1})
    recipe = ShapesRecipe(
        data=DrawnData(
            train=(DrawnSource(num_images=52 if kind == "norm" else 40),), val=(DrawnSource(num_images=13, seed=1),)
        ),
        train=train,
        optimizer=AdamW(learning_rate=1e-3),
        model=ShapesModel(channels=4),
        augment=ShapesAugment(flip_probability=0.5, shift_px=2),
    )
    tasks = {"bad": BadOnOneRank, "image": BadImageOnOneRank, "norm": WeighedNorms, "sync": Norms}
    return tasks.get(kind, ShapesTask)(recipe)


def choose_hooks(kind: str, runs: Path) -> Hooks:
    """Return who watches a rank; with "stop" only the second one is asked to stop, after step 9."""
    if kind == "stop" and os.environ["RANK"] == "1":
        return StopAt(*range(9, 100))
    if kind.startswith(("kill", "hang")):
        return KillAt(kind[4:], runs / "hanging" if kind.startswith("hang") else None)
    return Hooks()


def main(runs: Path, kind: str = "") -> int:
    """Train on every rank; with "resume" all go on, with "seeds" they train twice."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun ends the others too, and here each must find its own end
    hooks, task = choose_hooks(kind, runs), make_task(kind)
    try:
        if kind == "resume":
            (status,) = runs.rglob("status.json")
            resume_run(task, status.parent, device="cpu", hooks=hooks)
        else:
            for seed in (0, 1) if kind == "seeds" else (0,):
                seeded = task.with_recipe(task.recipe.model_copy(update={"seed": seed}))
                train_run(seeded, runs=runs, name=("tests", f"ranks{seed}"), device="cpu", hooks=hooks)
    except (InputError, RunFailedError, StoppedError) as error:
        (runs / f"{type(error).__name__}-{os.environ['RANK']}").write_text(str(error))
    left = list_threads_left()
    if left:
        # one that still holds a tensor while the interpreter ends would abort the process, once in some hundred runs
        print(f"rank {os.environ['RANK']}: threads of the process group are left: {left}", file=sys.stderr)
    return 1 if left else 0


def list_threads_left() -> list[str]:
    """Return the names of the process group's threads that do not end within half a minute; none where there is no /proc."""
    left: list[str] = []
    for _ in range(300):
        # that of its transport may take longer, and holds no tensor
        left = [name for name in map(read_name, Path("/proc/self/task").glob("*/comm")) if "gloo_runloop" in name]
        if not left:
            break
        time.sleep(0.1)
    return left


def read_name(comm: Path) -> str:
    """Return the name of a thread; nothing of one that has just ended."""
    try:
        return comm.read_text().strip()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
