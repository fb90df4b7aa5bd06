"""What `saccade new` writes and says whatever the labels are: sources as a recipe names them, and what is odd about them."""

import os
import shlex
import statistics
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saccade.errors import InputError, make_printable

if TYPE_CHECKING:
    from saccade.data.formats.discover import Found
    from saccade.data.splits import DividedData
    from saccade.recipes.tables.data import DataTable, Source

_KEEP_KEYS = {"unreadable": "readable", "unlabelled": "labelled", "repeated_name": "unique", "does_not_fit": "fits"}
_NUM_SHOWN = 60
_NUM_OTHERS = 3
_NUM_PRESENTATIONS, _MOST_EPOCHS, _MOST_VALIDATIONS = 250_000, 300, 60
"""Of readers, whatever they read."""


@dataclass(frozen=True)
class Draft:
    """A recipe as plain tables, in the order in which they are written, and what is said of it: title -> text."""

    recipe: dict[str, Any]
    says: dict[str, str]


def read_starter(name: str) -> dict[str, Any]:
    """Return the tables of a starter recipe that ships beside this file."""
    return tomllib.loads(files("saccade.commands").joinpath(name).read_text(encoding="utf-8"))


def stretch(starter: dict[str, Any], num_train: int) -> dict[str, Any]:
    """Bring everything that counts in epochs from the starter's number of epochs to the one that suits these images."""
    train = starter["train"]
    epochs = max(1, min(round(_NUM_PRESENTATIONS / num_train), _MOST_EPOCHS))
    factor = epochs / train["epochs"]
    train["epochs"] = epochs
    if epochs > _MOST_VALIDATIONS:
        train["validate_every_epochs"] = -(-epochs // _MOST_VALIDATIONS)
    starter["schedule"]["warmup_epochs"] = float(f"{starter['schedule']['warmup_epochs'] * factor:.2g}")
    stages, before = [], 0
    for stage in starter.pop("stage", []):
        stage["from_epoch"] = round(stage["from_epoch"] * factor)
        if before < stage["from_epoch"] < epochs:  # of few epochs, none is left for some stages
            stages.append(stage)
            before = stage["from_epoch"]
    return starter | ({"stage": stages} if stages else {})


def make_lenient(found: "Found", *, fits: bool = False) -> "DataTable":
    """Return what was found as a table that leaves bad images and labels out, and so lets them be counted.

    Args:
        found: The sources.
        fits: Whether labels that are too long for a model are left out too.
    """
    from saccade.recipes.tables.data import DataTable, Keep

    keep = Keep(readable=True, labelled=True, unique=True, fits=fits)
    return DataTable.model_validate(
        {split: (source.model_copy(update={"keep": keep}),) for split, source in found.sources.items()}
    )


def read_labels(found: "Found") -> list[str]:
    """Return the labels of all splits as they stand there, before any image is looked at."""
    from saccade.data.formats.sources import read_source

    data = make_lenient(found)
    sources = (source for split in (data.train, data.val, data.test) for source in split)
    return [entry.label for source in sources for entry in read_source(source, Path("/")).entries]


def describe_sources(found: "Found", splits: "DividedData", folder: Path) -> dict[str, Any]:
    """Return the `[data]` table: each source with the filters that it needs."""
    return {
        split.name: [
            _describe_source(found.sources[split.name], {_KEEP_KEYS[reason]: True for reason in split.dropped}, folder)
        ]
        for split in splits.all()
        if split.name in found.sources
    }


def _describe_source(source: "Source", keep: dict[str, bool], folder: Path) -> dict[str, Any]:
    """Return a source as a recipe says it: no defaults, and paths that move with it where the data lie near."""
    described = {"format": source.format, **source.model_dump(exclude_defaults=True)}
    for key in ("path", "images"):
        if key in described:
            described[key] = _shorten(described[key], folder)
    return described | ({"keep": keep} if keep else {})


def _shorten(path: str, folder: Path) -> str:
    """Return a path relative to the recipe's folder if it lies in there or beside it, else as it is."""
    relative = os.path.relpath(path, folder)
    if relative.startswith(os.path.join("..", "..")):
        return path
    return relative if relative.startswith("..") else os.path.join(".", relative)


def write_toml(recipe: Mapping[str, Any], path: Path) -> str:
    """Return a recipe as TOML, below a comment that says which images it was made for.

    Raises:
        InputError: A name holds bytes that are not UTF-8, which TOML cannot.
    """
    from saccade.recipes.toml import format_value, sections

    lines = [f"# Written by: saccade new {make_printable(shlex.quote(str(path)))}"]
    for section in sections(dict(recipe)):
        lines += ["", section.header] if section.header else []
        lines += [f"{key} = {format_value(value)}" for key, value in section.values.items()]
    text = "\n".join(lines) + "\n"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        line = next(line for line in lines if not _is_utf8(line))
        raise InputError(
            f"{path}: a name is not UTF-8, which no recipe can hold ({make_printable(line)}); rename it, or put the recipe "
            "beside the images with --out"
        ) from None
    return text


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


# --- What is said ---


def describe_images(splits: "DividedData") -> dict[str, str]:
    """Return how many images there are, and how large."""
    counts = ", ".join(f"{len(split.entries):,} {split.name}" for split in splits.all())
    taken = f" (val: {splits.val_fraction:.0%} of them, by content)" if splits.val_fraction is not None else ""
    sizes = [size for split in splits.all() for size in split.sizes_px]
    heights, widths = sorted(height for height, _ in sizes), sorted(width for _, width in sizes)
    return {
        "images": f"{counts}{taken}",
        "sizes": f"median {statistics.median_low(widths)} x {statistics.median_low(heights)} px, "
        f"from {widths[0]} x {heights[0]} to {widths[-1]} x {heights[-1]}",
    }


def describe_troubles(splits: "DividedData") -> dict[str, str]:
    """Return what a person should know before training: what is left out, and what is seen twice."""
    troubles = {}
    dropped = [
        f"{len(ids)} {reason.replace('_', ' ')} ({ids[0]})"
        for split in splits.all()
        for reason, ids in split.dropped.items()
    ]
    if dropped:
        troubles["left out"] = f"{', '.join(dropped)}: `keep` in the recipe says so; remove it to stop at them"
    overlap = [
        f"{count} images of {name.replace('_in_', ' are also in ')}" for name, count in splits.overlap.items() if count
    ]
    if overlap:
        troubles["overlap"] = f"{', '.join(overlap)}: results on them say little"
    return troubles | _describe_others(splits)


def _describe_others(splits: "DividedData") -> dict[str, str]:
    """Return what lies among the images and is none, each source once: other files, a few by name, and training runs."""
    from saccade.data.formats.entry import find_others
    from saccade.data.statistics import write_note

    passed = {}
    for source in (source for split in splits.all() for source in split.sources):
        for note in ("other_files", "runs"):
            if count := source.notes.get(note):
                names = find_others(Path(source.path)) if note == "other_files" else []
                rest = ", ..." if len(names) > _NUM_OTHERS else ""
                some = f" ({', '.join(names[:_NUM_OTHERS])}{rest})" if names else ""
                passed[source.path, note] = write_note(note, count) + some
    return {"besides": "; ".join(passed.values())} if passed else {}


def describe_length(epochs: int, num_train: int) -> str:
    """Return how long training is, in what does not depend on the machine."""
    return f"{epochs} epochs, {epochs * num_train:,} images shown in all"


def cut(text: str) -> str:
    """Return a text that fits on a line."""
    return text if len(text) <= _NUM_SHOWN else f"{text[:_NUM_SHOWN]}..."


def span(numbers: Sequence[int]) -> tuple[int, int, int]:
    """Return the least, the largest and the median of some numbers."""
    return min(numbers), max(numbers), statistics.median_low(numbers)
