"""The parts of a reader's recipe: layouts of plates, lengths, and a starter that stays true to the measured baseline."""

import tomllib
from pathlib import Path

import pytest

from saccade.commands.new_read import find_layouts
from saccade.commands.recipe_draft import read_starter, stretch
from saccade.recipes.loader import validate

BASELINE = Path(__file__).parents[2] / "experiments" / "plates_uz" / "baseline.toml"


def test_starter_is_the_baseline():
    starter = read_starter("starter.toml")
    baseline = tomllib.loads(BASELINE.read_text(encoding="utf-8"))
    for key in ("task", "data", "hypothesis", "seed", "budget"):
        baseline.pop(key, None)
    assert starter == baseline, "copy what stands below [data] in the baseline into src/saccade/commands/starter.toml"


@pytest.mark.parametrize("num_train", [1, 30_000, 60_000, 10**7])
def test_a_recipe_of_any_length_is_valid(num_train):
    starter = read_starter("starter.toml")
    data = {"train": [{"format": "synthetic_plates"}]}
    recipe = validate({"task": "read", "data": data} | stretch(starter, num_train), file="x.toml")
    assert recipe.train.epochs == max(1, min(300, round(250_000 / num_train)))
    assert all(stage.from_epoch < recipe.train.epochs for stage in recipe.stage)


@pytest.mark.parametrize(
    ("labels", "layouts"),
    [
        (["01A115AA", "30U250VA"], ["00 A 000 AA", "00A000AA"]),
        (["AB1234"] * 9 + ["odd one"], []),
        (["HELLO", "WORLD"], []),
        (["12345", "67890"], []),
        ([chr(65 + n) * (n + 1) + "1" * (9 - n) for n in range(9)], []),
    ],
    ids=["plates", "one of ten is none", "words", "numbers", "too many layouts"],
)
def test_finds_the_layouts_of_plates(labels, layouts):
    assert find_layouts(labels) == layouts
