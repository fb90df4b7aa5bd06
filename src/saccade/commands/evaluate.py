"""`saccade evaluate`: every metric of a run, recomputed from stored predictions, or of other images, predicted now."""

import json
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from saccade.commands.paths import read_path, refuse_experiment
from saccade.commands.seeds import name_last
from saccade.errors import InputError, make_printable

if TYPE_CHECKING:
    from rich.table import Table

    from saccade.records.reader import Run

_NUM_WORST = 5
_NUM_TAKEN_FOR = 3
_NUM_BEST = 5
_LONGEST_NAME = 30


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", parser=read_path, help="A run folder.")],
    split: Annotated[
        Literal["train", "val", "test"] | None,
        typer.Option(help="Which images; default: those with stored predictions.", show_default=False),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="FORMAT:PATH", help="Other images; their predictions are not stored.", show_default=False),
    ] = None,
    data_root: Annotated[
        Path | None,
        typer.Option(parser=read_path, help="Folder that the recipe's data paths start from.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json instead of tables.")] = False,
    device: Annotated[str, typer.Option(help="Where to predict: auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Compute every metric of a run.

    They come from its stored predictions; a split without any, or whose file is damaged, is predicted first. Of a
    classifier, pictures of its confusions, its calibration, and its worst and best images go to the run's folder, but not
    with --json.
    """
    from saccade.records.reader import read_run

    refuse_experiment(run)
    record = read_run(run)
    if data is not None and split is not None:
        raise InputError("--data names images of its own; leave --split out")
    if data is not None:
        _check_data(data)
    if data is not None:
        metrics: Mapping[str, Any] = {
            "splits": {data: _predict(run, None, data=data, data_root=data_root, device=device)}
        }
    else:
        again = partial(_predict, run, data=None, data_root=data_root, device=device)
        wanted = split or (None if record.splits() else "val")
        if wanted is not None and wanted not in record.splits():
            again(wanted)
        metrics = _recompute(record, again)
    if as_json:
        typer.echo(json.dumps(metrics, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        shown = metrics["splits"] if split is None else {split: metrics["splits"][split]}
        _print(record, shown)
        if metrics.get("selection", {}).get("best_step") is not None:  # nothing is selected where nothing is trained
            _print_selection(record, metrics["selection"], metrics["splits"])
        if data is None and record.recipe["task"] == "classify":
            from saccade.commands.evaluate_figures import draw_classes

            draw_classes(record, shown, data_root)


def _check_data(data: str) -> None:
    """Refuse what does not name data, or names a split, before it is read as the test split of the run."""
    from saccade.recipes.command_line import data_tables

    if ":" not in data:
        example = f"folder:{data}" if os.path.isdir(data) else "folder:photos or tsv:labels.tsv"
        raise InputError(f'--data "{data}": expected FORMAT:PATH, e.g. {example}')
    if re.match(r"\w+=", data):
        raise InputError(f'--data "{data}": expected FORMAT:PATH without a split, e.g. folder:photos')
    data_tables([data])


def _recompute(record: "Run", predict: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Compute every split's metrics from its stored predictions; replace metrics.json where it says something else."""
    from saccade.records.writer import RunWriter

    summarise = _choose_summary(record)
    kept = record.metrics or {}
    splits: dict[str, Mapping[str, object]] = {}
    for name in record.splits():
        try:
            splits[name] = summarise(record.predictions(name))
        except InputError as error:
            if name not in ("train", "val", "test"):
                raise
            print(f"saccade: predicting {name} again: {str(error).partition(': evaluate')[0]}", file=sys.stderr)
            splits[name] = predict(name)
    metrics = {**kept, "splits": splits}
    if json.dumps(metrics, sort_keys=True) != json.dumps(kept, sort_keys=True):
        with RunWriter.resume(record.folder) as writer:
            writer.write_metrics(metrics)
    return metrics


def _choose_summary(record: "Run") -> Callable[[list[dict[str, Any]]], dict[str, object]]:
    """Return what computes the metrics of the run's task, without PyTorch."""
    from saccade.metrics.classification import summarise_classification
    from saccade.recipes.tables.read import TextTable
    from saccade.recipes.validation import validate_table
    from saccade.tasks.read.summary import summarise_rows

    match record.recipe.get("task"):
        case "read":
            file = str(record.folder / "recipe.toml")
            text = validate_table(TextTable, record.recipe.get("text", {}), file=file)
            return lambda rows: summarise_rows(rows, text)
        case "classify":
            classes = record.preprocessing.get("classes")
            if not isinstance(classes, list):
                raise InputError(f"{record.folder}/preprocessing.json: lacks its classes; restore it from a copy")
            return lambda rows: summarise_classification(rows, classes)
        case _:
            raise InputError(f"{record.folder}: is a run of a task of your own; use its `summarise` in Python")


def _predict(run: Path, split: str | None, *, data: str | None, data_root: Path | None, device: str) -> dict[str, Any]:
    """Predict with the run's best weights; store the predictions of the run's own splits."""
    from saccade.data.formats.sources import require_sources
    from saccade.recipes.loader import load

    loaded = load(run / "recipe.toml", data=[] if data is None else [f"test={data}"], data_root=data_root)
    if data is not None:
        require_sources(loaded.recipe.data.model_copy(update={"train": (), "val": ()}))
    from saccade.engine.batches import hold
    from saccade.engine.evaluate import predict_split
    from saccade.engine.predictor import Predictor
    from saccade.records.writer import RunWriter
    from saccade.tasks.registry import build_task

    task = build_task(loaded.recipe)
    examples = task.examples(split or "test")
    if not len(examples):
        raise InputError(f"{run}: its recipe has no {split} images; name some with --data FORMAT:PATH")
    unwritable = getattr(examples, "num_unwritable", 0)
    if unwritable:
        print(f"saccade: {unwritable} labels hold characters outside the charset; they count as wrong", file=sys.stderr)
    predictor = Predictor(task, run, device=device)
    held = hold(task, examples, training=False, device=predictor.device)
    rows = predict_split(task, predictor.model, held, range(len(held))).rows()
    if split is not None:
        with RunWriter.resume(run) as writer:
            writer.write_predictions(split, rows)
    return task.summarise(rows)


# --- The tables ---


def _print(record: "Run", splits: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    state = record.status["state"]
    note = "" if state == "finished" else f"  ({state})"
    console.print(f"{record.folder}{note}", style="bold", soft_wrap=True)
    for name, summary in splits.items():
        count = next(iter(summary.values()))["n"]
        console.print("", Text.assemble((name, "bold"), f"  {count:,} images"), "", sep="\n")
        for table in _list_tables(summary):
            if table.row_count:
                console.print(table, "")


def _list_tables(summary: Mapping[str, Any]) -> list["Table"]:
    """Return the tables of a split: its metrics, and what they hide."""
    if "by_class" in summary:
        return [_list_metrics(summary), _list_classes(summary)]
    apart = [_list_apart(summary[f"by_{key}"], key) for key in _APART if f"by_{key}" in summary]
    worst = summary["by_character"] if "by_character" in summary else summary["by_token"]
    return [_list_metrics(summary), *apart, _list_lengths(summary["by_length"]), _list_worst(worst)]


def _make_table(*columns: str) -> "Table":
    """Return an empty table whose first column is words and whose others are numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for number, column in enumerate(columns):
        is_long = column in _LONG_COLUMNS  # these give way in a narrow terminal, and no name is cut
        table.add_column(column, justify="left" if number == 0 or is_long else "right", no_wrap=not is_long)
    return table


_LONG_COLUMNS = ("taken for", "read as")


def _write_share(value: float, num_images: int) -> str:
    """Write a number between 0 and 1 with no more digits than so many images can tell apart; at least 2, at most 4."""
    return f"{value:.{min(max(2, math.ceil(math.log10(num_images))), 4)}f}"


def _list_metrics(summary: Mapping[str, Any]) -> "Table":
    from saccade.recipes.tables.training import LOWER_IS_BETTER

    table = _make_table("metric", "value", "95 % interval", "")
    says_nothing = {"top5_accuracy"} if len(summary.get("by_class", ())) in range(1, _NUM_BEST + 1) else set()
    for name, estimate in summary.items():
        if name not in says_nothing and isinstance(estimate, dict) and "value" in estimate:
            write = partial(_write_share, num_images=estimate["n"])
            bounds = "" if estimate["low"] is None else f"{write(estimate['low'])} to {write(estimate['high'])}"
            note = "lower is better" if name in LOWER_IS_BETTER else ""
            table.add_row(name, write(estimate["value"]), bounds, note)
    return table


_APART = {"source": "source", "level": "level", "num_lines": "lines of text"}


def _list_apart(rows: Sequence[Mapping[str, Any]], key: str) -> "Table":
    """List the images that share a source, a level or a number of lines."""
    table = _make_table(_APART[key], "images", "exact_match", "95 % interval", *["cer"] * ("cer" in rows[0]))
    for row in rows:
        share = row["exact_match"]
        write = partial(_write_share, num_images=share["n"])
        bounds = f"{write(share['low'])} to {write(share['high'])}"
        cells = [
            f"{share['n']:,}",
            write(share["value"]),
            bounds,
            *([write(row["cer"]["value"])] if "cer" in row else []),
        ]
        table.add_row(make_printable(str(row[key])), *cells)
    return table


def _list_lengths(rows: Sequence[Mapping[str, Any]]) -> "Table":
    """List the exact match and the faults by the length of the truth: each length in characters, ranges of them in tokens."""
    if rows and "low" in rows[0]:
        table = _make_table("tokens", "images", "exact_match", "wer")
        for row in rows:
            write = partial(_write_share, num_images=row["n"])
            span = str(row["low"]) if row["low"] == row["high"] else f"{row['low']} to {row['high']}"
            table.add_row(span, f"{row['n']:,}", write(row["exact_match"]["value"]), write(row["wer"]["value"]))
        return table
    table = _make_table("characters", "images", "exact_match", "cer")
    for row in rows:
        write = partial(_write_share, num_images=row["n"])
        table.add_row(str(row["length"]), f"{row['n']:,}", write(row["exact_match"]), write(row["cer"]))
    return table


def _list_worst(rows: Sequence[Mapping[str, Any]]) -> "Table":
    """List the characters or tokens that cost most, by how often they were read wrongly."""
    table = _make_table("worst", "seen", "read right", "read as")
    missed = [(row["support"] * (1 - row["recall"]), row) for row in rows if row["support"] and row["recall"] < 1]
    for _, row in sorted(missed, key=lambda item: -item[0])[:_NUM_WORST]:
        read_as = ", ".join(f"{other or 'nothing'} {count}x" for other, count in row["confusions"].items())
        unit = row["character"] if "character" in row else row["token"]
        table.add_row(unit, f"{row['support']:,}", _write_share(row["recall"], row["support"]), read_as)
    return table


def _list_classes(summary: Mapping[str, Any]) -> "Table":
    """List the classes that are right least often."""
    table = _make_table("worst", "images", "right", "95 % interval", "taken for")
    missed = [row for row in summary["by_class"] if row["n"] and row["accuracy"] < 1]
    for row in sorted(missed, key=lambda row: row["accuracy"])[:_NUM_WORST]:
        others = [(count, other) for target, other, count in summary["confusion"] if row["label"] == target != other]
        most = sorted(others, key=lambda item: -item[0])[:_NUM_TAKEN_FOR]
        taken_for = ", ".join(f"{_name(other)} {count}x" for count, other in most)
        write = partial(_write_share, num_images=row["n"])
        bounds = f"{write(row['low'])} to {write(row['high'])}"
        table.add_row(_name(row["label"]), f"{row['n']:,}", write(row["accuracy"]), bounds, taken_for)
    return table


def _name(label: str) -> str:
    """Return a class as a table shows it: on one line, and not too long for it."""
    name = make_printable(label)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _print_selection(record: "Run", selection: Mapping[str, Any], splits: Mapping[str, Any]) -> None:
    """Print what was measured while it trained: the metric that chose the checkpoint, on which images, with which weights."""
    from rich.console import Console

    metric = selection["metric"]
    estimate = splits.get(selection.get("split", "val"), {}).get(metric, {})
    write = partial(_write_share, num_images=estimate.get("n", 10**4))
    table = _make_table(f"{metric} while it trained", "")
    for name, key in _SELECTION.items():
        if isinstance(selection.get(key), int | float):
            table.add_row(f"{name}{name_last([record])}" if key == "median_last_ten" else name, write(selection[key]))
    variants = selection.get("variants", {})
    if any(name.endswith("_ema") for name in variants):  # where nothing is averaged they repeat what stands above
        for name, value in variants.items():
            table.add_row(f"validation images, {_WEIGHTS.get(name, name)}", write(value))
    Console(highlight=False, markup=False).print(table)


_SELECTION = {
    "validation images, best epoch: these weights are kept": "best",
    "validation images, last epoch": "last",
    "validation images, median of ": "median_last_ten",
    "training images, best epoch, not augmented": "train_clean",
    "training images, best epoch, augmented as in training": "train_augmented",
}
_WEIGHTS = {
    "best_raw": "best epoch, weights not averaged",
    "best_ema": "best epoch, moving average of the weights",
    "last_raw": "last epoch, weights not averaged",
    "last_ema": "last epoch, moving average of the weights",
}
