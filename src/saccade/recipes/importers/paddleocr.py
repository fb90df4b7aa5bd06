"""A training configuration of PaddleOCR (YAML) as a recipe: what is carried over, what had no effect there, what is left.

Path: `document.read_yaml` -> the sections in an order in which each finds what it needs -> `Draft`. The configuration is
read and never run; the files that it names are looked at only for their characters and numbers of lines.
"""

import os
from pathlib import Path
from typing import Any

from saccade.errors import InputError
from saccade.recipes.importers.document import read_yaml
from saccade.recipes.importers.draft import Aside, Draft, Left, NoEffect, Section
from saccade.recipes.importers.paddleocr_data import (
    Surroundings,
    carry_loader,
    carry_operations,
    carry_shape,
    carry_sources,
    check_operations,
    leave_loader,
    list_operations,
    make_keep,
)
from saccade.recipes.importers.paddleocr_model import carry_architecture
from saccade.recipes.importers.paddleocr_rules import DATASET, GLOBAL, LOSS, METRIC, SPACES, explain_swallowed
from saccade.recipes.importers.paddleocr_schedule import Length, carry_optimizer

_SECTIONS = ("Global", "Optimizer", "Architecture", "Train")
_NO_DICTIONARY = (
    "without a dictionary labels are brought to lower case there, and only digits and a to z are read; here labels stay as "
    "they are, and all their characters are read"
)
_NOBODY = "no code of PaddleOCR reads it"
_METRICS = {"acc": "exact_match", "norm_edit_dis": "ned"}


def import_paddleocr(path: Path, around: Surroundings) -> Draft:
    """Make a recipe of a configuration.

    Raises:
        InputError: The file cannot be read, is no configuration of a reader with CTC, or names a class that PaddleOCR
            does not have.
    """
    document = read_yaml(path)
    missing = [name for name in _SECTIONS if not document.values.get(name)]
    if missing:
        raise InputError(f"{path}: has no section {', '.join(missing)}; every training configuration of PaddleOCR has")
    draft = Draft(document)
    top = Section(draft, (), document.values)
    settings, train, evaluation = top.below("Global"), top.below("Train"), top.below("Eval")
    characters = _find_characters(settings, around)
    keep = make_keep(settings, has_charset=characters is not None)
    num_images = carry_sources(train.below("dataset"), "train", keep, around)
    _carry_root(draft, around, found=num_images is not None or characters is not None)
    _carry_characters(settings, characters, around)
    settings.carry("epoch_num", {"train.epochs": settings.read_count("epoch_num")})
    batch = carry_loader(train.below("loader"), train.below("sampler"))
    length = _measure(settings, train, around.num_images or num_images, batch)
    _carry_images(train, evaluation, settings)
    _carry_evaluation(evaluation, keep, around)
    carry_optimizer(top.below("Optimizer"), length)
    carry_architecture(top.below("Architecture"))
    _carry_ends(top)
    _carry_rest(settings, length)
    _finish(top, settings, train, evaluation)
    return draft


def _find_characters(settings: Section, around: Surroundings) -> str | None:
    """Return the characters of the dictionary, or None where there is none to be read."""
    path = settings.get("character_dict_path")
    if not isinstance(path, str):
        return None
    try:
        lines = (around.root / path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return None
    characters = {line.strip("\r") for line in lines} | ({" "} if settings.get("use_space_char", False) else set())
    return "".join(sorted(character for character in characters if len(character) == 1)) or None


def _carry_characters(settings: Section, characters: str | None, around: Surroundings) -> None:
    """Put the characters of the dictionary into the recipe."""
    path = settings.get("character_dict_path")
    if path is None:
        settings.enter("character_dict_path", "left", _NO_DICTIONARY)
        settings.apply({"use_space_char": NoEffect("without a dictionary nothing reads it")})
    elif characters is None:
        why = f"no dictionary was read at {around.root / str(path)}; all characters of the training labels are read"
        settings.enter("character_dict_path", "left", why)
        settings.apply({"use_space_char": Left("belongs to the dictionary", (False,))})
    else:
        settings.carry("character_dict_path", {"text.charset": characters}, f"{len(characters):,} characters")
        settings.apply({"use_space_char": Aside("is in text.charset")})


def _carry_root(draft: Draft, around: Surroundings, *, found: bool) -> None:
    """Say where the data lie, where they lie there."""
    if found:
        draft.put({"data.root": os.path.relpath(around.root, around.recipe_folder)})


def _measure(settings: Section, train: Section, num_images: int | None, batch: int) -> Length:
    """Return how long training is: PaddleOCR leaves a last incomplete batch out where it is told so."""
    epochs = settings.read_count("epoch_num")
    if num_images is None:
        return Length(epochs, None)
    drops_last = train.below("loader").get("drop_last", True)
    steps = num_images // batch if drops_last else -(-num_images // batch)
    return Length(epochs, max(steps, 1))


def _carry_images(train: Section, evaluation: Section, settings: Section) -> None:
    """Carry over what becomes of images, in training and in evaluation."""
    operations = list_operations(train.below("dataset"), settings)
    others = list_operations(evaluation.below("dataset"), settings) if evaluation.table else []
    shape = carry_shape([*operations, *others], settings)
    carry_operations(operations, settings)
    check_operations(others, settings, shape)


def _carry_evaluation(section: Section, keep: dict[str, Any], around: Surroundings) -> None:
    if not section.table:
        why = "there is no validation data; a tenth of the training images is taken (data.val_fraction)"
        section.draft.enter(section.place, None, "left", why)
        return
    carry_sources(section.below("dataset"), "val", keep, around)
    leave_loader(section.below("loader"))


def _carry_ends(top: Section) -> None:
    """Deal with loss, decoding and metric: of CTC there is one each."""
    loss, decoding, metric = top.below("Loss"), top.below("PostProcess"), top.below("Metric")
    name = loss.get("name")
    loss.apply(LOSS)
    if name == "CTCLoss":
        loss.apply({"name": Aside("as it is here")})
        loss.finish("ignored", "CTCLoss drops what it does not know (**kwargs)")
    loss.finish("left", "the loss is that of CTC here; losses of heads that only help in training have no counterpart")
    if decoding.get("name") == "CTCLabelDecode":
        decoding.apply({"name": Aside("the best class of each time step, as it is here")})
        decoding.finish("ignored", "CTCLabelDecode reads nothing but Global's dictionary")
    decoding.finish("left", "the best class of each time step is taken here")
    _carry_metric(metric)


def _carry_metric(metric: Section) -> None:
    indicator = metric.read_text("main_indicator", "acc")
    if indicator not in _METRICS:
        metric.enter(
            "main_indicator", "left", f"no counterpart to {indicator}; exact_match chooses the best checkpoint"
        )
    elif "main_indicator" in metric.table:
        metric.carry("main_indicator", {"select": {"metric": _METRICS[indicator]}})
    metric.apply({"name": Aside("is computed here with all others")})
    metric.apply(METRIC)
    if "ignore_space" not in metric.table:
        metric.enter("ignore_space", "left", f"not in the file, and true there: {SPACES}")
    metric.finish("ignored", explain_swallowed("RecMetric", "", ("main_indicator", "is_filter", "ignore_space")))


def _carry_rest(settings: Section, length: Length) -> None:
    """Carry over precision and the rhythm of validation."""
    if settings.get("use_amp", False):
        kind = "bf16" if settings.get("amp_dtype") == "bfloat16" else "fp16"
        settings.carry("use_amp", {"train.precision": kind})
        settings.apply({"amp_dtype": Aside("is in train.precision")})
    settings.apply({"use_amp": Aside("as it is here")})
    if "amp_dtype" in settings.table:
        settings.enter("amp_dtype", "ignored", "use_amp is not true")
    _carry_validation(settings, length)
    settings.apply(GLOBAL)


def _carry_validation(settings: Section, length: Length) -> None:
    every = settings.get("eval_batch_step")
    every = every[-1] if isinstance(every, list) and every else every
    if not isinstance(every, int) or length.steps_per_epoch is None:
        settings.apply(
            {"eval_batch_step": Left("validation comes after each epoch here; how many steps that is, is not known")}
        )
        return
    epochs = min(max(1, round(every / length.steps_per_epoch)), length.epochs)
    why = f"{every:,} steps are {every / length.steps_per_epoch:.3g} epochs"
    settings.carry("eval_batch_step", {"train.validate_every_epochs": epochs}, why)


def _finish(top: Section, settings: Section, train: Section, evaluation: Section) -> None:
    """Say of every key that nobody dealt with that nothing reads it."""
    settings.finish("ignored", _NOBODY)
    for section in (train, evaluation):
        dataset = section.below("dataset")
        dataset.apply(DATASET)
        dataset.finish("ignored", _NOBODY)
        section.finish("ignored", _NOBODY)
    top.apply({"profiler_options": Aside("measures speed"), "wandb": Aside("says what is shown or written, and when")})
    top.finish("ignored", _NOBODY)
