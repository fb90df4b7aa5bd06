"""Records of runs as the engine writes them, from real recipe files, with answers and curves that a test chooses."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saccade.recipes.loader import LoadedRecipe, load, to_toml
from saccade.records.encoding import encode
from saccade.records.writer import RunWriter, State
from saccade.report.languages import LANGUAGES
from saccade.report.sentences import Sentence
from saccade.report.writing import write_sentence

TEXT = "AB12"
RIGHT, WRONG = TEXT, "AB1"
STEADY = (0.1, 0.4, 0.6, 0.7, 0.75, 0.8, 0.8, 0.8, 0.8, 0.8)
"""A curve that ends without wandering."""
PARENT = """\
task = "read"

[data]
val_fraction = 0.2

[[data.train]]
format = "tsv"
path = "./labels.tsv"

[train]
epochs = 10
"""


def tell(sentences: Iterable[Sentence]) -> tuple[str, ...]:
    """Return sentences in English."""
    return tuple(write_sentence(one, LANGUAGES["en"]) for one in sentences)


def tell_one(sentence: Sentence | None) -> str:
    """Return a sentence in English; nothing where there is none."""
    return "" if sentence is None else write_sentence(sentence, LANGUAGES["en"])


def write_recipe(folder: Path, name: str, text: str) -> Path:
    """Write a recipe file; one without `task` extends parent.toml."""
    if "task" not in text:
        text = f'extends = "parent.toml"\nhypothesis = "{name} is better."\n{text}'
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def write_parent(folder: Path) -> Path:
    return write_recipe(folder, "parent", PARENT)


def answer(num_right: int, num_wrong: int) -> list[str]:
    return [RIGHT] * num_right + [WRONG] * num_wrong


def write_run(
    runs: Path,
    recipe: Path,
    answers: Sequence[str | Mapping[str, Any]],
    *,
    seed: int = 0,
    curve: Sequence[float] = STEADY,
    state: State = "finished",
    overrides: Sequence[str] = (),
    **more: Any,
) -> Path:
    """Write a run and return its folder.

    Args:
        runs: Where records go.
        recipe: The recipe file.
        answers: What was read of each image, whose label is `more["target"]`, else TEXT; or whole prediction rows.
        seed: Of the run.
        curve: The metric that selects, at each validation.
        state: How the run ended.
        overrides: `--set key=value`.
        more: `digests` (split -> digest), `environment`, `events` (rows before the validations), `epochs` (of the
            validations), `target`, `metrics` (name -> value, beside the predictions), `predictions` (False: none).
    """
    loaded = load(recipe, overrides=(*overrides, *([f"seed={seed}"] if seed else [])))
    task = loaded.recipe.task
    metric = "exact_match" if task == "read" else "top1_accuracy"
    if loaded.recipe.select is not None:
        metric = loaded.recipe.select.metric
    rows = [_write_row(number, one, more.get("target", TEXT)) for number, one in enumerate(answers)]
    name = hashlib.sha256(f"{recipe}{seed}".encode()).hexdigest()
    with RunWriter.create(runs, series="series", experiment=recipe.stem, seed=seed, recipe_hash=name) as writer:
        writer.write_once("recipe.toml", to_toml(loaded.recipe))
        writer.write_json_once("recipe.diff.json", _describe_lineage(loaded, overrides))
        writer.write_json_once("environment.json", more.get("environment", ENVIRONMENT) | {"seed": seed})
        digests = more.get("digests", {"train": "t" * 8, "val": "v" * 8})
        splits = {split: {"count": len(rows), "digest": digest} for split, digest in digests.items()}
        writer.write_json_once("data.json", {"splits": splits})
        classes = sorted({row["target"] for row in rows})
        writer.write_json_once("preprocessing.json", {} if task == "read" else {"classes": classes})
        events = [{"event": "start", "step": 0}, *more.get("events", ())]
        for epoch, value in zip(more.get("epochs", range(1, len(curve) + 1)), curve, strict=True):
            row = {"event": "validation", "step": 10 * epoch, "epoch": epoch, "seconds": 2.0 * epoch, "is_best": True}
            events += [
                {"step": 10 * epoch - 5, "loss": 1.0},
                row | {"val": {metric: value}, "train_clean": {metric: value}},
            ]
        (writer.folder / "history.jsonl").write_bytes(b"".join(_encode(event) for event in events))
        if more.get("predictions", True):
            (writer.folder / "predictions").mkdir()
            with gzip.open(writer.folder / "predictions" / "val.jsonl.gz", "wb") as file:
                file.writelines(_encode(row) for row in rows)
            summary = {name: {"value": value} for name, value in more.get("metrics", {}).items()}
            writer.write_metrics({"splits": {"val": summary}, "selection": {"metric": metric}})
        writer.write_status(state)
        return writer.folder


ENVIRONMENT: Mapping[str, Any] = {
    "git": {"revision": "0123456789abcdef", "patch": ""},
    "packages": {"saccade": "0.1", "torch": "2.15"},
    "cpu": {"model": "Chip"},
    "device": {"type": "cpu", "torch_threads": 2},
    "ranks": 1,
}


def _encode(row: Mapping[str, Any]) -> bytes:
    """Write a row as the record does; its own encoder, which knows NaN, takes milliseconds under the tests' checks."""
    text = json.dumps(row)
    return encode(row) + b"\n" if "NaN" in text else text.encode() + b"\n"


def _write_row(number: int, one: str | Mapping[str, Any], target: str) -> dict[str, Any]:
    row = {"id": f"{number:03}.png", "target": target}
    if isinstance(one, Mapping):
        return row | dict(one)
    return row | {"prediction": one, "confidence": 0.5, "character_confidences": []}


def _describe_lineage(loaded: LoadedRecipe, overrides: Sequence[str]) -> dict[str, object]:
    return {
        "lineage": [asdict(ancestor) for ancestor in loaded.lineage],
        "changes": [asdict(change) for change in loaded.changes],
        "overrides": [f"--set {override}" for override in overrides],
        "ad_hoc": bool(overrides),
    }
