"""A recipe file and everything it extends, as one validated recipe.

Path: TOML text -> raw tables -> merged along `extends` -> overrides -> data root -> `LoadedRecipe`. Every step that can
be wrong says so in one line (`saccade.errors.InputError`). No data file is opened here.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saccade.errors import InputError
from saccade.recipes.command_line import data_tables, override_tables
from saccade.recipes.diff import Change, diff, flatten, plain
from saccade.recipes.files import anchor, read_lineage
from saccade.recipes.merge import Raw, merge
from saccade.recipes.stages import resolve_stage, stages_of
from saccade.recipes.tables.recipe import RECIPES, Recipe
from saccade.recipes.toml import canonical_hash, format_value, to_toml
from saccade.recipes.unset import covers, remove_unset
from saccade.recipes.validation import format_found, nearest, validate_table

__all__ = ["Ancestor", "LoadedRecipe", "canonical_hash", "load", "resolve_stage", "stages_of", "to_toml", "validate"]

_NO_HYPOTHESIS = 'missing key "hypothesis"; a recipe that extends another says in a sentence what it asks'
_NEVER_INHERITED = ("hypothesis", "expect", "reported")


@dataclass(frozen=True)
class Ancestor:
    """A file that a recipe was made from, as it was when it was read."""

    path: str
    """Absolute."""
    sha256: str
    """Of the file's bytes, hexadecimal."""


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe and where it comes from."""

    recipe: Recipe
    path: Path
    """The file, absolute."""
    lineage: tuple[Ancestor, ...]
    """The file itself, its parent, its grandparent and so on."""
    origins: dict[str, str]
    """Dotted key -> what set or unset it: a file, relative to the recipe's folder, or an option, `$SACCADE_DATA`, `default`."""
    changes: tuple[Change, ...]
    """What differs from the parent, resolved; empty where there is none."""
    overrides: tuple[str, ...]
    """`--set ...` and `--data ...` as they were given; any of them marks the run ad hoc."""


@dataclass(frozen=True)
class _Layer:
    """Keys that one file or one kind of override sets."""

    label: str
    origin: str
    raw: Raw
    unset: tuple[str, ...] = ()


def load(
    path: str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    data: Sequence[str] = (),
    data_root: str | os.PathLike[str] | None = None,
    recipes: Mapping[str, type[Recipe]] = RECIPES,
) -> LoadedRecipe:
    """Return the recipe that a file describes, with all that it extends.

    Args:
        path: The recipe file.
        overrides: `key=value`, the value as TOML writes it, or a plain string if it is no TOML.
        data: `[SPLIT=]FORMAT:PATH`, relative to the current folder; replaces the sources of the split (train unless
            named). Where train is replaced, splits that are not named are emptied, so that `data.val_fraction` applies.
        data_root: Folder of relative data paths; default: the root in the file, else `$SACCADE_DATA`, else `data/`
            beside the recipe.
        recipes: Task -> recipe class; more than ours where a task of one's own is trained.

    Raises:
        InputError: The first thing that is wrong, in one line that names file or option, key and cure.
    """
    files = read_lineage(Path(path))
    folder = files[0].path.parent
    layers = [_Layer(file.label, os.path.relpath(file.path, folder), file.raw, file.unset) for file in reversed(files)]
    inherited: tuple[Recipe, ...] = ()
    raw: Raw = {}
    origins: dict[str, str] = {}
    unset: dict[str, str] = {}
    for layer in layers:
        base = {key: value for key, value in raw.items() if key not in _NEVER_INHERITED}
        raw, recipe = (
            _apply_child(base, layer, recipes, inherited[-1], origins) if inherited else _apply(base, layer, recipes)
        )
        origins, unset = _origins_after(origins, layer, raw), _unset_after(unset, layer, raw)
        inherited += (recipe,)
    for layer in _command_line(overrides, data):
        raw, recipe = _apply_options(raw, layer, recipes)
        _refuse_short_lived(layer, recipe)
        origins, unset = _origins_after(origins, layer, raw), _unset_after(unset, layer, raw)
    recipe, origin = _with_root(recipe, data_root, folder, origins.get("data.root"))
    origins["data.root"] = origin
    return LoadedRecipe(
        recipe=recipe,
        path=files[0].path,
        lineage=tuple(Ancestor(str(file.path), file.sha256) for file in files),
        origins={key: unset.get(key, origins.get(key, "default")) for key in flatten(plain(recipe))},
        changes=diff(inherited[-2], recipe) if len(inherited) > 1 else (),
        overrides=(*(f"--data {item}" for item in data), *(f"--set {item}" for item in overrides)),
    )


def validate(raw: Raw, *, file: str, recipes: Mapping[str, type[Recipe]] = RECIPES) -> Recipe:
    """Return the recipe that plain tables describe; its stages are checked too.

    Args:
        raw: Tables as TOML gives them, without `extends`.
        file: What an error names.
        recipes: Task -> recipe class.

    Raises:
        InputError: The first thing that is wrong.
    """
    table = _recipe_class(raw, file, recipes)
    recipe = validate_table(table, merge(table, {}, raw), file=file)
    stages_of(recipe, file=file)
    return recipe


def _recipe_class(raw: Raw, file: str, recipes: Mapping[str, type[Recipe]]) -> type[Recipe]:
    names = ", ".join(f'"{name}"' for name in recipes)
    task = raw.get("task")
    if task is None:
        raise InputError(f'{file}: missing key "task"; valid: {names}')
    if not isinstance(task, str):
        raise InputError(f'{file}: "task": expected {names.replace(", ", " or ")}, found {format_found(task)}')
    if task not in recipes:
        raise InputError(f'{file}: unknown task "{task}"; {nearest(task, recipes)}')
    return recipes[task]


def _apply(base: Raw, layer: _Layer, recipes: Mapping[str, type[Recipe]]) -> tuple[Raw, Recipe]:
    task = base.get("task", layer.raw.get("task"))
    if layer.raw.get("task", task) != task:
        raise InputError(
            f'{layer.label}: "task" is {format_found(task)} and cannot change; write a recipe that extends none'
        )
    table = _recipe_class({"task": task}, layer.label, recipes)
    raw = merge(table, remove_unset(table, base, layer.unset, layer.label), layer.raw)
    return raw, validate(raw, file=layer.label, recipes=recipes)


def _apply_child(
    base: Raw, layer: _Layer, recipes: Mapping[str, type[Recipe]], parent: Recipe, origins: dict[str, str]
) -> tuple[Raw, Recipe]:
    """Apply what a recipe says that extends another; where it does not say why, that is asked for beside what else is wrong."""
    hypothesis = layer.raw.get("hypothesis", "")
    lacks_it = isinstance(hypothesis, str) and not hypothesis.strip()
    try:
        raw, recipe = _apply(base, layer, recipes)
        _refuse_restated(layer, parent, recipe, origins)
        _refuse_short_lived(layer, recipe)
    except InputError as error:
        if lacks_it:
            raise InputError(f"{error}; besides, {_NO_HYPOTHESIS}") from None
        raise
    if lacks_it:
        raise InputError(f"{layer.label}: {_NO_HYPOTHESIS}")
    return raw, recipe


def _apply_options(base: Raw, layer: _Layer, recipes: Mapping[str, type[Recipe]]) -> tuple[Raw, Recipe]:
    """Apply what the command line says; of a key that no option set, say which option would."""
    try:
        return _apply(base, layer, recipes)
    except InputError as error:
        named = re.match(f'{layer.label}: "([^"]+)": ', str(error))
        if named and not any(covers(named[1], key) or covers(key, named[1]) for key in flatten(layer.raw)):
            raise InputError(f"{error}, with --set {named[1]}=VALUE") from None
        raise


def _origins_after(before: dict[str, str], layer: _Layer, raw: Raw) -> dict[str, str]:
    """Return what set each key of the merged tables; keys of a table that was replaced are forgotten."""
    own = flatten(layer.raw)
    return {key: layer.origin if key in own else before.get(key, "default") for key in flatten(raw)}


def _unset_after(before: dict[str, str], layer: _Layer, raw: Raw) -> dict[str, str]:
    """Return what unset each key that is absent for that reason."""
    marked = before | dict.fromkeys(layer.unset, layer.origin)
    return {key: origin for key, origin in marked.items() if not any(covers(key, other) for other in flatten(raw))}


def _refuse_restated(layer: _Layer, parent: Recipe, recipe: Recipe, origins: dict[str, str]) -> None:
    """Refuse a key whose value is the inherited one: it would read like a change."""
    changed = [change.key for change in diff(parent, recipe, everything=True)]
    for key in flatten({name: value for name, value in layer.raw.items() if name not in _NEVER_INHERITED}):
        whole = key.split("[")[0]
        if not any(covers(whole, other) or covers(other, whole) for other in changed):
            values = flatten(plain(recipe))
            if any(other != key and covers(key, other) for other in values):
                raise InputError(
                    f'{layer.label}: "{key}" is an empty table, which changes nothing: tables are merged; set the keys that should differ, '
                    "a probability to 0, say"
                )
            inherited = values.get(key)
            value = "" if inherited is None else f" = {format_value(inherited)}"
            source = origins.get(key, "default")
            held = "the default" if source == "default" else f"inherited from {source}"
            raise InputError(f'{layer.label}: "{key}"{value} is {held} already; remove it')


def _refuse_short_lived(layer: _Layer, recipe: Recipe) -> None:
    """Refuse a key that an inherited stage sets again: it would hold for the first epochs only, and read like more."""
    if "stage" in layer.raw:
        return
    own = {*flatten(layer.raw), *layer.unset}
    for index, stage in enumerate(recipe.stage):
        for key in flatten({name: keys for name, keys in plain(stage).items() if isinstance(keys, dict)}):
            if key in own:
                raise InputError(
                    f'{layer.label}: "{key}" is set again by the inherited stage[{index}] from epoch {stage.from_epoch}; write the stages '
                    "here too, with the values they should have, or stage = [] for none"
                )


def _command_line(overrides: Sequence[str], data: Sequence[str]) -> list[_Layer]:
    layers = [_Layer("--data", "--data", data_tables(data))] if data else []
    if overrides:
        layers.append(_Layer("--set", "--set", anchor(override_tables(overrides), Path.cwd())))
    return layers


def _with_root(
    recipe: Recipe, argument: str | os.PathLike[str] | None, folder: Path, origin: str | None
) -> tuple[Recipe, str]:
    """Return the recipe with its data root, and what set it."""
    if argument is not None:
        root, origin = os.path.abspath(argument), "--data-root"
    elif recipe.data.root is not None:
        root = recipe.data.root
    elif os.environ.get("SACCADE_DATA"):
        root, origin = os.path.abspath(os.environ["SACCADE_DATA"]), "$SACCADE_DATA"
    else:
        root, origin = str(folder / "data"), "default"
    data = recipe.data.model_copy(update={"root": root})
    return recipe.model_copy(update={"data": data}), origin or "default"
