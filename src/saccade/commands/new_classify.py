"""`saccade new` where the labels are classes: a small residual network, trained from fresh weights.

The sizes come from the images, the length from their number; everything else comes from `classify_starter.toml`.
"""

import statistics
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saccade.commands.recipe_draft import (
    Draft,
    cut,
    describe_images,
    describe_length,
    describe_sources,
    describe_troubles,
    make_lenient,
    read_starter,
    span,
)

if TYPE_CHECKING:
    from saccade.data.classes import ClassSplits
    from saccade.data.formats.discover import Found

_NUM_PRESENTATIONS, _LEAST_EPOCHS, _MOST_EPOCHS = 600_000, 10, 100
_MOST_PX, _LEAST_PX, _SMALL_PX, _UNIT_PX, _LARGE_UNIT_PX = 224, 16, 64, 8, 32
"""Up to the third, images enter through the stem for small ones, in steps of the fourth; larger ones in steps of the last."""
_WARMUP_SHARE = 0.05
_CROP_SHARE = 8
"""The crop moves by at most the image's side divided by this: 4 px of 32."""
_STEPS_AN_EPOCH, _LEAST_BATCH = 8, 8
"""An epoch has at least so many steps, by smaller batches where images are few; the rate goes with the batch."""


def draft_classifier(found: "Found", folder: Path) -> Draft:
    """Return the recipe of a classifier for what was found; `folder` is where it will lie.

    Raises:
        InputError: Nothing can be trained on: fewer than two classes, or a class without training images.
    """
    from saccade.data.classes import load_class_splits

    splits = load_class_splits(make_lenient(found))
    recipe = {"task": "classify", "data": describe_sources(found, splits, folder)} | _fit_starter(splits)
    return Draft(recipe, _describe(found, splits, recipe))


def _fit_starter(splits: "ClassSplits") -> dict[str, Any]:
    """Return the starter's tables for images of these sizes and this number."""
    starter = read_starter("classify_starter.toml")
    height, width = _choose_frame(splits)
    starter["preprocessing"] |= {"height_px": height, "width_px": width}
    if max(height, width) > _SMALL_PX:
        starter["model"].pop("stem")
    train, num_train = starter["train"], len(splits.train.entries)
    train["epochs"] = max(_LEAST_EPOCHS, min(round(_NUM_PRESENTATIONS / num_train), _MOST_EPOCHS))
    starter["schedule"]["warmup_epochs"] = float(f"{train['epochs'] * _WARMUP_SHARE:.2g}")
    published = train["batch_size"]
    while train["batch_size"] > max(num_train // _STEPS_AN_EPOCH, _LEAST_BATCH):
        train["batch_size"] //= 2
    starter["optimizer"]["learning_rate"] *= train["batch_size"] / published
    starter["augment"]["crop_padding_px"] = min(height, width) // _CROP_SHARE
    if _are_signs(splits.classes):
        starter["augment"].pop("flip")
    return starter


def _choose_frame(splits: "ClassSplits") -> tuple[int, int]:
    """Return height and width of the model's input: those of the middle image, at most 224 px, in steps that the network halves."""
    sizes = [size for split in splits.all() for size in split.sizes_px]
    height, width = (statistics.median(side) for side in zip(*sizes, strict=True))
    scale = min(1.0, _MOST_PX / max(height, width))
    unit = _UNIT_PX if max(height, width) <= _SMALL_PX else _LARGE_UNIT_PX
    return _round(height * scale, unit), _round(width * scale, unit)


def _round(side: float, unit: int) -> int:
    return max(round(side / unit) * unit, _LEAST_PX, unit)


def _are_signs(classes: tuple[str, ...]) -> bool:
    """Tell digits, letters and numbers from things: a mirrored 3 is no 3, a mirrored horse is a horse."""
    return all(len(name) == 1 or name.isdecimal() for name in classes)


def _describe(found: "Found", splits: "ClassSplits", recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return what was found and what the recipe makes of it."""
    counts = Counter(entry.label for entry in splits.train.entries)
    least, most, _ = span([counts[name] for name in splits.classes])
    each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    frame, stem = recipe["preprocessing"], "a small stem" if "stem" in recipe["model"] else "its published stem"
    length = describe_length(recipe["train"]["epochs"], len(splits.train.entries))
    flips = "" if "flip" in recipe["augment"] else "; not mirrored, since the classes are digits or letters"
    network = f"{recipe['model']['architecture']} with {stem}, {frame['width_px']} x {frame['height_px']} px"
    return {
        "labels": found.form,
        "classes": f"{len(splits.classes):,}, {each} training images each: {cut(', '.join(splits.classes))}",
        **describe_images(splits),
        **describe_troubles(splits),
        "recipe": f"{network}; {length}{flips}",
    }
