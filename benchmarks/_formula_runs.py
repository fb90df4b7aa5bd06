"""One reader of formulas: trained, measured once on the test split with its best weights, and set beside another, image by image."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from saccade.engine.batches import hold
from saccade.engine.evaluate import predict_split
from saccade.engine.history import Hooks
from saccade.engine.predictor import Predictor
from saccade.engine.run import train_run
from saccade.errors import InputError
from saccade.metrics.paired import mcnemar_exact, paired_bootstrap
from saccade.recipes.loader import load
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.recipes.tables.sequence import SequenceReaderTable
from saccade.records.reader import read_run
from saccade.records.writer import RunWriter
from saccade.tasks.registry import build_task

TEST_METRICS = ("exact_match", "exact_match_normalised", "within_1", "within_2", "wer", "validity")
BEAM = ("decode={name='beam_search',grammar={balanced_braces=true,complete_commands=true,no_bad_start=true}}",)
"""Five beginnings, and nothing that LaTeX forbids."""
Figures = dict[str, Any]


def train_reader(path: Path, root: Path, runs: Path, overrides: Sequence[str]) -> tuple[str, Figures]:
    """Train a recipe, read its test split with the weights that validation chose, and return its name and figures.

    Readers that write one token after the other read it twice, once with a beam and a grammar.
    """
    folder, figures = train(path, root, runs, overrides)
    if writes_step_by_step(folder, root):
        beam = predict_test(folder, root, overrides=BEAM)
        figures["test_beam"] = {metric: beam[metric] for metric in TEST_METRICS}
    test = predict_test(folder, root)  # the last: what is stored is what the recipe reads
    figures |= {"test": {metric: test[metric] for metric in TEST_METRICS}, "by_length": test["by_length"]}
    return path.stem, figures


def writes_step_by_step(folder: Path, root: Path) -> bool:
    """Return whether a run's reader writes one token after the other, so that a beam and a grammar have something to do."""
    recipe = load(folder / "recipe.toml", data_root=root).recipe
    return isinstance(recipe, ReadRecipe) and isinstance(recipe.model, SequenceReaderTable)


def train(path: Path, root: Path, runs: Path, overrides: Sequence[str], device: str = "cpu") -> tuple[Path, Figures]:
    """Train a recipe to its end; return the run and what it cost and reached on validation.

    The seconds are those of the run's clock at its last validation, all validations included.
    """
    loaded = load(path, data_root=root, overrides=overrides)
    name = (path.parent.name, path.stem)
    folder = train_run(build_task(loaded.recipe), runs=runs, name=name, loaded=loaded, device=device, hooks=Hooks())
    rows = list(read_run(folder).history())
    validations = [row for row in rows if row.get("event") == "validation"]
    best = next(row for row in reversed(validations) if row["is_best"])
    return folder, {
        "run": folder.relative_to(runs).as_posix(),
        "files": [one.sha256 for one in loaded.lineage],
        "num_parameters": next(row["num_parameters"] for row in rows if row.get("event") == "start"),
        "epochs": loaded.recipe.train.epochs,
        "seconds": validations[-1]["seconds"],
        "images_per_second": statistics.median(row["images_per_second"] for row in rows if "images_per_second" in row),
        "chosen_at_seconds": best["seconds"],
        "val": best["val"]["exact_match"],
        "train_clean": best["train_clean"]["exact_match"],
        "train_augmented": best["train_augmented"]["exact_match"],
        "curve": [[row["seconds"], row["epoch"], row["val"]["exact_match"], row["val"]["wer"]] for row in validations],
    }


def predict_test(folder: Path, root: Path, device: str = "cpu", overrides: Sequence[str] = ()) -> Mapping[str, Any]:
    """Read the test split with a run's best weights, store what was read in the run, and return its metrics.

    Args:
        folder: The run.
        root: Data root.
        device: Where.
        overrides: `key=value` that change how it is decoded.
    """
    task = build_task(load(folder / "recipe.toml", data_root=root, overrides=overrides).recipe)
    predictor = Predictor(task, folder, device=device)
    held = hold(task, task.examples("test"), training=False, device=predictor.device)
    rows = predict_split(task, predictor.model, held, range(len(held))).rows()
    with RunWriter.resume(folder) as writer:
        writer.write_predictions("test", rows)
    return task.summarise(rows)


def compare_test(before: Path, after: Path) -> Figures:
    """Compare what two runs read of the same test images, image by image.

    Returns:
        As `compare_readings`.

    Raises:
        InputError: a run has no predictions of the test split, or they are of other images.
    """
    first, second = (_read_right(folder) for folder in (before, after))
    if set(first) != set(second):
        raise InputError(f"{after}: its test images are not those of {before}; evaluate both on the same")
    return compare_readings(first, second)


def _read_right(folder: Path) -> dict[str, int]:
    """Return image -> whether it was read exactly."""
    return {row["id"]: int(row["prediction"] == row["target"]) for row in read_run(folder).predictions("test")}


def compare_readings(first: Mapping[str, int], second: Mapping[str, int]) -> Figures:
    """Compare two readings of the same images, each image -> 1 where it was read exactly, else 0.

    Returns:
        Exact match of both, their difference with its bootstrap interval over pairs, and McNemar's exact p.
    """
    pairs = [(first[name], second[name]) for name in sorted(first)]
    found = paired_bootstrap([one for one, _ in pairs], [other for _, other in pairs])
    only_before, only_after = pairs.count((1, 0)), pairs.count((0, 1))
    return {
        "before": sum(first.values()) / len(first),
        "after": sum(second.values()) / len(second),
        "difference": found.value,
        "interval": [found.low, found.high],
        "n": found.n,
        "only_before": only_before,
        "only_after": only_after,
        "mcnemar_p": mcnemar_exact(only_before, only_after),
    }
