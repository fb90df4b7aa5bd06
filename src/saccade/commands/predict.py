"""`saccade predict`: images in, what a trained run answers out, batch by batch; a line for each image that cannot be read.

Path: names and folders -> images -> `Recogniser.predict_each` -> a row each, in the order of the images.
"""

import csv
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from saccade.commands.paths import refuse_experiment
from saccade.errors import InputError, make_printable

if TYPE_CHECKING:
    from saccade.door import Recogniser

Rows = Iterator[tuple[str, dict[str, Any]]]
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

    rows = _predict_readable(load(model, device=device), paths)
    match form:
        case "table":
            _print_table(rows, paths)
        case "jsonl":
            _print_jsonl(rows)
        case "csv":
            _print_csv(rows)


def _predict_readable(recogniser: "Recogniser", paths: Sequence[Path]) -> Rows:
    """Yield a row for each image that can be read; say of each other one why not, and of how many at the end.

    Raises:
        InputError: After the last row: there were others.
    """
    num_unreadable = 0
    for path, prediction in zip(paths, recogniser.predict_each(paths), strict=True):
        if not isinstance(prediction, InputError):
            yield str(path), prediction.to_output()
        elif len(paths) == 1:
            raise prediction
        else:
            num_unreadable += 1
            print(f"saccade: {make_printable(str(prediction))}", file=sys.stderr)
    if num_unreadable:
        if num_unreadable == len(paths):
            raise InputError(f"none of {len(paths)} images can be read, each named above")
        raise InputError(
            f"{num_unreadable} of {len(paths)} images cannot be read, each named above; the others were predicted"
        )


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


def _print_table(rows: Rows, paths: Sequence[Path]) -> None:
    """Print aligned columns, the answer last: only there may a wide script take two cells a character."""
    from rich.cells import cell_len

    width = max(cell_len(make_printable(name)) for name in ("image", *map(str, paths)))

    def print_line(name: str, confidence: str, answer: str) -> None:
        typer.echo(f"{name}{' ' * (width - cell_len(name))}  {confidence:>{len('confidence')}}  {answer}")

    for number, (name, output) in enumerate(rows):
        if number == 0:
            print_line("image", "confidence", next(iter(output)))
        answer = make_printable(str(next(iter(output.values()))))
        print_line(make_printable(name), f"{output['confidence']:.3f}", answer)


def _print_jsonl(rows: Rows) -> None:
    for name, output in rows:
        is_utf8 = name == _write_utf8(name)
        typer.echo(json.dumps({"image": name, **output}, ensure_ascii=not is_utf8))


def _print_csv(rows: Rows) -> None:
    """Print what is one value an image; lists stand in jsonl alone."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for number, (name, output) in enumerate(rows):
        columns = [key for key, value in output.items() if not isinstance(value, list)]
        if number == 0:
            writer.writerow(["image", *columns])
        writer.writerow([_write_utf8(name), *(output[key] for key in columns)])
        sys.stdout.flush()


def _write_utf8(name: str) -> str:
    """Return a name with the bytes that are not UTF-8, which Python reads as lone surrogates, as their escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
