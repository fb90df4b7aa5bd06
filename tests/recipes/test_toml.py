"""A resolved recipe loads again to an equal one, whatever it holds."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saccade.recipes.loader import canonical_hash, load, to_toml, validate
from saccade.recipes.toml import format_value

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
RATE = st.floats(1e-12, 1e-3)
FRACTION = st.floats(0.0, 1.0)
SOURCES = st.one_of(
    st.fixed_dictionaries(
        {"format": st.just("tsv"), "path": TEXT.map("/".__add__)}, optional={"images": TEXT.map("/".__add__)}
    ),
    st.fixed_dictionaries({"format": st.just("synthetic_plates")}, optional={"difficulty": FRACTION}),
    st.just({"format": "folder", "path": "set", "keep": {"unique": True, "max_length": 9}}),
)
OPTIMIZERS = st.one_of(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["adamw", "adam", "adamp"])}, optional={"beta1": st.floats(0, 0.99)}
    ),
    st.fixed_dictionaries({"name": st.just("sgd"), "momentum": st.floats(0.1, 0.9), "nesterov": st.booleans()}),
    st.fixed_dictionaries({"module_weight_decay": st.dictionaries(TEXT, st.floats(0, 1e300), max_size=3)}),
)
SCHEDULES = st.one_of(
    st.just({"name": "constant"}),
    st.fixed_dictionaries({"name": st.just("cosine"), "warmup_epochs": st.floats(0, 10), "min_rate": RATE}),
    st.fixed_dictionaries(
        {"name": st.just("step"), "milestone_epochs": st.lists(st.floats(0.5, 9), min_size=1, max_size=3)}
    ),
)
STAGES = st.lists(
    st.fixed_dictionaries(
        {"from_epoch": st.integers(1, 9), "augment": st.just({"text_line": {"blur_probability": 0.5}})},
        optional={"train": st.just({"grad_clip_norm": 2})},
    ),
    max_size=1,
)
RECIPES = st.fixed_dictionaries(
    {"task": st.just("read"), "data": st.fixed_dictionaries({"train": st.lists(SOURCES, min_size=1, max_size=3)})},
    optional={
        "hypothesis": TEXT,
        "expect": st.lists(TEXT, max_size=3),
        "seed": st.integers(0, 2**32 - 1),
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "stage": STAGES,
        "text": st.fixed_dictionaries({"charset": TEXT}),
        "reported": st.fixed_dictionaries({"metrics": st.dictionaries(TEXT, FRACTION, max_size=2), "reading": TEXT}),
        "model": st.just({"neck": {"name": "none"}, "backbone": {"channels": [8], "num_blocks": [1]}}),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=RECIPES)
def test_text_loads_again_to_an_equal_recipe(tmp_path, raw):
    raw["data"]["root"] = str(tmp_path)
    recipe = validate(raw, file="x")
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(recipe), encoding="utf-8")
    again = load(path).recipe
    assert again == recipe
    assert canonical_hash(again) == canonical_hash(recipe)
    assert to_toml(again) == to_toml(recipe)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1, "1"),
        (1.0, "1.0"),
        (1e-5, "1e-05"),
        ('a"\\\n\x7fé', '"a\\"\\\\\\n\\u007fé"'),
        ((1, "x"), '[1, "x"]'),
        ({"a b": {}, "c": [1.5]}, '{ "a b" = {}, c = [1.5] }'),
    ],
)
def test_values(value, text):
    assert format_value(value) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, None, object()])
def test_values_that_recipes_do_not_have(value):
    with pytest.raises(ValueError, match="a recipe cannot hold"):
        format_value(value)


def test_hash_ignores_the_root_and_the_way_of_writing(write, tmp_path):
    path = write("x.toml", "", base=True)
    same = [load(path), load(path, data_root="/elsewhere"), load(path, overrides=["train.batch_size=64"])]
    assert len({canonical_hash(loaded.recipe) for loaded in same}) == 1
    assert len(canonical_hash(same[0].recipe)) == 64
    other = load(path, overrides=["train.batch_size=65"])
    assert canonical_hash(other.recipe) != canonical_hash(same[0].recipe)
