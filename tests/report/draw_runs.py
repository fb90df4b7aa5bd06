"""Run records drawn without any training: a chain of experiments over seeds, and whatever can be odd about a run.

The records are written by `RunWriter`, so they are of the form that trainings leave; their numbers follow simple curves.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from saccade.metrics.classification import summarise_classification
from saccade.metrics.reading import summarise_reading
from saccade.records.writer import RunWriter

LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
CLASSES = ("otter", "seal", "ray", "shark", "trout")
RECIPES = Path("/recipes")
Odd = Literal["", "nan", "one_point", "no_validation", "gap", "running", "stopped", "failed"]


@dataclass(frozen=True)
class Drawn:
    """One experiment to draw.

    Attributes:
        name: Of its recipe file and folder.
        share: Of the validation images that it has right in the end.
        parents: Recipe files above it, nearest first.
        settings: Dotted key -> value, over those of `make_recipe`.
        changes: As `recipe.diff.json` holds them: key, the parent's value, value.
        memorised: How far training images lie above validation images in the end.
        odd: What is odd about its runs.
    """

    name: str
    share: float
    parents: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[tuple[str, Any, Any], ...] = ()
    hypothesis: str = ""
    reported: Mapping[str, Any] = field(default_factory=dict)
    task: str = "read"
    series: str = "plates"
    seeds: Sequence[int] = (0,)
    memorised: float = 0.08
    num_images: int = 100
    num_validations: int = 30
    odd: Odd = ""
    overrides: tuple[str, ...] = ()
    contents: Mapping[str, str] = field(default_factory=dict)


def draw_runs(runs: Path, experiments: Sequence[Drawn]) -> list[Path]:
    """Write every run of some experiments and return their folders."""
    return [draw_run(runs, experiment, seed) for experiment in experiments for seed in experiment.seeds]


def draw_run(runs: Path, drawn: Drawn, seed: int = 0) -> Path:
    """Write one run and return its folder."""
    rng = np.random.default_rng([seed, *drawn.name.encode()])
    recipe = make_recipe(drawn, seed)
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True, default=str).encode()).hexdigest()
    with RunWriter.create(runs, series=drawn.series, experiment=drawn.name, seed=seed, recipe_hash=digest) as writer:
        _write_start(writer, drawn, recipe, seed)
        _write_history(writer, drawn, rng)
        if drawn.odd in ("", "gap", "one_point"):
            _write_end(writer, drawn, rng)
        causes = {"nan": "loss or weights are not finite at step 420 (epoch 7); lower optimizer.learning_rate"}
        state = {"nan": "failed", "failed": "failed", "running": "running", "stopped": "stopped"}.get(
            drawn.odd, "finished"
        )
        if drawn.odd == "no_validation":
            state = "running"
        writer.write_status(state, causes.get(drawn.odd, "out of memory" if drawn.odd == "failed" else ""))
    return writer.folder


def make_recipe(drawn: Drawn, seed: int) -> dict[str, Any]:
    """Return a resolved recipe as plain tables."""
    recipe: dict[str, Any] = {
        "task": drawn.task,
        "seed": seed,
        "data": {"root": "/data", "train": [{"format": "tsv", "path": "plates/train.tsv"}]},
        "model": {"name": "crnn", "neck": {"name": "bilstm", "hidden_size": 128}},
        "train": {"epochs": drawn.num_validations, "batch_size": 128, "log_every_steps": 20},
        "optimizer": {"name": "adam", "learning_rate": 1e-3, "weight_decay": 0.0},
        "schedule": {"name": "cosine", "warmup_epochs": 2.0},
    }
    if drawn.hypothesis:
        recipe["hypothesis"] = drawn.hypothesis
    if drawn.reported:
        recipe["reported"] = dict(drawn.reported)
    for key, value in drawn.settings.items():
        *tables, name = key.split(".")
        table = recipe
        for part in tables:
            table = table.setdefault(part, {})
        table[name] = value
    return recipe


def write_toml(tables: Mapping[str, Any], prefix: str = "") -> str:
    """Write plain tables as TOML."""
    values = {key: value for key, value in tables.items() if not isinstance(value, dict)}
    below = {key: value for key, value in tables.items() if isinstance(value, dict)}
    lines = [f"{key} = {_write_value(value)}" for key, value in values.items()]
    head = [f"[{prefix}]"] if prefix and lines else []
    parts = [
        "\n".join([*head, *lines]),
        *(write_toml(value, f"{prefix}.{key}".strip(".")) for key, value in below.items()),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _write_value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_write_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_write_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _write_start(writer: RunWriter, drawn: Drawn, recipe: Mapping[str, Any], seed: int) -> None:
    def describe(name: str) -> dict[str, str]:
        content = drawn.contents.get(name, name)
        return {
            "path": str(RECIPES / drawn.series / f"{name}.toml"),
            "sha256": hashlib.sha256(content.encode()).hexdigest(),
        }

    changes = [{"key": key, "parent_value": before, "value": after} for key, before, after in drawn.changes]
    writer.write_once("recipe.toml", write_toml(recipe))
    writer.write_json_once(
        "recipe.diff.json",
        {
            "lineage": [describe(name) for name in (drawn.name, *drawn.parents)],
            "changes": changes,
            "overrides": list(drawn.overrides),
            "ad_hoc": bool(drawn.overrides),
        },
    )
    environment = {
        "started": "2026-03-14T09:15:00+00:00",
        "seed": seed,
        "git": {"revision": "0123456789abcdef", "patch": "", "patch_bytes": 0},
        "packages": {"saccade": "0.1.0", "torch": "2.15.0"},
        "device": {"type": "cpu", "torch_threads": 2},
        "cpu": {"model": "Chip of two cores"},
    }
    writer.write_json_once("environment.json", environment)
    images = f"{drawn.task} {drawn.num_images}"
    splits = {name: {"count": drawn.num_images, "digest": hashlib.sha256(f"{name} {images}".encode()).hexdigest()}
              for name in ("train", "val")}  # fmt: skip
    writer.write_json_once("data.json", {"splits": splits})
    writer.write_json_once(
        "preprocessing.json", {"classes": list(CLASSES)} if drawn.task == "classify" else {"height_px": 48}
    )


def _write_history(writer: RunWriter, drawn: Drawn, rng: np.random.Generator) -> None:
    steps_per_epoch, num_epochs = 60, drawn.num_validations
    writer.append(
        {"event": "start", "step": 0, "num_parameters": 987_654, "num_train": 2000, "num_val": drawn.num_images,
         "num_steps": steps_per_epoch * num_epochs, "steps_per_epoch": steps_per_epoch}
    )  # fmt: skip
    best, metric = -1.0, METRICS[drawn.task]
    wobble = np.cumsum(rng.normal(0, 0.004, num_epochs))
    for epoch in range(1, num_epochs + 1):
        for step in range(steps_per_epoch * (epoch - 1) + 20, steps_per_epoch * epoch + 1, 20):
            if drawn.odd == "gap" and 300 < step < 700:
                continue
            loss = 0.05 + 3 * math.exp(-3.5 * step / (steps_per_epoch * num_epochs)) * (1 + 0.04 * rng.normal())
            rate = 5e-4 * (1 + math.cos(math.pi * step / (steps_per_epoch * num_epochs)))
            writer.append({"step": step, "epoch": step // steps_per_epoch, "seconds": step / 10, "loss": loss,
                           "learning_rate": rate, "images_per_second": 150.0})  # fmt: skip
        if drawn.odd == "no_validation" or (drawn.odd == "one_point" and epoch > 1):
            break
        risen = 1 - math.exp(-5 * epoch / num_epochs)
        value = float(np.clip(drawn.share * risen / (1 - math.exp(-5)) + wobble[epoch - 1] * risen, 0, 1))
        if drawn.odd == "nan" and epoch > 6:
            value = math.nan
        is_best = value >= best
        best = max(best, value) if is_best else best
        views = {
            "val": {metric: value, "ned": value**0.3},
            "train_clean": {metric: min(value + drawn.memorised * risen, 1.0)},
            "train_augmented": {metric: value * 0.9},
        }
        writer.append({"event": "validation", "step": steps_per_epoch * epoch, "epoch": epoch,
                       "seconds": steps_per_epoch * epoch / 10, **views, "is_best": is_best})  # fmt: skip
        if drawn.odd == "nan" and epoch > 7:
            writer.append(
                {"event": "failure", "step": steps_per_epoch * epoch, "epoch": epoch, "ids": ["images/1.png"]}
            )
            break
        if drawn.odd in ("running", "stopped", "failed") and epoch > num_epochs // 2:
            break


METRICS = {"read": "exact_match", "classify": "top1_accuracy"}


def _write_end(writer: RunWriter, drawn: Drawn, rng: np.random.Generator) -> None:
    rows = make_predictions(drawn, rng)
    summary = summarise_reading(rows) if drawn.task == "read" else summarise_classification(rows, list(CLASSES))
    writer.write_predictions("val", rows)
    metric = METRICS[drawn.task]
    value = summary[metric]["value"]  # type: ignore[index]  # a metric is an object of its value and bounds
    selection = {"metric": metric, "split": "val", "best": value, "last": value, "median_last_ten": value}
    writer.write_metrics({"splits": {"val": summary}, "selection": selection})


def make_predictions(drawn: Drawn, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return prediction rows of which about `share` are right; the same images for every experiment of a task."""
    hard = np.random.default_rng(1).random(drawn.num_images)
    rows: list[dict[str, Any]] = []
    for number in range(drawn.num_images):
        fixed = np.random.default_rng([2, number])
        right = hard[number] + rng.normal(0, 0.05) < drawn.share
        name, confidence = f"images/{number:04}.png", float(np.clip(rng.normal(0.95 if right else 0.6, 0.08), 0.05, 1))
        if drawn.task == "classify":
            target = CLASSES[number % len(CLASSES)]
            answer = target if right else CLASSES[(number + 1 + int(rng.integers(3))) % len(CLASSES)]
            probability = confidence if right else (1 - confidence) / 4
            rows.append({"id": name, "target": target, "prediction": answer, "confidence": confidence,
                         "top_k": [[answer, confidence]], "target_log_probability": math.log(probability)})  # fmt: skip
        else:
            target = "".join(fixed.choice(list(LETTERS + "0123456789"), 8))
            place = int(rng.integers(8))
            text = target if right else target[:place] + "?" + target[place + 1 + int(rng.integers(2)) :]
            rows.append({"id": name, "target": target, "prediction": text, "confidence": confidence,
                         "character_confidences": [confidence] * len(text)})  # fmt: skip
    return rows


def make_plates() -> list[Drawn]:
    """Return a series like that of the plates: several seeds, a missing parent, edits without effect, a run that failed."""
    first = Drawn(
        "exp03",
        0.84,
        hypothesis="A deeper network reads what the small one could not.",
        reported={
            "metrics": {"exact_match": 0.84, "ned": 0.9},
            "seconds": 7200.0,
            "reading": "Healthy.",
            "next": "More capacity.",
        },
        seeds=(0, 1, 2),
    )
    second = replace(
        first,
        name="exp04",
        share=0.82,
        parents=("exp03",),
        hypothesis="More capacity and a faster schedule raise the ceiling.",
        settings={"model.neck.hidden_size": 256, "optimizer.learning_rate": 2e-3, "train.batch_size": 192},
        changes=(("model.neck.hidden_size", 128, 256), ("optimizer.learning_rate", 1e-3, 2e-3), ("train.batch_size", 128, 192)),
        reported={"metrics": {"exact_match": 0.803}, "reading": "The training accuracy rises while the evaluation stops: overfitting.",
                  "next": "Regularise: L2, RandAugment.", "ignored": {"warmup_steps": "OneCycle wants epochs"}},
        memorised=0.15,
    )  # fmt: skip
    missing = ("exp05", "exp04", "exp03")
    third = Drawn(
        "exp06", 0.74, parents=missing, hypothesis="Without two-line plates the rest is learnt better.",
        settings={"model.neck.hidden_size": 256, "optimizer.weight_decay": 1e-5}, num_images=80, memorised=0.2,
        reported={"metrics": {"exact_match": 0.6654}, "reading": "Train .80, evaluation .67: a gap of 13 points."},
    )  # fmt: skip
    failed = Drawn("exp07", 0.5, parents=("exp06", *missing), hypothesis="RandAugment at magnitude 9.", odd="nan",
                   settings={"optimizer.learning_rate": 0.05}, seeds=(0, 1))  # fmt: skip
    ninth = Drawn(
        "exp09", 0.9, parents=("exp04", "exp03"), hypothesis="Clean files and RecAug with TIA start faster.",
        settings={"model.neck.hidden_size": 256, "optimizer.weight_decay": 0.01}, seeds=(0, 1, 2),
        reported={"metrics": {"exact_match": 0.84, "ned": 0.96}, "reading": "A faster start than exp03, the same ceiling."},
    )  # fmt: skip
    tenth = Drawn(
        "exp10", 0.91, parents=("exp09", "exp04", "exp03"), hypothesis="More capacity breaks the ceiling of 0.84.",
        settings={"model.neck.hidden_size": 384, "optimizer.weight_decay": 0.01}, seeds=(0, 1, 2), memorised=0.06,
        changes=(("model.neck.hidden_size", 256, 384),), reported={"metrics": {"exact_match": 0.84}, "reading": "The ceiling stands."},
    )  # fmt: skip
    once = Drawn("exp11", 0.2, parents=("exp10", "exp09", "exp04", "exp03"), hypothesis="One look.", odd="one_point",
                 settings={"train.epochs": 1})  # fmt: skip
    gap = Drawn("exp12", 0.88, parents=("exp10", "exp09", "exp04", "exp03"), hypothesis="Milder augmentation.", odd="gap",
                settings={"model.neck.hidden_size": 384, "optimizer.weight_decay": 5e-4})  # fmt: skip
    return [first, second, third, failed, ninth, tenth, once, gap]
