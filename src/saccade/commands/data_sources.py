"""Data that a command line names without a recipe: `FORMAT:PATH`, read leniently."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saccade.recipes.tables.data import Source

FORMULA_FORMATS = ("formula_list", "im2markup", "inkml", "aida")
"""Formats whose labels are tokens with spaces between them."""
FORMATS = ("tsv", "csv", "paddleocr", "doctr", "lmdb", "filename", "folder", "cifar", "hf_disk", *FORMULA_FORMATS)
_OTHER_NAMES = {"dtrb": "tsv", "fast_plate_ocr": "csv"}
"""Programs whose label files are one of these formats under another name."""


def split_name(source: str) -> tuple[str | None, str]:
    """Return the format and the path of `FORMAT:PATH`; None and the text itself where it is a path alone."""
    name, colon, path = source.partition(":")
    name = _OTHER_NAMES.get(name, name)
    return (name, path) if colon and path and name in FORMATS else (None, source)


def make_sources(name: str, path: str, root: Path) -> tuple["Source", ...]:
    """Return lenient sources: one, or both parts of a CIFAR."""
    from pydantic import TypeAdapter

    from saccade.recipes.tables.data import Keep, Source

    own: list[dict[str, str]] = [{}]
    if name == "cifar":
        own = [{"variant": _find_variant(root / path), "part": part} for part in ("train", "test")]
    base = {"format": name, "path": path, "keep": Keep(readable=True, labelled=True, unique=True)}
    adapter: TypeAdapter[Source] = TypeAdapter(Source)
    return tuple(adapter.validate_python(base | keys) for keys in own)


def _find_variant(path: Path) -> str:
    """Tell which CIFAR lies at a path.

    Raises:
        InputError: None, or more than one.
    """
    from saccade.data.formats.cifar import PUBLISHED
    from saccade.errors import InputError

    names = {variant: (each.folder, each.archive) for variant, each in PUBLISHED.items()}
    found = [
        variant for variant, own in names.items() if path.name in own or any((path / name).exists() for name in own)
    ]
    if len(found) == 1:
        return found[0]
    known = ", ".join(name for own in names.values() for name in own)
    raise InputError(f"cifar:{path}: holds {'several' if found else 'none'} of {known}; give the path of one of them")
