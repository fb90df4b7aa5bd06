"""The pictures of `saccade evaluate`: what a classifier takes for what, how sure it may be, its worst and best images."""

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from saccade.errors import InputError, make_printable

if TYPE_CHECKING:
    from saccade.records.reader import Run

_NUM_NAMED = 20


def draw_classes(record: "Run", splits: Mapping[str, Any], data_root: Path | None) -> None:
    """Write the confusions of each split, and its worst and best images where they are at hand."""
    from saccade.data.contact_sheet import find_fonts
    from saccade.data.images import read_image
    from saccade.report.classification_figures import (
        Answered,
        choose_classes,
        draw_calibration,
        draw_confusion,
        draw_extremes,
    )

    fonts, glyphs = find_fonts()
    for name, summary in splits.items():
        accuracy, right = summary["top1_accuracy"], "share that is right"
        title = f"{name}, {accuracy['n']:,} images, {right}: {accuracy['value']:.3f}"
        pictures = {
            "confusion": draw_confusion(summary, title=title, fonts=fonts),
            "calibration": draw_calibration(summary, title=_title_calibration(name, summary), fonts=fonts),
        }
        chosen = choose_classes(summary)
        wanted = {image for row in chosen for image in (*row["worst"], *row["best"])}
        try:
            entries = find_entries(record, name, data_root)
            rows = {row["id"]: row for row in record.predictions(name) if row["id"] in wanted}
            answered = {
                image: Answered(read_image(entries[image], "rgb"), row["target"], row["prediction"], row["confidence"])
                for image, row in rows.items()
            }
        except InputError as error:
            print(f"saccade: no picture of the worst and best images of {name}: {error}", file=sys.stderr)
        else:
            num_present = sum(row["n"] > 0 for row in summary["by_class"])
            some = f"the {len(chosen)} of {num_present} classes that are right least often"
            every = "every class, those that are right least often first"
            title = f"{name}, {some if len(chosen) < num_present else every}"
            pictures["extremes"] = draw_extremes(chosen, answered, title=title, fonts=fonts)
        for kind, picture in pictures.items():
            _write_figure(record, f"{name}_{kind}.png", picture)
    _say_missing(splits, glyphs)


def _say_missing(splits: Mapping[str, Any], glyphs: Collection[int]) -> None:
    """Say which characters of the classes no installed font has: a box stands in their place."""
    from saccade.data.contact_sheet import name_font

    names = "".join(make_printable(row["label"]) for summary in splits.values() for row in summary["by_class"])
    missing = "".join(sorted({character for character in names if ord(character) not in glyphs}))
    if missing:
        shown = missing[:_NUM_NAMED]
        print(
            f"saccade: no installed font has {shown}: boxes stand in the pictures; {name_font(missing)}",
            file=sys.stderr,
        )


def _title_calibration(split: str, summary: Mapping[str, Any]) -> str:
    ece = summary["ece"]
    return f"{split}, {ece['n']:,} images, mean gap (ece): {ece['value']:.3f}"


def find_entries(record: "Run", split: str, data_root: Path | None) -> Mapping[str, Any]:
    """Return the images of a split by their ids, without reading them.

    Raises:
        InputError: They are not where the recipe says, or one of them is gone.
    """
    from saccade.data.pool import list_named
    from saccade.recipes.loader import load

    data = load(record.folder / "recipe.toml", data_root=data_root).recipe.data
    named = list_named(getattr(data, split) or data.train, Path(data.root or "."))
    entries = {entry.id: entry for entry in named}
    stored = {row["id"] for row in record.predictions(split)}
    if not stored <= set(entries):
        raise InputError(f"{sorted(stored - set(entries))[0]} is not among its images any more; bring them back")
    return entries


def _write_figure(record: "Run", name: str, picture: bytes) -> None:
    """Write a picture and say where; a run that cannot be written to has its numbers all the same."""
    from saccade.records.writer import RunWriter

    try:
        with RunWriter.resume(record.folder) as writer:
            typer.echo(writer.write_figure(name, picture))
    except InputError as error:
        print(f"saccade: {name} is not drawn: {error}", file=sys.stderr)
