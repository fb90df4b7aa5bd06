"""The cache of the formula series' SATRN, which decoded another network than it had trained: what it costs a trained reader.

Its decoder, step by step, remembers what a layer made of the earlier tokens, where training showed it what the layer was given. No recipe
can ask for that; here a reader trained with every truth known, whose weights do not depend on it, is decoded with both.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from saccade.engine.batches import hold
from saccade.engine.checkpoint import find_checkpoint, load_weights
from saccade.engine.device import choose_device
from saccade.engine.evaluate import predict_split
from saccade.engine.session import weights_of
from saccade.nn.transformer_decoder import TransformerDecoder
from saccade.nn.transformer_step import CacheKind
from saccade.recipes.loader import load
from saccade.tasks.base import Task
from saccade.tasks.read.reader import EncoderDecoder
from saccade.tasks.registry import build_task


def measure_with_cache(folder: Path, root: Path, cache: CacheKind) -> dict[str, float]:
    """Return the metrics of a run's last weights on its validation split, decoded with a cache of layers' inputs or outputs."""
    task = build_task(load(folder / "recipe.toml", data_root=root).recipe)
    model = load_last(task, folder, cache)
    held = hold(task, task.examples("val"), training=False, device=choose_device("cpu"))
    return predict_split(task, model, held, range(len(held))).compute()


def load_last(task: Task[Any, Any], folder: Path, cache: CacheKind) -> nn.Module:
    """Return a reader with the last weights of its run, decoding with that cache."""
    checkpoint = find_checkpoint(folder / "checkpoints" / "last")
    assert checkpoint is not None, f"{folder} has ended and has no last checkpoint"
    model = task.build_model()
    load_weights(model, weights_of(checkpoint), contract=task.preprocessing())
    assert isinstance(model, EncoderDecoder) and isinstance(model.decoder, TransformerDecoder)
    model.decoder.options = replace(model.decoder.options, cache=cache)
    return model
