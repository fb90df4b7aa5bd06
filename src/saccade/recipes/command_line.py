"""`--set key=value` and `--data [SPLIT=]FORMAT:PATH` as the tables that they stand for."""

import os
import re
import tomllib
from collections.abc import Sequence

from saccade.errors import InputError
from saccade.recipes.diff import flatten, join_key
from saccade.recipes.files import SPLITS, parse_tables
from saccade.recipes.merge import Raw, merge
from saccade.recipes.toml import format_value
from saccade.recipes.unset import covers
from saccade.recipes.validation import nearest

_FORMATS = (
    "tsv",
    "csv",
    "paddleocr",
    "doctr",
    "lmdb",
    "filename",
    "folder",
    "formula_list",
    "im2markup",
    "inkml",
    "aida",
)
_ONLY_IN_FILES = ("extends", "unset")


def override_tables(overrides: Sequence[str]) -> Raw:
    """Return what all `--set key=value` say together.

    Raises:
        InputError: One is no assignment, or two say something of the same key.
    """
    tables: Raw = {}
    sayings: dict[str, str] = {}
    for override in overrides:
        own = _override_table(override)
        for key in flatten(own):
            before = next((other for other in sayings if covers(other, key) or covers(key, other)), None)
            if before is not None:
                raise InputError(
                    f'--set "{override}" and --set "{sayings[before]}" both say what "{key}" is; leave one out'
                )
        sayings |= dict.fromkeys(flatten(own), override)
        tables = merge(None, tables, own)
    return tables


def _override_table(text: str) -> Raw:
    key, equals, value = text.partition("=")
    try:
        table = parse_tables(f"{key} = 0", "--set") if equals and "\n" not in text else {}
    except tomllib.TOMLDecodeError:
        table = {}
    if not table:
        raise InputError(f'--set "{text}": expected key=value, e.g. train.epochs=30')
    for name in _ONLY_IN_FILES:
        if name in table:
            raise InputError(f"--set: {name} cannot be set; write a recipe that extends the other one")
    try:
        table = parse_tables(f"{key} = {value}", f"--set {key.strip()}")
    except tomllib.TOMLDecodeError:
        return parse_tables(f"{key} = {format_value(value)}", f"--set {key.strip()}")
    empty = _find_empty_table(table)
    if empty is not None:
        raise InputError(
            f'--set "{text}": an empty table changes nothing of "{empty}"; set the keys that should change, e.g. --set {empty}.KEY=VALUE'
        )
    return table


def _find_empty_table(table: Raw, key: str = "") -> str | None:
    """Return the first key that holds an empty table: merged into what is there it would change nothing."""
    for name, value in table.items():
        inner = join_key(key, name)
        found = (_find_empty_table(value, inner) if value else inner) if isinstance(value, dict) else None
        if found is not None:
            return found
    return None


def data_tables(data: Sequence[str]) -> Raw:
    """Return what all `--data [SPLIT=]FORMAT:PATH` say together; where train is replaced, the other splits are emptied.

    Raises:
        InputError: One has another form, or names a split or format that there is not.
    """
    sources: dict[str, list[Raw]] = {}
    for item in data:
        match = re.fullmatch(r"(?:(\w+)=)?(\w+):(.+)", item)
        if match is None:
            raise InputError(
                f'--data "{item}": expected [SPLIT=]FORMAT:PATH, e.g. tsv:labels.tsv or test=folder:photos'
            )
        split, name, path = match[1] or "train", match[2], match[3]
        if split not in SPLITS:
            raise InputError(f'--data "{item}": unknown split "{split}"; {nearest(split, SPLITS)}')
        if name not in _FORMATS:
            raise InputError(f'--data "{item}": unknown format "{name}"; {nearest(name, _FORMATS)}')
        sources.setdefault(split, []).append({"format": name, "path": os.path.abspath(os.path.expanduser(path))})
    return {"data": {split: [] for split in SPLITS if "train" in sources} | sources}
