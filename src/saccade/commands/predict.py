"""`saccade predict`: images in, what a trained run reads in them out; all of them, or one line that says why not."""

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from saccade.records.predictions import ReadPrediction

    Rows = list[tuple[str, ReadPrediction]]

_DIGITS = 5


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A run folder.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Images, or folders of images.")],
    form: Annotated[Literal["table", "jsonl", "csv"], typer.Option("--format", help="What is printed.")] = "table",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Read images with a trained model."""
    from saccade.data.formats.entry import find_images
    from saccade.records.reader import read_run

    read_run(model)
    paths = [path for image in images for path in (find_images(image)[0] if image.is_dir() else [image])]
    from saccade.door import load

    rows = list(zip(map(str, paths), load(model, device=device).predict(paths), strict=True))
    match form:
        case "table":
            _print_table(rows)
        case "jsonl":
            _print_jsonl(rows)
        case "csv":
            _print_csv(rows)


def _print_table(rows: "Rows") -> None:
    """Print aligned columns, the text last: only there may a wide script take two cells a character."""
    from rich.cells import cell_len

    width = max(cell_len(name) for name, _ in rows)
    for name, prediction in rows:
        typer.echo(f"{name}{' ' * (width - cell_len(name))}  {prediction.confidence:.3f}  {prediction.text}")


def _print_jsonl(rows: "Rows") -> None:
    for name, prediction in rows:
        document = {
            "image": name,
            "text": prediction.text,
            "confidence": round(prediction.confidence, _DIGITS),
            "character_confidences": [round(confidence, _DIGITS) for confidence in prediction.character_confidences],
        }
        typer.echo(json.dumps(document, ensure_ascii=False))


def _print_csv(rows: "Rows") -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", "text", "confidence"])
    writer.writerows([name, prediction.text, round(prediction.confidence, _DIGITS)] for name, prediction in rows)
