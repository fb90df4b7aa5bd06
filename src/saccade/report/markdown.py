"""A page as Markdown (GitHub's dialect): the same blocks as the HTML, with curves as block characters and images as text."""

import re
from collections.abc import Iterator

from saccade.report.figures import write_spark
from saccade.report.page import (
    Block,
    Bullets,
    Cell,
    Chart,
    Charts,
    Code,
    Commands,
    Drawing,
    English,
    Formula,
    Group,
    Heading,
    Line,
    Page,
    Paragraph,
    Picture,
    Pictures,
    Said,
    Small,
    Spark,
    Strong,
    Table,
    Verdict,
)

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def render_markdown(page: Page) -> str:
    """Return a page as Markdown that ends with a line end."""
    blocks = [text for block in page.blocks for text in _render(block)]
    return "\n\n".join([*blocks, "---", _escape(page.footer)]) + "\n"


def _render(block: Block) -> Iterator[str]:
    match block:
        case Group():
            for one in block.blocks:
                yield from _render(one)
        case Table():
            yield from _render_table(block)
        case Chart():
            yield f"**{_escape(block.title)}**. {_escape(block.description)}"
        case Charts():
            for chart in block.charts:
                yield from _render(chart)
        case Pictures():
            yield "\n".join(_write_picture(one) for one in block.pictures)
        case Drawing():
            yield _escape(block.alt)
        case _:
            yield _write_text(block)


def _write_text(block: Heading | Paragraph | Bullets | Verdict | Said | Commands) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_escape(block.text)}"
        case Paragraph():
            return _write_line(block.line)
        case Bullets():
            return "\n".join(f"- {_write_line(line)}" for line in block.lines)
        case Verdict():
            return f"**{_escape(block.word)}**: {_write_line(block.line)}"
        case Said():
            lines = [_write_line(block.title), "", *block.text.split("\n")]
            return "\n".join(f"> {line}".rstrip() for line in lines)
        case Commands():
            return f"```sh\n{block.text}\n```"


def _render_table(table: Table) -> Iterator[str]:
    yield _escape(table.caption)
    head = [_escape(title) for title in table.columns]
    rule = ["---:" if place in table.numbers else "---" for place in range(len(table.columns))]
    yield "\n".join(
        f"| {' | '.join(row)} |" for row in [head, rule, *([_write_cell(cell) for cell in row] for row in table.rows)]
    )


def _write_cell(cell: Cell) -> str:
    if isinstance(cell, Spark):
        return write_spark(cell.curve)
    return "<br>".join(_write_line(line) for line in cell)


def _write_picture(picture: Picture) -> str:
    mark = {"right": "\N{CHECK MARK} ", "wrong": "\N{BALLOT X} "}.get(picture.tone, "")
    said = ", ".join(_write_line(line) for line in picture.lines)
    return f"- {mark}**{_write_part(picture.answer)}**: {said}"


def _write_line(line: Line) -> str:
    return "".join(_write_part(part) for part in line)


def _write_part(part: str | Code | Strong | Small | Formula | English) -> str:
    match part:
        case str():
            return _escape(part)
        case Code() | Formula():
            return _write_code(part.text)
        case Strong():
            return f"**{_escape(part.text)}**"
        case Small() | English():
            return _escape(part.text)


def _write_code(text: str) -> str:
    """Quote a piece of code; more backticks than it holds in a row, and no line of a table is broken by it."""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    plain = " ".join(text.split("\n")).replace("|", "\\|")
    return f"{fence}{space}{plain}{space}{fence}"


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split("\n")))
