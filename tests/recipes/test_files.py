"""TOML that is valid and yet no recipe: one line that names the file, whatever the depth or size."""

from pathlib import Path

import pytest

from saccade.errors import InputError
from saccade.recipes.loader import load

DEEP = "is nested more than 20 deep; no recipe is, remove it"
NUL = "holds the character NUL (\\u0000), which no file name can; remove it"


def fails(path, message, **options):
    with pytest.raises(InputError) as caught:
        load(path, **options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "its brackets are nested too deeply for a recipe; remove them"),
        ("a = " + "[" * 30 + "]" * 30, f'"a{"[0]" * 20}" {DEEP}'),
        (".".join("a" * 3000) + " = 1", f'"{".".join("a" * 21)}" {DEEP}'),
        ("[" + ".".join("a" * 3000) + "]", f'"{".".join("a" * 21)}" {DEEP}'),
        ("seed = " + "9" * 5000, "holds an integer of thousands of digits; 64 bits are the limit"),
        ("seed = 0x" + "f" * 5000, '"seed" is an integer of more than 64 bits; write a smaller one'),
        (
            "train.epochs = 9223372036854775808",
            '"train.epochs" is an integer of more than 64 bits; write a smaller one',
        ),
        ('[[data.train]]\npath = "./a\\u0000b"', f'"data.train[0].path" {NUL}'),
        ('extends = "a\\u0000b"\nhypothesis = "x"', f'"extends" {NUL}'),
    ],
    ids=[
        "brackets",
        "lists",
        "dotted key",
        "header",
        "digits",
        "hexadecimal",
        "65 bits",
        "NUL in data",
        "NUL in extends",
    ],
)
def test_toml_that_is_no_recipe(write, text, message):
    fails(write("x.toml", text), f"x.toml: {message}")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epochs=" + "9" * 5000, "holds an integer of thousands of digits; 64 bits are the limit"),
        ("train.epochs=" + "[" * 5000, "its brackets are nested too deeply for a recipe; remove them"),
        ('train.epochs="\\u0000"', f'"train.epochs" {NUL}'),
    ],
)
def test_overrides_that_are_no_recipe_either(write, override, message):
    fails(write("x.toml", "", base=True), f"--set train.epochs: {message}", overrides=[override])


def test_the_largest_integers_are_read(write):
    write("x.toml", f"seed = {2**63 - 1}", base=False)
    with pytest.raises(InputError, match='missing key "task"'):
        load(Path("x.toml"))
