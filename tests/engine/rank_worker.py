"""What each rank of `test_ranks.py` runs: `python -m tests.engine.rank_worker RUNS [stop|resume|bad]`."""

import math
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from saccade.engine.history import Hooks
from saccade.engine.run import resume_run, train_run
from saccade.errors import RunFailedError, StoppedError
from saccade.recipes.tables.training import AdamW, TrainTable
from saccade.tasks.base import LossOutput, Progress
from tests.contract.witness import DrawnData, DrawnSource, ShapesAugment, ShapesModel, ShapesRecipe, ShapesTask
from tests.engine.runs import StopAt


class BadOnOneRank(ShapesTask):
    """Its loss is not finite at step 5, where the first image of the global batch is not among the rank's own."""

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> LossOutput:
        output = super().loss(model, batch, progress)
        bad = progress.step == 5 and progress.rows.start > 0
        return LossOutput(output.total * (math.nan if bad else 1.0), output.weight, {})


def make_task(kind: str = "") -> ShapesTask:
    """Return the classifier: 40 images in batches of 15, shared as 7 + 8 and 5 + 5."""
    recipe = ShapesRecipe(
        data=DrawnData(train=(DrawnSource(num_images=40),), val=(DrawnSource(num_images=13, seed=1),)),
        train=TrainTable(epochs=8, batch_size=15, log_every_steps=1, validate_every_epochs=4, accumulation_steps=2),
        optimizer=AdamW(learning_rate=1e-3),
        model=ShapesModel(channels=4),
        augment=ShapesAugment(flip_probability=0.5, shift_px=2),
    )
    return (BadOnOneRank if kind == "bad" else ShapesTask)(recipe)


def main(runs: Path, kind: str = "") -> int:
    """Train on every rank; with "stop" only the second one is asked to stop, after step 9; with "resume" all go on."""
    torch.set_num_threads(1)
    is_asked = kind == "stop" and os.environ["RANK"] == "1"
    hooks = StopAt(*range(9, 100)) if is_asked else Hooks()
    try:
        if kind == "resume":
            (status,) = runs.rglob("status.json")
            resume_run(make_task(), status.parent, device="cpu", hooks=hooks)
        else:
            train_run(make_task(kind), runs=runs, name=("tests", "ranks"), device="cpu", hooks=hooks)
    except (RunFailedError, StoppedError) as error:
        (runs / f"{type(error).__name__}-{os.environ['RANK']}").touch()
    left = [name for name in list_threads() if "gloo" in name]
    if left:  # one that still holds a tensor while the interpreter ends would abort the process, once in some hundred runs
        print(f"rank {os.environ['RANK']}: threads of the process group are left: {left}", file=sys.stderr)
    return 1 if left else 0


def list_threads() -> list[str]:
    """Return the names that the system knows this process's threads by; none where there is no /proc."""
    return [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
