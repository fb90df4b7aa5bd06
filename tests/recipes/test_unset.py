"""What a child takes away from what it inherits, and every way in which that is no sense, in one line each."""

import pytest

from saccade.errors import InputError
from saccade.recipes.diff import Change
from saccade.recipes.explain import json_schema, origin_lines
from saccade.recipes.loader import load

BASE = """\
task = "read"
[train]
epochs = 30
grad_clip_norm = 5.0
ema_decay = 0.99
[optimizer]
name = "sgd"
momentum = 0.9
module_weight_decay = { "neck.lstm" = 1e-5, head = 1e-4 }
[budget]
hours = 2.0
[[data.train]]
format = "tsv"
path = "set/train.tsv"
images = "photos"
"""


@pytest.fixture
def child(write):
    """Return a function that writes a child of BASE with these keys unset and returns its path."""
    write("base.toml", BASE)

    def write_one(unset: str, text: str = "", parent: str = "base.toml", name: str = "child.toml"):
        return write(name, f'extends = "{parent}"\nhypothesis = "Less."\nunset = {unset}\n{text}')

    return write_one


def fails(path, message, **options):
    with pytest.raises(InputError) as caught:
        load(path, **options)
    assert str(caught.value) == message


def test_keys_tables_and_entries_are_taken_away(child):
    loaded = load(child('["train.grad_clip_norm", "budget", \'optimizer.module_weight_decay."neck.lstm"\']'))
    recipe = loaded.recipe
    assert (recipe.train.grad_clip_norm, recipe.train.ema_decay, recipe.budget) == (None, 0.99, None)
    assert recipe.optimizer.module_weight_decay == {"head": 1e-4}
    assert [(change.key, change.value) for change in loaded.changes] == [
        ("train.grad_clip_norm", None),
        ('optimizer.module_weight_decay."neck.lstm"', None),
        ("budget", None),
    ]
    assert loaded.changes[0] == Change("train.grad_clip_norm", 5.0, None)


def test_a_grandchild_may_set_it_again(child, write):
    child('["train.ema_decay", "budget"]')
    path = write("again.toml", 'extends = "child.toml"\nhypothesis = "More."\ntrain.ema_decay = 0.5')
    loaded = load(path)
    assert (loaded.recipe.train.ema_decay, loaded.recipe.budget) == (0.5, None)
    assert loaded.origins["train.ema_decay"] == "again.toml"
    assert loaded.origins["budget"] == "child.toml"
    assert load("child.toml", overrides=["train.ema_decay=0.7"]).origins["train.ema_decay"] == "--set"


def test_show_says_which_file_took_a_key_away(child):
    loaded = load(child('["train.grad_clip_norm", "budget"]'))
    texts = [line.text for line in origin_lines(loaded)]
    assert "# unset by child.toml: grad_clip_norm" in texts
    assert "# unset by child.toml: budget" in texts
    assert "# not set: checkpoint_every_steps, patience_validations" in texts


@pytest.mark.parametrize(
    ("unset", "message"),
    [
        (
            '["train.grad_clip"]',
            'unset "train.grad_clip": no ancestor sets it; nearest: "train.grad_clip_norm", "train.ema_decay"',
        ),
        (
            '["train.patience_validations"]',
            'unset "train.patience_validations": no ancestor sets it; valid: "train.grad_clip_norm", '
            '"train.ema_decay", "optimizer.module_weight_decay."neck.lstm"", "optimizer.module_weight_decay.head", '
            '"budget"',
        ),
        ('["train.epochs"]', 'unset "train.epochs": it always has a value; write the one you want instead'),
        ('["data.train"]', 'unset "data.train": it always has a value; write the one you want instead'),
        ('["hypothesis"]', 'unset "hypothesis": this recipe sets "hypothesis" itself; leave one of the two'),
        (
            '["data.train[0].images"]',
            'unset "data.train[0].images": not a key; write it like train.ema_decay (lists are replaced whole)',
        ),
        ('["a b"]', 'unset "a b": not a key; write it like train.ema_decay (lists are replaced whole)'),
        ('["budget", "budget"]', 'unset "budget": is listed twice; once is enough'),
        ("[]", '"unset": expected a list of keys such as ["train.ema_decay"], found empty list'),
        ('"budget"', '"unset": expected a list of keys such as ["train.ema_decay"], found string "budget"'),
        ("[1]", '"unset": expected a list of keys such as ["train.ema_decay"], found list of 1'),
    ],
)
def test_what_cannot_be_unset(child, unset, message):
    fails(child(unset), f"child.toml: {message}")


def test_a_key_that_the_recipe_sets_itself(child):
    message = 'child.toml: unset "budget": this recipe sets "budget.hours" itself; leave one of the two'
    fails(child('["budget"]', "budget.hours = 1.0"), message)


def test_where_nothing_is_inherited(write):
    path = write("base.toml", f'unset = ["budget"]\n{BASE}')
    fails(path, 'base.toml: "unset" takes inherited keys away, and this recipe extends none; remove it')
    write("base.toml", BASE)
    message = "--set: unset cannot be set; write a recipe that extends the other one"
    fails("base.toml", message, overrides=["unset=['budget']"])


def test_a_key_that_a_stage_sets_again(child, write):
    stage = "[[stage]]\nfrom_epoch = 4\ntrain.grad_clip_norm = 1.0\n"
    write("base.toml", BASE + stage)
    message = (
        'child.toml: "train.grad_clip_norm" is set again by the inherited stage[0] from epoch 4; write the stages here '
        "too, with the values they should have, or stage = [] for none"
    )
    fails(child('["train.grad_clip_norm"]'), message)


def test_the_schema_knows_the_list():
    assert json_schema("read")["properties"]["unset"]["items"] == {"type": "string", "minLength": 1}
