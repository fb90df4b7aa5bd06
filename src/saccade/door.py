"""The Python door: what `saccade.load` and `saccade.train` do. The command line goes through the same functions."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saccade.engine.history import Hooks
from saccade.engine.predictor import Predictor
from saccade.engine.run import train_run
from saccade.errors import InputError
from saccade.recipes.loader import load as load_recipe
from saccade.records.reader import read_run
from saccade.tasks.base import Task
from saccade.tasks.registry import build_task

ImageLike = str | Path | NDArray[np.uint8]


class Recogniser:
    """A trained model: `saccade.load(RUN).predict(images)`."""

    def __init__(self, predictor: Predictor) -> None:
        """Keep the predictor."""
        self._predictor = predictor

    def predict(self, images: Iterable[ImageLike] | ImageLike) -> list[Any]:
        """Return one prediction an image, in order.

        Args:
            images: paths, or arrays uint8 [H, W] grey or [H, W, 3] RGB; one alone is a list of one.

        Raises:
            InputError: an image cannot be read.
        """
        predictions = []
        for one in self.predict_each([images] if isinstance(images, str | Path | np.ndarray) else images):
            if isinstance(one, InputError):
                raise one
            predictions.append(one)
        return predictions

    def predict_each(self, images: Iterable[ImageLike]) -> Iterator[Any]:
        """Yield, for each image in order, its prediction, or the `InputError` that says why it cannot be read.

        Args:
            images: paths or arrays as for `predict`; no more than a batch of them is held at a time.
        """
        return self._predictor.predict_each(images)


def load(model: str | Path, *, device: str = "auto") -> Recogniser:
    """Return the recogniser of a run folder: its best checkpoint, moving average where there is one.

    Raises:
        InputError: the folder is no run, is half written or damaged, or has no checkpoint.
    """
    folder = Path(model)
    read_run(folder)
    return Recogniser(Predictor(build_task(load_recipe(folder / "recipe.toml").recipe), folder, device=device))


def train(
    recipe_or_task: str | Path | Task[Any, Any],
    *,
    runs: str | Path = "runs",
    device: str = "auto",
    hooks: Hooks | None = None,
) -> Path:
    """Train a recipe file, or a task of one's own, and return the run's folder.

    Raises:
        InputError, RunFailedError, StoppedError: as `saccade train`.
    """
    hooks = hooks or Hooks()
    if isinstance(recipe_or_task, Task):
        name = ("own", type(recipe_or_task).__name__)
        return train_run(recipe_or_task, runs=Path(runs), name=name, device=device, hooks=hooks)
    loaded = load_recipe(recipe_or_task)
    name = (loaded.path.parent.name or "recipes", loaded.path.stem)
    return train_run(build_task(loaded.recipe), runs=Path(runs), name=name, loaded=loaded, device=device, hooks=hooks)
