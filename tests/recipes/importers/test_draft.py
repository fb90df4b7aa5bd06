"""A recipe in the making: what the tables refuse changes nothing, and what is written loads again."""

import tomllib
from pathlib import Path

import pytest

from saccade.errors import InputError
from saccade.recipes.importers.document import Document
from saccade.recipes.importers.draft import Aside, Draft, Left, NoEffect, Section, To
from saccade.recipes.loader import load

VALUES = {
    "epochs": 3,
    "batch": "many",
    "gone": 1,
    "same": False,
    "other": True,
    "free": None,
    "note": "x",
    "rate": "5e-4",
}
LINES = {(name,): line for line, name in enumerate(VALUES, start=1)}


@pytest.fixture
def section() -> Section:
    draft = Draft(Document("x.yml", VALUES, LINES))
    assert draft.put({"data.train": [{"format": "synthetic_plates"}]}) is None
    return Section(draft, (), VALUES)


def test_rules(section: Section) -> None:
    left = Left("no counterpart", (False,))
    section.apply(
        {
            "epochs": To("train.epochs"),
            "batch": To("train.batch_size"),
            "gone": NoEffect("nobody reads it"),
            "same": left,
            "other": left,
            "free": left,
            "note": Aside("a note"),
        }
    )
    section.finish("ignored", "unknown")
    draft = section.draft
    assert draft.raw["train"] == {"epochs": 3}
    assert {outcome.key: (outcome.kind, outcome.line) for outcome in draft.outcomes} == {
        "epochs": ("carried", 1),
        "batch": ("left", 2),
        "gone": ("ignored", 3),
        "same": ("aside", 4),
        "other": ("left", 5),
        "free": ("aside", 6),
        "note": ("aside", 7),
        "rate": ("ignored", 8),
    }
    assert 'the recipe cannot say it: "train.batch_size": expected integer' in draft.list_outcomes("left")[0].why


def test_a_key_that_the_recipe_does_not_have_is_left(section: Section) -> None:
    assert not section.carry("epochs", {"train.epochz": 3})
    assert "unknown key" in section.draft.list_outcomes("left")[0].why
    assert "train" not in section.draft.raw


def test_numbers(section: Section) -> None:
    assert section.read_number("rate") == 0.0005
    assert section.read_number("nowhere", 7) == 7
    for name, says in (("batch", "x.yml:2: batch: expected a number, found the text 'many'"), ("other", "found True")):
        with pytest.raises(InputError, match=says):
            section.read_number(name)
    with pytest.raises(InputError, match="nowhere: expected a number, and there is none"):
        section.read_number("nowhere")
    section.carry("rate", {"optimizer.learning_rate": 0.0005})
    assert section.draft.outcomes[0].why == "a text in YAML 1.1, which wants a point in it (5.0e-4)"


def test_what_is_written_loads(section: Section, tmp_path: Path) -> None:
    section.apply({"epochs": To("train.epochs"), "other": Left("no counterpart"), "gone": NoEffect('it is "gone"')})
    path = tmp_path / "recipe.toml"
    path.write_text(section.draft.write("Written by a test"))
    assert path.read_text().startswith(
        "# Written by a test\n#\n# Not carried over:\n# - other = true: no counterpart\n\ntask ="
    )
    assert tomllib.loads(path.read_text())["reported"] == {"ignored": {"gone": 'it is "gone" (it said 1)'}}
    recipe = load(path).recipe
    assert recipe.train.epochs == 3
    assert recipe.reported is not None
    assert recipe.reported.ignored == {"gone": 'it is "gone" (it said 1)'}
