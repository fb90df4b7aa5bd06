"""A trained run that reads images: the same decoding, preprocessing and precision as its evaluation."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from saccade.engine.checkpoint import find_checkpoint, load_weights
from saccade.engine.device import choose_device
from saccade.engine.evaluate import MOST_AT_ONCE
from saccade.engine.session import weights_of
from saccade.errors import InputError
from saccade.records.reader import read_run
from saccade.tasks.base import Task


class Predictor:
    """The best weights of a run, ready to predict."""

    def __init__(self, task: Task[Any, Any], folder: Path, *, device: str = "auto") -> None:
        """Load the weights.

        Args:
            task: built from the run's own recipe.
            folder: the run.
            device: "auto", "cpu", "cuda" or "mps".

        Raises:
            InputError: the run has no checkpoint, or its parts do not belong together.
        """
        self.task = task
        self.device = choose_device(device)
        contract = task.preprocessing()
        recorded = read_run(folder).preprocessing
        if recorded != contract:
            differs = sorted(key for key in {*recorded, *contract} if recorded.get(key) != contract.get(key))
            raise InputError(
                f"{folder}: preprocessing.json and recipe.toml differ in {', '.join(differs)}; take both from the same run"
            )
        checkpoint = find_checkpoint(folder / "checkpoints" / "best")
        if checkpoint is None:
            raise InputError(f"{folder}: has no best checkpoint yet; let it reach its first validation")
        self.model = task.build_model()
        load_weights(self.model, weights_of(checkpoint), contract=contract)
        self.model.to(self.device).eval()

    def predict_each(self, images: Iterable[str | Path | NDArray[np.uint8]]) -> Iterator[Any]:
        """Yield, for each image in order, its prediction, or the `InputError` that says why it cannot be read."""
        size = min(self.task.recipe.train.batch_size, MOST_AT_ONCE)
        left = iter(images)
        while prepared := [self._prepare(image) for image in islice(left, size)]:
            readable = [sample for sample in prepared if not isinstance(sample, InputError)]
            predicted = iter(self._predict_batch(readable) if readable else [])
            yield from (one if isinstance(one, InputError) else next(predicted) for one in prepared)

    @torch.no_grad()
    def _predict_batch(self, samples: list[Any]) -> list[Any]:
        return self.task.predict(self.model, self.task.collate(samples).to(self.device))

    def _prepare(self, image: str | Path | NDArray[np.uint8]) -> Any:
        try:
            return self.task.prepare(self.task.unlabelled(Path(image) if isinstance(image, str) else image), None)
        except InputError as error:
            return error
