"""What changed between two recipes, without what had no effect, and what belongs together."""

from collections.abc import Mapping
from typing import Any

import pytest

from saccade.doctor.attribution import Changes, Facts, find_changes, find_plain_changes
from saccade.recipes.loader import validate
from saccade.recipes.merge import merge
from saccade.recipes.tables.recipe import RECIPES, Recipe

TSV = {"format": "tsv", "path": "labels.tsv"}
READ = {"task": "read", "data": {"train": [TSV]}}
CLASSIFY = {"task": "classify", "data": {"train": [{"format": "folder", "path": "images"}]}}


def build(base: Mapping[str, Any], own: Mapping[str, Any]) -> Recipe:
    return validate(merge(RECIPES[base["task"]], dict(base), dict(own)), file="test")


def find(before: Mapping[str, Any], after: Mapping[str, Any], base: Mapping[str, Any] = READ, **known: bool) -> Changes:
    return find_changes(build(base, before), build(base, after), Facts(**known))


def keys(changes: Changes) -> tuple[list[str], list[str]]:
    return [change.key for change in changes.effective], [change.key for change in changes.without_effect]


def test_a_setting_that_is_on_counts() -> None:
    found = find({}, {"train": {"batch_size": 32}, "model": {"neck": {"hidden_size": 64}}})
    assert keys(found) == (["train.batch_size", "model.neck.hidden_size"], [])
    assert (found.effective[0].parent_value, found.effective[0].value) == (64, 32)
    assert [(unit.group, len(unit.changes)) for unit in found.units] == [("train", 1), ("model", 1)]


def test_what_an_experiment_asks_and_its_seed_are_no_settings() -> None:
    reported = {"metrics": {"exact_match": 0.8}}
    found = find({}, {"hypothesis": "More.", "seed": 3, "expect": ["code"], "reported": reported})
    assert keys(found) == ([], [])


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ({}, {"augment": {"text_line": {"blur_sigma_px": 2.0}}}, "augment.text_line.blur_sigma_px"),
        ({}, {"augment": {"text_line": {"scale_min_fraction": 0.5}}}, "augment.text_line.scale_min_fraction"),
        (
            {"schedule": {"name": "cosine"}},
            {"schedule": {"name": "cosine", "warmup_start_rate": 1e-5}},
            "schedule.warmup_start_rate",
        ),
        ({}, {"optimizer": {"decay_norms_and_biases": False}}, "optimizer.decay_norms_and_biases"),
        ({"data": {"val": [TSV]}}, {"data": {"val": [TSV], "val_fraction": 0.3}}, "data.val_fraction"),
        ({}, {"data": {"train": [TSV | {"weight": 2.0}]}}, "data.train[0].weight"),
        ({}, {"data": {"test": [TSV]}}, "data.test"),
        ({}, {"data": {"num_workers": 4}}, "data.num_workers"),
        ({}, {"train": {"compile": True}}, "train.compile"),
        ({}, {"train": {"log_every_steps": 10}}, "train.log_every_steps"),
        ({}, {"budget": {"hours": 2.0}}, "budget"),
    ],
)
def test_a_setting_that_changes_nothing_is_set_apart(before: dict[str, Any], after: dict[str, Any], key: str) -> None:
    assert keys(find(before, after)) == ([], [key])


@pytest.mark.parametrize(
    ("around", "own", "key"),
    [
        (
            {"augment": {"text_line": {"blur_probability": 0.5}}},
            {"augment": {"text_line": {"blur_probability": 0.5, "blur_sigma_px": 2.0}}},
            "augment.text_line.blur_sigma_px",
        ),
        (
            {"schedule": {"name": "cosine", "warmup_epochs": 1.0}},
            {"schedule": {"name": "cosine", "warmup_epochs": 1.0, "warmup_start_rate": 1e-5}},
            "schedule.warmup_start_rate",
        ),
        (
            {"optimizer": {"weight_decay": 0.1}},
            {"optimizer": {"weight_decay": 0.1, "decay_norms_and_biases": False}},
            "optimizer.decay_norms_and_biases",
        ),
        (
            {"optimizer": {"module_weight_decay": {"head": 0.1}}},
            {"optimizer": {"module_weight_decay": {"head": 0.1}, "decay_norms_and_biases": False}},
            "optimizer.decay_norms_and_biases",
        ),
        ({}, {"data": {"val_fraction": 0.3}}, "data.val_fraction"),
        (
            {"data": {"train": [TSV, TSV]}},
            {"data": {"train": [TSV, TSV | {"weight": 2.0}]}},
            "data.train[1].weight",
        ),
    ],
)
def test_the_same_setting_counts_where_it_is_switched_on(around: dict[str, Any], own: dict[str, Any], key: str) -> None:
    assert keys(find(around, own)) == ([key], [])


def test_an_operation_that_a_stage_switches_on_is_on() -> None:
    stage = [{"from_epoch": 3, "augment": {"text_line": {"blur_probability": 0.5}}}]
    found = find({"stage": stage}, {"stage": stage, "augment": {"text_line": {"blur_sigma_px": 2.0}}})
    assert keys(found) == (["augment.text_line.blur_sigma_px"], [])


def test_how_often_and_how_strong_are_one_change_where_an_operation_begins() -> None:
    found = find(
        {}, {"augment": {"text_line": {"blur_probability": 0.5, "blur_sigma_px": 2.0, "noise_probability": 0.5}}}
    )
    assert [[change.key.rpartition(".")[2] for change in unit.changes] for unit in found.units] == [
        ["blur_probability", "blur_sigma_px"],
        ["noise_probability"],
    ]


def test_a_charset_that_follows_from_other_data_is_part_of_that_change() -> None:
    own = {"data": {"train": [TSV | {"path": "more.tsv"}], "val_fraction": 0.2}, "text": {"charset": "AB"}}
    found = find({}, own)
    assert [(unit.group, len(unit.changes)) for unit in found.units] == [("data", 3)]
    assert [unit.group for unit in find({}, {"text": {"charset": "AB"}}).units] == ["text"]


def test_what_the_runs_know_settles_what_the_recipes_cannot() -> None:
    own = {
        "data": {"train": [TSV | {"path": "copy.tsv"}]},
        "select": {"metric": "exact_match"},
        "train": {"sync_batch_norm": True, "patience_validations": 5},
    }
    effective = ["data.train[0].path", "train.sync_batch_norm", "train.patience_validations", "select"]
    assert sorted(keys(find({}, own))[0]) == sorted(effective)
    known = {"same_data": True, "same_choice": True, "one_rank": True, "patience_unused": True}
    assert keys(find({}, own, **known))[0] == []


def test_weights_of_sources_count_although_the_images_are_the_same() -> None:
    before, after = {"data": {"train": [TSV, TSV]}}, {"data": {"train": [TSV, TSV | {"weight": 2.0}]}}
    assert keys(find(before, after, same_data=True))[0] == ["data.train[1].weight"]


def test_another_variant_is_one_change() -> None:
    found = find({}, {"augment": {"mix": {"name": "cutmix", "alpha": 0.5}}}, base=CLASSIFY)
    assert keys(found) == (["augment.mix"], [])


def test_recipes_of_a_task_of_ones_own_are_compared_key_by_key() -> None:
    before = {"task": "mine", "seed": 0, "mine": {"depth": 3}, "data": {"root": "/a", "train": [{"path": "a"}]}}
    after = {
        "task": "mine",
        "seed": 1,
        "mine": {"depth": 4},
        "data": {"root": "/b", "train": [{"path": "b"}], "num_workers": 2},
    }
    found = find_plain_changes(before, after)
    assert keys(found) == (["mine.depth", "data.train[0].path"], ["data.num_workers"])
    assert found.effective[0].value == 4
