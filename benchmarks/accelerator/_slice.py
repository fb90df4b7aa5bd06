"""What every slice shares: where it runs, how it waits for the device, what it says of it, and one training with its test.

A slice is one file for a machine with one accelerator: at most nine minutes, of value alone, its result a JSON file, no
checkpoint needed afterwards. `--quick` runs the same code in miniature on whatever is there.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from _result import make_parser
from classification_training import draw_images

from saccade.engine.batches import hold
from saccade.engine.checkpoint import find_checkpoint, load_weights
from saccade.engine.device import choose_device, describe_device
from saccade.engine.evaluate import predict_split
from saccade.engine.history import Hooks
from saccade.engine.run import train_run
from saccade.engine.session import weights_of
from saccade.recipes.loader import load
from saccade.recipes.tables.recipe import ClassifyRecipe
from saccade.records.reader import read_run
from saccade.tasks.classify.task import ClassifyTask

RECIPES = Path(__file__).parents[2] / "experiments"


@dataclass(frozen=True)
class Trained:
    """One training: seconds of the run at each validation with its accuracy, and what the test split says of the best weights."""

    validations: list[tuple[float, float]]
    images_per_second: float
    selection: Mapping[str, Any]
    test: Mapping[str, Any]

    def seconds_to(self, accuracy: float) -> float | None:
        """Return when validation first reached an accuracy."""
        return next((seconds for seconds, value in self.validations if value >= accuracy), None)


def make_slice_parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of every slice."""
    parser = make_parser(doc)
    parser.add_argument("--device", default="auto", help="auto, cuda or cpu")
    parser.add_argument("--data-root", type=Path, default=Path(".data"), help="folder above the data sets")
    return parser


@contextmanager
def found_data(arguments: argparse.Namespace, name: str, test: str) -> Iterator[Path]:
    """Give the folder above a data set of class folders; for `--quick`, one with a few drawn images in its place."""
    if not arguments.quick:
        yield arguments.data_root
        return
    with tempfile.TemporaryDirectory() as folder:
        for split in ("train", test):
            drawn = draw_images(Path(folder, "drawn", split), 64, num_classes=4)
            Path(folder, name).mkdir(exist_ok=True)
            (drawn / "train").rename(Path(folder, name, split))
        yield Path(folder)


def wait_for(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def load_recipe(name: str, data_root: Path, overrides: Mapping[str, object]) -> ClassifyRecipe:
    """Return a recipe of `experiments/` with some values replaced."""
    recipe = load(RECIPES / name, data_root=data_root, overrides=[f"{key}={value}" for key, value in overrides.items()])
    assert isinstance(recipe.recipe, ClassifyRecipe)
    return recipe.recipe


def train_and_test(recipe: ClassifyRecipe, device: str) -> Trained:
    """Train to the end of the recipe, choose by validation, and touch the test split once."""
    with tempfile.TemporaryDirectory() as runs:
        task = ClassifyTask(recipe)
        folder = train_run(task, runs=Path(runs), name=("accelerator", "slice"), device=device, hooks=Hooks())
        run = read_run(folder)
        rows = list(run.history())
        best = find_checkpoint(folder / "checkpoints" / "best")
        assert best is not None
        trained = ClassifyTask(task.with_recipe(task.frozen_recipe()).recipe)  # type: ignore[arg-type]  # its own kind
        model = trained.build_model()
        load_weights(model, weights_of(best), contract=trained.preprocessing())
        where = choose_device(device)
        held = hold(trained, trained.examples("test"), training=False, device=where)
        predicted = predict_split(trained, model.to(where), held, range(len(held)))
        selection = run.metrics["selection"]
    speeds = sorted(row["images_per_second"] for row in rows if "images_per_second" in row)
    return Trained(
        validations=[(row["seconds"], row["val"]["top1_accuracy"]) for row in rows if row.get("event") == "validation"],
        images_per_second=speeds[len(speeds) // 2],
        selection=selection,
        test=trained.summarise(predicted.rows()),
    )


def describe_accelerator(device: torch.device) -> dict[str, object]:
    """Return the hardware's name, memory and software."""
    return {"accelerator": describe_device(device), "torch": torch.__version__}
