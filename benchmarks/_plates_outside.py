"""Rows of `plates_training.py`: seconds an image that training spends outside the step.

Counted, theirs: opening the LMDB with its filtering (`Batch_Balanced_Dataset`, spread over the training), `get_batch`
(LMDB read, PIL decoding, bicubic resize, to float, normalise, collate, loader), `to(device)` and `converter.encode`.
Not counted: writing the LMDB. Ours: reading the label files, hashing and checking every image, splits, decoding to where
the images live (all of that spread over the training), batches as `iterate_steps` gives them, `to(device)`, normalise.
Both resize to grey 32x100; neither augments, except in the row that says so. Nobody computes meanwhile, which is the best
that worker processes can get: during training they share the cores with the step.

The training over which the start is spread has the epochs of the shipped recipe.
"""

import gc
import resource
import tempfile
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from _dtrb import DEFAULT_WORKERS, Peer, in_folder_of_its_own, make_options
from _label_files import LabelFiles
from _light_reader import CPU, find_full_augmentation, load_baseline
from _plates_step import PREPROCESSING
from _result import Goal, Row, measure_in_turn

from saccade.data.sampler import Sampler
from saccade.engine.batches import StepMaker, hold, iterate_steps
from saccade.engine.device import Ranks
from saccade.nn.normalise import Normalise
from saccade.recipes.tables.augment import ReadAugment
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.recipes.tables.training import TrainTable
from saccade.tasks.read.task import ReadTask

BATCH_SIZE = 64


@dataclass(frozen=True)
class Cost:
    """Seconds an image: of the wall clock, and of all cores together."""

    wall: float
    processor: float


@dataclass(frozen=True)
class OurFeed:
    """How our side holds its images."""

    residency: str
    num_workers: int
    augment: ReadAugment


def measure_ours(files: LabelFiles, feed: OurFeed, *, num_epochs: int, training_epochs: int) -> Cost:
    """Return the cost of bringing whole epochs of images to the step, the start spread over a training."""
    recipe = ReadRecipe(
        data=files.make_table(residency=feed.residency, num_workers=feed.num_workers),
        preprocessing=PREPROCESSING,
        train=TrainTable(batch_size=BATCH_SIZE),
        augment=feed.augment,
    )
    clock = _Clock()
    task = ReadTask(recipe)
    held = hold(task, task.examples("train"), training=True, device=CPU)
    start = clock.read()
    sampler, normalise = Sampler(len(held), BATCH_SIZE, seed=0), Normalise((0.5,), (0.5,))
    make = StepMaker(task, held, 1, Ranks())
    clock = _Clock()
    for epoch in range(num_epochs):
        for step in iterate_steps(make, [(epoch, draws) for draws in sampler.batches(epoch)], recipe.data):
            normalise(step.micro_batches[0].to(CPU).images)
    return _spread(start, clock.read(), len(held), num_epochs, training_epochs)


def measure_theirs(peer: Peer, lmdb: Path, num_workers: int, *, num_epochs: int, training_epochs: int) -> Cost:
    """Return the same of their loader."""
    options = make_options(lmdb, batch_size=BATCH_SIZE, num_workers=num_workers)
    converter = peer.module("utils").CTCLabelConverter(options.character)
    with tempfile.TemporaryDirectory() as folder, in_folder_of_its_own(Path(folder)):
        clock = _Clock()
        dataset: Any = peer.module("dataset").Batch_Balanced_Dataset(options)
        start = clock.read()
        count = len(dataset.data_loader_list[0].dataset)
        wanted = num_epochs * len(dataset.data_loader_list[0])
        clock = _Clock()
        for _ in range(wanted):
            images, labels = dataset.get_batch()
            images.to(CPU)
            converter.encode(labels, batch_max_length=options.batch_max_length)
        wall = clock.read().wall
        del dataset
        gc.collect()  # ends the worker processes: only then does the system tell what they used
        return _spread(start, replace(clock.read(), wall=wall), count, num_epochs, training_epochs)


def compare_outside(peer: Peer, files: LabelFiles, lmdb: Path, *, num_epochs: int, num_repeats: int) -> list[Row]:
    """Return the rows; the first is the claim's."""
    shipped = load_baseline()
    full = find_full_augmentation(shipped)
    in_background = OurFeed("memory", max(1, shipped.data.num_workers), full)
    ours = partial(measure_ours, files, num_epochs=num_epochs, training_epochs=shipped.train.epochs)
    theirs = partial(measure_theirs, peer, lmdb, num_epochs=num_epochs, training_epochs=shipped.train.epochs)
    default = f"workers {DEFAULT_WORKERS}"
    sides = {
        "resident": partial(ours, OurFeed("auto", 0, ReadAugment())),
        "lazy": partial(ours, OurFeed("lazy", 0, ReadAugment())),
        "augmented": partial(ours, OurFeed("memory", 0, full)),
        "background": partial(ours, in_background),
        "workers 0": partial(theirs, 0),
        default: partial(theirs, DEFAULT_WORKERS),
    }
    costs = measure_in_turn(sides, num_repeats)
    third = Goal("ratio", 1 / 3)
    return [
        _row("decoded once beside workers 0", costs["resident"], costs["workers 0"], goal=third),
        _row("decoded at each use beside workers 0", costs["lazy"], costs["workers 0"]),
        _row("shipped augmentation beside workers 0 without", costs["augmented"], costs["workers 0"]),
        _row(f"shipped augmentation in the background beside {default} without", costs["background"], costs[default]),
        _row(f"decoded once beside {default}, all cores", costs["resident"], costs[default], measure="processor"),
        _row("decoded once beside workers 0, all cores", costs["resident"], costs["workers 0"], measure="processor"),
    ]


def _row(name: str, ours: list[Cost], peer: list[Cost], *, goal: Goal | None = None, measure: str = "wall") -> Row:
    pairs = [(getattr(a, measure), getattr(b, measure)) for a, b in zip(ours, peer, strict=True)]
    return Row(f"outside the step: {name}", f"s an image ({measure})", pairs, higher_is_better=False, goal=goal)


class _Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), _read_processor_seconds()

    def read(self) -> Cost:
        return Cost(time.perf_counter() - self._wall, _read_processor_seconds() - self._processor)


def _read_processor_seconds() -> float:
    """Return what this process and its children that have ended used of all cores."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _spread(start: Cost, loop: Cost, num_images: int, num_epochs: int, training_epochs: int) -> Cost:
    drawn, trained = num_epochs * num_images, training_epochs * num_images
    return Cost(loop.wall / drawn + start.wall / trained, loop.processor / drawn + start.processor / trained)
