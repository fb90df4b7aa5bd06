"""Threads prepare batches of plate-sized images no slower than worker processes do: they are the recipe's default.

Floor: an image of 40x128 grey is 5,120 bytes; the shipped augmentation takes 0.1 to 0.2 ms of OpenCV, which releases
the interpreter's lock. A thread hands a batch over by reference. A process must hand over 32 x 5,120 bytes and the texts: a
shared-memory file a tensor, a pickle of the rest, two wake-ups, a millisecond or two for 5 ms of work a batch, and a
fork at the start of every epoch. Prediction: alone, one thread brings 1.2 times what one process brings; while PyTorch
computes with as many threads as there are cores, the step of 100 ms dominates and both are within a few percent, with
waiting below 1 % of the time, where preparing in the loop itself costs the 5 % that augmentation takes.

Counted, in images a second: `iterate_steps` of whole epochs over images decoded in memory, with the recipe's full
augmentation; alone (nobody computes), and in front of `train_step` of the shipped reader. The start of worker processes
is counted, because training pays it every epoch.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from _light_reader import CPU, describe_recipe, make_synthetic_recipe
from _result import Goal, Row, make_parser, measure_in_turn, write_result

from saccade.engine.batches import Step, StepMaker, iterate_steps
from saccade.engine.device import Ranks, use_one_opencv_thread
from saccade.engine.session import Session, open_session
from saccade.engine.step import train_step
from saccade.tasks.read.task import ReadTask

SETTINGS = {
    "in the loop": ("thread", 0),
    "1 thread": ("thread", 1),
    "2 threads": ("thread", 2),
    "1 process": ("process", 1),
    "2 processes": ("process", 2),
}
PAIRS = (
    ("1 thread", "1 process"),
    ("2 threads", "2 processes"),
    ("1 thread", "in the loop"),
    ("1 thread", "2 threads"),
)
GOALS = {"alone": 1.0, "while training": 0.98}
"""Threads beside as many processes; while training, differences below 2 % are noise."""


class Feed:
    """The training images of a session in memory, and ways to bring them to a consumer."""

    def __init__(self, session: Session[Any], num_epochs: int) -> None:
        """Keep the session whose images these are."""
        self._session, self._num_epochs = session, num_epochs
        self.waited: dict[str, list[float]] = {name: [] for name in SETTINGS}

    def measure(self, name: str, consume: Callable[[Step[Any]], object]) -> float:
        """Return images a second of whole epochs."""
        workers, num_workers = SETTINGS[name]
        task, held = self._session.task, self._session.train
        table = task.recipe.data.model_copy(update={"workers": workers, "num_workers": num_workers})
        make = StepMaker(task, held, 1, Ranks())
        waited, start = 0.0, time.perf_counter()
        for epoch in range(self._num_epochs):
            for step in iterate_steps(make, [(epoch, draws) for draws in self._session.sampler.batches(epoch)], table):
                waited += step.waited_seconds
                consume(step)
        seconds = time.perf_counter() - start
        self.waited[name].append(waited / seconds)
        return self._num_epochs * len(held) / seconds


def make_training(session: Session[Any]) -> Callable[[Step[Any]], object]:
    """Return a consumer that trains the shipped reader on each step."""
    session.wrapped.train()
    task, recipe = session.task, session.task.recipe
    return lambda step: train_step(session, task, recipe, step, recipe.optimizer.learning_rate, measure=False)


def compare(feed: Feed, condition: str, consume: Callable[[Step[Any]], object], num_repeats: int) -> list[Row]:
    """Return a row for each pair of settings under one condition."""
    measured = measure_in_turn({name: partial(feed.measure, name, consume) for name in SETTINGS}, num_repeats)
    rows = []
    for ours, peer in PAIRS:
        pairs = list(zip(measured[ours], measured[peer], strict=True))
        goal = Goal("ratio", GOALS[condition]) if "process" in peer else None
        details = {"waiting_fraction": {name: feed.waited[name][-num_repeats:] for name in (ours, peer)}}
        name = f"{condition}: {ours} beside {peer}"
        rows.append(Row(name, "images/s", pairs, higher_is_better=True, goal=goal, details=details))
    return rows


def main() -> None:
    begun = time.perf_counter()
    arguments = make_parser(__doc__).parse_args()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    arguments.threads = torch.get_num_threads()
    use_one_opencv_thread()
    steps, epochs, epochs_alone, num_repeats = (2, 1, 2, 1) if arguments.quick else (90, 1, 5, 3)
    recipe = make_synthetic_recipe(steps, epochs, augmented=True)
    session = open_session(ReadTask(recipe), CPU, Ranks())
    train = make_training(session)
    feed = Feed(session, epochs)
    feed.measure("in the loop", train)  # the first steps allocate
    rows = [
        *compare(feed, "while training", train, num_repeats),
        *compare(Feed(session, epochs_alone), "alone", lambda step: None, num_repeats),
    ]
    settings = {
        "images": "synthetic plates, decoded in memory, full augmentation of the shipped recipe",
        "steps_per_epoch": steps,
        "epochs": {"while training": epochs, "alone": epochs_alone},
        "recipe": describe_recipe(recipe),
    }
    write_result("loading", rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
