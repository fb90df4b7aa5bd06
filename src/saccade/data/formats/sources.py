"""Reads a source of any format: the one place that knows which file reads which."""

import os
from pathlib import Path
from typing import assert_never

from saccade.data.formats import (
    aida,
    cifar,
    csv,
    doctr,
    filename,
    folder,
    formula_list,
    hf_disk,
    im2markup,
    inkml,
    lmdb,
    paddleocr,
    synthetic_plates,
    tsv,
)
from saccade.data.formats.entry import SourceListing
from saccade.recipes.tables.data import (
    AidaSource,
    CifarSource,
    CsvSource,
    DataTable,
    DoctrSource,
    FilenameSource,
    FolderSource,
    FormulaListSource,
    HfDiskSource,
    Im2markupSource,
    InkmlSource,
    LmdbSource,
    PaddleocrSource,
    Source,
    SyntheticPlatesSource,
    TsvSource,
)


def read_source(source: Source, root: Path) -> SourceListing:
    """List the images and labels of a source; no image is decoded and no filter applied.

    Args:
        source: Which files, in which format.
        root: The folder that relative paths start from.

    Raises:
        InputError: A file, folder, encoding or line is not as the format wants it.
    """
    match source:
        case TsvSource() | CsvSource() | PaddleocrSource() | DoctrSource():
            return _read_label_file(source, root)
        case FormulaListSource() | Im2markupSource() | InkmlSource() | AidaSource():
            return _read_formulas(source, root)
        case LmdbSource():
            return lmdb.read(source, root)
        case FilenameSource():
            return filename.read(source, root)
        case FolderSource():
            return folder.read(source, root)
        case CifarSource():
            return cifar.read(source, root)
        case HfDiskSource():
            return hf_disk.read(source, root)
        case SyntheticPlatesSource():
            return synthetic_plates.read(source)
        case _:
            assert_never(source)


def require_sources(data: DataTable) -> None:
    """Refuse sources whose files are not there; nothing is read otherwise, so that a slip of the pen is said at once.

    Raises:
        InputError: As `read_source`.
    """
    root = Path(data.root or ".")
    for source in (*data.train, *data.val, *data.test):
        if isinstance(source, SyntheticPlatesSource | CifarSource):  # is drawn; may be fetched
            continue
        named = (source.path, getattr(source, "images", None))
        if not all(path is None or os.path.exists(root / path) for path in named):
            read_source(source, root)


def _read_label_file(source: TsvSource | CsvSource | PaddleocrSource | DoctrSource, root: Path) -> SourceListing:
    match source:
        case TsvSource():
            return tsv.read(source, root)
        case CsvSource():
            return csv.read(source, root)
        case PaddleocrSource():
            return paddleocr.read(source, root)
        case DoctrSource():
            return doctr.read(source, root)
        case _:
            assert_never(source)


def _read_formulas(source: FormulaListSource | Im2markupSource | InkmlSource | AidaSource, root: Path) -> SourceListing:
    match source:
        case FormulaListSource():
            return formula_list.read(source, root)
        case Im2markupSource():
            return im2markup.read(source, root)
        case InkmlSource():
            return inkml.read(source, root)
        case AidaSource():
            return aida.read(source, root)
        case _:
            assert_never(source)
