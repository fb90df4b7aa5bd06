"""Rows of `plates_training.py`: seconds of a training step over the peer's network, ours and theirs, in each format.

Ours is `engine.step.train_step` on a `ReadTask` whose network is theirs; theirs is the body of the loop of their
`train.py`. Both begin with the same weights and see the same tensors in the same order, so the losses must stay the
same: the result keeps both.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from _dtrb import HEIGHT_PX, WIDTH_PX, Peer
from _label_files import LabelFiles
from _light_reader import CPU
from _result import Goal, Row, measure_in_turn
from torch import Tensor, nn

from saccade.engine.batches import Step, StepMaker
from saccade.engine.device import Ranks, autocast
from saccade.engine.session import Session, open_session
from saccade.engine.step import train_step
from saccade.nn.normalise import Normalise
from saccade.recipes.tables.read import ReadPreprocessingTable
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.recipes.tables.training import Adadelta, TrainTable
from saccade.tasks.base import LossOutput, Progress
from saccade.tasks.read.data import ReadBatch
from saccade.tasks.read.task import ReadTask

PREPROCESSING = ReadPreprocessingTable(height_px=HEIGHT_PX, width_px=WIDTH_PX)
FORMATS: dict[str, dict[str, Any]] = {
    "fp32": {},
    "bf16": {"precision": "bf16"},
    "channels_last": {"channels_last": True},
    "compile": {"compile": True},
}
NO_SLOWER = 1.02
"""A ratio that two runs of the same code reach on an idle machine."""
_NUM_WARM_UP_STEPS = 2


@dataclass(frozen=True)
class Amount:
    """How much is measured."""

    batch_size: int
    num_steps: int
    num_repeats: int


class PeerNetwork(nn.Module):
    """Their network behind our interface: uint8 images in, normalised as their loader normalises."""

    def __init__(self, network: nn.Module) -> None:
        """Keep their network."""
        super().__init__()
        self.normalise = Normalise((0.5,), (0.5,))
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return logits [B, T, V], without an auxiliary head."""
        return (self.network(self.normalise(images), None),)


class PeerTask(ReadTask):
    """The read task with the peer's network and the peer's reduction of the CTC loss."""

    def __init__(self, recipe: ReadRecipe, peer: Peer) -> None:
        """Keep the peer."""
        super().__init__(recipe)
        self._peer = peer
        self._criterion = nn.CTCLoss(zero_infinity=True)

    def build_model(self) -> nn.Module:
        """Return their network with fresh weights."""
        return PeerNetwork(self._peer.build_network(len(self.vocabulary)))

    def loss(self, model: nn.Module, batch: ReadBatch, progress: Progress) -> LossOutput:
        """Return their loss: a mean over images of the loss a character."""
        log_probabilities = model(batch.images)[0].float().log_softmax(2).permute(1, 0, 2)  # (B, T, V) -> (T, B, V)
        steps = torch.full((len(batch),), log_probabilities.shape[0], dtype=torch.int64)
        return LossOutput(self._criterion(log_probabilities, batch.tokens, steps, batch.lengths), float(len(batch)), {})


class TheirTraining:
    """The loop body of their `train.py`, lines in its order; a format is what a user of it would add by hand."""

    def __init__(self, peer: Peer, network: nn.Module, changes: dict[str, Any]) -> None:
        """Wrap and compile a network as they would and make their optimiser."""
        network = network.to(memory_format=torch.channels_last) if changes.get("channels_last") else network
        compiled: Any = torch.compile(network) if changes.get("compile") else network
        self.model = nn.DataParallel(compiled)
        self.model.train()
        self.criterion = nn.CTCLoss(zero_infinity=True)
        self.optimizer = torch.optim.Adadelta(self.model.parameters(), lr=1, rho=0.95, eps=1e-8)
        self.loss_avg = peer.module("utils").Averager()
        self.precision = changes.get("precision", "fp32")

    def step(self, image: Tensor, text: Tensor, length: Tensor) -> None:
        """Update the weights once."""
        with autocast(CPU, self.precision):
            preds = self.model(image, text)
        preds_size = torch.IntTensor([preds.size(1)] * image.size(0))
        preds = preds.float().log_softmax(2).permute(1, 0, 2)
        cost = self.criterion(preds, text, preds_size, length)
        self.model.zero_grad()
        cost.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5)
        self.optimizer.step()
        self.loss_avg.add(cost)


def compare_steps(
    peer: Peer, files: LabelFiles, amount: Amount, formats: list[str]
) -> tuple[list[Row], dict[str, str]]:
    """Return a row a format, and what was left out and why."""
    rows, left_out = [], {}
    for name in formats:
        if name == "compile" and shutil.which("c++") is None:
            left_out["step, compile"] = "no C++ compiler (c++), which torch.compile needs on a CPU"
            continue
        rows.append(_compare_format(peer, files, amount, name))
    return rows, left_out


def _compare_format(peer: Peer, files: LabelFiles, amount: Amount, name: str) -> Row:
    changes = FORMATS[name]
    recipe = ReadRecipe(
        data=files.make_table(),
        preprocessing=PREPROCESSING,
        optimizer=Adadelta(learning_rate=1.0, rho=0.95, epsilon=1e-8),
        train=TrainTable(epochs=1, batch_size=amount.batch_size, grad_clip_norm=5.0, **changes),
    )
    session = open_session(PeerTask(recipe, peer), CPU, Ranks())
    session.wrapped.train()
    assert isinstance(session.model, PeerNetwork)
    network = peer.build_network(len(session.task.vocabulary))  # type: ignore[attr-defined]  # a PeerTask has one
    network.load_state_dict(session.model.network.state_dict())
    theirs = TheirTraining(peer, network, changes)
    ours_losses: list[Tensor] = []
    sides = _make_sides(session, theirs, ours_losses)

    def run(side: str, num_steps: int = amount.num_steps) -> float:
        start = time.perf_counter()
        for _ in range(num_steps):
            sides[side]()
        return (time.perf_counter() - start) / num_steps

    warm_up = {side: run(side, _NUM_WARM_UP_STEPS) for side in sides}
    theirs.loss_avg.reset()
    ours_losses.clear()
    measured = measure_in_turn({side: partial(run, side) for side in sides}, amount.num_repeats)
    losses = {"ours": float(torch.stack(ours_losses).mean()), "theirs": float(theirs.loss_avg.val())}
    details = {"mean_loss": losses, "seconds_a_warm_up_step": warm_up}
    pairs = list(zip(measured["ours"], measured["theirs"], strict=True))
    return Row(f"step, {name}", "s", pairs, higher_is_better=False, goal=Goal("ratio", NO_SLOWER), details=details)


def _make_sides(session: Session[Any], theirs: TheirTraining, losses: list[Tensor]) -> dict[str, Callable[[], None]]:
    """Return the two sides; each call is one step over the next of the same batches."""
    make = StepMaker(session.task, session.train, 1, session.ranks)
    steps: list[Step[Any]] = [make((0, draws)) for draws in session.sampler.batches(0)]
    full = [step for step in steps if len(step.draws) == len(steps[0].draws)]
    normalise = Normalise((0.5,), (0.5,))
    tensors = [
        (normalise(batch.images), batch.tokens, batch.lengths) for (batch,) in (step.micro_batches for step in full)
    ]
    counts = {"ours": 0, "theirs": 0}

    def step_ours() -> None:
        step = full[counts["ours"] % len(full)]
        losses.append(train_step(session, session.task, session.task.recipe, step, 1.0, measure=False).loss)
        session.position.step += 1
        counts["ours"] += 1

    def step_theirs() -> None:
        theirs.step(*tensors[counts["theirs"] % len(full)])
        counts["theirs"] += 1

    return {"ours": step_ours, "theirs": step_theirs}
