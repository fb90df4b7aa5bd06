"""A YAML file as plain values, with the line of each key. Nothing in the file is run, and no size of it hurts.

Path: bytes -> text -> nodes, checked for what no configuration holds -> `yaml.safe_load`.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.errors import InputError, make_printable, quote

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value, from the top."""

_MAX_BYTES = 256 * 1024
_MAX_VALUES = 20_000
"""Values that aliases may multiply a document to."""
_MAX_DEPTH = 20
_TAG = "tag:yaml.org,2002:"
_PLAIN = {f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map")}


@dataclass(frozen=True)
class Document:
    """A configuration file."""

    label: str
    """What an error names: the path as it was given."""
    values: dict[str, Any]
    lines: dict[Place, int]
    """Place of each key -> its line, from 1."""

    def where(self, place: Place) -> str:
        """Return file, line and dotted key of a place, as an error names it."""
        line = next((self.lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in self.lines), 1)
        return f"{self.label}:{line}: {write_place(place)}"


def write_place(place: Place) -> str:
    """Return the dotted key of a place, without positions in lists."""
    return ".".join(make_printable(part) for part in place if isinstance(part, str))


def read_yaml(path: Path) -> Document:
    """Read a YAML file that holds one mapping.

    Raises:
        InputError: `pyyaml` is not installed, or the file cannot be read, is not YAML, is too large, or holds a class, a
            key twice, or something else than a mapping.
    """
    text = _read_text(path)
    yaml = _import_yaml(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = _check_nodes(path, node)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(_describe(path, error)) from None
    except RecursionError:
        raise InputError(f"{path}: its brackets are nested too deeply for a configuration; remove them") from None
    except InputError:
        raise
    except ValueError as error:  # an integer of thousands of digits, a date that there is not
        raise InputError(f"{path}: a value cannot be read ({error}); correct it") from None
    return Document(str(path), _make_plain(values), lines)


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give a YAML file of PaddleOCR") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a YAML file of PaddleOCR") from None
    if len(content) > _MAX_BYTES:
        raise InputError(f"{path}: {len(content):,} bytes are too many for a configuration ({_MAX_BYTES:,} at most)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: not UTF-8; save the file as UTF-8") from None


def _import_yaml(path: Path) -> Any:
    """Import an extra that only this needs."""
    try:
        import yaml  # type: ignore[import-untyped]  # noqa: PLC0415  it ships no annotations
    except ModuleNotFoundError:
        raise InputError(
            f'{path}: YAML needs the package pyyaml; install it with: pip install "saccade[yaml]"'
        ) from None
    return yaml


def _describe(path: Path, error: Any) -> str:
    """Say a parser's complaint in one line."""
    mark = getattr(error, "problem_mark", None)
    where = str(path) if mark is None else f"{path}:{mark.line + 1}"
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    if "'\\t'" in problem:
        return f"{where}: a tab stands where YAML wants spaces; replace it"
    if "undefined alias" in problem:
        return f"{where}: not YAML ({problem}); name an anchor (&...) that stands before it"
    return f"{where}: not YAML ({make_printable(problem)}); correct the line"


def _check_nodes(path: Path, top: Any) -> dict[Place, int]:
    """Refuse what no configuration holds and return the lines of the keys; aliases are followed as `safe_load` does."""
    if getattr(top, "id", None) != "mapping":
        kind = {None: "nothing", "sequence": "a list"}.get(getattr(top, "id", None), "a single value")
        raise InputError(f"{path}: holds {kind}, where a configuration has sections such as Global and Architecture")
    lines: dict[Place, int] = {}
    pending: list[tuple[Place, Any]] = [((), top)]
    num_values = 0
    while pending:
        place, node = pending.pop()
        num_values += 1
        where = f"{path}:{node.start_mark.line + 1}"
        if num_values > _MAX_VALUES:
            raise InputError(f"{where}: its aliases (*...) make more than {_MAX_VALUES:,} values; write fewer")
        if len(place) > _MAX_DEPTH:
            raise InputError(f"{where}: is nested more than {_MAX_DEPTH} deep, or holds itself; no configuration does")
        if node.tag not in _PLAIN:
            tag = make_printable(node.tag.replace(_TAG, "!!"))
            raise InputError(
                f"{where}: the tag {quote(tag)} asks for a class, and only plain values are read; remove it"
            )
        if node.id == "sequence":
            pending += [((*place, index), item) for index, item in enumerate(node.value)]
        elif node.id == "mapping":
            pending += _list_children(path, place, node, lines)
    return lines


def _list_children(path: Path, place: Place, node: Any, lines: dict[Place, int]) -> list[tuple[Place, Any]]:
    """Return the values of a mapping with their places, and enter the lines of its keys."""
    children: list[tuple[Place, Any]] = []
    names: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag == f"{_TAG}merge":
            raise InputError(f"{path}:{line}: merging (<<) is not followed; write the keys out")
        if key.tag != f"{_TAG}str":
            raise InputError(f"{path}:{line}: a key is a name; put {quote(str(key.value))} in quotes, or correct it")
        if key.value in names:
            raise InputError(
                f"{path}:{line}: {write_place((*place, key.value))} is there twice, and PaddleOCR takes the last; remove one"
            )
        names.add(key.value)
        lines[(*place, key.value)] = line
        children.append(((*place, key.value), value))
    return children


def _make_plain(value: Any) -> Any:
    """Return values that JSON and TOML know: dates and numbers that are not finite become text."""
    if isinstance(value, dict):
        return {key: _make_plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_make_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)
