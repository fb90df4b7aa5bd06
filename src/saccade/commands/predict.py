"""`saccade predict`: images in, what a trained run answers out; all of them, or one line that says why not."""

import csv
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

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
    read_run(model)
    paths = [path for name in images for path in (_list_folder(Path(name)) if os.path.isdir(name) else [Path(name)])]
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


def _list_folder(folder: Path) -> list[Path]:
    from saccade.data.formats.entry import find_images

    try:
        return find_images(folder)[0]
    except InputError as error:
        raise InputError(f"{str(error).partition(';')[0]}; name images, or a folder that holds some") from None


def _print_table(rows: Rows) -> None:
    """Print aligned columns, the answer last: only there may a wide script take two cells a character."""
    from rich.cells import cell_len

    names = [make_printable(name) for name, _ in rows]
    width = max(map(cell_len, names))
    for name, (_, output) in zip(names, rows, strict=True):
        answer = make_printable(str(next(iter(output.values()))))
        typer.echo(f"{name}{' ' * (width - cell_len(name))}  {output['confidence']:.3f}  {answer}")


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
