"""`gt.txt`, `tokens.txt`, `source.txt` and `level.txt`: formulas as `file<TAB>tokens`, and what else is known of each image."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from saccade.data.formats import tsv
from saccade.data.formats.entry import Entry, SourceListing, locate_images, make_listing, normalise, raise_all
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import FormulaListSource
from saccade.text.token_set import TokenSet, read_token_list

FILE_NAME, TOKENS_NAME, SOURCES_NAME, LEVELS_NAME = "gt.txt", "tokens.txt", "source.txt", "level.txt"

_SOURCES = {"0": "printed", "1": "handwritten"}
_LEVELS = {level: level for level in "12345"}


def read(source: FormulaListSource, root: Path) -> SourceListing:
    """Read a list of formulas and the files beside it.

    Raises:
        InputError: A file, its encoding or a line is not as it should be, a label holds a token that is not in the list of
            tokens, or the images folder is missing.
    """
    path = root / source.path
    if path.is_dir():
        path /= FILE_NAME
    lines, counts = tsv.read_lines(path)
    notes = Counter(counts)
    entries = []
    for line in lines:
        label, was_changed = space_tokens(normalise(line.label))
        notes["labels_with_other_spaces"] += was_changed
        identity = PurePosixPath(line.name).as_posix()
        entries.append(Entry(identity, label, line.location, None, weight=source.weight))
    _check_tokens(entries, _find_beside(path, source.tokens, TOKENS_NAME, root))
    kinds = _read_column(_find_beside(path, source.sources, SOURCES_NAME, root), _SOURCES, "source", notes)
    levels = _read_column(_find_beside(path, source.levels, LEVELS_NAME, root), _LEVELS, "level", notes)
    for what, column in (("source", kinds), ("level", levels)):
        if column:
            names = {entry.id for entry in entries}
            notes[f"images_without_{what}"] += len(names - column.keys())
            notes[f"{what}s_of_no_image"] += len(column.keys() - names)
    entries = [replace(entry, source=kinds.get(entry.id), level=levels.get(entry.id)) for entry in entries]
    images = None if source.images is None else root / source.images
    return make_listing(locate_images(entries, images, path), [line.label for line in lines], dict(notes))


def write(folder: Path, names: Sequence[str], entries: Sequence[Entry]) -> None:
    """Write the label file, the tokens, and source and level where any image has one.

    Args:
        folder: Is there.
        names: The image files of the entries, relative to `images` in the folder.
        entries: In the order of the names.

    Raises:
        InputError: A name or label holds a tab or a line end, or tokens of a label are not separated by single spaces.
    """
    tsv.write(folder / FILE_NAME, zip(names, (entry.label for entry in entries), strict=True))
    tokens = TokenSet.from_labels(entry.label for entry in entries)
    (folder / TOKENS_NAME).write_text("".join(f"{token}\n" for token in tokens.tokens), encoding="utf-8", newline="")
    codes = {name: code for code, name in _SOURCES.items()}
    columns = {
        SOURCES_NAME: [codes.get(entry.source or "") for entry in entries],
        LEVELS_NAME: [_LEVELS.get(entry.level or "") for entry in entries],
    }
    for name, column in columns.items():
        rows = [(identity, value) for identity, value in zip(names, column, strict=True) if value is not None]
        if rows:
            tsv.write(folder / name, rows)


def find_fault(name: str, label: str) -> str | None:
    """Say why the list cannot hold a file name and a label; None where it can."""
    fault = tsv.find_fault(name, label)
    if fault is None and label != space_tokens(label)[0]:
        odd = "white space other than one space between two tokens"
        fault = f"{quote(name)} with label {quote(label)} holds {odd}; write them so, or choose another --to"
    return fault


def space_tokens(label: str) -> tuple[str, bool]:
    """Set one space between two tokens, none before and after; say whether there was anything else."""
    spaced = " ".join(label.split())
    return spaced, spaced != label


def _find_beside(path: Path, given: str | None, name: str, root: Path) -> Path | None:
    """Return the file that the source names, else the one beside the label file, where there is one."""
    if given is not None:
        return root / given
    beside = path.with_name(name)
    return beside if beside.is_file() and beside != path else None


def _check_tokens(entries: Sequence[Entry], path: Path | None) -> None:
    """Refuse labels with a token that is not in the list."""
    if path is None:
        return
    tokens = frozenset(read_token_list(path).tokens)
    faults = []
    for entry in entries:
        unknown = sorted(set(entry.label.split()) - tokens)
        if unknown:
            faults.append(
                f"{entry.location}: label {quote(entry.label)} holds {quote(unknown[0])}, which is not in {path}"
            )
    raise_all(faults, "correct the label, or add the token to the list")


def _read_column(path: Path | None, values: Mapping[str, str], what: str, notes: Counter[str]) -> dict[str, str]:
    """Read `file<TAB>value` and return file -> what the value means; empty without a file.

    Raises:
        InputError: The file or a line is not as it should be, or a file name stands twice with other values.
    """
    if path is None:
        return {}
    lines, counts = tsv.read_lines(path)
    notes.update(counts)
    found: dict[str, str] = {}
    faults = []
    for line in lines:
        name, value = PurePosixPath(line.name).as_posix(), values.get(line.label.strip())
        if value is None:
            faults.append(f"{line.location}: {quote(line.label)} is no {what}: those are {', '.join(values)}")
        elif found.setdefault(name, value) != value:
            faults.append(f"{line.location}: {quote(line.name)} has another {what} above")
    raise_all(faults, "correct the line")
    if not found:
        raise InputError(f"{path}: holds no {what}; write a line an image, or remove the file")
    return found
