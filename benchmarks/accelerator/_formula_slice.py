"""What the slices of formulas share: where the sets are, one training of a reader, and its rows."""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _slice import RECIPES, make_slice_parser

# isort: split
from _formula_files import draw_sets, find_sets
from _formula_runs import Figures, train
from _result import Goal, Row

OTHERS = ("exact_match", "exact_match_normalised", "within_1", "within_2", "wer", "bleu", "validity")
QUICK = (
    "train.epochs=1",
    "train.batch_size=8",
    "train.precision=fp32",
    "train.log_every_steps=1",
    "train.validate_every_epochs=1",
    "schedule.warmup_epochs=0.5",
    "model.backbone.depth=1",
    "model.encoder.num_layers=1",
    "model.decoder.num_layers=1",
    "preprocessing.height_px=48",
    "preprocessing.width_px=160",
    "data.num_workers=1",
)


@contextmanager
def found_formulas(arguments: argparse.Namespace, sets: Mapping[str, Sequence[str]]) -> Iterator[tuple[Path, Path]]:
    """Give the folder above the sets, and one for the run; for `--quick`, a few drawn formulas in their place.

    Raises:
        FileNotFoundError: a set is not there.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = draw_sets(Path(folder), sets, 40) if arguments.quick else find_sets(arguments.data_root, sets)
        yield root, Path(folder, "runs")


def train_formulas(name: str, places: tuple[Path, Path], arguments: argparse.Namespace) -> tuple[Path, Figures]:
    """Train a recipe of `experiments/` for as many epochs as a slice has room for; return the run and its figures.

    Args:
        name: Folder and file.
        places: Data root, and where the run goes.
        arguments: Of the command line.
    """
    overrides = [f"train.epochs={arguments.epochs}", *(["train.compile=true"] if arguments.compile else [])]
    return train(RECIPES / name, *places, QUICK if arguments.quick else overrides, arguments.device)


def make_formula_parser(doc: str | None, epochs: int) -> argparse.ArgumentParser:
    """Return a parser with the options of these slices."""
    parser = make_slice_parser(doc)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--compile", action="store_true")
    return parser


def make_score_row(name: str, metric: str, estimates: Mapping[str, Any], goal: float | None = None) -> Row:
    """Return a row for a metric of some images, with its interval, and the other metrics of the same images."""
    found = estimates[metric]
    others = {key: estimates[key] for key in OTHERS if key in estimates and key != metric}
    details = {"low": found["low"], "high": found["high"], "n": found["n"], "others": others}
    return Row(
        f"{metric}, {name}",
        "share",
        [(found["value"], None)],
        higher_is_better=True,
        goal=None if goal is None else Goal("ours", goal),
        details=details,
    )


def make_speed_rows(figures: Figures) -> list[Row]:
    """Return rows for images a second and for the training."""
    return [
        Row("images a second", "images/s", [(figures["images_per_second"], None)], higher_is_better=True),
        Row("training", "s", [(figures["seconds"], None)], higher_is_better=False),
    ]


def find_source(test: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """Return what the test split says of one of its sources."""
    found: Mapping[str, Any] = next(row for row in test["by_source"] if row["source"] == source)
    return found
