"""What differs between two resolved recipes."""

import pytest

from saccade.recipes.diff import Change, diff, flatten, join_key, plain
from saccade.recipes.loader import load
from saccade.recipes.tables.recipe import Recipe


@pytest.fixture
def compare(write):
    def changes(a, b, **options):
        write("a.toml", a, base=True)
        write("b.toml", b, base=True)
        return diff(load("a.toml").recipe, load("b.toml").recipe, **options)

    return changes


def test_equal_values_are_no_change(compare):
    assert compare("", "[text]\n[model.neck]\nhidden_size = 128\n[decode]\nname = 'greedy'") == ()


def test_another_variant_is_one_change(compare):
    (change,) = compare("", '[model.neck]\nname = "none"')
    assert (change.key, change.value) == ("model.neck", {"name": "none"})
    assert (change.parent_value["name"], change.parent_value["hidden_size"]) == ("bilstm", 128)
    assert next(iter(change.parent_value)) == "name"


def test_a_table_that_is_new_is_one_change(compare):
    assert compare("", "[budget]\nhours = 2") == (Change("budget", None, {"hours": 2.0}),)
    assert compare("[budget]\nhours = 2", "") == (Change("budget", {"hours": 2.0}, None),)


def test_lists_of_tables(compare):
    val = '[[data.val]]\nformat = "{}"\npath = "{}"\n'
    assert compare(val.format("tsv", "a"), val.format("tsv", "b")) == (Change("data.val[0].path", "a", "b"),)
    (change,) = compare(val.format("tsv", "a"), val.format("csv", "a"))
    assert (change.key, change.parent_value["format"], change.value["format"]) == ("data.val[0]", "tsv", "csv")
    (change,) = compare("", val.format("tsv", "a"))
    assert (change.key, change.parent_value, len(change.value)) == ("data.val", [], 1)


def test_free_tables_and_lists(compare):
    decay = "[model.backbone]\nchannels = {}\n[text]\ncharset = 'ab'"
    assert compare(decay.format([8, 8, 8]), decay.format([8, 8, 9])) == (
        Change("model.backbone.channels", [8, 8, 8], [8, 8, 9]),
    )


def test_what_changes_no_result_is_left_out_unless_asked(write):
    path = write("a.toml", "", base=True)
    a, b = load(path).recipe, load(path, data_root="/x", overrides=["train.log_every_steps=1", "hypothesis=h"]).recipe
    assert diff(a, b) == ()
    assert [change.key for change in diff(a, b, everything=True)] == [
        "hypothesis",
        "data.root",
        "train.log_every_steps",
    ]


def test_recipes_of_two_tasks(write):
    recipe = load(write("a.toml", "", base=True)).recipe
    base = Recipe(**{name: getattr(recipe, name) for name in Recipe.model_fields} | {"task": "other"})
    keys = [change.key for change in diff(base, recipe)]
    assert keys[0] == "task"
    assert {"model", "preprocessing", "text"} <= set(keys)
    assert "train" not in keys


def test_plain_and_flat(write):
    tree = plain(load(write("a.toml", "", base=True)).recipe)
    assert list(tree["optimizer"])[:2] == ["name", "learning_rate"]
    flat = flatten(tree)
    assert flat["data.train[0].path"] == "set/train.tsv"
    assert flat["data.val"] == []
    assert flat["optimizer.module_weight_decay"] == {}
    assert flatten({"a": {"b.c": 1}}) == {'a."b.c"': 1}


def test_keys_that_toml_could_not_leave_bare_are_quoted():
    assert join_key("a", "b-1_C") == "a.b-1_C"
    assert join_key("a", 'b."c"') == 'a."b.\\"c\\""'
    assert join_key("", "\x7f\n") == '"\\u007f\\n"'
