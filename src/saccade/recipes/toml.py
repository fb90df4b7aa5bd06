"""A resolved recipe as text: TOML that loads again to an equal recipe, and the hash that names it.

It writes the value types that recipes have, and is no general TOML writer.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from saccade.recipes.diff import join_key, plain, quote
from saccade.recipes.tables.recipe import Recipe


@dataclass(frozen=True)
class Section:
    """A TOML table in the order it is written."""

    header: str
    """`[train]`, `[[data.train]]`; empty for the keys above the first table."""
    prefix: str
    """Dotted key of the table, `data.train[0]` inside a list."""
    values: dict[str, Any]
    """What the table itself holds, without the tables below it; None where a key is not set."""


def sections(tree: dict[str, Any], name: str = "", prefix: str = "", header: str = "") -> Iterator[Section]:
    """Yield the tables of plain data, parents first.

    Args:
        tree: Plain data, see `diff.plain`.
        name: The table's name as TOML writes it (`data.train`).
        prefix: The table's dotted key as recipes write it (`data.train[0]`).
        header: The table's heading; empty for the top.
    """
    values = {key: value for key, value in tree.items() if not _is_table(value) and not _is_tables(value)}
    if values or header.startswith("[["):
        yield Section(header, prefix, values)
    for key, value in tree.items():
        child, child_prefix = join_key(name, key), join_key(prefix, key)
        if _is_table(value):
            yield from sections(value, child, child_prefix, f"[{child}]")
        elif _is_tables(value):
            for index, item in enumerate(value):
                yield from sections(item, child, f"{child_prefix}[{index}]", f"[[{child}]]")


def format_value(value: Any) -> str:
    """Return a value as TOML writes it on one line.

    Raises:
        ValueError: A number that is not finite, or a value that recipes do not have.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(format_value, value)) + "]"
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{join_key('', key)} = {format_value(item)}" for key, item in value.items()) + " }"
            if value
            else "{}"
        )
    raise ValueError(f"a recipe cannot hold {value!r}")


def to_toml(recipe: Recipe) -> str:
    """Return the resolved recipe: every key with its value, defaults included; keys that are not set are left out."""
    return "\n".join(
        "".join(
            [f"{section.header}\n" if section.header else ""]
            + [f"{join_key('', key)} = {format_value(v)}\n" for key, v in section.values.items() if v is not None]
        )
        for section in sections(plain(recipe))
    )


def canonical_hash(recipe: Recipe) -> str:
    """Return the SHA-256 of the resolved recipe, as hexadecimal; its first 8 digits name the run's folder.

    The data root is no part of it: the same recipe has the same hash wherever the data lie.
    """
    tree = plain(recipe)
    tree["data"].pop("root")
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
