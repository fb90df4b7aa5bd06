"""Runs that a model is made of or learns from, and the members of an ensemble as theirs say them; weights are loaded elsewhere."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saccade.data.splits import make_units
from saccade.errors import InputError
from saccade.recipes.loader import load
from saccade.recipes.tables.ensemble import Member, MemberReader
from saccade.recipes.tables.read import Crnn, TextTable
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.recipes.tables.sequence import Aster, AttentionReader, Satrn
from saccade.tasks.read.ensemble import match_outputs


@dataclass(frozen=True)
class FoundMember:
    """The run of a member, what it is, and what it reads."""

    folder: Path
    reader: MemberReader
    text: TextTable


def find_members(members: Sequence[Member], text: TextTable) -> tuple[FoundMember, ...]:
    """Return what the runs of all members say.

    Args:
        members: Of the recipe.
        text: The ensemble's own `[text]`.

    Raises:
        InputError: A run is missing or no reader that can be a member, or they do not read the same units.
    """
    found = tuple(_find_member(member, f"model.member[{number}]") for number, member in enumerate(members))
    for one in found:
        if one.text.units != text.units:
            raise InputError(
                f'text.units: is "{text.units}", but {one.folder} reads {one.text.units}; write [text] units = "{one.text.units}"'
            )
    named = [(str(one.folder), make_units(one.text).units) for one in found]
    if text.charset is not None or text.tokens is not None:
        named = [("[text]", make_units(text).units), *named]
    for name, units in named[1:]:
        match_outputs(named[0], (name, units))
    return found


def _find_member(member: Member, key: str) -> FoundMember:
    folder = find_run(member.run, f"{key}.run")
    recipe = load(folder / "recipe.toml").recipe
    if not isinstance(recipe, ReadRecipe):
        raise InputError(
            f'{folder}: {key}.run is a run of task "{recipe.task}", which reads no text; name one of task "read"'
        )
    model = recipe.model
    if not isinstance(model, AttentionReader | Aster | Satrn):
        why = (
            "reads all columns at once (CTC)" if isinstance(model, Crnn) else "does not write one unit after the other"
        )
        raise InputError(f"{folder}: {key}.run is {model.name}, which {why}; members are attention, aster and satrn")
    reader = MemberReader(preprocessing=recipe.preprocessing, model=model)
    if member.reader not in (None, reader):
        raise InputError(f"{folder}: {key}.reader is not what this run is; remove reader, or name the run it was of")
    return FoundMember(folder, reader, recipe.text)


def find_run(name: str, key: str) -> Path:
    """Return a run's folder: the one named, or the only one in it.

    Args:
        name: What the recipe says.
        key: Where it says it.

    Raises:
        InputError: It is no run, and does not hold exactly one.
    """
    path = Path(name)
    if os.path.isfile(path / "recipe.toml"):  # unlike `Path.is_file` it takes any name, however long
        return path
    if not os.path.isdir(path):
        raise InputError(
            f"{path}: {key} does not exist; name a run folder, or the folder of an experiment with one run"
        )
    runs = sorted(recipe.parent for recipe in path.glob("*/recipe.toml"))
    if not runs:
        raise InputError(f"{path}: {key} is no run and holds none; name the folder that `saccade train` printed")
    if len(runs) > 1:
        raise InputError(f"{path}: {key} holds {len(runs)} runs; name one of them, such as {runs[-1]}")
    return runs[0]
