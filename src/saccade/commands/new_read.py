"""`saccade new` where the labels are lines of text: the shortest recipe that trains well on a small machine.

The sizes come from the images, the length from their number; everything else comes from `starter.toml`, which is what
experiments/plates_uz/baseline.toml was measured with.
"""

import re
import statistics
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saccade.commands.new_formula import draft_formula_reader, find_formulas
from saccade.commands.recipe_draft import (
    Draft,
    cut,
    describe_images,
    describe_length,
    describe_sources,
    describe_troubles,
    make_lenient,
    read_labels,
    read_starter,
    span,
    stretch,
)
from saccade.errors import InputError, quote

if TYPE_CHECKING:
    from saccade.data.formats.discover import Found
    from saccade.data.splits import Split, Splits

_LOW_PX, _WIDTH_UNIT_PX, _STEP_PX, _LEAST_WIDTH_PX, _MOST_WIDTH_PX = 32, 16, 4, 64, 4096
_STEPS_A_TOKEN = 2
"""Twice the time steps that CTC needs at least: with fewer, characters compete for columns."""
_MOST_LAYOUTS, _LEAST_SHARE_OF_LAYOUTS, _MOST_DRAWN = 4, 0.8, 2000


def draft_reader(found: "Found", folder: Path) -> Draft:
    """Return the recipe of a reader for what was found, lines of text or formulas; `folder` is where it will lie.

    Raises:
        InputError: Nothing can be trained on, or a label is too long for any width.
    """
    labels = read_labels(found)
    if formulas := find_formulas(found, labels):
        return draft_formula_reader(formulas, folder)
    splits = _load_leniently(found, labels)
    recipe = _make_recipe(found, splits, folder)
    return Draft(recipe, _describe(found, splits, recipe))


def _load_leniently(found: "Found", labels: Sequence[str]) -> "Splits":
    """Read every image with its label; what is bad is left out and counted, characters that only validation has are kept."""
    from saccade.data.splits import load_splits
    from saccade.recipes.tables.read import TextTable
    from saccade.text.charset import Charset

    text = TextTable(charset="".join(sorted(set().union(*labels))) or None)
    splits = load_splits(make_lenient(found), text=text)
    kept = [entry.label for split in splits.all() for entry in split.entries]
    return replace(splits, units=Charset.from_labels(kept))


def _make_recipe(found: "Found", splits: "Splits", folder: Path) -> dict[str, Any]:
    """Return the recipe as plain tables, in the order in which they are written."""
    starter = read_starter("starter.toml")
    recipe: dict[str, Any] = {"task": "read", "data": describe_sources(found, splits, folder)}
    found_in_training = _characters(splits.train) | (set() if splits.val_fraction is None else _characters(splits.val))
    if found_in_training != _charset(splits):
        recipe["text"] = {"charset": "".join(sorted(_charset(splits)))}
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
    return recipe | stretch(starter, len(splits.train.entries) + num_drawn)


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
            f"the label {quote(longest)} is too long for one line of text, which holds {_MOST_WIDTH_PX} px; leave it out"
        )
    return height, width


# --- What is said ---


def _describe(found: "Found", splits: "Splits", recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return what was found and what the recipe makes of it."""
    from saccade.text.ctc import required_steps

    entries = [entry for split in splits.all() for entry in split.entries]
    characters = "".join(sorted(_charset(splits)))
    frame, drawn = recipe["preprocessing"], recipe["data"]["train"][-1]
    needed = max(required_steps(entry.label) for entry in entries)
    shape = f"{frame['width_px']} x {frame['height_px']} px, {frame['width_px'] // _STEP_PX} time steps"
    length = describe_length(recipe["train"]["epochs"], len(splits.train.entries) + drawn.get("num_images", 0))
    return {
        "labels": found.form,
        "such as": ", ".join(f"{Path(entry.id).name} = {cut(entry.label)}" for entry in entries[:2]),
        **describe_images(splits),
        "lengths": "{} to {} characters, median {}".format(*span([len(entry.label) for entry in entries])),
        "charset": f"{len(characters)} characters  {cut(characters)}",
        **({"plates": _describe_drawn(drawn)} if "layouts" in drawn else {}),
        **describe_troubles(splits),
        **_describe_unseen(splits),
        "recipe": f"{shape} (the longest label needs {needed}); {length}",
    }


def _describe_drawn(source: Mapping[str, Any]) -> str:
    layouts = ", ".join(layout for layout in source["layouts"] if " " not in layout)
    return f"{source['num_images']:,} drawn plates of {layouts} help to train (A a letter, 0 a digit); take them out if these are none"


def _describe_unseen(splits: "Splits") -> dict[str, str]:
    """Return the characters that training never teaches."""
    unseen = "".join(sorted(_charset(splits) - _characters(splits.train)))
    if not unseen:
        return {}
    return {"unseen": f"no training label holds {cut(unseen)}: these cannot be learned and will be read wrongly"}


def _charset(splits: "Splits") -> set[str]:
    return set(splits.units.units)


def _characters(split: "Split") -> set[str]:
    return {character for entry in split.entries for character in entry.label}
