"""One table validated, and every way in which that fails said in one line.

pydantic finds what is wrong; this module says where (the key as the recipe writes it), what is expected, and the
nearest valid name. It reads no file; `loader.py` does.
"""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from saccade.errors import InputError
from saccade.recipes.diff import flatten, join_key
from saccade.recipes.introspect import describe, table_keys, tables_in, tag_field, tag_of
from saccade.recipes.tables.base import Table

T = TypeVar("T", bound=Table)

#: Misspelt names first: a key that is missing is often one of them.
_ORDER = ("extra_forbidden", "union_tag_invalid", "union_tag_not_found", "missing")

#: Characters of a wrong string that an error repeats.
_MAX_SHOWN = 40


def validate_table(table: type[T], raw: dict[str, Any], *, file: str) -> T:
    """Return the table that plain data describe.

    Raises:
        InputError: The first thing that is wrong, with file, key and cure, and how many more there are.
    """
    try:
        return table.model_validate(_as_tuples(raw))
    except ValidationError as error:
        errors = [item for item in error.errors(include_url=False) if not _follows(item)]
    errors.sort(key=lambda item: _ORDER.index(item["type"]) if item["type"] in _ORDER else len(_ORDER))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    raise InputError(f"{file}: {_say(table, errors[0])}{more}") from None


def _follows(error: ErrorDetails) -> bool:
    """Tell whether a list is called too short only because pydantic did not count the items that are wrong."""
    return error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return `nearest: "a", "b"`, or all valid names where none is near."""
    choices = list(dict.fromkeys(valid))
    near = difflib.get_close_matches(name, choices, n=3)
    return ("nearest: " if near else "valid: ") + ", ".join(f'"{choice}"' for choice in near or choices)


def format_found(value: Any) -> str:
    """Say what was found in place of a value: its kind and, if it is short, itself."""
    if isinstance(value, str):
        shown = value if len(value) <= _MAX_SHOWN else value[:_MAX_SHOWN] + "..."
        return "string " + json.dumps(shown, ensure_ascii=False)
    if isinstance(value, dict):
        return "table" if value else "empty table"
    if isinstance(value, list | tuple):
        return f"list of {len(value)}" if value else "empty list"
    if isinstance(value, bool):
        return str(value).lower()
    kinds = {int: "integer", float: "number"}
    return f"{kinds.get(type(value), 'date or time')} {value}"


@dataclass(frozen=True)
class _Place:
    """Where an error is: its key, the table that holds it, and the tables that could stand in that one's place."""

    key: str
    """As the recipe writes it, without the tag that pydantic puts in."""
    table_key: str
    table: type[Table] | None
    alternatives: tuple[type[Table], ...]
    annotation: Any
    metadata: list[Any]


def _locate(top: type[Table], location: tuple[int | str, ...]) -> _Place:
    place = _Place("", "", None, (), top, [])
    variants: tuple[type[Table], ...] = (top,)
    for part in location:
        if place.table is None and len(variants) > 1 and isinstance(part, str):
            chosen = next(variant for variant in variants if tag_of(variant) == part)
            place = _Place(place.key, place.key, chosen, variants, place.annotation, place.metadata)
            continue
        if isinstance(part, int):
            annotation = get_args(place.annotation)[0]
            place = _Place(f"{place.key}[{part}]", place.table_key, None, variants, annotation, [])
            continue
        table = place.table or (variants[0] if len(variants) == 1 else None)
        alternatives = place.alternatives if place.table else variants
        table_key = place.key
        key = join_key(table_key, part)
        field = table.model_fields.get(part) if table else None
        if field is not None:
            variants = tables_in(field.annotation)
            place = _Place(key, table_key, None, alternatives, field.annotation, field.metadata)
        elif table is None and get_origin(place.annotation) is dict:
            place = _Place(key, table_key, None, (), get_args(place.annotation)[1], [])
        else:
            place = _Place(key, table_key, table, alternatives, Any, [])
    return place


def _say(top: type[Table], error: ErrorDetails) -> str:
    place = _locate(top, error["loc"])
    kind, found = error["type"], error["input"]
    if kind == "extra_forbidden":
        return _say_unknown(top, place, error)
    if kind.startswith("union_tag"):
        return _say_variant(place, error)
    if kind == "value_error":
        reason = str(error["ctx"]["error"])
        return f'"{place.key}": {reason}' if place.key else reason
    expected = describe(place.annotation, place.metadata)
    if kind == "missing":
        return f'missing key "{place.key}" ({expected})'
    if kind == "finite_number":
        return f'"{place.key}": expected a finite {expected}, found {found}'
    hint = ""
    if kind == "literal_error" and isinstance(found, str):
        hint = "; " + nearest(found, map(str, get_args(place.annotation)))
    return f'"{place.key}": expected {expected}, found {format_found(found)}{hint}'


def _say_unknown(top: type[Table], place: _Place, error: ErrorDetails) -> str:
    name = str(error["loc"][-1])
    having = [tag_of(table) for table in place.alternatives if name in table.model_fields]
    if having and place.table is not None:
        names = ", ".join(str(tag) for tag in having)
        verb = "has" if len(having) == 1 else "have"
        return f'"{place.key}" is not a key of {place.table_key} "{tag_of(place.table)}"; {names} {verb} it'
    found = error["input"]
    key = next(iter(flatten(found, place.key))) if isinstance(found, dict) and found else place.key
    siblings = [
        *(place.table.model_fields if place.table else ()),
        *(["extends", "unset"] if place.table is top else []),
    ]
    near = difflib.get_close_matches(name, siblings, n=3)
    elsewhere = [other for other in dict.fromkeys(table_keys(top)) if name in _short_forms(other)]
    # a table that stands inside another one too is named where it stands by itself
    elsewhere = [other for other in elsewhere if not any(other.endswith(f".{key}") for key in elsewhere)]
    choices = [join_key(place.table_key, other) for other in near] or elsewhere
    if choices:
        return f'unknown key "{key}"; nearest: ' + ", ".join(f'"{choice}"' for choice in choices)
    where = f" in {place.table_key}" if place.table_key else ""
    return f'unknown key "{key}"; valid{where}: ' + ", ".join(siblings)


def _short_forms(key: str) -> tuple[str, str]:
    """Return what people write for a dotted key: its last part, and that part's initials (`lr`)."""
    last = key.rpartition(".")[2]
    return last, "".join(word[:1] for word in last.split("_"))


def _say_variant(place: _Place, error: ErrorDetails) -> str:
    variants = tables_in(place.annotation)
    key = join_key(place.key, str(tag_field(variants[0])))
    valid = [str(tag_of(variant)) for variant in variants]
    if error["type"] == "union_tag_not_found":
        return f'missing key "{key}"; valid: ' + ", ".join(f'"{name}"' for name in valid)
    tag = str(error["ctx"]["tag"])
    return f'unknown {key} "{tag}"; {nearest(tag, valid)}'


def _as_tuples(value: Any) -> Any:
    """Return plain data with every list as the tuple that a frozen table holds."""
    if isinstance(value, dict):
        return {key: _as_tuples(item) for key, item in value.items()}
    return tuple(map(_as_tuples, value)) if isinstance(value, list | tuple) else value
