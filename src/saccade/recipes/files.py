"""Recipe files as plain tables: read, checked for what no recipe holds, their relative paths anchored.

Path: bytes -> TOML -> `RecipeFile`, and on to the file that it extends. What the tables mean is for `loader.py`.
"""

import hashlib
import os
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.errors import InputError
from saccade.recipes.diff import join_key
from saccade.recipes.merge import Raw
from saccade.recipes.unset import take_unset
from saccade.recipes.validation import format_found

SPLITS = ("train", "val", "test")

_MAX_DEPTH = 20
"""Tables and lists inside each other; the deepest key of a recipe is at 6."""
_INTEGERS = range(-(2**63), 2**63)
"""What TOML promises."""


@dataclass(frozen=True)
class RecipeFile:
    """A recipe file as it was read."""

    label: str
    """What an error names: the path as it was given, an ancestor's relative to it."""
    path: Path
    """Absolute."""
    sha256: str
    """Of the file's bytes, hexadecimal."""
    extends: str | None
    """The parent, as the file says it."""
    unset: tuple[str, ...]
    """Dotted keys that are taken away from what is inherited."""
    raw: Raw
    """All other keys."""


def read_lineage(path: Path) -> list[RecipeFile]:
    """Return the file, its parent, its grandparent and so on.

    Raises:
        InputError: A file cannot be read or is no recipe, or they extend each other in a circle.
    """
    files = [_read_file(path, None)]
    while (extends := files[-1].extends) is not None:
        child = files[-1]
        label = os.path.normpath(Path(child.label).parent / extends)
        parent = _read_file(Path(label), child)
        files.append(parent)
        resolved = [file.path.resolve() for file in files]
        if resolved[-1] in resolved[:-1]:
            loop = files[resolved.index(resolved[-1]) :]
            raise InputError(
                f"{path}: recipes extend each other in a circle: " + " -> ".join(file.label for file in loop)
            )
    return files


def parse_tables(text: str, label: str) -> Raw:
    """Return TOML text as plain tables.

    Args:
        text: TOML.
        label: What an error names.

    Raises:
        TOMLDecodeError: It is no TOML.
        InputError: It is, and holds what no recipe does: deep nesting, huge integers, the character NUL.
    """
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{label}: its brackets are nested too deeply for a recipe; remove them") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # Python reads no integer of thousands of digits
        raise InputError(f"{label}: holds an integer of thousands of digits; 64 bits are the limit") from None
    _refuse_strange(raw, label)
    return raw


def _refuse_strange(raw: Raw, label: str) -> None:
    """Refuse values over which later steps, which recurse, print and open files, would stumble."""
    pending: list[tuple[str, Any, int]] = [("", raw, 0)]
    while pending:
        key, value, depth = pending.pop()
        if depth > _MAX_DEPTH:
            raise InputError(f'{label}: "{key}" is nested more than {_MAX_DEPTH} deep; no recipe is, remove it')
        if isinstance(value, dict):
            pending += [(join_key(key, name), item, depth + 1) for name, item in value.items()]
        elif isinstance(value, list):
            pending += [(f"{key}[{index}]", item, depth + 1) for index, item in enumerate(value)]
        elif isinstance(value, int) and value not in _INTEGERS:
            raise InputError(f'{label}: "{key}" is an integer of more than 64 bits; write a smaller one')
        elif isinstance(value, str) and "\0" in value:
            raise InputError(f'{label}: "{key}" holds the character NUL (\\u0000), which no file name can; remove it')


def anchor(raw: Raw, folder: Path) -> Raw:
    """Return the tables with the paths that start from the file that says them made absolute; they are changed in place."""
    tables = raw.get("data")
    if isinstance(tables, dict):
        for sources in (tables.get(split) for split in SPLITS):
            for source in sources if isinstance(sources, list) else []:
                for key in ("path", "images"):
                    if isinstance(source, dict) and _starts_beside(source.get(key)):
                        source[key] = os.path.normpath(folder / source[key])
        if isinstance(tables.get("root"), str):
            tables["root"] = os.path.normpath(folder / tables["root"])
    for tables in (raw, *(raw["stage"] if isinstance(raw.get("stage"), list) else [])):
        _anchor_runs(tables.get("model") if isinstance(tables, dict) else None, folder)
    start = raw.get("start")
    if isinstance(start, dict) and isinstance(start.get("weights"), str):
        start["weights"] = os.path.normpath(folder / start["weights"])
    return raw


def _anchor_runs(model: Any, folder: Path) -> None:
    """Anchor the runs that a model is made of, or learns from."""
    members, loss = (model.get("member"), model.get("loss")) if isinstance(model, dict) else (None, None)
    teacher = loss.get("distillation") if isinstance(loss, dict) else None
    for table in (*(members if isinstance(members, list) else []), teacher):
        if isinstance(table, dict) and isinstance(table.get("run"), str):
            table["run"] = os.path.normpath(folder / table["run"])


def _starts_beside(path: Any) -> bool:
    return isinstance(path, str) and path.split("/")[0] in (".", "..")


def _read_file(path: Path, child: RecipeFile | None) -> RecipeFile:
    label = str(path)
    content = _read_bytes(path, child)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{label}: line {line} is not UTF-8; save the recipe as UTF-8") from None
    try:
        raw = parse_tables(text, label)
    except tomllib.TOMLDecodeError as error:
        reason = str(error).replace("end of document", f"line {text.count(chr(10)) + 1}, the end of the file")
        raise InputError(f"{label}: not valid TOML: {reason}") from None
    extends = _take_extends(raw, label)
    unset = take_unset(raw, label, extends=extends)
    path = Path(os.path.abspath(path))
    return RecipeFile(label, path, hashlib.sha256(content).hexdigest(), extends, unset, anchor(raw, path.parent))


def _read_bytes(path: Path, child: RecipeFile | None) -> bytes:
    asks = f'{child.label}: extends "{child.extends}": ' if child else ""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{asks}{path}: no such recipe file") from None
    except IsADirectoryError:
        raise InputError(f"{asks}{path}: is a folder; {_cure_folder(path, child)}") from None
    except OSError as error:
        raise InputError(f"{asks}{path}: cannot be read: {error.strerror}") from None


def _cure_folder(path: Path, child: RecipeFile | None) -> str:
    """Return what to do where a folder was given: name the recipe in it, or let one be written for the images in it."""
    if child or (path / "recipe.toml").is_file():
        return f"give a recipe file, e.g. {path / 'recipe.toml'}"
    return f"give a recipe file; for a folder of images make one with: saccade new {shlex.quote(str(path))}"


def _take_extends(raw: Raw, label: str) -> str | None:
    if "extends" not in raw:
        return None
    extends = raw.pop("extends")
    if not isinstance(extends, str) or not extends:
        raise InputError(f'{label}: "extends": expected the path of a recipe file, found {format_found(extends)}')
    return extends
