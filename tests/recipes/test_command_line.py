"""Several `--set` together: each key is said once. What one alone may say is in test_loader.py."""

import pytest

from saccade.errors import InputError
from saccade.recipes.command_line import override_tables
from saccade.recipes.loader import load


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["train=1", "train.epochs=4"], "train.epochs"),
        (["train.epochs=4", "train=1"], "train"),
        (["train.epochs=4", "train.epochs=5"], "train.epochs"),
        (["train={ epochs = 4 }", "train.epochs = 5"], "train.epochs"),
        (["data.train=[]", "data.train=[{ path = 'x' }]"], "data.train[0].path"),
    ],
)
def test_two_that_say_something_of_one_key(overrides, key):
    with pytest.raises(InputError) as caught:
        override_tables(overrides)
    first, second = overrides
    assert str(caught.value) == f'--set "{second}" and --set "{first}" both say what "{key}" is; leave one out'


@pytest.mark.parametrize(
    ("override", "key"),
    [("augment={}", "augment"), ("model={ neck = {} }", "model.neck"), ('optimizer."a b"={}', 'optimizer."a b"')],
)
def test_an_empty_table_would_change_nothing(override, key):
    with pytest.raises(InputError) as caught:
        override_tables([override])
    assert str(caught.value) == (
        f'--set "{override}": an empty table changes nothing of "{key}"; set the keys that should change, e.g. --set {key}.KEY=VALUE'
    )


def test_lists_may_hold_empty_tables():
    assert override_tables(["stage=[]"]) == {"stage": []}
    assert override_tables(["data.train=[{ path = 'x', keep = {} }]"])["data"]["train"][0]["keep"] == {}


def test_keys_of_one_table_join(write):
    overrides = ["train={ epochs = 4 }", "train.batch_size=8", "optimizer.name=sgd", "optimizer.momentum=0.9"]
    assert override_tables(overrides) == {
        "train": {"epochs": 4, "batch_size": 8},
        "optimizer": {"name": "sgd", "momentum": 0.9},
    }
    assert load(write("x.toml", "", base=True), overrides=overrides).recipe.train.batch_size == 8
