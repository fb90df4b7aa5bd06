"""Every field of every table does something: changed in a recipe where it matters, it changes what can be observed.

A new field without effect fails here, unless its table declares it record-only; so does a new variant that is the same
as another. What is observed comes out of a whole, tiny training, never out of the recipe itself.
"""

import hashlib
import itertools
import json
import os
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from saccade.engine.batches import StepMaker, iterate_steps
from saccade.engine.budget import check_budget
from saccade.engine.device import Ranks
from saccade.engine.fit import fit
from saccade.engine.session import open_session, save_best, save_session
from saccade.errors import InputError
from saccade.recipes.introspect import tag_field, tag_of
from saccade.recipes.merge import merge
from saccade.recipes.tables import classify, data, read, training
from saccade.recipes.tables.augment import FormulaAugment, LineRandAugment, TextLineAugment
from saccade.recipes.tables.base import Table
from saccade.recipes.tables.recipe import RECIPES, ClassifyRecipe, ReadRecipe, Recipe
from saccade.recipes.validation import validate_table
from saccade.tasks.read.decode import decode_logits
from saccade.tasks.read.task import ReadTask
from saccade.tasks.registry import build_task
from saccade.text.vocabulary import Vocabulary
from tests.contract import ensemble_settings, sequence_settings
from tests.contract.settings import Setting, change, list_settings, list_unions, publish, write_data
from tests.engine.runs import TIMES, StopAt

CPU = torch.device("cpu")

TSV = {"format": "tsv", "path": "train.tsv", "images": "images"}
VAL = {"format": "tsv", "path": "val.tsv", "images": "images"}
FOLDERS = {"format": "folder", "path": "folders"}
#: A recipe in which as much as possible is switched on.
READ: dict[str, Any] = {
    "task": "read",
    "data": {"train": [TSV], "val": [VAL]},
    "train": {"epochs": 2, "batch_size": 4, "log_every_steps": 1},
    "text": {"charset": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    "optimizer": {"name": "adamw", "learning_rate": 0.02, "weight_decay": 0.1},
    "preprocessing": {"height_px": 48, "width_px": 48},
    "model": {
        "name": "crnn",
        "backbone": {"name": "light_resnet", "stem_channels": 4, "channels": [4], "num_blocks": [1], "column_size": 8},
        "neck": {"name": "bilstm", "hidden_size": 4},
        "head": {"blank_bias": -3.0},
    },
}  # fmt: skip
CLASSIFY: dict[str, Any] = {
    "task": "classify",
    "data": {"train": [FOLDERS], "val_fraction": 0.3},
    "train": {"epochs": 1, "batch_size": 4, "log_every_steps": 1},
    "optimizer": {"name": "adamw", "learning_rate": 0.02, "weight_decay": 0.1},
    "preprocessing": {"height_px": 16, "width_px": 16},
    "model": {"architecture": "test_resnet"},
}
BASES: dict[type[Recipe], dict[str, Any]] = {ReadRecipe: READ, ClassifyRecipe: CLASSIFY}

#: What a variant needs for all its fields to matter.
NEEDS: dict[type[Table], dict[str, Any]] = sequence_settings.NEEDS | {
    data.TsvSource: TSV,
    data.CsvSource: {"format": "csv", "path": "train.csv", "images": "images"},
    data.PaddleocrSource: {"format": "paddleocr", "path": "train.tsv", "images": "images"},
    data.DoctrSource: {"format": "doctr", "path": "train.json", "images": "images"},
    data.LmdbSource: {"format": "lmdb", "path": "stores/all"},
    data.FilenameSource: {"format": "filename", "path": "images"},
    data.FolderSource: FOLDERS,
    data.CifarSource: {"format": "cifar", "variant": "cifar10", "path": "cifar"},
    data.HfDiskSource: {"format": "hf_disk", "path": "hub", "split": "first"},
    data.SyntheticPlatesSource: {"format": "synthetic_plates", "num_images": 12, "two_line_fraction": 0.5},
    training.Sgd: {"momentum": 0.9},
    training.Step: {"milestone_epochs": [1.0], "warmup_epochs": 0.5},
    training.Cosine: {"warmup_epochs": 1.0},
    training.Cyclic: {"cycle_epochs": 1.0},
    training.SelectTable: {"metric": "ned"},
    training.BudgetTable: {"hours": 100.0},
    training.StartTable: {"weights": "start"},
    training.Stage: {"from_epoch": 1, "optimizer": {"learning_rate": 0.001}},
    classify.RandAugment: {"num_operations": 2},
    classify.Cutout: {"size_px": 4},
    TextLineAugment: {
        name: 0.5
        for name in TextLineAugment.model_fields
        if name.endswith("_probability") and name != "hsv_probability"  # refused for grey images
    }
    | {"tia_probability": 0.9},
    FormulaAugment: {name: 0.5 for name in FormulaAugment.model_fields if name.endswith("_probability")},
    LineRandAugment: {"probability": 0.9, "magnitude": 9},
}
#: Sources that read with the help of a package that need not be there.
PACKAGES: dict[type[Table], str] = {data.HfDiskSource: "datasets", data.LmdbSource: "lmdb"}
UPRIGHT = {"data.train": [TSV | {"images": "upright"}]}
HSV = {"preprocessing.colour": "rgb", "augment.text_line.hsv_probability": 0.5}
#: The recipe beside a field, where its table's own needs are not enough: dotted key -> value.
AROUND: dict[tuple[type[Table], str], dict[str, Any]] = sequence_settings.AROUND | {
    (data.SourceTable, "weight"): {"data.train": [TSV, TSV | {"path": "val.tsv"}], "data.val": [TSV | {"path": "test.tsv"}]},
    (data.DataTable, "val_fraction"): {"data.val": []},
    (data.DataTable, "workers"): {"data.num_workers": 1, "augment.text_line.noise_probability": 0.5},
    (data.DataTable, "num_workers"): {"data.workers": "thread", "augment.text_line.noise_probability": 0.5},
    (data.CifarSource, "labels"): {"data.train.variant": "cifar100"},
    (data.CifarSource, "download"): {"data.train.path": "nothing"},
    (data.Keep, "in_classes"): {"classes.names": ["0", "1"], "data.train": [FOLDERS, {"format": "folder", "path": "moved"}]},
    (data.Keep, "readable"): {"data.train": [TSV | {"path": "unreadable.tsv"}]},
    (data.Keep, "labelled"): {"data.train": [TSV | {"path": "unlabelled.tsv"}]},
    (data.Keep, "in_charset"): {"data.train": [TSV | {"path": "foreign.tsv"}]},
    (data.Keep, "fits"): {"data.train": [TSV | {"path": "long.tsv"}]},
    (data.Keep, "unique"): {"data.train": [TSV | {"path": "twice.tsv"}]},
    (TextLineAugment, "crop_fraction"): {"augment.text_line.text_margin_fraction": 0.2},
    **{(TextLineAugment, name): HSV for name in TextLineAugment.model_fields if name.startswith("hsv_")},
    **{(FormulaAugment, f"shift_{part}"): UPRIGHT for part in ("probability", "fraction")},  # ink with room to move
    (read.ReadPreprocessingTable, "turn_portrait_below"): UPRIGHT,
    (read.ReadPreprocessingTable, "crop_to_ink_margin_fraction"): UPRIGHT,
    (classify.SmallStem, "shortcut"): {"model.architecture": "resnet18"},
    (training.TrainTable, "patience_validations"): {"train.epochs": 4, "optimizer.learning_rate": 1e-9},
    (training.SelectTable, "higher_is_better"): {
        "select.metric": "cer",
        "train.epochs": 6,
        "optimizer.learning_rate": 0.1,
        "model.head.blank_bias": -9.0,
        "preprocessing.height_px": 8,
    },
    (training.StartTable, "allow"): {"text.charset": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"},
}  # fmt: skip
#: The other value, where it does not follow from the type.
CHANGES: dict[tuple[type[Table], str], Any] = sequence_settings.CHANGES | {
    (data.TsvSource, "path"): "shuffled.tsv",
    (data.TsvSource, "images"): "other",
    (data.CsvSource, "path"): "fewer.csv",
    (data.CsvSource, "images"): "other",
    (data.CsvSource, "image_column"): "file",
    (data.CsvSource, "text_column"): "back",
    (data.PaddleocrSource, "path"): "shuffled.tsv",
    (data.PaddleocrSource, "images"): "other",
    (data.PaddleocrSource, "delimiter"): "_",
    (data.DoctrSource, "path"): "fewer.json",
    (data.DoctrSource, "images"): "other",
    (data.LmdbSource, "path"): "stores/fewer",
    (data.FilenameSource, "path"): "other",
    (data.FilenameSource, "pattern"): "^(?P<text>..)",
    (data.FolderSource, "path"): "moved",
    (data.SourceTable, "weight"): 1.55,
    (data.SourceTable, "name"): "these",
    (data.SyntheticPlatesSource, "layouts"): ["00 AA"],
    (classify.MixUpCutMix, "switch_probability"): 0.02,
    (data.CifarSource, "path"): "nothing",
    (data.CifarSource, "labels"): "coarse",
    (data.HfDiskSource, "path"): "folders",
    (data.HfDiskSource, "split"): "second",
    (data.HfDiskSource, "image_column"): "other",
    (data.HfDiskSource, "label_column"): "back",
    (data.DataTable, "root"): "elsewhere",
    (data.DataTable, "residency"): "lazy",
    (data.Keep, "min_length"): 4,
    (data.Keep, "max_length"): 4,
    **{(TextLineAugment, f"tia_{part}_probability"): 0.02 for part in ("distort", "stretch", "perspective")},
    (read.TextTable, "charset"): "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-",
    (read.ReadPreprocessingTable, "crop_to_ink_margin_fraction"): 0.0,
    (read.LightResNet, "channels"): [5],
    (read.LightResNet, "num_blocks"): [2],
    (read.PrefixBeam, "beam_width"): 1,
    (classify.ClassesTable, "names"): ["1", "0"],
    (classify.TimmModel, "architecture"): "test_byobnet",
    (classify.RandomErasing, "min_area_fraction"): 0.3,
    (classify.RandomErasing, "max_area_fraction"): 0.6,
    (training.TrainTable, "batch_size"): 3,
    (training.TrainTable, "grad_clip_norm"): 0.1,
    (training.TrainTable, "ema_decay"): 0.5,
    (training.OptimizerTable, "module_weight_decay"): {"head": 0.5},
    (training.Step, "milestone_epochs"): [1.5],
    (training.Step, "warmup_start_rate"): 0.01,
    (training.Cosine, "warmup_start_rate"): 0.01,
    (training.Cosine, "min_rate"): 0.01,
    (training.Cyclic, "min_rate"): 0.01,
    (training.SelectTable, "metric"): "within_2",
    (training.StartTable, "weights"): "start/checkpoints/last/model.safetensors",
    (training.StartTable, "allow"): ["head", "auxiliary_head"],
    (training.BudgetTable, "hours"): 1e-9,
    (training.Stage, "from_epoch"): 2,
    (training.Stage, "train"): {"grad_clip_norm": 0.1},
    (training.Stage, "optimizer"): {"learning_rate": 0.002},
    (training.Stage, "augment"): {"text_line": {"invert_probability": 1.0}},
}


class WatchedTask(ReadTask):
    """The read task, which sees who makes its batches: threads wait for each other, so that each of them gets one.

    An epoch needs as many batches for each thread.
    """

    def __init__(self, recipe: ReadRecipe) -> None:
        super().__init__(recipe)
        self.seen: set[str] = set()
        self._barrier = threading.Barrier(max(recipe.data.num_workers, 1))

    def collate(self, samples: Any) -> Any:
        thread = threading.current_thread()
        self.seen.add(thread.name.rpartition("-")[2])
        if thread is not threading.main_thread():
            self._barrier.wait(60)
        return super().collate(samples)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("settings")
    write_data(folder)
    write_data(folder / "elsewhere")
    os.rename(folder / "elsewhere" / "images", folder / "elsewhere" / "kept")
    os.rename(folder / "elsewhere" / "other", folder / "elsewhere" / "images")
    session = open_session(ReadTask(build(READ, folder)), CPU, Ranks())
    for epoch in range(2):  # the optimiser has a state to keep, and best differs from last
        fit(session, None) if epoch else save_best(session, folder / "start" / "checkpoints" / "best")
    save_session(session, folder / "start" / "checkpoints" / "last")
    ensemble_settings.write_members(READ, NEEDS, build, folder)
    sequence_settings.write_teachers(folder, READ)
    with pytest.MonkeyPatch.context() as patch:
        publish(patch, folder)
        yield folder


def place(raw: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a raw recipe with values at dotted keys."""
    copied: dict[str, Any] = json.loads(json.dumps(raw))
    for key, value in values.items():
        *parents, last = key.split(".")
        table: Any = copied
        for parent in parents:
            table = table[0] if isinstance(table, list) else table
            table = table.setdefault(parent, {})
        (table[0] if isinstance(table, list) else table)[last] = value
    return copied


def build(raw: dict[str, Any], folder: Path) -> Any:
    """Return the recipe over the test's data."""
    raw = place(raw, {})
    raw["data"]["root"] = str(folder / raw["data"].get("root", ""))
    if "start" in raw:
        raw["start"]["weights"] = str(folder / raw["start"]["weights"])
    if teacher := raw.get("model", {}).get("loss", {}).get("distillation"):
        teacher["run"] = str(folder / teacher["run"])
    ensemble_settings.place_runs(raw, folder)
    kind = RECIPES[raw["task"]]
    return validate_table(kind, merge(kind, {}, raw), file="settings")


def recipe_with(recipe: type[Recipe], setting_steps: tuple[Any, ...], around: dict[str, Any]) -> dict[str, Any]:
    """Return a raw recipe that holds the variants which lead to a setting."""
    raw = place(BASES[recipe], {key: value for key, value in around.items() if key.count(".") < 2})
    table: Any = raw
    for key, variant, is_list in setting_steps:
        needs = dict(NEEDS.get(variant, {}))
        tag = tag_field(variant)
        if tag is not None and tag_of(variant) is not None:
            needs[tag] = tag_of(variant)
        before = table.get(key)
        kept = before[0] if is_list and before else before or {}
        if tag is not None and kept.get(tag, needs[tag]) != needs[tag]:
            kept = {name: kept[name] for name in ("learning_rate", "weight_decay") if name in kept}
        entry = {**needs, **kept}
        table[key] = [entry, *(before or [])[1:]] if is_list else entry
        table = entry
    return place(raw, {key: value for key, value in around.items() if key.count(".") >= 2})


@cache
def observe(text: str, folder: Path) -> dict[str, str]:
    """Train by a recipe and return what can be seen of it: name -> digest."""
    try:
        recipe = build(json.loads(text), folder)
        if not recipe.is_trained:
            return {name: digest(value) for name, value in ensemble_settings.read_together(recipe).items()}
        task = WatchedTask(recipe) if "workers" in text else build_task(recipe)
        check_budget(task, CPU, Ranks())
        session = open_session(task, CPU, Ranks())
    except InputError as error:
        return {"refused": str(error).partition(";")[0]}
    seen: dict[str, Any] = {
        "fresh weights": {name: (tensor, tensor.stride()) for name, tensor in session.model.state_dict().items()},
        "fresh optimizer": session.optimizer.state_dict()["state"],
        "order": session.sampler.order(0),
        "batches": [draws.tolist() for draws in session.sampler.batches(0)],
        "place": session.train.residency.place,
        "splits": [task.examples(split).ids for split in ("train", "val", "test")],
        "wrapped": type(session.wrapped).__name__,
    }
    if isinstance(task, ReadTask):
        seen["lines"] = task.examples("val")[0].num_lines
        seen["source"] = task.examples("train")[0].source
        seen["decoded"] = (
            decode_logits(make_logits(len(task.vocabulary)), task.vocabulary, recipe.decode)
            if isinstance(task.vocabulary, Vocabulary)
            else sequence_settings.read_anything(task, task.examples("val").gather([0, 1]))
        )
    make = StepMaker(task, session.train, recipe.train.accumulation_steps, session.ranks)
    steps = list(iterate_steps(make, [(0, draws) for draws in session.sampler.batches(0)], recipe.data))
    seen["micro-batches"] = [
        (batch.ids, batch.images, task.targets(batch)) for step in steps for batch in step.micro_batches
    ]
    seen["workers"] = sorted(getattr(task, "seen", ()))
    if not recipe.train.compile:  # compiling takes a minute and is torch's business
        hooks = StopAt()
        fit(session, None, hooks=hooks)
        seen["rows"] = [
            {key: value for key, value in row.items() if key not in (*TIMES, "waited")} for row in hooks.rows
        ]
        seen["weights"] = session.model.state_dict()
        seen["chosen"] = (session.position.best_value, session.position.best_step, session.position.stale_validations)
        seen["averaged"] = session.evaluated_model.state_dict()
    return {name: digest(value) for name, value in seen.items()}


def make_logits(num_classes: int) -> Tensor:
    return torch.randn(4, 12, num_classes, generator=torch.Generator().manual_seed(0)) * 0.3


def digest(value: Any) -> str:
    """Return a short text that is equal for equal values."""
    if isinstance(value, Tensor):
        return hashlib.sha256(value.detach().numpy().tobytes() + str(value.shape).encode()).hexdigest()[:12]
    if isinstance(value, np.ndarray):
        return digest(torch.from_numpy(value))
    if isinstance(value, dict):
        return digest([(str(key), digest(item)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        return hashlib.sha256("|".join(map(digest, value)).encode()).hexdigest()[:12]
    return repr(value)


def look_up(table: type[Table], name: str) -> dict[str, Any]:
    return next((AROUND[base, name] for base in table.__mro__ if (base, name) in AROUND), {})


def choose_settings() -> list[Setting]:
    """Return each field of each table once: sources share a table of filters, and `val` is read as `train` is."""
    chosen: dict[tuple[type[Table], str], Setting] = {}
    for setting in itertools.chain.from_iterable(map(list_settings, BASES)):
        owner = next(
            base for base in reversed(setting.table.__mro__) if setting.name in getattr(base, "model_fields", {})
        )
        if (owner, setting.name) == (data.Keep, "num_lines") and setting.steps[-2][1] is not data.SyntheticPlatesSource:
            continue
        if (owner, setting.name) == (data.Keep, "in_classes") and setting.recipe is not ClassifyRecipe:
            continue
        shared = owner in (data.Keep, data.SourceTable)
        chosen.setdefault((owner if shared else setting.table, setting.name), setting)
    return list(chosen.values())


@pytest.mark.parametrize("setting", choose_settings(), ids=lambda setting: setting.id)
def test_setting_changes_something(setting: Setting, folder: Path) -> None:
    around = look_up(setting.table, setting.name)
    if setting.table in PACKAGES:
        pytest.importorskip(PACKAGES[setting.table])
    raw = recipe_with(setting.recipe, setting.steps, around)
    holder: Any = raw
    for key, _, is_list in setting.steps:
        holder = holder[key][0] if is_list else holder[key]
    before = json.dumps(raw)
    current: Any = build(raw, folder)
    for key, _, is_list in setting.steps:
        current = getattr(current, key)[0] if is_list else getattr(current, key)
    holder[setting.name] = change(setting, getattr(current, setting.name), CHANGES)
    seen = observe(before, folder), observe(json.dumps(raw), folder)
    assert seen[0] != seen[1], f"{setting.id} changes nothing"
    if setting.recipe is ClassifyRecipe and setting.table is not data.Keep:
        assert "refused" not in seen[0] | seen[1]


# Sources are left out: formats that hold the same images are meant to give the same run.
UNIONS = {
    tuple(steps[-1][1] for steps in union): (recipe, union)
    for recipe in reversed(BASES)
    for union in list_unions(recipe)
    if union[0][0][0] != "data" and not ensemble_settings.is_of_member(union)
}


@pytest.mark.parametrize(
    ("recipe", "union"), UNIONS.values(), ids=[".".join(key for key, _, _ in union[0]) for _, union in UNIONS.values()]
)
def test_variants_differ(recipe: type[Recipe], union: tuple[Any, ...], folder: Path) -> None:
    around = [sequence_settings.VARIANTS.get(steps[-1][1], {}) for steps in union]
    raw = [recipe_with(recipe, steps, beside) for steps, beside in zip(union, around, strict=True)]
    seen = [observe(json.dumps(one), folder) for one in raw]
    assert all("refused" not in one for one in seen), seen
    assert len({json.dumps(one, sort_keys=True) for one in seen}) == len(union)
