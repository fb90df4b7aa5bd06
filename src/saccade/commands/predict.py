"""`saccade predict`: images in, what a trained run answers out; all of them, or one line that says why not."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Rows = list[tuple[str, dict[str, Any]]]
"""Image and what is said of it: the answer first, `confidence` among the rest."""


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A run folder.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Images, or folders of images.")],
    form: Annotated[Literal["table", "jsonl", "csv"], typer.Option("--format", help="What is printed.")] = "table",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Name or read what images show with a trained model."""
    from saccade.data.formats.entry import find_images
    from saccade.records.reader import read_run

    read_run(model)
    paths = [path for image in images for path in (find_images(image)[0] if image.is_dir() else [image])]
    from saccade.door import load

    outputs = [prediction.to_output() for prediction in load(model, device=device).predict(paths)]
    rows = list(zip(map(str, paths), outputs, strict=True))
    match form:
        case "table":
            _print_table(rows)
        case "jsonl":
            _print_jsonl(rows)
        case "csv":
            _print_csv(rows)


def _print_table(rows: Rows) -> None:
    """Print aligned columns, the answer last: only there may a wide script take two cells a character."""
    from rich.cells import cell_len

    width = max(cell_len(name) for name, _ in rows)
    for name, output in rows:
        answer = next(iter(output.values()))
        typer.echo(f"{name}{' ' * (width - cell_len(name))}  {output['confidence']:.3f}  {answer}")


def _print_jsonl(rows: Rows) -> None:
    for name, output in rows:
        typer.echo(json.dumps({"image": name, **output}, ensure_ascii=False))


def _print_csv(rows: Rows) -> None:
    """Print what is one value an image; lists stand in jsonl alone."""
    columns = [key for key, value in rows[0][1].items() if not isinstance(value, list)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", *columns])
    writer.writerows([name, *(output[key] for key in columns)] for name, output in rows)
