r"""The Aida calculus data set: JSON lists of drawn handwriting, each with its LaTeX as a list of tokens.

Its tokens are not those of other formula data (`\lim_` is one), so a table of rules brings them there: `aida.toml`, or the
user's own.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

from saccade.data.formats.entry import (
    Entry,
    SourceListing,
    is_hidden,
    make_listing,
    normalise,
    raise_all,
    require_folder,
    walk,
)
from saccade.data.formats.textfile import read_text
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import AidaSource

Rules = Mapping[tuple[str, ...], tuple[str, ...]]
"""Tokens of Aida -> tokens of ours."""

_IMAGES = "background_images"


def read(source: AidaSource, root: Path) -> SourceListing:
    """Read one or several JSON files.

    Raises:
        InputError: A file or folder is missing, or a file holds something else than Aida's lists.
    """
    path = root / source.path
    rules = read_rules(None if source.rules is None else root / source.rules)
    entries, raw_labels, faults = [], [], []
    for file in [path] if path.is_file() else _find_files(path):
        folder = _find_images(file) if source.images is None else root / source.images
        require_folder(folder, "images")
        for number, record in enumerate(_read_records(file)):
            location = f"{file}: image {number}"
            try:
                name, tokens = _read_record(record)
            except InputError as error:
                faults.append(f"{location}: {error}")
                continue
            label = normalise(" ".join(apply_rules(tokens, rules)))
            entries.append(Entry(PurePosixPath(name).as_posix(), label, location, folder / name, weight=source.weight))
            raw_labels.append(" ".join(tokens))
    raise_all(faults, "correct it, or take it out of the file")
    return make_listing(entries, raw_labels, {})


def read_rules(path: Path | None) -> Rules:
    """Read the table `[tokens]` of a TOML file; None reads that of this package.

    Raises:
        InputError: The file is missing or is no such table.
    """
    if path is None:
        text, place = files("saccade.data.formats").joinpath("aida.toml").read_text(encoding="utf-8"), "aida.toml"
    else:
        (text, _), place = read_text(path), str(path)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{place}: not TOML ({error}); correct the line") from None
    table = raw.get("tokens")
    if not isinstance(table, dict) or raw.keys() != {"tokens"} or not all(isinstance(v, str) for v in table.values()):
        raise InputError(f"{place}: holds something else than [tokens] with texts; write 'tokens of Aida' = 'tokens'")
    if any(not key.split() for key in table):
        raise InputError(f"{place}: a rule for no token at all; remove it")
    return {tuple(key.split()): tuple(value.split()) for key, value in table.items()}


def apply_rules(tokens: Sequence[str], rules: Rules) -> list[str]:
    """Replace tokens from left to right, by the longest rule that fits; a token without a rule stays."""
    longest = max((len(key) for key in rules), default=0)
    replaced: list[str] = []
    place = 0
    while place < len(tokens):
        parts = (tuple(tokens[place : place + length]) for length in range(longest, 0, -1))
        part = next((part for part in parts if part in rules), None)
        replaced += rules[part] if part is not None else [tokens[place]]
        place += len(part) if part is not None else 1
    return replaced


def _find_files(folder: Path) -> list[Path]:
    require_folder(folder, "path")
    found = [
        Path(parent, name)
        for parent, names in walk(folder)
        for name in names
        if name.lower().endswith(".json") and not any(map(is_hidden, Path(parent, name).relative_to(folder).parts))
    ]
    if not found:
        raise InputError(f"{folder}: holds no .json file; correct `path` of the source, or the data root")
    return sorted(found)


def _find_images(file: Path) -> Path:
    candidates = (file.parent.parent / _IMAGES, file.parent / _IMAGES)
    return next((folder for folder in candidates if folder.is_dir()), file.parent)


def _read_records(file: Path) -> list[Any]:
    text, _ = read_text(file)
    try:
        records = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{file}:{error.lineno}: not JSON ({error.msg}); correct the line") from None
    except (ValueError, RecursionError):  # an integer of thousands of digits, brackets nested too deeply
        raise InputError(f"{file}: not JSON that holds images; write a list of them") from None
    if not isinstance(records, list):
        raise InputError(f"{file}: holds a {type(records).__name__}, where Aida's files are lists of images")
    return records


def _read_record(record: Any) -> tuple[str, list[str]]:
    """Return file name and tokens of one image."""
    data = record.get("image_data") if isinstance(record, dict) else None
    name = record.get("filename") if isinstance(record, dict) else None
    tokens = data.get("full_latex_chars") if isinstance(data, dict) else None
    if not isinstance(name, str) or not name:
        raise InputError("has no `filename`")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise InputError(f"{quote(name)} has no list of tokens `image_data.full_latex_chars`")
    return name, [token for text in tokens for token in text.split()]
