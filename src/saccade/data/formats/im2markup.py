"""Formulas of im2markup and im2latex-100k: `formulas.lst`, one a line, and lists of images that name them by number.

Deng, Kanervisto, Ling & Rush 2017. A list has lines `<line> <image> <kind>` (im2latex-100k), or `<image> <line>` (im2markup's
own); the first formula has number 0.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from saccade.data.formats.entry import (
    IMAGE_SUFFIXES,
    Entry,
    SourceListing,
    locate_images,
    make_listing,
    normalise,
    raise_all,
)
from saccade.data.formats.formula_list import space_tokens
from saccade.data.formats.textfile import read_lines, read_text
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import Im2markupSource
from saccade.text.latex import normalise_latex

FORMULAS_NAME = "formulas.lst"


def read(source: Im2markupSource, root: Path) -> SourceListing:
    """Read a list of images and their formulas.

    Raises:
        InputError: A file, its encoding or a line is not as it should be, a line has the number of no formula, or the images
            folder is missing.
    """
    path = root / source.path
    formulas_path = path.with_name(FORMULAS_NAME) if source.formulas is None else root / source.formulas
    formulas, formula_notes = read_lines(formulas_path)
    text, notes = read_text(path)
    counts = Counter(notes) + Counter(formula_notes)
    entries, raw_labels, faults = [], [], []
    for number, row in enumerate(text.removesuffix("\n").split("\n"), start=1):
        location = f"{path}:{number}"
        if not row.strip():
            counts["blank_lines"] += 1
            continue
        try:
            place, name = _read_row(row)
            raw_labels.append(_find_formula(formulas, place, formulas_path))
            tokens = normalise_latex(raw_labels[-1]) if source.normalise else raw_labels[-1]
        except InputError as error:
            faults.append(f"{location}: {error}")
            continue
        label, was_changed = space_tokens(normalise(tokens))
        counts["labels_with_other_spaces"] += was_changed
        entries.append(Entry(_add_suffix(name, source.suffix), label, location, None, weight=source.weight))
    raise_all(faults, "correct the line")
    images = None if source.images is None else root / source.images
    return make_listing(locate_images(entries, images, path), raw_labels, dict(counts))


def _read_row(row: str) -> tuple[int, str]:
    """Return number and image of a row of either form."""
    cells = row.split()
    if len(cells) not in {2, 3}:
        raise InputError(f"{quote(row)} is neither <line> <image> <kind> nor <image> <line>")
    number, name = (cells[0], cells[1]) if len(cells) == 3 else (cells[1], cells[0])
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        raise InputError(f"{quote(number)} is no number of a formula")
    return int(number), name


def _find_formula(formulas: Sequence[str], place: int, path: Path) -> str:
    if place >= len(formulas):
        raise InputError(f"there is no formula {place}: {path} has 0 to {len(formulas) - 1}")
    return formulas[place]


def _add_suffix(name: str, suffix: str) -> str:
    path = PurePosixPath(name)
    return path.as_posix() if path.suffix.lower() in IMAGE_SUFFIXES else f"{path.as_posix()}{suffix}"
