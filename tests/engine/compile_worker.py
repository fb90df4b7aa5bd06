"""What `test_compilation.py` runs: `python -m tests.engine.compile_worker RUNS KIND`.

A process of its own, since the shape checks of the tests and torch.compile do not mix.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch._dynamo.utils import counters

from saccade.engine.compilation import compile_ahead
from saccade.engine.device import Ranks
from saccade.engine.history import Hooks
from saccade.engine.session import open_session
from saccade.recipes.tables.training import AdamW, TrainTable
from tests.contract.witness import DrawnData, DrawnSource, ShapesAugment, ShapesModel, ShapesRecipe, ShapesTask
from tests.engine.runs import assert_same_run, train, train_in_pieces


class WithNorm(ShapesTask):
    """Has running statistics, and dropout, which draws."""

    def build_model(self) -> nn.Module:
        model = super().build_model()
        model.backbone.add_module("norm", nn.BatchNorm2d(self.recipe.model.channels))
        return model


class Counted(Hooks):
    """Counts what is compiled before the first step and until the last."""

    def __init__(self) -> None:
        self.graphs: list[int] = []

    def watch(self, row: Any) -> None:
        if row.get("event") in ("start", "step"):
            self.graphs.append(counters["stats"]["unique_graphs"])


def make_task() -> WithNorm:
    """Return the classifier: batches of 16, 16 and 8, each in two parts."""
    return WithNorm(
        ShapesRecipe(
            data=DrawnData(train=(DrawnSource(num_images=40),), val=(DrawnSource(num_images=12, seed=1),)),
            train=TrainTable(epochs=2, batch_size=16, log_every_steps=2, accumulation_steps=2, compile=True),
            optimizer=AdamW(learning_rate=1e-2),
            model=ShapesModel(channels=4, dropout=0.3),
            augment=ShapesAugment(flip_probability=0.5),
        )
    )


def compile_alone() -> dict[str, Any]:
    """Compile, and return what is other than before: weights, statistics, gradients, random numbers, position."""

    def look() -> list[Any]:
        weights = [tensor.clone() for tensor in session.model.state_dict().values()]
        gradients = [parameter.grad for parameter in session.model.parameters()]
        return [weights, gradients, torch.get_rng_state(), session.position.step, int(session.first_bad_step)]

    session = open_session(make_task(), torch.device("cpu"), Ranks())
    before = look()
    said = compile_ahead(session, Hooks())
    weights, gradients, state, *position = look()
    return {
        "said": sorted(said),
        "graphs": counters["stats"]["unique_graphs"],
        "weights": all(one.equal(other) for one, other in zip(before[0], weights, strict=True)),
        "gradients": gradients == before[1],
        "draws": state.equal(before[2]),
        "position": position == before[3:],
    }


def main(runs: Path, kind: str) -> None:
    """Write what came of it as JSON."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    found: dict[str, Any] = {}
    if kind == "alone":
        found = compile_alone()
    elif kind == "resume":
        hooks = Counted()
        whole = train(make_task(), runs / "whole", hooks)
        found = {"graphs": hooks.graphs}
        torch._dynamo.reset()
        assert_same_run(whole, train_in_pieces(make_task(), runs / "pieces", 2, 5))
    else:
        train(make_task(), runs / "failed")
    (runs / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
