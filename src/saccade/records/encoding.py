"""JSON as the record writes it: valid for every reader, with the numbers that JSON lacks kept beside it.

JSON has no NaN and no infinity. Such a number is written as null, and `non_finite` at the top of the document holds its
dotted key and its name ("nan", "inf", "-inf"); decoding puts it back. Text is written as UTF-8, not escaped. Not here:
files, and what stands in them.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

NON_FINITE = "non_finite"
_NAMES = ("nan", "inf", "-inf")


def encode(value: Mapping[str, object], *, indent: int | None = None) -> bytes:
    """Encode an object as UTF-8 JSON without a line end.

    Raises:
        TypeError: A value is no plain JSON value (numpy and torch scalars have to be converted by the caller).
    """
    non_finite: dict[str, str] = {}

    def write(leaf: object, path: str) -> object:
        if isinstance(leaf, float) and not math.isfinite(leaf):
            non_finite[path] = str(float(leaf))
            return None
        return leaf

    plain = _map_leaves(value, write)
    if non_finite:
        plain[NON_FINITE] = non_finite
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=indent)
    # File names that are not UTF-8 hold lone surrogates; backslashreplace writes what is also their escape in JSON.
    return text.encode("utf-8", "backslashreplace")


def decode(text: bytes) -> dict[str, Any]:
    """Decode what `encode` wrote.

    Raises:
        ValueError: The text is not UTF-8, not JSON, not an object, or nested too deeply.
    """
    try:
        value = json.loads(text.decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    non_finite = value.pop(NON_FINITE, {})
    if not isinstance(non_finite, dict) or any(name not in _NAMES for name in non_finite.values()):
        raise ValueError(f'"{NON_FINITE}" is no object of numbers that JSON lacks')
    if not non_finite:
        return value

    def read(leaf: object, path: str) -> object:
        return float(non_finite[path]) if leaf is None and path in non_finite else leaf

    restored: dict[str, Any] = _map_leaves(value, read)
    return restored


def decode_rows(lines: Sequence[bytes]) -> list[dict[str, Any]] | None:
    """Decode lines that `encode` wrote, all at once, which takes half the time; None where one of them is damaged."""
    try:
        rows = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        return None
    if len(rows) != len(lines) or not all(isinstance(row, dict) for row in rows):
        return None
    try:
        return [decode(line) if NON_FINITE in row else row for row, line in zip(rows, lines, strict=True)]
    except ValueError:
        return None


def _map_leaves(value: object, change: Callable[[object, str], object], path: str = "") -> Any:
    """Copy nested mappings and sequences with every leaf replaced by `change(leaf, dotted key)`."""
    if isinstance(value, Mapping):
        prefix = f"{path}." if path else ""
        return {str(key): _map_leaves(item, change, f"{prefix}{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_map_leaves(item, change, f"{path}.{index}") for index, item in enumerate(value)]
    return change(value, path)
