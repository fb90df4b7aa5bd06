"""The shipped recipe `experiments/plates_uz/baseline.toml` on other images: what several benchmarks train.

The network, input size, optimiser, precision and batch size are the recipe's own; the images are drawn here, so that no
data set is needed and the figures say nothing about accuracy. The rate is constant, there are no stages and there is no
moving average, on either side. Full augmentation is that of the recipe's last stage.
"""

from pathlib import Path

import torch

from saccade.recipes.loader import load, stages_of
from saccade.recipes.tables.augment import ReadAugment
from saccade.recipes.tables.data import DataTable, SyntheticPlatesSource
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.recipes.tables.training import Constant

BASELINE = Path(__file__).parent.parent / "experiments" / "plates_uz" / "baseline.toml"
CPU = torch.device("cpu")


def load_baseline(data_root: Path | None = None) -> ReadRecipe:
    """Return the shipped recipe."""
    recipe = load(BASELINE, data_root=data_root).recipe
    assert isinstance(recipe, ReadRecipe)
    return recipe


def make_synthetic_recipe(steps_per_epoch: int, epochs: int, *, augmented: bool) -> ReadRecipe:
    """Return the shipped recipe on synthetic plates, one row of the history an epoch, with its augmentation or none."""
    shipped = load_baseline()
    data = DataTable(
        root=".",
        train=(SyntheticPlatesSource(num_images=steps_per_epoch * shipped.train.batch_size, seed=1),),
        val=(SyntheticPlatesSource(num_images=64, seed=2),),
        workers=shipped.data.workers,
        num_workers=shipped.data.num_workers,
    )
    train = shipped.train.model_copy(update={"epochs": epochs, "ema_decay": None, "log_every_steps": steps_per_epoch})
    augment = find_full_augmentation(shipped) if augmented else ReadAugment()
    changes = {"data": data, "train": train, "schedule": Constant(), "stage": (), "budget": None, "augment": augment}
    return shipped.model_copy(update=changes)


def find_full_augmentation(recipe: ReadRecipe) -> ReadAugment:
    """Return the augmentation of a recipe's last stage."""
    last = stages_of(recipe)[-1][1]
    assert isinstance(last, ReadRecipe)
    return last.augment


def describe_recipe(recipe: ReadRecipe) -> dict[str, object]:
    """Return what a result keeps of a recipe: everything that decides the work of a step."""
    tables = ("preprocessing", "model", "train", "optimizer", "augment")
    return {name: getattr(recipe, name).model_dump(mode="json") for name in tables}
