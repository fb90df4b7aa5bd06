"""A page as plain blocks, before anything is HTML or Markdown: both are written from the same ones, so both say the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from saccade.report.curves import Curve

Tone = Literal["", "better", "worse", "not_shown", "refused", "note", "lead", "right", "wrong"]


@dataclass(frozen=True)
class Code:
    """A key, a value, a path, or what was read: shown as it is, in letters of one width."""

    text: str


@dataclass(frozen=True)
class Strong:
    """What matters in a line; a tone colours it, never alone."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Small:
    """What stands beside a number: an interval, a count."""

    text: str


@dataclass(frozen=True)
class Formula:
    """A formula: `image` is how it looks, a PNG file of black ink on nothing; where that is None its tokens are shown."""

    text: str
    image: bytes | None


@dataclass(frozen=True)
class English:
    """What is wrong with a file, which the package says in English whatever the language of the page."""

    text: str


Line = tuple[str | Code | Strong | Small | Formula | English, ...]


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the page's own."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A line that is a paragraph."""

    line: Line
    tone: Tone = ""


@dataclass(frozen=True)
class Bullets:
    """Lines of equal standing."""

    lines: Sequence[Line]


@dataclass(frozen=True)
class Verdict:
    """The result in a box: a word and a sentence."""

    word: str
    line: Line
    tone: Tone


@dataclass(frozen=True)
class Spark:
    """A small curve in a cell; `label` says it in words."""

    curve: Curve
    label: str


Cell = Sequence[Line] | Spark
"""Lines below each other, or a small curve."""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading.

    Attributes:
        caption: What it shows.
        columns: Titles.
        numbers: Places of the columns that hold numbers.
        rows: As many cells each as there are columns.
        name: What it is called in the style of the page, where it has one of its own.
    """

    caption: str
    columns: Sequence[str]
    numbers: frozenset[int]
    rows: Sequence[Sequence[Cell]]
    name: str = ""


@dataclass(frozen=True)
class Chart:
    """A figure: a Vega-Lite specification, and in words what it shows."""

    name: str
    title: str
    description: str
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Charts:
    """Figures beside each other."""

    charts: Sequence[Chart]


@dataclass(frozen=True)
class Picture:
    """An image, and what was said of it.

    Attributes:
        image: A PNG or JPEG file; None where it is not at hand.
        alt: What it shows.
        answer: What was read or named.
        lines: What stands below.
        tone: "right" or "wrong"; "" where nothing was answered and `answer` is the label.
    """

    image: bytes | None
    alt: str
    answer: str | Formula
    lines: Sequence[Line]
    tone: Tone


@dataclass(frozen=True)
class Pictures:
    """Images beside each other."""

    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Drawing:
    """A picture of the record as it is, a PNG file."""

    image: bytes
    alt: str


@dataclass(frozen=True)
class Said:
    """What somebody wrote, line by line, with who or what it is about and when."""

    title: Line
    text: str


@dataclass(frozen=True)
class Commands:
    """What to type, as it is typed."""

    text: str


@dataclass(frozen=True)
class Group:
    """Blocks that belong together: one step of the chain; a tone marks its verdict."""

    blocks: Sequence["Block"]
    tone: Tone = ""


Block = Heading | Paragraph | Bullets | Verdict | Table | Chart | Charts | Pictures | Drawing | Said | Commands | Group


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        language: As HTML names it.
        title: Its name.
        blocks: From top to bottom, the heading of level 1 first.
        footer: The last line.
        script_missing: What to say where charts cannot be drawn.
    """

    language: str
    title: str
    blocks: Sequence[Block]
    footer: str
    script_missing: str
