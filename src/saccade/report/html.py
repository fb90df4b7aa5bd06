"""A page as one HTML file that needs no other: styles, curves, script and pictures are inside it.

Its content security policy forbids the browser to ask any other machine for anything.
"""

import base64
import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from itertools import count

from saccade.report.figures import draw_spark
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

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'"
# A long key or path may break after a dot or slash, and before an underscore.
_BREAKABLE = re.compile(r"(?<=[a-z]\.)(?=[a-z])|(?=_[a-z])|(?<=\w/)(?=\w)")
_PNG = b"\x89PNG"


def render_html(page: Page, script: str) -> str:
    """Return a page as HTML.

    Args:
        page: What it shows.
        script: The JavaScript that draws charts, as `charts.Script` gives it.
    """
    package = files("saccade.report")
    css, own = (package.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "page.js"))
    renderer = _Renderer(page)
    body = "\n".join(renderer.render(block) for block in page.blocks)
    scripts = f"<script>{script}</script>\n<script>{own}</script>\n" if renderer.num_charts else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{page.language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(page.title)}</title>\n'
        f'<link rel="icon" href="data:,">\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n'
        f"<footer>{escape(page.footer)}</footer>\n"
        f"{scripts}</body>\n</html>\n"
    )


class _Renderer:
    """Writes blocks; it counts charts and tables, so that each has an id of its own."""

    def __init__(self, page: Page) -> None:
        self.num_charts = 0
        self._language = page.language
        self._script_missing = escape(page.script_missing)
        self._tables = count(1)

    def render(self, block: Block) -> str:
        """Return a block as HTML."""
        match block:
            case Group():
                inside = "\n".join(self.render(one) for one in block.blocks)
                return f'<section class="step {block.tone}">\n{inside}\n</section>'
            case Table():
                return self._table(block)
            case Chart():
                return self._chart(block)
            case Charts():
                return f'<div class="charts">\n{"".join(map(self._chart, block.charts))}\n</div>'
            case Pictures():
                return f'<ul class="pictures">\n{"".join(self._pictures(block.pictures))}</ul>'
            case Drawing():
                shown = f'<img src="{_embed(block.image)}" alt="{escape(block.alt)}">'
                return f'<figure class="drawing">{shown}<figcaption>{escape(block.alt)}</figcaption></figure>'
            case _:
                return self._text(block)

    def _text(self, block: Heading | Paragraph | Bullets | Verdict | Said | Commands) -> str:
        match block:
            case Heading():
                return f"<h{block.level}>{escape(block.text)}</h{block.level}>"
            case Paragraph():
                return f"<p{_class(block.tone)}>{self._line(block.line)}</p>"
            case Bullets():
                return f"<ul>{''.join(f'<li>{self._line(line)}</li>' for line in block.lines)}</ul>"
            case Verdict():
                said = f"<strong>{escape(block.word)}</strong>\n<p>{self._line(block.line)}</p>"
                return f'<div class="verdict {block.tone}">{said}</div>'
            case Said():
                said = f"<blockquote>{escape(block.text)}</blockquote>"
                return f'<figure class="said"><figcaption>{self._line(block.title)}</figcaption>{said}</figure>'
            case Commands():
                return f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>'

    def _line(self, line: Line) -> str:
        return "".join(self._inline(part) for part in line)

    def _inline(self, part: str | Code | Strong | Small | Formula | English) -> str:
        match part:
            case str():
                return escape(part)
            case Code():
                return f"<code>{_BREAKABLE.sub('<wbr>', escape(part.text))}</code>"
            case Strong():
                return f"<strong{_class(part.tone)}>{escape(part.text)}</strong>"
            case Small():
                return f"<small>{escape(part.text)}</small>"
            case Formula():
                shown = escape(part.text)
                drawn = part.image
                return (
                    f"<code>{shown}</code>"
                    if drawn is None
                    else f'<img class="formula" src="{_embed(drawn)}" alt="{shown}">'
                )
            case English():
                said = escape(part.text)
                return said if self._language == "en" else f'<span lang="en">{said}</span>'

    def _table(self, table: Table) -> str:
        name = f"table-{next(self._tables)}"
        head = "".join(
            f'<th scope="col"{_class("number" if place in table.numbers else "")}>{escape(title)}</th>'
            for place, title in enumerate(table.columns)
        )
        rows = "".join(f"<tr>{self._row(row, table.numbers)}</tr>\n" for row in table.rows)
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{name}">\n<table{_class(table.name)}>\n'
            f'<caption id="{name}">{escape(table.caption)}</caption>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>"
        )

    def _row(self, row: Sequence[Cell], numbers: frozenset[int]) -> str:
        cells = []
        for place, cell in enumerate(row):
            content = (
                draw_spark(cell.curve, cell.label) if isinstance(cell, Spark) else "<br>".join(map(self._line, cell))
            )
            css = _class("number" if place in numbers else "")
            cells.append(f"<td{css}>{content}</td>" if place else f'<th scope="row">{content}</th>')
        return "".join(cells)

    def _chart(self, chart: Chart) -> str:
        self.num_charts += 1
        name = f"chart-{self.num_charts}"
        spec = json.dumps(chart.spec, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace(
            "<", "\\u003c"
        )
        return (
            f'<figure class="chart {chart.name}"><figcaption>{escape(chart.title)}</figcaption>\n'
            f'<div id="{name}" class="plot" role="img" aria-label="{escape(chart.description)}" data-spec="{name}-spec">'
            f"{self._script_missing}</div>\n"
            f'<script type="application/json" id="{name}-spec">{spec}</script></figure>'
        )

    def _pictures(self, pictures: Sequence[Picture]) -> Iterator[str]:
        for one in pictures:
            mark = {"right": "\N{CHECK MARK} ", "wrong": "\N{BALLOT X} "}.get(one.tone, "")
            shown = "" if one.image is None else f'<img src="{_embed(one.image)}" alt="{escape(one.alt)}">'
            lines = "".join(f"<span>{self._line(line)}</span>" for line in one.lines)
            yield f"<li{_class(one.tone)}>{shown}<div><b>{mark}{self._inline(one.answer)}</b>{lines}</div></li>\n"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _embed(image: bytes) -> str:
    kind = "png" if image.startswith(_PNG) else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"
