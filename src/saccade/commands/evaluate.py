"""`saccade evaluate`: every metric of a run, recomputed from stored predictions, or of other images, predicted now."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from saccade.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from saccade.records.reader import Run

_NUM_WORST = 5
_LOWER_IS_BETTER = frozenset({"cer", "ece"})


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    split: Annotated[
        Literal["train", "val", "test"] | None,
        typer.Option(help="Which images; default: those with stored predictions.", show_default=False),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="FORMAT:PATH", help="Other images; their predictions are not stored.", show_default=False),
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder that the recipe's data paths start from.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json instead of tables.")] = False,
    device: Annotated[str, typer.Option(help="Where to predict: auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Compute every metric of a run.

    They come from its stored predictions; a split without any is predicted first.
    """
    from saccade.records.reader import read_run

    record = read_run(run)
    if data is not None and split is not None:
        raise InputError("--data names images of its own; leave --split out")
    if data is not None:
        metrics: Mapping[str, Any] = {
            "splits": {data: _predict(run, None, data=data, data_root=data_root, device=device)}
        }
    else:
        wanted = split or (None if record.splits() else "val")
        if wanted is not None and wanted not in record.splits():
            _predict(run, wanted, data=None, data_root=data_root, device=device)
        metrics = _recompute(record)
    if as_json:
        typer.echo(json.dumps(metrics, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        shown = metrics["splits"] if split is None else {split: metrics["splits"][split]}
        _print(record, shown, metrics.get("selection"))


def _recompute(record: "Run") -> dict[str, Any]:
    """Compute every split's metrics from its stored predictions; replace metrics.json where it says something else."""
    from saccade.metrics.reading import summarise_reading
    from saccade.records.writer import RunWriter

    if record.recipe.get("task") != "read":
        raise InputError(f"{record.folder}: is a run of a task of your own; use its `summarise` in Python")
    kept = record.metrics or {}
    splits = {name: summarise_reading(record.predictions(name)) for name in record.splits()}
    metrics = {**kept, "splits": splits}
    if json.dumps(metrics, sort_keys=True) != json.dumps(kept, sort_keys=True):
        with RunWriter.resume(record.folder) as writer:
            writer.write_metrics(metrics)
    return metrics


def _predict(run: Path, split: str | None, *, data: str | None, data_root: Path | None, device: str) -> dict[str, Any]:
    """Predict with the run's best weights; store the predictions of the run's own splits."""
    from saccade.engine.batches import hold
    from saccade.engine.evaluate import predict_split
    from saccade.engine.predictor import Predictor
    from saccade.recipes.loader import load
    from saccade.records.writer import RunWriter
    from saccade.tasks.registry import build_task

    loaded = load(run / "recipe.toml", data=[] if data is None else [f"test={data}"], data_root=data_root)
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


def _print(record: "Run", splits: Mapping[str, Any], selection: Mapping[str, Any] | None) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    state = record.status["state"]
    note = "" if state == "finished" else f"  ({state})"
    console.print(f"{record.folder}{note}", style="bold", soft_wrap=True)
    for name, summary in splits.items():
        console.print("", Text.assemble((name, "bold"), f"  {summary['exact_match']['n']:,} images"), "", sep="\n")
        for table in (
            _list_metrics(summary),
            _list_lengths(summary["by_length"]),
            _list_worst(summary["by_character"]),
        ):
            if table.row_count:
                console.print(table, "")
    if selection is not None:
        console.print(_list_selection(selection))


def _make_table(*columns: str) -> "Table":
    """Return an empty table whose first column is words and whose others are numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _list_metrics(summary: Mapping[str, Any]) -> "Table":
    table = _make_table("metric", "value", "95 % interval", "")
    for name, estimate in summary.items():
        if isinstance(estimate, dict) and "value" in estimate:
            bounds = "" if estimate["low"] is None else f"{estimate['low']:.4f} to {estimate['high']:.4f}"
            note = "lower is better" if name in _LOWER_IS_BETTER else ""
            table.add_row(name, f"{estimate['value']:.4f}", bounds, note)
    return table


def _list_lengths(rows: Sequence[Mapping[str, Any]]) -> "Table":
    table = _make_table("characters", "images", "exact_match", "cer")
    for row in rows:
        table.add_row(str(row["length"]), f"{row['n']:,}", f"{row['exact_match']:.4f}", f"{row['cer']:.4f}")
    return table


def _list_worst(rows: Sequence[Mapping[str, Any]]) -> "Table":
    """List the characters that cost most, by how often they were read wrongly."""
    table = _make_table("worst", "seen", "read right", "read as")
    missed = [(row["support"] * (1 - row["recall"]), row) for row in rows if row["support"] and row["recall"] < 1]
    for _, row in sorted(missed, key=lambda item: -item[0])[:_NUM_WORST]:
        read_as = ", ".join(f"{other or 'nothing'} {count}x" for other, count in row["confusions"].items())
        table.add_row(row["character"], f"{row['support']:,}", f"{row['recall']:.3f}", read_as)
    return table


def _list_selection(selection: Mapping[str, Any]) -> "Table":
    """List what training saw: the chosen metric on validation and on training images, and of each set of weights."""
    metric = selection["metric"]
    table = _make_table(f"{metric} in training", "")
    for name, key in _SELECTION.items():
        if selection.get(key) is not None:
            table.add_row(name, f"{selection[key]:.4f}")
    for name, value in selection.get("variants", {}).items():
        table.add_row(f"val, weights {name.replace('_', ', ')}", f"{value:.4f}")
    return table


_SELECTION = {
    "val, best": "best",
    "val, last": "last",
    "val, median of last ten": "median_last_ten",
    "train, as they are, last": "train_clean",
    "train, augmented, last": "train_augmented",
}
