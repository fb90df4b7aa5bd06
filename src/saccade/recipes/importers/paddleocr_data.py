"""`Train` and `Eval` of PaddleOCR: label files and LMDB, operations on images, and the loader."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from saccade.errors import InputError
from saccade.recipes.importers.draft import Aside, Kind, Left, NoEffect, Rule, Section
from saccade.recipes.importers.paddleocr_rules import (
    ENCODERS_READ,
    LABEL_ENCODERS,
    LOADER,
    OTHER_OPERATIONS,
    READS,
    explain_swallowed,
)
from saccade.recipes.validation import nearest

_FILES = ("SimpleDataSet", "MultiScaleDataSet")
_STORES = ("LMDBDataSet", "LMDBDateSet")
_KEYS_OF_SOURCES = {
    "path": "label_file_list",
    "images": "data_dir",
    "delimiter": "delimiter",
    "weight": "ratio_list",
}
"""Keys of a source here and of a data set there."""
_OTHER_DATASETS = ("PGDataSet", "PubTabDataSet", "LMDBDataSetSR", "LMDBDataSetTableMaster", "LaTeXOCRDataSet")
_AS_IN_TRAINING = Aside("as in training")
_OF_RESIZING: Mapping[str, Rule] = {
    key: Aside("is for using a trained model") for key in ("infer_mode", "character_dict_path", "eval_mode")
}
_AUGMENTATIONS = ("RecAug", "BaseDataAugmentation")
_RESIZES = ("RecResizeImg", "SVTRRecResizeImg")
_PADDING = 128
"""Nearest grey to the 0 after normalisation that PaddleOCR fills with."""
_TEXT_LINE = "augment.text_line"
_PROBABILITIES = {
    "tia_prob": "tia_probability",
    "crop_prob": "crop_probability",
    "reverse_prob": "invert_probability",
    "noise_prob": "noise_probability",
    "jitter_prob": "jitter_probability",
    "blur_prob": "blur_probability",
    "hsv_aug_prob": "hsv_probability",
}
"""RecAug's keys and those of `[augment.text_line]`."""
_AMOUNTS: Mapping[str, Mapping[str, float]] = {
    "noise_prob": {"noise_sigma": 0.16},
    "blur_prob": {"blur_sigma_px": 1.0},
    "hsv_aug_prob": {"hsv_hue_degrees": 0.0, "hsv_saturation_fraction": 0.0, "hsv_value_fraction": 0.001},
}
"""How strong RecAug's operations are where ours are not: noise and colours change by next to nothing there."""


@dataclass(frozen=True)
class Surroundings:
    """Where PaddleOCR was started, from where its relative paths go, and where the recipe will lie."""

    root: Path
    recipe_folder: Path
    num_images: int | None = None
    """Training images an epoch, where somebody said so."""


class Operation(NamedTuple):
    """One of the `transforms` and its name."""

    section: Section
    name: str


def make_keep(settings: Section, *, has_charset: bool) -> dict[str, Any]:
    """Return the filters that stand for what PaddleOCR leaves out, or replaces by another image, without a word."""
    keep: dict[str, Any] = {"readable": True, "labelled": True, "fits": True}
    if has_charset:
        keep["in_charset"] = True
    if settings.get("max_text_length") is not None:
        keep["max_length"] = settings.read_count("max_text_length")
        to = {"keep.max_length": keep["max_length"]}
        settings.enter("max_text_length", "carried", "what is longer is left out there too", to)
    return keep


def carry_sources(section: Section, split: str, keep: dict[str, Any], around: Surroundings) -> int | None:
    """Put the sources of `Train.dataset` or `Eval.dataset` into the recipe and return the images of an epoch, if known.

    Raises:
        InputError: There is no label file, or a class that PaddleOCR does not have.
    """
    name = section.read_text("name")
    if name in _STORES:
        _carry_store(section, split, keep, around)
        return None
    if name not in _FILES:
        known = (*_FILES, *_STORES, *_OTHER_DATASETS)
        what = (
            "is not for reading lines of text"
            if name in _OTHER_DATASETS
            else f"unknown data set; {nearest(name, known)}"
        )
        raise InputError(f'{section.where("name")}: "{name}": {what}')
    files, ratios = _read_files(section)
    images = _move(section.read_text("data_dir"), around)
    sources, counts = [], []
    for file, ratio in zip(files, ratios, strict=True):
        source = {"format": "paddleocr", "path": _move(file, around), "images": images, "keep": keep}
        delimiter = section.get("delimiter", "\t")
        source |= ({"delimiter": delimiter} if delimiter != "\t" else {}) | ({"weight": ratio} if ratio != 1 else {})
        if ratio > 0:
            sources.append(source)
            counts.append(_count_lines(around.root / file, ratio))
    _put_sources(section, split, sources)
    found = "" if None not in counts else f"not found below {around.root}; say where with --data-root when training"
    to = {"path": [source["path"] for source in sources], "images": images, "format": "paddleocr"}
    for key, name in (("label_file_list", "path"), ("data_dir", "images"), ("name", "format")):
        section.enter(key, "carried", found if name == "path" else "", {f"data.{split}.{name}": to[name]})
    if "delimiter" in section.table:
        section.enter("delimiter", "carried", "", {f"data.{split}.delimiter": section.get("delimiter", "\t")})
    if "ratio_list" in section.table:
        why = "a share is drawn anew each epoch, as there" if any(ratio != 1 for ratio in ratios) else ""
        section.enter("ratio_list", "carried", why, {f"data.{split}.weight": ratios})
    return None if None in counts else sum(count for count in counts if count is not None)


def _read_files(section: Section) -> tuple[list[str], list[float]]:
    """Return label files and the share of each.

    Raises:
        InputError: There are none, or not as many shares as files.
    """
    files = section.get("label_file_list")
    files = [files] if isinstance(files, str) else files
    if not isinstance(files, list) or not files or not all(isinstance(file, str) and file for file in files):
        raise InputError(f"{section.where('label_file_list')}: names no label file; list them")
    ratios = section.get("ratio_list", 1.0)
    ratios = [ratios] * len(files) if isinstance(ratios, int | float) else ratios
    if not isinstance(ratios, list) or not all(isinstance(ratio, int | float) and ratio >= 0 for ratio in ratios):
        raise InputError(
            f"{section.where('ratio_list')}: expected a number of 0 or more for each label file; correct it"
        )
    if len(ratios) != len(files):
        raise InputError(
            f"{section.where('ratio_list')}: {len(ratios)} numbers for {len(files)} label files; give each one"
        )
    if not any(ratios):
        raise InputError(f"{section.where('ratio_list')}: takes nothing of any label file; give one a number above 0")
    return files, [float(ratio) for ratio in ratios]


def _carry_store(section: Section, split: str, keep: dict[str, Any], around: Surroundings) -> None:
    path = _move(section.read_text("data_dir"), around)
    _put_sources(section, split, [{"format": "lmdb", "path": path, "keep": keep}])
    section.enter("name", "carried", "", {f"data.{split}.format": "lmdb"})
    section.enter("data_dir", "carried", "", {f"data.{split}.path": path})
    for key in ("label_file_list", "delimiter", "ratio_list"):
        section.apply({key: NoEffect("an LMDB is read whole, and holds its own labels")})


def _put_sources(section: Section, split: str, sources: list[dict[str, Any]]) -> None:
    refusal = section.draft.put({f"data.{split}": sources})
    if refusal is not None:
        refused = re.match(r'"data\.\w+\[\d+\]\.(\w+)', refusal)
        key = _KEYS_OF_SOURCES.get(refused[1] if refused else "", "name")
        key = "data_dir" if key == "label_file_list" and key not in section.table else key
        raise InputError(f"{section.where(key)}: no source can be made of it: {refusal}")


def _move(path: str, around: Surroundings) -> str:
    """Return a path of PaddleOCR's as a recipe says it: below the data root where it lies there, else absolute."""
    if os.path.isabs(path):
        return os.path.normpath(path)
    plain = os.path.normpath(path)
    return os.path.normpath(around.root.absolute() / plain) if plain.split(os.sep)[0] in {".", ".."} else plain


def _count_lines(path: Path, ratio: float) -> int | None:
    """Return how many lines of a label file an epoch shows; None where the file is not there."""
    try:
        with path.open("rb") as file:
            return round(ratio * sum(1 for line in file if line.strip()))
    except OSError:
        return None


# --- Operations on images ---


def list_operations(section: Section, settings: Section) -> list[Operation]:
    """Return the operations of `Train.dataset` or `Eval.dataset`, and say which of their keys lose against Global's.

    Raises:
        InputError: There is no list of operations.
    """
    items = section.take("transforms")
    if not isinstance(items, list) or not all(isinstance(item, dict) and len(item) == 1 for item in items):
        raise InputError(
            f"{section.where('transforms')}: expected a list of operations, each with its keys; correct it"
        )
    operations = []
    for index, item in enumerate(items):
        ((name, table),) = item.items()
        operation = Section(section.draft, (*section.place, "transforms", index, name), table)
        is_encoder = name.endswith(LABEL_ENCODERS)
        for key in ENCODERS_READ if is_encoder else READS.get(name, ()):
            if key in operation.table and key in settings.table:
                same = operation.table[key] == settings.table[key]
                why = f"Global.{key} wins: PaddleOCR lays Global over the keys of every operation"
                operation.enter(key, "aside" if same else "ignored", f"Global.{key} says the same" if same else why)
            elif is_encoder:
                operation.apply(
                    {key: Left(f"is obeyed there, since Global has none; say it as Global.{key} and import again")}
                )
        operations.append(Operation(operation, name))
    return operations


def carry_shape(operations: Sequence[Operation], settings: Section) -> list[int] | None:
    """Carry over the size and colour of the network's input from the first operation that says it, and return them.

    Args:
        operations: Those of training, then those of evaluation.
        settings: `Global`, whose values win over the operations' own.

    Returns:
        [channels, height, width]; None where no operation says a size.

    Raises:
        InputError: What it says is no size.
    """
    operation = next((section for section, name in operations if name in _RESIZES), None)
    if operation is None:
        return None
    shape = _read_shape(operation, settings)
    channels, height, width = shape
    values = {
        "preprocessing.height_px": height,
        "preprocessing.width_px": width,
        "preprocessing.colour": "grey" if channels == 1 else "rgb",
    }
    _holder(operation, settings, "image_shape").carry("image_shape", values)
    holder = _holder(operation, settings, "padding")
    fit = {"name": "pad", "value": _PADDING} if holder.get("padding", True) else {"name": "stretch"}
    holder.carry("padding", {"preprocessing.fit": fit})
    return shape


def carry_operations(operations: Sequence[Operation], settings: Section) -> None:
    """Carry over what changes training images; the size and colour of the input are in the recipe already."""
    for operation, name in operations:
        if name in _AUGMENTATIONS:
            _carry_rec_aug(operation, settings, name)
        elif name == "RandAugment":
            _carry_rand_augment(operation, settings)
        elif name == "RecConAug":
            _carry_concatenation(operation, settings)
        elif name in _RESIZES:
            operation.apply(_OF_RESIZING)
        else:
            _set_aside(operation, name)
        _explain_rest(operation, name)


def check_operations(operations: Sequence[Operation], settings: Section, shape: list[int] | None) -> None:
    """Deal with what happens to images in evaluation, which is what happens to them in training without the changes."""
    for operation, name in operations:
        if name in _RESIZES and _read_shape(operation, settings) == shape:
            operation.apply({**_OF_RESIZING, "image_shape": _AS_IN_TRAINING, "padding": _AS_IN_TRAINING})
        elif name in _RESIZES:
            operation.finish("left", f"another size than in training, {shape}; here there is one")
        elif name in {*_AUGMENTATIONS, "RandAugment", "RecConAug"}:
            operation.draft.enter(
                operation.place, operation.table, "left", "images are never changed in evaluation here"
            )
            continue
        else:
            _set_aside(operation, name)
        _explain_rest(operation, name)


def _holder(operation: Section, settings: Section, key: str) -> Section:
    """Return the section whose value of a parameter holds: `Global`, where it has one of this name."""
    return settings if key in settings.table else operation


def _read_shape(operation: Section, settings: Section) -> list[int]:
    holder = _holder(operation, settings, "image_shape")
    shape = holder.get("image_shape")
    if not isinstance(shape, list) or len(shape) != 3 or not all(isinstance(side, int) for side in shape):
        raise InputError(f"{holder.where('image_shape')}: expected [channels, height, width]; correct it")
    return shape


def _carry_rec_aug(operation: Section, settings: Section, name: str) -> None:
    for key in READS[name]:
        holder = _holder(operation, settings, key)
        probability = holder.read_number(key, 0.4)
        values = {f"{_TEXT_LINE}.{_PROBABILITIES[key]}": probability}
        if probability > 0:
            values |= {f"{_TEXT_LINE}.{amount}": value for amount, value in _AMOUNTS.get(key, {}).items()}
        holder.carry(key, values)


def _carry_rand_augment(operation: Section, settings: Section) -> None:
    """Carry over RandAugment with the ranges it has there, in which characters leave the image."""
    probability = _holder(operation, settings, "prob").read_number("prob", 0.5)
    if probability == 0:
        operation.finish("aside", "never acts, with prob 0")
        return
    table = {"name": "rand_augment", "probability": probability, "bounded": False}
    why = "bounded = false, as there: it moves characters out of the image; bounded = true keeps them in"
    _holder(operation, settings, "prob").carry("prob", {"augment.policy": table}, why)
    for key, name, default in (("num_layers", "num_operations", 2), ("magnitude", "magnitude", 5)):
        holder = _holder(operation, settings, key)
        holder.carry(key, {f"augment.policy.{name}": _as_whole(holder.read_number(key, default))})
    operation.apply({"fillcolor": Left("no counterpart", ([128, 128, 128],))})


def _carry_concatenation(operation: Section, settings: Section) -> None:
    holder = _holder(operation, settings, "prob")
    holder.carry("prob", {"augment.concatenation.probability": holder.read_number("prob", 0.5)})
    operation.apply({"ext_data_num": Left("one line is put to another here", (1,))})
    operation.apply(dict.fromkeys(("image_shape", "max_text_length"), Aside("the network's input decides here")))


def _as_whole(number: float) -> float | int:
    return int(number) if number == int(number) else number


def _set_aside(operation: Section, name: str) -> None:
    """Deal with an operation that is not carried over, whatever its keys."""
    kind: Kind = "left"
    if name in {"DecodeImage", "KeepKeys"} or name.endswith(LABEL_ENCODERS):
        kind, why = "aside", "is done by the task here"
    elif name in OTHER_OPERATIONS:
        why = f"{name} has no counterpart"
    else:
        why = "no operation of PaddleOCR's that is known here; where it has none of this name, it stops"
    if operation.is_begun:
        operation.finish(kind, why)
        return
    for key in operation.table:
        operation.take(key)
    operation.draft.enter(operation.place, operation.table or None, kind, why)


def _explain_rest(operation: Section, name: str) -> None:
    if name in READS:
        for key in operation.table:
            if key not in READS[name]:
                operation.enter(key, "ignored", explain_swallowed(name, key))


# --- Loader ---


def carry_loader(section: Section, sampler: Section) -> int:
    """Deal with `loader` and `sampler` of `Train` and return the images of a step on one card."""
    if sampler.table:
        batch = _carry_sampler(section, sampler)
    else:
        batch = section.read_count("batch_size_per_card")
        section.carry("batch_size_per_card", {"train.batch_size": batch}, "of one card")
    if "num_workers" in section.table:
        section.carry("num_workers", {"data.num_workers": section.get("num_workers")})
    section.apply(LOADER)
    section.finish("ignored", "no code of PaddleOCR reads it")
    return batch


def leave_loader(section: Section) -> None:
    """Deal with `loader` of `Eval`."""
    section.apply({"drop_last": Left("every image is evaluated here", (False,))})
    section.finish("aside", "evaluation gives the same results in any batches")


def _carry_sampler(section: Section, sampler: Section) -> int:
    """Take the batch from a sampler, beside which the loader's own is not looked at."""
    batch = sampler.read_count("first_bs", 128)
    sampler.carry("first_bs", {"train.batch_size": batch}, "of one card")
    sampler.finish("left", "batches of several sizes have no counterpart; every image gets one size")
    for key in ("batch_size_per_card", "shuffle", "drop_last"):
        section.apply({key: NoEffect("a sampler stands beside it, which makes the batches")})
    return batch
