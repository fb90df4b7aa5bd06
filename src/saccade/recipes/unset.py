"""`unset = ["train.grad_clip_norm"]`: the optional keys that a child recipe takes away from what it inherits.

TOML has no null, so without it nothing could end what an ancestor began: docs/decisions/0004-unset.md.
"""

import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

from saccade.errors import InputError
from saccade.recipes.diff import flatten, join_key
from saccade.recipes.introspect import default_tag, tables_in, tag_field, tag_of
from saccade.recipes.merge import Raw
from saccade.recipes.tables.base import Table
from saccade.recipes.validation import format_found, nearest


def take_unset(raw: Raw, label: str, *, extends: str | None) -> tuple[str, ...]:
    """Take the list out of a recipe's tables and return its keys, each written the one way.

    Raises:
        InputError: It is no list of keys, the recipe inherits nothing, or sets one of the keys itself.
    """
    if "unset" not in raw:
        return ()
    listed = raw.pop("unset")
    if extends is None:
        raise InputError(f'{label}: "unset" takes inherited keys away, and this recipe extends none; remove it')
    if not isinstance(listed, list) or not listed or not all(isinstance(key, str) for key in listed):
        raise InputError(
            f'{label}: "unset": expected a list of keys such as ["train.ema_decay"], found {format_found(listed)}'
        )
    keys = [".".join(join_key("", part) for part in _split(key, label)) for key in listed]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise InputError(f'{label}: unset "{key}": is listed twice; once is enough')
        own = [other for other in flatten(raw) if covers(key, other) or covers(other, key)]
        if own:
            raise InputError(f'{label}: unset "{key}": this recipe sets "{own[0]}" itself; leave one of the two')
    return tuple(keys)


def remove_unset(table: type[Table], base: Raw, unset: Sequence[str], label: str) -> Raw:
    """Return inherited keys without those that are unset; `base` stays as it is.

    Raises:
        InputError: A key is not inherited, or not optional.
    """
    for key in unset:
        parts = _split(key, label)
        choices = [path for path in _paths(base) if _is_optional(table, base, path)]
        if parts not in list(_paths(base)):
            names = [".".join(join_key("", part) for part in path) for path in choices]
            cure = nearest(key, names) if names else "nothing optional is inherited"
            raise InputError(f'{label}: unset "{key}": no ancestor sets it; {cure}')
        if parts not in choices:
            raise InputError(f'{label}: unset "{key}": it always has a value; write the one you want instead')
        base = _without(base, parts)
    return base


def covers(key: str, other: str) -> bool:
    """Tell whether a dotted key is another one, or a table or list that holds it."""
    return other == key or other.startswith((f"{key}.", f"{key}["))


def _split(key: str, label: str) -> tuple[str, ...]:
    """Return the names that a dotted key joins, quoted ones without their quotes."""
    try:
        tree: Any = tomllib.loads(f"{key} = 0") if "\n" not in key else {}
    except tomllib.TOMLDecodeError:
        tree = {}
    parts = []
    while isinstance(tree, dict) and tree:  # one key has one name at each level
        ((name, tree),) = tree.items()
        parts.append(name)
    if not parts:
        raise InputError(f'{label}: unset "{key}": not a key; write it like train.ema_decay (lists are replaced whole)')
    return tuple(parts)


def _paths(tree: Raw) -> Iterator[tuple[str, ...]]:
    for name, value in tree.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, *path) for path in _paths(value))


def _is_optional(table: type[Table], base: Raw, path: Sequence[str]) -> bool:
    """Tell whether a key may be absent: its default is none, or it is an entry of a table of free keys."""
    name, *below = path
    field = table.model_fields.get(name)
    if field is None or not below:
        return field is not None and field.default is None
    variants = tables_in(field.annotation)
    if not variants:
        return True
    held, tag = base[name], tag_field(variants[0])
    wanted = None if tag is None else held.get(tag, default_tag(field))
    chosen = next((variant for variant in variants if tag is None or tag_of(variant) == wanted), None)
    return chosen is not None and _is_optional(chosen, held, below)


def _without(tree: Raw, path: Sequence[str]) -> Raw:
    name, *below = path
    rest = {key: value for key, value in tree.items() if key != name}
    return rest | {name: _without(tree[name], below)} if below else rest
