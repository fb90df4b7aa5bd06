"""`saccade new` where the labels are formulas: a transformer for two cores that writes tokens of LaTeX.

Sizes and paper come from the images, lengths from the labels, epochs from their number; everything else comes from
`formula_starter.toml`.
"""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saccade.commands.data_sources import FORMULA_FORMATS
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

if TYPE_CHECKING:
    from saccade.data.formats.discover import Found
    from saccade.data.splits import Split, Splits

_LEAST_SHARE_WITH_COMMANDS, _LEAST_SHARE_APART = 0.2, 0.9
"""Of the labels, those with a command such as `\\frac`; of what blanks separate, that which is one token."""
_PX_A_TOKEN, _LEAST_PX, _MOST_PX = 1000, 48 * 192, 96 * 384
"""Size of the model's input in pixels for each token of the median label, and its bounds."""
_WIDE_SHARE, _LEAST_SHAPE, _MOST_SHAPE = 0.9, 1.0, 8.0
"""The input has the shape of an image that is wider than this share of them; what is wider still is made smaller."""
_LEAST_HEIGHT_PX, _MOST_HEIGHT_PX, _UNIT_PX = 32, 128, 8
_SPARE_SHARE, _LEAST_SPARE, _MOST_TOKENS = 0.1, 4, 1000
_NUM_PROBED = 32
_WHY = "a transformer that writes tokens, since CTC goes along one line, which fractions and scripts leave"


@dataclass(frozen=True)
class Formulas:
    """Sources whose labels are tokens of LaTeX, all their labels, and the share of these that hold a command."""

    found: "Found"
    labels: Sequence[str]
    command_share: float


def find_formulas(found: "Found", labels: Sequence[str]) -> Formulas | None:
    """Return the sources as sources of formulas if their format or their labels say so, else nothing.

    Labels are formulas where many hold a command and blanks part their tokens. Formulas of im2markup that are not cut
    into tokens yet will be.
    """
    share = sum("\\" in label for label in labels) / max(len(labels), 1)
    if _are_apart(labels):
        is_formulas = found.sources["train"].format in FORMULA_FORMATS or share >= _LEAST_SHARE_WITH_COMMANDS
        return Formulas(found, labels, share) if is_formulas else None
    if found.sources["train"].format not in FORMULA_FORMATS:
        return None
    cut_found = _cut_into_tokens(found)
    return Formulas(cut_found, read_labels(cut_found), share)


def _are_apart(labels: Sequence[str]) -> bool:
    """Return whether blanks separate the tokens of formulas."""
    from saccade.text.latex import tokenise_latex

    counts = Counter(piece for label in labels for piece in label.split())
    num_single = sum(count for piece, count in counts.items() if len(tokenise_latex(piece)) == 1)
    return num_single >= _LEAST_SHARE_APART * counts.total()


def _cut_into_tokens(found: "Found") -> "Found":
    sources = {
        split: source.model_copy(update={"normalise": True}) if hasattr(source, "normalise") else source
        for split, source in found.sources.items()
    }
    return replace(found, sources=sources)


def draft_formula_reader(formulas: Formulas, folder: Path) -> Draft:
    """Return the recipe of a reader of formulas; `folder` is where it will lie.

    Raises:
        InputError: Nothing can be trained on.
    """
    splits = _load_leniently(formulas)
    recipe = _make_recipe(formulas.found, splits, folder)
    return Draft(recipe, _describe(formulas, splits, recipe))


def _load_leniently(formulas: Formulas) -> "Splits":
    """Read every image with its label; what is bad is left out and counted, tokens that only validation has are kept."""
    from saccade.data.splits import load_splits
    from saccade.recipes.tables.read import TextTable
    from saccade.text.token_set import TokenSet

    listed = {token for label in formulas.labels for token in label.split()}
    text = TextTable(units="tokens", tokens=tuple(sorted(listed)) or None)
    splits = load_splits(make_lenient(formulas.found, fits=True), text=text, max_length=_MOST_TOKENS)
    kept = [entry.label for split in splits.all() for entry in split.entries]
    return replace(splits, units=TokenSet.from_labels(kept))


def _make_recipe(found: "Found", splits: "Splits", folder: Path) -> dict[str, Any]:
    """Return the recipe as plain tables, in the order in which they are written."""
    starter = read_starter("formula_starter.toml")
    recipe: dict[str, Any] = {"task": "read", "data": describe_sources(found, splits, folder)}
    found_in_training = _tokens(splits.train) | (set() if splits.val_fraction is None else _tokens(splits.val))
    if found_in_training != set(splits.units.units):
        starter["text"]["tokens"] = sorted(splits.units.units)
    height, width = _choose_frame(splits)
    starter["preprocessing"] |= {"height_px": height, "width_px": width}
    starter["preprocessing"]["fit"]["value"] = _find_paper(splits.train)
    longest = max(_list_lengths(splits))
    starter["model"]["max_length"] = min(longest + max(round(longest * _SPARE_SHARE), _LEAST_SPARE), _MOST_TOKENS)
    return recipe | stretch(starter, len(splits.train.entries))


def _choose_frame(splits: "Splits") -> tuple[int, int]:
    """Return height and width of the model's input: larger for longer formulas, no higher than the images are."""
    sizes = [size for split in splits.all() for size in split.sizes_px]
    shapes = sorted(width / height for height, width in sizes)
    shape = min(max(shapes[int(_WIDE_SHARE * len(shapes))], _LEAST_SHAPE), _MOST_SHAPE)
    num_px = min(max(_PX_A_TOKEN * statistics.median(_list_lengths(splits)), _LEAST_PX), _MOST_PX)
    own = -(-statistics.median(height for height, _ in sizes) // _UNIT_PX) * _UNIT_PX
    most = max(min(own, _MOST_HEIGHT_PX), _LEAST_HEIGHT_PX)
    height = min(max(round((num_px / shape) ** 0.5 / _UNIT_PX) * _UNIT_PX, _LEAST_HEIGHT_PX), most)
    return int(height), round(height * shape / _UNIT_PX) * _UNIT_PX


def _find_paper(train: "Split") -> int:
    """Return the grey level that most images have around their ink, with which the input is filled up."""
    from saccade.data.images import read_image
    from saccade.data.ink import find_ink

    step = -(-len(train.entries) // _NUM_PROBED)
    return statistics.median_low(find_ink(read_image(entry, "grey")).paper[0] for entry in train.entries[::step])


# --- What is said ---


def _describe(formulas: Formulas, splits: "Splits", recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return what was found and what the recipe makes of it."""
    entries = [entry for split in splits.all() for entry in split.entries]
    tokens, frame = sorted(splits.units.units), recipe["preprocessing"]
    length = describe_length(recipe["train"]["epochs"], len(splits.train.entries))
    size = f"{frame['width_px']} x {frame['height_px']} px, up to {recipe['model']['max_length']} tokens"
    cutting = (
        "; they are cut into tokens (normalise)" if getattr(formulas.found.sources["train"], "normalise", False) else ""
    )
    return {
        "labels": formulas.found.form,
        "such as": ", ".join(f"{Path(entry.id).name} = {cut(entry.label)}" for entry in entries[:2]),
        **describe_images(splits),
        "lengths": "{} to {} tokens, median {}".format(*span(_list_lengths(splits))),
        "tokens": f"{len(tokens)}  {cut(' '.join(tokens))}",
        **describe_troubles(splits),
        **_describe_unseen(splits),
        "formulas": f"{formulas.command_share:.0%} of the labels hold a command of LaTeX{cutting}: {_WHY}",
        "recipe": f"{size}; {length}",
    }


def _describe_unseen(splits: "Splits") -> dict[str, str]:
    """Return the tokens that training never teaches."""
    unseen = sorted(set(splits.units.units) - _tokens(splits.train))
    if not unseen:
        return {}
    return {
        "unseen": f"no training label holds {cut(' '.join(unseen))}: these cannot be learned and will be read wrongly"
    }


def _list_lengths(splits: "Splits") -> list[int]:
    return [len(entry.label.split()) for split in splits.all() for entry in split.entries]


def _tokens(split: "Split") -> set[str]:
    return {token for entry in split.entries for token in entry.label.split()}
