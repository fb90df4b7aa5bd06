"""What a recipe says in the end, and what differs between two of them, key by key.

Values are compared after validation, defaults filled in: `1` and `1.0` are equal, a restated default is no difference.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

from saccade.recipes.introspect import field_names
from saccade.recipes.tables.base import Table
from saccade.recipes.tables.recipe import Recipe


@dataclass(frozen=True)
class Change:
    """One key that differs; a table that exists on one side only, or changes its variant, is one change."""

    key: str
    """Dotted, `data.train[0].path` inside a list of tables."""
    parent_value: Any
    """Value in the first recipe, as plain data; None where it is not set."""
    value: Any
    """Value in the second."""


def quote(text: str) -> str:
    """Return a text as TOML and JSON quote it; DEL, which only JSON takes as it is, by its code."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def join_key(prefix: str, name: str) -> str:
    """Return a dotted key; a name that TOML could not leave bare is quoted."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        name = quote(name)
    return f"{prefix}.{name}" if prefix else name


def plain(value: Any, *, everything: bool = True) -> Any:
    """Return a table as plain data (dict, list, string, number, bool, None), the key that names a variant first.

    Args:
        value: A table, or a value of one.
        everything: Keep the fields that are declared record-only.
    """
    if isinstance(value, Table):
        names = (name for name in field_names(type(value)) if everything or name not in value.record_only)
        tree = {name: plain(getattr(value, name), everything=everything) for name in names}
        return _without_idle(tree, value) if isinstance(value, Recipe) else tree
    if isinstance(value, dict):
        return {key: plain(item, everything=everything) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item, everything=everything) for item in value]
    return value


def _without_idle(tree: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    """Return the tables of a recipe without what means nothing in it; `tree` is changed in place."""
    for key in recipe.idle:
        *parents, last = key.split(".")
        reduce(lambda table, name: table[name], parents, tree).pop(last, None)
    return tree


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return dotted key -> value; lists of tables become `key[0].name`, an empty table stays a value."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        key = join_key(prefix, name)
        if isinstance(value, dict) and value:
            leaves |= flatten(value, key)
        elif isinstance(value, list | tuple) and value and all(isinstance(item, dict) for item in value):
            for index, item in enumerate(value):
                leaves |= flatten(item, f"{key}[{index}]")
        else:
            leaves[key] = value
    return leaves


def diff(a: Recipe, b: Recipe, *, everything: bool = False) -> tuple[Change, ...]:
    """Return what differs between two recipes, in the order of the second one's tables.

    Args:
        a: The first recipe, or the parent.
        b: The second recipe.
        everything: Compare the data root and the record-only fields (hypothesis, logging intervals) too.
    """
    names = dict.fromkeys([*field_names(type(b)), *field_names(type(a))])
    changes = (
        change
        for name in names
        if everything or name not in a.record_only
        for change in _changes(name, getattr(a, name, None), getattr(b, name, None), everything)
    )
    idle = a.idle | b.idle | ({"train.batch_size"} if a.is_trained != b.is_trained else set())
    return tuple(
        change
        for change in changes
        if (everything or change.key != "data.root") and not any(f"{change.key}.".startswith(f"{key}.") for key in idle)
    )


def _changes(key: str, a: Any, b: Any, everything: bool) -> Iterator[Change]:
    if a == b:
        return
    if isinstance(a, Table) and type(a) is type(b):
        for name in field_names(type(a)):
            if everything or name not in a.record_only:
                yield from _changes(join_key(key, name), getattr(a, name), getattr(b, name), everything)
    elif isinstance(a, dict) and isinstance(b, dict):
        for name in dict.fromkeys([*b, *a]):
            yield from _changes(join_key(key, name), a.get(name), b.get(name), everything)
    elif _are_tables(a) and _are_tables(b) and len(a) == len(b):
        for index, (first, second) in enumerate(zip(a, b, strict=True)):
            yield from _changes(f"{key}[{index}]", first, second, everything)
    else:
        yield Change(key, plain(a), plain(b))


def _are_tables(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, Table) for item in value)
