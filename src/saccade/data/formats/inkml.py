"""InkML (W3C 2011) as CROHME and MathWriting use it: a formula a file, its pen strokes and, as an annotation, its LaTeX.

Path: bytes -> strokes and truth by events of the XML parser, which builds no tree and refuses every document type and so
every entity -> `strokes.draw_strokes` whenever the image is wanted.
"""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

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
from saccade.data.formats.strokes import Pen, Stroke, draw_strokes
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import InkmlSource
from saccade.text.latex import normalise_latex, tokenise_latex

SUFFIX = ".inkml"

_LARGEST = 1e9
_NUM_NAMED = 5


def read(source: InkmlSource, root: Path) -> SourceListing:
    """Read strokes and truths; a file without the annotation has the empty label.

    Raises:
        InputError: A file or folder is missing, a file is no InkML or has a document type, a point is no point, or no
            file has the annotation.
    """
    path = root / source.path
    files = [path] if path.is_file() else find_files(path)
    folder = path.parent if path.is_file() else path
    pen = Pen(
        height_px=source.height_px,
        max_width_px=source.max_width_px,
        line_px=source.line_width_fraction * source.height_px,
        margin_px=source.margin_fraction * source.height_px,
        is_white=source.ink == "white",
    )
    entries, raw_labels, faults, annotations = [], [], [], set[str]()
    num_without = 0
    for file in files:
        try:
            ink = read_ink(file)
            strokes = [stroke for stroke in ink.list_strokes() if len(stroke)]
        except InputError as error:
            faults.append(str(error))
            continue
        truth = ink.annotations.get(source.annotation, "")
        formula = _strip_dollars(truth)
        label = normalise_latex(formula) if source.normalise else " ".join(tokenise_latex(formula))
        annotations |= ink.annotations.keys()
        num_without += len(ink.traces) - len(strokes)
        draw = partial(_draw, file, strokes, pen)
        identity = file.relative_to(folder).as_posix()
        entries.append(Entry(identity, normalise(label), str(file), None, draw=draw, weight=source.weight))
        raw_labels.append(truth)
    raise_all(faults, "correct the file, or move it away")
    if source.annotation not in annotations:
        found = ", ".join(map(repr, sorted(annotations)[:_NUM_NAMED])) or "none at all"
        raise InputError(
            f"{path}: no annotation {source.annotation!r} holds the formula (found: {found}); correct `annotation` of the source"
        )
    return make_listing(entries, raw_labels, {"empty_traces": num_without})


def find_files(folder: Path) -> list[Path]:
    """List the InkML files below a folder, sorted by path; hidden ones and those in hidden folders are none.

    Raises:
        InputError: The folder is missing or holds none.
    """
    require_folder(folder, "path")
    found = []
    for parent, names in walk(folder):
        parts = Path(parent).relative_to(folder).parts
        if not any(map(is_hidden, parts)):
            found += [Path(parent, name) for name in names if name.lower().endswith(SUFFIX) and name[0] != "."]
    if not found:
        raise InputError(f"{folder}: holds no {SUFFIX} file; correct `path` of the source, or the data root")
    return sorted(found)


class Ink:
    """What is read of an InkML file while its parser runs over it.

    Attributes:
        annotations: Those of the whole ink, kind -> text; of several of a kind, the first.
        traces: The text of each trace.
        channels: Names of the numbers of a point, as the first trace format gives them.
    """

    def __init__(self, path: Path) -> None:
        self.annotations: dict[str, str] = {}
        self.traces: list[str] = []
        self.channels: list[str] = []
        self._path = path
        self._open: list[str] = []
        self._text: list[str] = []
        self._kind = ""
        self._num_formats = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take an opening tag."""
        name = name.rpartition(":")[2]
        if not self._open and name != "ink":
            raise InputError(f"{self._path}: is XML but no InkML: its outermost element is {quote(name)}")
        self._open.append(name)
        self._num_formats += name == "traceFormat"
        if name == "channel" and self._num_formats == 1:
            self.channels.append(attributes.get("name", "").upper())
        if name in {"annotation", "trace"}:
            self._kind, self._text = attributes.get("type", ""), []

    def take_text(self, text: str) -> None:
        """Take text between tags."""
        if self._open[-1] in {"annotation", "trace"}:
            self._text.append(text)

    def end(self, name: str) -> None:
        """Take a closing tag."""
        name = self._open.pop()
        if name == "trace":
            self.traces.append("".join(self._text))
        if name == "annotation" and self._open == ["ink"]:
            self.annotations.setdefault(self._kind, "".join(self._text))

    def list_strokes(self) -> list[Stroke]:
        """Return the points of each trace, float32 [N, 2], x to the right and y down.

        Raises:
            InputError: A point is not written as numbers.
        """
        columns = (
            (0, 1) if not {"X", "Y"} <= set(self.channels) else (self.channels.index("X"), self.channels.index("Y"))
        )
        return [self._read_trace(number, trace, columns) for number, trace in enumerate(self.traces, start=1)]

    def _read_trace(self, number: int, trace: str, columns: Sequence[int]) -> Stroke:
        points = [point.split() for point in trace.split(",") if not point.isspace() and point]
        read = np.empty((len(points), 2), np.float32)
        for row, point in zip(read, points, strict=True):
            try:
                row[:] = [_read_number(point[column]) for column in columns]
            except (ValueError, IndexError):
                raise InputError(
                    f"{self._path}: trace {number}: {quote(' '.join(point))} is no point; write x and y as numbers, with commas"
                    " between points"
                ) from None
        return read


def read_ink(path: Path) -> Ink:
    """Read an InkML file.

    Raises:
        InputError: It is missing, no XML, no InkML, or declares a document type or an entity.
    """

    def refuse_declaration(*_: object) -> None:
        raise InputError(
            f"{path}: declares a document type or entities, which InkML needs none of; remove the declaration"
        )

    ink = Ink(path)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse_declaration
    parser.EntityDeclHandler = refuse_declaration
    parser.StartElementHandler = ink.start
    parser.EndElementHandler = ink.end
    parser.CharacterDataHandler = ink.take_text
    try:
        parser.Parse(path.read_bytes(), True)
    except expat.ExpatError as error:
        raise InputError(
            f"{path}:{error.lineno}: not XML ({expat.ErrorString(error.code)}); repair or remove it"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); an InkML file must stand there") from None
    return ink


def _read_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or abs(number) > _LARGEST:
        raise ValueError(text)
    return number


def _strip_dollars(truth: str) -> str:
    r"""Take away the `$` around a formula, which not every file has on both sides; `\$` is a sign of the formula."""
    opened = truth.strip().lstrip("$")
    formula = opened.rstrip("$")
    return f"{formula}$" if formula.endswith("\\") and formula != opened else formula


def _draw(path: Path, strokes: Sequence[Stroke], pen: Pen) -> NDArray[np.uint8]:
    if not strokes:
        raise InputError(f"{path}: holds no stroke; repair or remove it")
    return draw_strokes(strokes, pen)
