"""Which formulas a folder or file holds: a list of formulas, InkML, or the lists of im2markup; names are looked at, and no file."""

from pathlib import Path

from saccade.data.formats import formula_list, im2markup, inkml
from saccade.data.formats.entry import is_hidden, walk
from saccade.recipes.tables.data import FormulaListSource, Im2markupSource, InkmlSource, Source

_LIST_SUFFIX = ".lst"
_BESIDE = (formula_list.TOKENS_NAME, formula_list.SOURCES_NAME, formula_list.LEVELS_NAME)


def find_formulas(path: Path) -> tuple[dict[str, Source], str] | None:
    """Return the sources of a folder or file and what they are, in words; None where it holds no formulas.

    `gt.txt` alone may hold any text: it is a list of formulas where `tokens.txt`, `source.txt` or `level.txt` lies beside it.
    """
    folder = path.parent if path.is_file() else path
    file = path if path.is_file() else folder / formula_list.FILE_NAME
    if file.name == formula_list.FILE_NAME and file.is_file() and any((folder / name).is_file() for name in _BESIDE):
        return {"train": FormulaListSource(path=str(file))}, f"{file.name} (formulas, file<TAB>tokens)"
    if path.is_file() and path.suffix.lower() == inkml.SUFFIX:
        return {"train": InkmlSource(path=str(path))}, f"{path.name} (a formula in InkML)"
    if path.is_file() and path.suffix != _LIST_SUFFIX:
        return None
    lists = {"train": path} if path.is_file() else _find_lists(folder)
    if (folder / im2markup.FORMULAS_NAME).is_file() and "train" in lists:
        names = ", ".join(each.name for each in lists.values())
        return {split: Im2markupSource(path=str(each)) for split, each in lists.items()}, f"{names} (im2markup)"
    return None


def find_ink(folder: Path) -> tuple[dict[str, Source], str] | None:
    """Return InkML below a folder."""
    for parent, names in walk(folder):
        passed_over = any(map(is_hidden, Path(parent).relative_to(folder).parts))
        if not passed_over and any(name.lower().endswith(inkml.SUFFIX) for name in names):
            return {"train": InkmlSource(path=str(folder))}, "formulas in InkML"
    return None


def _find_lists(folder: Path) -> dict[str, Path]:
    named = {"train": ("train",), "val": ("validate", "val"), "test": ("test",)}
    files = {
        split: next((path for word in words if (path := folder / f"{word}{_LIST_SUFFIX}").is_file()), None)
        for split, words in named.items()
    }
    return {split: path for split, path in files.items() if path is not None}
