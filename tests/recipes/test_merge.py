"""Tables merge at any depth, whatever their discriminating field is called; lists and other variants replace."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from saccade.recipes.merge import merge
from saccade.recipes.tables.base import Table


class Red(Table):
    """One leaf variant."""

    kind: Literal["red"] = "red"
    a: int = 0
    b: int = 0


class Blue(Table):
    """Another leaf variant."""

    kind: Literal["blue"] = "blue"
    a: int = 0


Colour = Annotated[Red | Blue, Field(discriminator="kind")]


class Outer(Table):
    """One variant with a union in it."""

    name: Literal["outer"] = "outer"
    colour: Colour = Blue()
    colours: tuple[Colour, ...] = ()


class Other(Table):
    """A variant without."""

    name: Literal["other"] = "other"


class Top(Table):
    """A table whose only field is a union."""

    part: Annotated[Outer | Other, Field(discriminator="name")] = Outer()


@pytest.mark.parametrize(
    ("base", "own", "merged"),
    [
        # Same variant, said or not: key by key.
        ({"kind": "red", "a": 1}, {"b": 2}, {"kind": "red", "a": 1, "b": 2}),
        ({"kind": "red", "a": 1}, {"kind": "red", "b": 2}, {"kind": "red", "a": 1, "b": 2}),
        # Another variant: nothing is inherited.
        ({"kind": "red", "a": 1, "b": 1}, {"kind": "blue"}, {"kind": "blue"}),
        # Silent on both sides: the field's default, against which a change is a change too.
        ({"a": 1}, {"a": 2}, {"kind": "blue", "a": 2}),
        ({"a": 1}, {"kind": "red", "b": 1}, {"kind": "red", "b": 1}),
    ],
)
def test_unions_at_depth(base, own, merged):
    def wrap(colour):
        return {"part": {"name": "outer", "colour": colour}}

    assert merge(Top, wrap(base), wrap(own)) == wrap(merged)


def test_switching_the_outer_variant_forgets_the_inner():
    base = {"part": {"colour": {"kind": "red"}}}
    assert merge(Top, base, {"part": {"name": "other"}}) == {"part": {"name": "other"}}


def test_lists_of_tables_are_replaced_whole():
    base = {"part": {"name": "outer", "colours": [{"kind": "red", "a": 1}]}}
    merged = merge(Top, base, {"part": {"colours": [{"kind": "red", "b": 1}]}})
    assert merged["part"]["colours"] == [{"kind": "red", "b": 1}]


def test_arguments_stay_as_they_are():
    base, own = {"part": {"name": "outer", "colour": {"kind": "red"}}}, {"part": {"colour": {"a": 1}}}
    merge(Top, base, own)
    assert base == {"part": {"name": "outer", "colour": {"kind": "red"}}}
    assert own == {"part": {"colour": {"a": 1}}}
