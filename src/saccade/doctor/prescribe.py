"""Recipes that would separate the changes between two others: the parent with half of the changes each.

Path: `attribution.Unit` -> the most even halves that are valid recipes -> TOML that extends the parent's file. Nothing
is trained here, and a file is written only by `write_proposals`.
"""

import itertools
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from saccade.doctor.attribution import Unit, list_staged
from saccade.errors import InputError
from saccade.recipes.diff import flatten, join_key, plain
from saccade.recipes.introspect import field_names, tag_field
from saccade.recipes.loader import validate
from saccade.recipes.merge import merge
from saccade.recipes.tables.base import Table
from saccade.recipes.tables.recipe import Recipe
from saccade.recipes.toml import format_value, sections
from saccade.recipes.unset import covers

_MOST_SPLITS = 512
"""Ways to halve the changes that are tried."""
_MAX_NAME = 60


@dataclass(frozen=True)
class Proposal:
    """A recipe that nobody has trained yet.

    Attributes:
        name: File name, with `.toml`.
        parent: What the parent is called.
        child: What the child is called.
        groups: The tables of the recipe that it changes.
        num_changes: How many settings of the child it takes over.
        num_all: How many the child has changed.
        extends: The recipe file that it changes, absolute.
        hypothesis: What it asks.
        tables: The keys that it sets.
        unset: The keys that it takes away.
        data_root: What `data.root` has to be said as, because the parent leaves it to where the file lies.
    """

    name: str
    parent: str
    child: str
    groups: tuple[str, ...]
    num_changes: int
    num_all: int
    extends: Path
    hypothesis: str
    tables: Mapping[str, Any]
    unset: tuple[str, ...]
    data_root: str | None

    @property
    def text(self) -> str:
        """The recipe, wherever it is put."""
        return self._render(str(self.extends), self.data_root)

    def text_in(self, folder: Path) -> str:
        """Return the recipe as a file of a folder: its parent is named from there where the two are in one tree."""
        folder = Path(os.path.abspath(folder))
        if folder == self.extends.parent:
            return self._render(self.extends.name, None)
        shares_tree = len(Path(os.path.commonpath([folder, self.extends])).parts) > 1
        return self._render(os.path.relpath(self.extends, folder) if shares_tree else str(self.extends), self.data_root)

    def _render(self, extends: str, data_root: str | None) -> str:
        tables = dict(self.tables)
        if data_root is not None:
            tables = merge(None, {"data": {"root": data_root}}, tables)
        lines = [f"extends = {format_value(extends)}", f"hypothesis = {format_value(self.hypothesis)}"]
        lines += [f"unset = {format_value(self.unset)}"] if self.unset else []
        for section in sections(tables):
            lines += ["", section.header] if section.header else []
            lines += [f"{join_key('', key)} = {format_value(value)}" for key, value in section.values.items()]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Origin:
    """Where proposals start from.

    Attributes:
        file: The parent's recipe file, or that of a run; absolute.
        parent: The parent's name.
        child: The child's name.
        data_root: What `data.root` has to be said as, because the file leaves it to where it lies; None where it does not.
    """

    file: Path
    parent: str
    child: str
    data_root: str | None = None


def propose(parent: Recipe, child: Recipe, units: Sequence[Unit], origin: Origin) -> tuple[Proposal, ...]:
    """Return two recipes, the parent with half of the changes each, that together tell which half makes the difference.

    Changes of one table stay together as long as there are several tables. Of all ways to halve them the most even one
    is taken whose recipes are valid.

    Returns:
        Nothing where there are fewer than two units, or no half of them makes a recipe.
    """
    for halves in _list_halves(units):
        tables = [_write_tables(child, half) for half in halves]
        if all(_is_recipe(parent, *half) for half in tables):
            names = _name_halves(halves, origin.child)
            return tuple(
                _write_proposal(half, table, name, origin, sum(len(unit.changes) for unit in units))
                for half, table, name in zip(halves, tables, names, strict=True)
            )
    return ()


def _list_halves(units: Sequence[Unit]) -> Iterator[tuple[tuple[Unit, ...], tuple[Unit, ...]]]:
    """Yield every way to halve the units, whole tables before parts of them, the most even first."""
    tables: dict[str, list[Unit]] = {}
    for unit in units:
        tables.setdefault(unit.group, []).append(unit)
    for blocks in (list(tables.values()), [[unit] for unit in units]):
        if len(blocks) < 2:
            continue
        sizes = [sum(len(unit.changes) for unit in block) for block in blocks]
        first_of_each = itertools.islice(_list_subsets(len(blocks)), _MOST_SPLITS)
        ways = sorted(first_of_each, key=lambda chosen: abs(sum(sizes) - 2 * sum(sizes[index] for index in chosen)))
        for chosen in ways:
            first = tuple(unit for index in chosen for unit in blocks[index])
            yield first, tuple(unit for unit in units if unit not in first)


def _list_subsets(count: int) -> Iterator[tuple[int, ...]]:
    """Yield the subsets with the first and without the last first, so that neighbours stay together; no mirror images."""
    yield from (tuple(range(size)) for size in range(1, count))
    for size in range(1, count):
        for rest in itertools.combinations(range(1, count), size - 1):
            if rest != tuple(range(1, size)):
                yield (0, *rest)


def _write_tables(child: Recipe, units: Iterable[Unit]) -> tuple[dict[str, Any], list[str]]:
    """Return what a recipe has to set for some of the child's changes, and the keys that it has to take away."""
    own: dict[str, Any] = {}
    unset: list[str] = []
    for key in dict.fromkeys(change.key.partition("[")[0] for unit in units for change in unit.changes):
        value = _shorten(_look_up(child, key))
        if value is None:
            unset.append(key)
        else:
            own = merge(None, own, _nest(key, value))
    return own, unset


def _look_up(child: Recipe, key: str) -> Any:
    value: Any = child
    for name in _split(key):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


def _split(key: str) -> list[str]:
    """Return the names that a dotted key joins, quoted ones without their quotes."""
    tree: Any = tomllib.loads(f"{key} = 0")
    names = []
    while isinstance(tree, dict):
        ((name, tree),) = tree.items()
        names.append(name)
    return names


def _nest(key: str, value: Any) -> dict[str, Any]:
    for name in reversed(_split(key)):
        value = {name: value}
    nested: dict[str, Any] = value
    return nested


def _shorten(value: Any) -> Any:
    """Return a value as a recipe would write it: of tables the variant's name and what is not its default."""
    if isinstance(value, Table):
        tag = tag_field(type(value))
        fields = type(value).model_fields
        names = [
            name for name in field_names(type(value)) if getattr(value, name) != fields[name].default or name == tag
        ]
        return {name: _shorten(getattr(value, name)) for name in names}
    if isinstance(value, tuple | list):
        return [_shorten(item) for item in value]
    return plain(value)


def _is_recipe(parent: Recipe, own: dict[str, Any], unset: Sequence[str]) -> bool:
    """Tell whether the parent with these keys is a valid recipe whose every line holds throughout the training."""
    keys = (*flatten(own), *unset)
    if "stage" not in own and any(covers(key, staged) for key in keys for staged in list_staged(parent)):
        return False
    base = _drop_absent(plain(parent))
    for key in unset:
        *tables, last = _split(key)
        table = base
        for name in tables:
            table = table.get(name, {})
        table.pop(last, None)
    try:
        validate(merge(type(parent), base, own), file="a proposal")
    except InputError:
        return False
    return True


def _drop_absent(value: Any) -> Any:
    """Return plain data without the keys that are not set, which a file could not write."""
    if isinstance(value, dict):
        return {name: _drop_absent(item) for name, item in value.items() if item is not None}
    return [_drop_absent(item) for item in value] if isinstance(value, list) else value


def _name_halves(halves: Sequence[Sequence[Unit]], child: str) -> list[str]:
    groups = [list(dict.fromkeys(unit.group for unit in half)) for half in halves]
    stem = re.sub(r"[^\w.-]+", "-", child).strip("-.") or "child"
    names = [f"{stem}-{'-'.join(names)}"[:_MAX_NAME].rstrip("-") for names in groups]
    if names[0] == names[1]:
        names = [f"{name}-{number}" for number, name in enumerate(names, start=1)]
    return [f"{name}.toml" for name in names]


def _write_proposal(
    units: Sequence[Unit], tables: tuple[dict[str, Any], list[str]], name: str, origin: Origin, num_all: int
) -> Proposal:
    own, unset = tables
    count, groups = sum(len(unit.changes) for unit in units), tuple(dict.fromkeys(unit.group for unit in units))
    *first, last = groups
    where = f"{', '.join(first)} and {last}" if first else last
    which = f"{count} of the {num_all} settings that changed from {origin.parent} to {origin.child}"
    hypothesis = f"The difference comes from {where}: {which} change here, and the others stay as in {origin.parent}."
    return Proposal(
        name=name,
        parent=origin.parent,
        child=origin.child,
        groups=groups,
        num_changes=count,
        num_all=num_all,
        extends=origin.file,
        hypothesis=hypothesis,
        tables=own,
        unset=tuple(unset),
        data_root=origin.data_root,
    )


def write_proposals(proposals: Iterable[Proposal], folder: Path) -> list[Path]:
    """Write proposals as recipe files and return their paths; files that are there stay as they are.

    Raises:
        InputError: A file of that name exists, in which case nothing is written, or the folder cannot be written.
    """
    named = _rename_repeated(proposals)
    present = [folder / one.name for one in named if (folder / one.name).exists()]
    if present:
        raise InputError(f"{present[0]} is there already and is not overwritten; give --write another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in named:
            with (folder / one.name).open("x", encoding="utf-8") as file:
                file.write(one.text_in(folder))
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}); give --write another folder") from None
    return [folder / one.name for one in named]


def _rename_repeated(proposals: Iterable[Proposal]) -> list[Proposal]:
    """Return the proposals with names that differ: two children may be called the same."""
    named: dict[str, Proposal] = {}
    for one in proposals:
        name = one.name
        for number in itertools.count(2):
            if name not in named:
                break
            name = f"{one.name.removesuffix('.toml')}-{number}.toml"
        named[name] = replace(one, name=name)
    return list(named.values())
