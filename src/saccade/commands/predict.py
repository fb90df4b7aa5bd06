"""`saccade predict`: images in, what a trained run answers out; all of them, or one line that says why not."""

import csv
import json
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from saccade.commands.paths import refuse_experiment
from saccade.errors import InputError, make_printable

Rows = list[tuple[str, dict[str, Any]]]
"""Image and what is said of it: the answer first, `confidence` among the rest."""


def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run folder.")],
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Images, or folders of images.")],
    form: Annotated[Literal["table", "jsonl", "csv"], typer.Option("--format", help="What is printed.")] = "table",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Name or read what images show with a trained model."""
    from saccade.records.reader import read_run

    if not model:
        raise InputError("the name of the run is empty; name the folder that `saccade train` printed")
    if not all(images):
        raise InputError("the name of an image is empty; name images, or folders that hold some")
    refuse_experiment(Path(model))
    read_run(model)
    paths = [path for name in images for path in (_list_folder(Path(name)) if os.path.isdir(name) else [Path(name)])]
    _require_images(paths)
    from saccade.door import load

    recogniser = load(model, device=device)
    try:
        outputs = [prediction.to_output() for prediction in recogniser.predict(paths)]
    except InputError as error:
        raise InputError(f"{error}, or name the other images without it" if len(paths) > 1 else str(error)) from None
    rows = list(zip(map(str, paths), outputs, strict=True))
    match form:
        case "table":
            _print_table(rows)
        case "jsonl":
            _print_jsonl(rows)
        case "csv":
            _print_csv(rows)


def _require_images(paths: list[Path]) -> None:
    """Say which image is not there before PyTorch is loaded."""
    from saccade.data.images import read_image

    for path in paths:
        if not os.path.exists(path):  # unlike `Path.exists` it takes any name, however long
            read_image(path, "grey")


def _list_folder(folder: Path) -> list[Path]:
    """List the images below a folder as a person would: 2.png before 10.png."""
    from saccade.data.formats.entry import find_images

    try:
        return sorted(find_images(folder)[0], key=_split_numbers)
    except InputError as error:
        raise InputError(f"{str(error).partition(';')[0]}; name images, or a folder that holds some") from None


def _split_numbers(path: Path) -> list[list[str | int]]:
    """Return the parts of a path with the numbers in them as numbers, at every other place."""
    return [
        [int(piece) if place % 2 else piece for place, piece in enumerate(re.split("([0-9]+)", part))]
        for part in path.parts
    ]


def _print_table(rows: Rows) -> None:
    """Print aligned columns, the answer last: only there may a wide script take two cells a character."""
    from rich.cells import cell_len

    lines = [("image", "confidence", next(iter(rows[0][1])))]
    for name, output in rows:
        answer = make_printable(str(next(iter(output.values()))))
        lines.append((make_printable(name), f"{output['confidence']:.3f}", answer))
    width = max(cell_len(name) for name, _, _ in lines)
    for name, confidence, answer in lines:
        typer.echo(f"{name}{' ' * (width - cell_len(name))}  {confidence:>{len('confidence')}}  {answer}")


def _print_jsonl(rows: Rows) -> None:
    for name, output in rows:
        is_utf8 = name == _write_utf8(name)
        typer.echo(json.dumps({"image": name, **output}, ensure_ascii=not is_utf8))


def _print_csv(rows: Rows) -> None:
    """Print what is one value an image; lists stand in jsonl alone."""
    columns = [key for key, value in rows[0][1].items() if not isinstance(value, list)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", *columns])
    writer.writerows([_write_utf8(name), *(output[key] for key in columns)] for name, output in rows)


def _write_utf8(name: str) -> str:
    """Return a name with the bytes that are not UTF-8, which Python reads as lone surrogates, as their escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
