"""Stages build on each other and may change only what training can change on the way."""

import pytest

from saccade.errors import InputError
from saccade.recipes.loader import load, resolve_stage, stages_of
from saccade.recipes.tables.training import Stage

STAGES = """
[[stage]]
from_epoch = 10
train.grad_clip_norm = 1
optimizer.learning_rate = 1e-3
[[stage]]
from_epoch = 20
optimizer.weight_decay = 0.05
augment.text_line.blur_probability = 0.5
"""


def test_stages_are_cumulative(write):
    recipe = load(write("x.toml", STAGES, base=True)).recipe
    epochs, recipes = zip(*stages_of(recipe), strict=True)
    assert epochs == (0, 10, 20)
    assert recipes[0] == recipe
    assert [r.train.grad_clip_norm for r in recipes] == [None, 1.0, 1.0]
    assert [r.optimizer.learning_rate for r in recipes] == [3e-3, 1e-3, 1e-3]
    assert [r.optimizer.weight_decay for r in recipes] == [0.0, 0.0, 0.05]
    assert [r.augment.text_line.blur_probability for r in recipes] == [0.0, 0.0, 0.5]
    assert {r.optimizer.beta2 for r in recipes} == {0.99}


def test_no_stage_is_one_recipe_from_the_start(write):
    recipe = load(write("x.toml", "", base=True)).recipe
    assert stages_of(recipe) == ((0, recipe),)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("optimizer.learning_rte = 1", 'unknown key "optimizer.learning_rte"; nearest: "optimizer.learning_rate"'),
        ("optimizer.learning_rate = 0", '"optimizer.learning_rate": expected number > 0, found integer 0'),
        ("optimizer.learning_rate = nan", '"optimizer.learning_rate": expected a finite number > 0, found nan'),
        ("optimizer.beta1 = 0.5", '"optimizer.beta1" cannot change during training; train.grad_clip_norm, '),
        ('optimizer.name = "sgd"', '"optimizer.name" cannot change during training; '),
        ("optimizer.module_weight_decay.head = 1.0", '"optimizer.module_weight_decay.head" cannot change'),
        ("train.epochs = 99", '"train.epochs" cannot change during training; '),
        ("augment.text_lin.blur_probability = 0.5", 'unknown key "augment.text_lin.blur_probability"; nearest: '),
        ("", "changes nothing; every key has the value that holds already"),
        ("optimizer.learning_rate = 3e-3", "changes nothing; every key has the value that holds already"),
    ],
)
def test_refuses_keys(write, stage, message):
    with pytest.raises(InputError) as caught:
        load(write("x.toml", f"[[stage]]\nfrom_epoch = 9\n{stage}", base=True))
    assert str(caught.value).startswith(f"x.toml: stage[0]: {message}")


@pytest.mark.parametrize(
    ("epochs", "message"),
    [
        ((9, 9), "stage[1]: from_epoch 9 does not come after 9; sort the stages"),
        ((9, 8), "stage[1]: from_epoch 8 does not come after 9; sort the stages"),
        ((9, 30), "stage[1]: from_epoch 30 never comes; training ends after 30 epochs"),
    ],
)
def test_refuses_epochs(write, epochs, message):
    stages = "".join(
        f"[[stage]]\nfrom_epoch = {epoch}\noptimizer.learning_rate = {1e-3 / (1 + i)}\n"
        for i, epoch in enumerate(epochs)
    )
    with pytest.raises(InputError, match=r"^x\.toml: ") as caught:
        load(write("x.toml", stages, base=True))
    assert message in str(caught.value)


def test_epoch_0_is_no_stage(write):
    with pytest.raises(InputError, match=r'"stage\[0\]\.from_epoch": expected integer >= 1, found integer 0'):
        load(write("x.toml", "[[stage]]\nfrom_epoch = 0", base=True))


def test_a_stage_resolves_on_its_own(write):
    recipe = load(write("x.toml", "", base=True)).recipe
    resolved = resolve_stage(recipe, Stage(from_epoch=5, augment={"text_line": {"blur_probability": 1.0}}))
    assert resolved.augment.text_line.blur_probability == 1.0
    assert resolved.optimizer == recipe.optimizer
