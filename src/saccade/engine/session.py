"""Everything that lives while one process trains: model, optimiser, data and position, and how they are saved and brought back."""

import difflib
import gc
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic

import torch
from torch import Tensor, nn

from saccade.data.sampler import Sampler, rows_of_part
from saccade.engine.batches import Held, hold
from saccade.engine.checkpoint import (
    find_checkpoint,
    load_state,
    load_tensors,
    load_weights,
    pack_optimizer,
    save_checkpoint,
    unpack_optimizer,
)
from saccade.engine.device import Ranks, choose_precision
from saccade.engine.ema import MovingAverage
from saccade.engine.optimizer import build_optimizer
from saccade.engine.sampling import make_sampler
from saccade.engine.wrap import synchronise_norms, wrap_model
from saccade.errors import InputError
from saccade.recipes.tables.recipe import Recipe
from saccade.recipes.tables.training import SelectTable
from saccade.recipes.toml import canonical_hash
from saccade.tasks.base import B, Task


@dataclass
class Position:
    """Where training stands; all of it goes into `state.json`."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    best_value: float | None = None
    best_step: int | None = None
    stale_validations: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    window: dict[str, float] = field(default_factory=dict)


@dataclass
class Session(Generic[B]):
    """What one process trains with."""

    task: Task[B, Any]
    device: torch.device
    ranks: Ranks
    model: nn.Module
    wrapped: nn.Module
    ema: MovingAverage | None
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    train: Held[B]
    val: Held[B]
    sampler: Sampler
    position: Position
    first_bad_step: Tensor

    @property
    def num_steps(self) -> int:
        """Steps of the whole training."""
        return self.sampler.num_batches * self.task.recipe.train.epochs

    @property
    def is_on_host(self) -> bool:
        """Whether reading a value from a tensor costs nothing; elsewhere it waits for the device."""
        return self.device.type == "cpu"

    @property
    def batch_size_per_rank(self) -> int:
        """Most images that one rank passes through the network at once, over which BatchNorm takes its statistics."""
        train = self.task.recipe.train
        parts, rows = self.ranks.size * train.accumulation_steps, range(train.batch_size)
        return max(len(rows[rows_of_part(train.batch_size, part, parts)]) for part in range(parts))

    @property
    def evaluated_model(self) -> nn.Module:
        """The weights that count: the moving average where there is one."""
        return self.model if self.ema is None else self.ema.model

    @property
    def select(self) -> SelectTable:
        """What chooses the best checkpoint."""
        return self.task.recipe.select or self.task.default_select

    def is_finite(self) -> bool:
        """Return whether every weight and running statistic is a finite number; waits for the device."""
        tensors = [tensor for tensor in self.model.state_dict().values() if tensor.is_floating_point()]
        return bool(torch.stack([torch.isfinite(tensor).all() for tensor in tensors]).all())

    def part(self) -> None:
        """Let go of what speaks with the other ranks, whose threads must not outlive the interpreter."""
        self.wrapped = self.model
        gc.collect()  # the wrapper refers to itself

    def state_tensors(self) -> dict[str, Mapping[str, Tensor]]:
        """Return file name -> tensors of what is selected by: the weights and their average."""
        tensors: dict[str, Mapping[str, Tensor]] = {"model": self.model.state_dict()}
        if self.ema is not None:
            tensors["ema"] = self.ema.model.state_dict()
        return tensors


def open_session(task: Task[B, Any], device: torch.device, ranks: Ranks, *, start: bool = True) -> Session[B]:
    """Build everything that training needs, with fresh weights or those of `[start]`.

    Args:
        task: what to train.
        device: where to train.
        ranks: this process among those that train together.
        start: whether to follow `[start]`; a run that goes on brings its own weights.

    Raises:
        InputError: data, start weights or settings do not fit each other.
    """
    task = _settle_precision(task, device)
    recipe = task.recipe
    check_settings(task, ranks)
    torch.manual_seed(recipe.seed)
    model = task.build_model()
    if recipe.train.sync_batch_norm:
        model = synchronise_norms(model, device, ranks)
    model = model.to(device)
    if recipe.train.channels_last:
        model = model.to(memory_format=torch.channels_last)
    train = hold(task, task.examples("train"), training=True, device=device)
    val = hold(task, task.examples("val"), training=False, device=device)
    if not len(val):
        raise InputError(
            "data.val: there is no validation image to choose a checkpoint by; give [[data.val]] or more training images"
        )
    sampler = make_sampler(task, model, train, ranks)
    optimizer = build_optimizer(recipe.optimizer, model)
    if start and recipe.start is not None:
        _start_from(Path(recipe.start.weights), task, model, optimizer)
    ema = None if recipe.train.ema_decay is None else MovingAverage(model, recipe.train.ema_decay)
    return Session(
        task=task,
        device=device,
        ranks=ranks,
        model=model,
        wrapped=wrap_model(model, ranks, compiled=recipe.train.compile),
        ema=ema,
        optimizer=optimizer,
        scaler=torch.amp.GradScaler(device.type, enabled=recipe.train.precision == "fp16"),
        train=train,
        val=val,
        sampler=sampler,
        position=Position(),
        first_bad_step=torch.full((), -1, dtype=torch.int64, device=device),
    )


def _settle_precision(task: Task[B, Any], device: torch.device) -> Task[B, Any]:
    """Return the task with the number format in its recipe that "auto" means here, so that the record repeats the run anywhere."""
    train = task.recipe.train
    precision = choose_precision(train.precision, device)
    if precision == train.precision:
        return task
    return task.with_recipe(task.recipe.model_copy(update={"train": train.model_copy(update={"precision": precision})}))


def check_settings(task: Task[Any, Any], ranks: Ranks) -> None:
    """Refuse a metric that the task does not have, and batches that cannot be shared.

    Raises:
        InputError: with the cure.
    """
    train, select, names = task.recipe.train, task.recipe.select or task.default_select, task.metrics().names
    if select.metric not in names:
        nearest = difflib.get_close_matches(select.metric, names, n=1) or sorted(names)
        raise InputError(f'select.metric: the task has no metric "{select.metric}"; nearest: {nearest[0]}')
    parts = ranks.size * train.accumulation_steps
    if train.batch_size < parts:
        raise InputError(
            f"train.batch_size: {train.batch_size} images cannot be split among {ranks.size} ranks x "
            f"{train.accumulation_steps} micro-batches; raise it to {parts}, or lower train.accumulation_steps"
        )


def _start_from(source: Path, task: Task[Any, Any], model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    start = task.recipe.start
    assert start is not None
    checkpoint = None
    if os.path.isdir(source):  # unlike `Path.is_dir` it takes any name, however long
        checkpoint = find_checkpoint(source / "checkpoints" / "best") or find_checkpoint(
            source / "checkpoints" / "last"
        )
        if checkpoint is None:
            raise InputError(
                f"{source}: start.weights names a run without a checkpoint; name a run that has trained, or a .safetensors file"
            )
    elif not os.path.exists(source):
        raise InputError(f"{source}: start.weights does not exist; name a run folder or a .safetensors file")
    path = source if checkpoint is None else weights_of(checkpoint)
    fresh = load_weights(model, path, contract=task.preprocessing(), allow=start.allow)
    if start.optimizer == "kept":
        _keep_optimizer(source, task.recipe.optimizer.name, model, optimizer, fresh)


def _keep_optimizer(
    source: Path, name: str, model: nn.Module, optimizer: torch.optim.Optimizer, fresh: list[str]
) -> None:
    """Bring an optimiser's state over, but for the weights that are fresh."""
    last = find_checkpoint(source / "checkpoints" / "last")
    if last is None:
        raise InputError(f'{source}: start.optimizer = "kept" needs a run folder with a last checkpoint; use "fresh"')
    state, tensors = load_state(last), load_tensors(last / "optimizer.safetensors")
    if state["optimizer_name"] != name:
        raise InputError(
            f'{source}: start.optimizer = "kept", but it was trained with {state["optimizer_name"]}, not {name}; '
            'use "fresh"'
        )
    unpack_optimizer(
        optimizer,
        model,
        {key: tensor for key, tensor in tensors.items() if key.rsplit("/", 1)[0] not in fresh},
        {key: values for key, values in state["optimizer"].items() if key not in fresh},
    )


def weights_of(checkpoint: Path) -> Path:
    """Return the weight file that counts: the moving average where there is one."""
    ema = checkpoint / "ema.safetensors"
    return ema if ema.exists() else checkpoint / "model.safetensors"


def save_session(session: Session[Any], folder: Path) -> None:
    """Write the last checkpoint: everything that going on bit for bit needs."""
    tensors, values = pack_optimizer(session.optimizer, session.model)
    state = {
        "position": asdict(session.position),
        "optimizer_name": session.task.recipe.optimizer.name,
        "optimizer": values,
        "scaler": session.scaler.state_dict(),
        "num_optimizer_tensors": len(tensors),
        "recipe": _identify(session.task.recipe),
        "num_train_examples": len(session.train),
    }
    save_checkpoint(folder, session.state_tensors() | {"optimizer": tensors}, state, _contract(session))


def save_best(session: Session[Any], folder: Path) -> None:
    """Write the best checkpoint: weights and where they were reached."""
    save_checkpoint(folder, session.state_tensors(), {"position": asdict(session.position)}, _contract(session))


def restore_session(session: Session[Any], checkpoint: Path) -> None:
    """Bring a session to where a last checkpoint was written.

    Raises:
        InputError: the checkpoint is damaged, or belongs to another recipe, other data or another network.
    """
    state = load_state(checkpoint)
    try:
        _restore(session, checkpoint, state)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{checkpoint}/state.json: is damaged ({error!r}); start a new run with [start] weights"
        ) from error


def _restore(session: Session[Any], checkpoint: Path, state: dict[str, Any]) -> None:
    if state["num_train_examples"] != len(session.train):
        raise InputError(
            f"{checkpoint}: was training on {state['num_train_examples']} images, now there are {len(session.train)}; bring the data back, "
            "or start a new run with [start] weights"
        )
    if state["recipe"] != _identify(session.task.recipe):
        raise InputError(
            f"{checkpoint.parents[1]}/recipe.toml: was changed since the checkpoint was written; restore it, or start a new run "
            "with [start] weights"
        )
    contract = session.task.preprocessing()
    load_weights(session.model, checkpoint / "model.safetensors", contract=contract)
    if session.ema is not None:
        load_weights(session.ema.model, checkpoint / "ema.safetensors", contract=contract)
    tensors = load_tensors(checkpoint / "optimizer.safetensors")
    if len(tensors) != state["num_optimizer_tensors"]:
        raise InputError(f"{checkpoint}/optimizer.safetensors: is incomplete; start a new run with [start] weights")
    unpack_optimizer(session.optimizer, session.model, tensors, state["optimizer"])
    session.scaler.load_state_dict(state["scaler"])
    session.position = Position(**state["position"])


def _identify(recipe: Recipe) -> str:
    """Return the hash of everything that decides what the run becomes; who prepares batches and where images lie do not."""
    data = recipe.data.model_copy(update={"workers": "thread", "num_workers": 1, "residency": "auto"})
    return canonical_hash(recipe.model_copy(update={"data": data}))


def _contract(session: Session[Any]) -> str:
    return json.dumps(session.task.preprocessing(), ensure_ascii=False, sort_keys=True)
