"""What the tables say about themselves: which variants a field has, and what a value must be, in words.

Merging, error messages and the generated documentation read the tables through it. It holds no setting of its own.
"""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from saccade.recipes.tables.base import Table

_KINDS = {bool: "true or false", int: "integer", float: "number", str: "string"}
_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of", "pattern": "matching"}
_LIMITS = (*_BOUNDS, "min_length", "max_length")


def tables_in(annotation: Any) -> tuple[type[Table], ...]:
    """Return the tables that a field may hold, in the order they are declared; none for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return (annotation,)
    return tuple(table for part in get_args(annotation) for table in tables_in(part))


def tag_field(table: type[Table]) -> str | None:
    """Return the name of the field that tells a table from its alternatives (`name`, `format`), if it has one."""
    for name, field in table.model_fields.items():
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
            return name
    return None


def tag_of(table: type[Table]) -> str | None:
    """Return the tag of a table (`"adamw"`), or None where it has no alternatives."""
    name = tag_field(table)
    return None if name is None else str(table.model_fields[name].default)


def default_tag(field: FieldInfo) -> str | None:
    """Return the tag of the table that a field holds when the recipe is silent."""
    return tag_of(type(field.default)) if isinstance(field.default, Table) else None


def field_names(table: type[Table]) -> list[str]:
    """Return the fields of a table in reading order: its tag first."""
    tag = tag_field(table)
    return sorted(table.model_fields, key=lambda name: name != tag)


def table_keys(table: type[Table], prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of all tables and fields below a table, over all variants; some come twice."""
    for name, field in table.model_fields.items():
        yield f"{prefix}{name}"
        for child in tables_in(field.annotation):
            yield from table_keys(child, f"{prefix}{name}.")


def describe(annotation: Any, metadata: list[Any] | None = None) -> str:
    """Say what a value must be: `integer >= 1`, `"grey" or "rgb"`, `list of numbers, at least 1 of them`."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        found = [item for part in more for item in (part.metadata if isinstance(part, FieldInfo) else [part])]
        return describe(inner, found)
    return _kind(annotation) + _limits(metadata or [])


def _kind(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _KINDS:
        return _KINDS[annotation]
    if origin is Literal:
        *first, last = (f'"{value}"' for value in arguments)
        return f"{', '.join(first)} or {last}" if first else last
    if tables_in(annotation):
        return "list of [[tables]]" if origin is tuple else "table"
    if origin in (Union, types.UnionType):
        return " or ".join(describe(part) for part in arguments if part is not type(None))
    if origin is tuple:
        kind, _, limits = describe(arguments[0]).partition(" ")
        return f"list of {kind}s {limits}".strip()
    if origin is dict:
        return "table" if arguments[1] is Any else f"table of {describe(arguments[1])}s"
    raise TypeError(f"a recipe cannot hold {annotation}")


def _limits(metadata: list[Any]) -> str:
    """Say the bounds that pydantic keeps as objects of one attribute each (`ge`, `max_length`)."""
    found = {name: getattr(item, name) for item in metadata for name in _LIMITS if hasattr(item, name)}
    bounds = ", ".join(f"{sign} {found[name]}" for name, sign in _BOUNDS.items() if name in found)
    least, most = found.get("min_length"), found.get("max_length")
    if least is None and most is None:
        return f" {bounds}" if bounds else ""
    number = f"at most {most}" if least is None else f"at least {least}" if most is None else f"{least} to {most}"
    return f", {number} of them"
