"""From examples to batches: what is held where, and who prepares the next batch while the device computes this one."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from saccade.data.parallel import map_in_threads
from saccade.data.residency import Residency, choose_residency, read_free_memory
from saccade.data.sampler import make_generator, rows_of_part
from saccade.engine.device import Ranks, read_free_device_memory
from saccade.errors import InputError
from saccade.recipes.loader import stages_of
from saccade.recipes.tables.data import DataTable
from saccade.tasks.base import B, Examples, Task

_BATCHES_AHEAD = 3


@dataclass(frozen=True)
class Held(Generic[B]):
    """The examples of a split where they live: one batch on the device, a list in memory, or to be read at each use."""

    examples: Examples[B]
    residency: Residency
    resident: B | None = None
    decoded: Sequence[Any] | None = None

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.examples)

    def example(self, index: int) -> Any:
        """Return one decoded example."""
        return self.examples[index] if self.decoded is None else self.decoded[index]


def list_stages(task: Task[B, Any]) -> list[tuple[int, Task[B, Any]]]:
    """Return (first epoch, task in force) of each stage, in order."""
    return [
        (first, task if recipe == task.recipe else task.with_recipe(recipe)) for first, recipe in stages_of(task.recipe)
    ]


def hold(task: Task[B, Any], examples: Examples[B], *, training: bool, device: torch.device) -> Held[B]:
    """Choose where a split lives and bring it there.

    Raises:
        InputError: an image is bad, or the recipe asks for a place that cannot hold them.
    """
    residency = choose_residency(
        task.recipe.data.residency if training else "auto",
        num_bytes=examples.example_bytes * len(examples),
        device_free_bytes=read_free_device_memory(device),
        host_free_bytes=read_free_memory(),
        fits_device_path=examples.has_one_size and not any(one.needs_prepare(training) for _, one in list_stages(task)),
    )
    if residency.place == "device" and len(examples):
        return Held(examples, residency, resident=examples.gather(range(len(examples))).to(device))
    if residency.place == "memory":
        return Held(examples, residency, decoded=map_in_threads(examples.__getitem__, range(len(examples))))
    return Held(examples, residency)


def make_batch(task: Task[B, Any], held: Held[B], draws: Sequence[int], *, seed: int | None, epoch: int = 0) -> B:
    """Return one batch, unaugmented (`seed` None) or as training sees it before `augment_batch`.

    A draw names the example (modulo their number) and, with seed and epoch, the generator of its augmentation.
    """
    count = len(held)
    indices = [int(draw) % count for draw in draws]
    if held.resident is not None:
        return held.resident.select(indices)
    samples = [
        task.prepare(held.example(index), None if seed is None else make_generator(seed, epoch, int(draw)))
        for index, draw in zip(indices, draws, strict=True)
    ]
    return task.collate(samples)


@dataclass(frozen=True)
class Step(Generic[B]):
    """What one rank computes in one optimiser step."""

    micro_batches: tuple[B, ...]
    rows: tuple[slice, ...]
    draws: np.ndarray
    waited_seconds: float = 0.0


Job = tuple[int, np.ndarray]


@dataclass(frozen=True)
class StepMaker(Generic[B]):
    """Makes a rank's part of a global batch; worker processes inherit it."""

    task: Task[B, Any]
    held: Held[B]
    num_micro_batches: int
    ranks: Ranks

    def __call__(self, job: Job) -> Step[B]:
        """Return the step of (epoch, draws of the global batch)."""
        epoch, draws = job
        parts = self.num_micro_batches * self.ranks.size
        rows = tuple(
            rows_of_part(len(draws), micro * self.ranks.size + self.ranks.rank, parts)
            for micro in range(self.num_micro_batches)
        )
        seed = self.task.recipe.seed
        return Step(
            tuple(make_batch(self.task, self.held, draws[part].tolist(), seed=seed, epoch=epoch) for part in rows),
            rows,
            draws,
        )


class _Steps(Dataset[Any]):
    """What torch's DataLoader wants: an item a job.

    Bad input is handed over as a value, because the loader would wrap it in the traceback of a worker.
    """

    def __init__(self, make: StepMaker[Any], jobs: Sequence[Job]) -> None:
        self._make, self._jobs = make, jobs

    def __getitem__(self, index: int) -> Step[Any] | InputError:
        try:
            return self._make(self._jobs[index])
        except InputError as error:
            return error

    def __len__(self) -> int:
        return len(self._jobs)


def iterate_steps(make: StepMaker[B], jobs: Sequence[Job], table: DataTable) -> Iterator[Step[B]]:
    """Yield the steps of an epoch in order, prepared ahead, each with the seconds that the caller had to wait for it."""
    if table.num_workers == 0 or make.held.resident is not None:
        source: Iterator[Step[B] | InputError] = map(make, jobs)
    elif table.workers == "process":
        loader = DataLoader(
            _Steps(make, jobs), batch_size=None, num_workers=table.num_workers, multiprocessing_context="fork"
        )
        source = iter(loader)
    else:
        source = _thread_steps(make, jobs, table.num_workers)
    while True:
        start = time.perf_counter()
        step = next(source, None)
        if step is None:
            return
        if isinstance(step, InputError):
            raise step
        yield Step(step.micro_batches, step.rows, step.draws, time.perf_counter() - start)


def _thread_steps(make: Callable[[Job], Step[B]], jobs: Sequence[Job], num_threads: int) -> Iterator[Step[B]]:
    pool = ThreadPoolExecutor(num_threads, thread_name_prefix="saccade-batches")
    waiting: deque[Future[Step[B]]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(make, job))
            if len(waiting) > _BATCHES_AHEAD * num_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # also when the caller stops in the middle of an epoch
        pool.shutdown(wait=True, cancel_futures=True)
