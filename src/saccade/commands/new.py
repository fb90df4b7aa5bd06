"""`saccade new`: from a folder of labelled images to the shortest recipe that trains well on a small machine.

The sizes come from the images, the length from their number; everything else comes from `starter.toml`, which is what
experiments/plates_uz/baseline.toml was measured with.
"""

import os
import re
import shlex
import statistics
import string
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from saccade.errors import InputError

if TYPE_CHECKING:
    from saccade.data.formats.discover import Found
    from saccade.data.splits import Split, Splits
    from saccade.recipes.tables.data import Source

_NUM_PRESENTATIONS, _MOST_EPOCHS, _MOST_VALIDATIONS = 250_000, 300, 60
_LOW_PX, _WIDTH_UNIT_PX, _STEP_PX, _LEAST_WIDTH_PX, _MOST_WIDTH_PX = 32, 16, 4, 64, 4096
_STEPS_A_TOKEN = 2
"""Twice the time steps that CTC needs at least: with fewer, characters compete for columns."""
_NUM_SHOWN = 60
_MOST_LAYOUTS, _LEAST_SHARE_OF_LAYOUTS, _MOST_DRAWN = 4, 0.8, 2000


def new(
    path: Annotated[Path, typer.Argument(metavar="FOLDER-OR-LABEL-FILE", help="Images, or the file of their labels.")],
    task: Annotated[Literal["read"], typer.Option(help="What the images are for.")] = "read",
    out: Annotated[Path, typer.Option(metavar="FILE.toml", help="Where to write the recipe.")] = Path("recipe.toml"),
) -> None:
    """Write a recipe for labelled images.

    Says what it found; prints the command that trains.
    """
    from saccade.data.formats.discover import discover
    from saccade.recipes.loader import validate

    if out.exists():
        raise InputError(f"{out}: is there already and stays as it is; choose another name with --out, or remove it")
    found = discover(path)
    splits = _load_leniently(found)
    recipe = _make_recipe(task, found, splits, Path(os.path.abspath(out)).parent)
    text = _write_toml(recipe, path)
    validate(tomllib.loads(text), file=str(out))
    _describe(found, splits, recipe)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another place with --out") from None
    typer.echo(f"saccade train {shlex.quote(str(out))}")


def _load_leniently(found: "Found") -> "Splits":
    """Read every label and image; what is bad is left out and counted, characters that only validation has are kept."""
    from saccade.data.formats.sources import read_source
    from saccade.data.splits import load_splits
    from saccade.recipes.tables.data import DataTable, Keep

    keep = Keep(readable=True, labelled=True, unique=True)
    sources = {split: (source.model_copy(update={"keep": keep}),) for split, source in found.sources.items()}
    labels = [entry.label for (source,) in sources.values() for entry in read_source(source, Path("/")).entries]
    return load_splits(DataTable.model_validate(sources), charset="".join(sorted(set().union(*labels))) or None)


def _make_recipe(task: str, found: "Found", splits: "Splits", folder: Path) -> dict[str, Any]:
    """Return the recipe as plain tables, in the order in which they are written."""
    starter = tomllib.loads(files("saccade.commands").joinpath("starter.toml").read_text(encoding="utf-8"))
    recipe: dict[str, Any] = {"task": task, "data": {}}
    for split in splits.all():
        if split.name in found.sources:
            keep = {_KEEP_KEYS[reason]: True for reason in split.dropped}
            recipe["data"][split.name] = [_describe_source(found.sources[split.name], keep, folder)]
    if splits.val_fraction is None and _characters(splits.train) != set(splits.charset.characters):
        recipe["text"] = {"charset": splits.charset.characters}
    if layouts := find_layouts([entry.label for entry in splits.train.entries]):
        num_images = min(len(splits.train.entries), _MOST_DRAWN)
        drawn = {"format": "synthetic_plates", "num_images": num_images, "layouts": layouts}
        recipe["data"]["train"].append(drawn)
        if "text" in recipe:
            drawable = {*string.digits, *string.ascii_uppercase, *recipe["text"]["charset"]}
            recipe["text"]["charset"] = "".join(sorted(drawable))
    height, width = _choose_frame(splits, starter["preprocessing"]["height_px"])
    starter["preprocessing"] |= {"height_px": height, "width_px": width}
    num_drawn = recipe["data"]["train"][-1].get("num_images", 0)
    return recipe | _stretch(starter, len(splits.train.entries) + num_drawn)


def find_layouts(labels: Sequence[str]) -> list[str]:
    """Return the layouts of number plates if that is what the labels are, else nothing.

    Plates have few arrangements of digits (`0`) and capitals (`A`), each with both. Drawn plates of the same layouts show
    every character at every place, which few photographs do: see docs/experiments.md. Each layout is drawn with gaps
    between letters and digits and without.
    """
    shapes = Counter(re.sub("[0-9]", "0", re.sub("[A-Z]", "A", label)) for label in labels)
    common = shapes.most_common(_MOST_LAYOUTS)
    if sum(count for _, count in common) < _LEAST_SHARE_OF_LAYOUTS * len(labels):
        return []
    if not all(re.fullmatch("[0A]{4,10}", shape) and {*shape} == {"0", "A"} for shape, _ in common):
        return []
    return [layout for shape, _ in common for layout in (re.sub("(?<=0)(?=A)|(?<=A)(?=0)", " ", shape), shape)]


_KEEP_KEYS = {"unreadable": "readable", "unlabelled": "labelled", "repeated_name": "unique"}


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


def _choose_frame(splits: "Splits", height_px: int) -> tuple[int, int]:
    """Return height and width of the model's input: the images' shape, wide enough for the longest label.

    Raises:
        InputError: a label is too long for any width.
    """
    from saccade.text.ctc import required_steps

    sizes = [size for split in splits.all() for size in split.sizes_px]
    labels = [entry.label for split in splits.all() for entry in split.entries]
    height = min(height_px, _LOW_PX) if statistics.median(height for height, _ in sizes) <= _LOW_PX else height_px
    longest = max(labels, key=required_steps)
    least = max(_STEPS_A_TOKEN * required_steps(longest) * _STEP_PX, _LEAST_WIDTH_PX)
    shaped = height * statistics.median(width / height for height, width in sizes)
    width = _WIDTH_UNIT_PX * max(-(-least // _WIDTH_UNIT_PX), round(shaped / _WIDTH_UNIT_PX))
    if width > _MOST_WIDTH_PX:
        raise InputError(
            f"the label {longest[:20]!r}... of {len(longest)} characters is too long for one line of text; leave it out"
        )
    return height, width


def _stretch(starter: dict[str, Any], num_train: int) -> dict[str, Any]:
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


def _write_toml(recipe: Mapping[str, Any], path: Path) -> str:
    from saccade.recipes.toml import format_value, sections

    lines = [f"# Written by: saccade new {shlex.quote(str(path))}"]
    for section in sections(dict(recipe)):
        lines += ["", section.header] if section.header else []
        lines += [f"{key} = {format_value(value)}" for key, value in section.values.items()]
    return "\n".join(lines) + "\n"


# --- What is said ---


def _describe(found: "Found", splits: "Splits", recipe: Mapping[str, Any]) -> None:
    """Say on stderr what was found and what the recipe makes of it."""
    from saccade.text.ctc import required_steps

    entries = [entry for split in splits.all() for entry in split.entries]
    sizes = [size for split in splits.all() for size in split.sizes_px]
    counts = ", ".join(f"{len(split.entries):,} {split.name}" for split in splits.all())
    taken = f" (val: {splits.val_fraction:.0%} of them, by content)" if splits.val_fraction is not None else ""
    characters = splits.charset.characters
    heights, widths = sorted(height for height, _ in sizes), sorted(width for _, width in sizes)
    frame, train = recipe["preprocessing"], recipe["train"]
    needed = max(required_steps(entry.label) for entry in entries)
    shape = f"{frame['width_px']} x {frame['height_px']} px, {frame['width_px'] // _STEP_PX} time steps"
    drawn = recipe["data"]["train"][-1]
    says = {
        "labels": found.form,
        "such as": ", ".join(f"{Path(entry.id).name} = {entry.label}" for entry in entries[:2]),
        "images": f"{counts}{taken}",
        "sizes": f"median {statistics.median_low(widths)} x {statistics.median_low(heights)} px, "
        f"from {widths[0]} x {heights[0]} to {widths[-1]} x {heights[-1]}",
        "lengths": "{} to {} characters, median {}".format(*_span([len(entry.label) for entry in entries])),
        "charset": f"{len(characters)} characters  {_cut(characters)}",
        **({"plates": _describe_drawn(drawn)} if "layouts" in drawn else {}),
        **_describe_troubles(splits),
        "recipe": f"{shape} (the longest label needs {needed}); {train['epochs']} epochs",
    }
    for title, text in says.items():
        print(f"{title:<9} {text}", file=sys.stderr)


def _describe_drawn(source: Mapping[str, Any]) -> str:
    layouts = ", ".join(layout for layout in source["layouts"] if " " not in layout)
    return f"{source['num_images']:,} drawn plates of {layouts} help to train (A a letter, 0 a digit); take them out if these are none"


def _describe_troubles(splits: "Splits") -> dict[str, str]:
    """Return what a person should know before training: what is left out, seen twice, or never taught."""
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
    unseen = "".join(sorted(set(splits.charset.characters) - _characters(splits.train)))
    if unseen:
        troubles["unseen"] = f"no training label holds {_cut(unseen)}: these cannot be learned and will be read wrongly"
    return troubles


def _cut(characters: str) -> str:
    return characters if len(characters) <= _NUM_SHOWN else f"{characters[:_NUM_SHOWN]}..."


def _characters(split: "Split") -> set[str]:
    return {character for entry in split.entries for character in entry.label}


def _span(numbers: Sequence[int]) -> tuple[int, int, int]:
    return min(numbers), max(numbers), statistics.median_low(numbers)
