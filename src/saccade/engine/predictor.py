"""A trained run that reads images: the same decoding, preprocessing and precision as its evaluation."""

from collections.abc import Sequence
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

    @torch.no_grad()
    def predict(self, images: Sequence[str | Path | NDArray[np.uint8]]) -> list[Any]:
        """Return one prediction an image, in order.

        Raises:
            InputError: an image cannot be read.
        """
        size = min(self.task.recipe.train.batch_size, MOST_AT_ONCE)
        predictions: list[Any] = []
        for start in range(0, len(images), size):
            examples = [
                self.task.unlabelled(Path(image) if isinstance(image, str) else image)
                for image in images[start : start + size]
            ]
            batch = self.task.collate([self.task.prepare(example, None) for example in examples])
            predictions += self.task.predict(self.model, batch.to(self.device))
        return predictions
