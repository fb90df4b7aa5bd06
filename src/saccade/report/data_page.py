"""What `saccade data stats` counted, as a page: shares, lengths, frequencies, sizes, and images as examples.

Path: the plain statistics, with some images beside them -> blocks -> `html.render_html`. It counts nothing itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from saccade.report.charts import CONFIG, SCHEMA
from saccade.report.page import (
    Block,
    Bullets,
    Chart,
    Charts,
    Code,
    Heading,
    Page,
    Paragraph,
    Picture,
    Pictures,
    Small,
    Table,
)
from saccade.report.words_en import ENGLISH

_ROW_PX, _CHART_HEIGHT_PX = 19, 240
_MOST_BARS = 30
"""Bars of a chart of frequencies: the most frequent ones."""
_MOST_DOTS = 1200
_ROOM = 1.2
"""Factor between the outermost dots and the ends of a logarithmic axis."""
_MOST_LISTED = 60
_MOST_LABEL = 160
_UNITS = {
    "tokens": ("tokens", "tokens", "rare_tokens"),
    "texts": ("characters", "characters", "rare_characters"),
    "classes": ("images", "class_counts", ""),
}
"""Kind of labels -> what is counted of them, and the keys of the counts and of the rare ones."""


@dataclass(frozen=True)
class Example:
    """An image of a split, a PNG or JPEG file, and its name and label."""

    image: bytes
    name: str
    label: str


@dataclass(frozen=True)
class DataFacts:
    """What a page of data shows.

    Attributes:
        title: Which data.
        statistics: As `data.statistics.compute_statistics` gives them.
        remarks: What needs a look, a sentence each.
        lengths: Split -> groups of label lengths, each with its number of labels; empty for classes.
        sizes_px: Split -> (height, width) of each image.
        examples: Split -> some of its images.
    """

    title: str
    statistics: Mapping[str, Any]
    remarks: Sequence[str]
    lengths: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)
    sizes_px: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    examples: Mapping[str, Sequence[Example]] = field(default_factory=dict)


def make_data_page(facts: DataFacts) -> Page:
    """Return the page of some data."""
    splits = facts.statistics["splits"]
    blocks: list[Block] = [
        Heading(1, facts.title),
        Paragraph((_describe_counts(splits),), tone="lead"),
        _make_table(facts.statistics),
        Heading(2, "Remarks"),
        Bullets([(remark,) for remark in facts.remarks])
        if facts.remarks
        else Paragraph(("Nothing was dropped, repeated or put right.",)),
    ]
    blocks += [
        block
        for key, title in (("sources", "Sources"), ("levels", "Levels"))
        for block in _make_shares(splits, key, title)
    ]
    blocks += _make_label_blocks(facts)
    if facts.sizes_px:
        blocks += [Heading(2, "Sizes"), Charts([_make_sizes(name, sizes) for name, sizes in facts.sizes_px.items()])]
    for name, examples in facts.examples.items():
        blocks += [
            Heading(2, "Images" if len(splits) == 1 else f"Images of {name}"),
            Pictures([_make_picture(one, facts.statistics["labels"]) for one in examples]),
        ]
    return Page(
        language="en",
        title=facts.title,
        blocks=blocks,
        footer=f"Written by saccade {version('saccade')}. This page asks nothing of any other machine.",
        script_missing=ENGLISH.script_missing,
    )


def _describe_counts(splits: Mapping[str, Mapping[str, Any]]) -> str:
    if len(splits) == 1:
        return "".join(f"{cells['count']:,} images" for cells in splits.values())
    return ", ".join(f"{cells['count']:,} images of {name}" for name, cells in splits.items())


def _make_table(statistics: Mapping[str, Any]) -> Table:
    """Return one row a number, one column a split."""
    splits, kind = statistics["splits"], statistics["labels"]
    rows = [("Images", "count"), *_LABEL_ROWS[kind], *_ROWS]
    return Table(
        caption="Of what varies from image to image: smallest \N{MIDDLE DOT} median \N{MIDDLE DOT} largest.",
        columns=["", *splits],
        numbers=frozenset(range(1, len(splits) + 1)),
        rows=[[[(title,)], *([(_write(cells[key]),)] for cells in splits.values())] for title, key in rows],
    )


_LABEL_ROWS = {
    "tokens": (
        ("Different labels", "num_labels"),
        ("Tokens a label", "num_tokens"),
        ("Different tokens", "tokens"),
        ("Rare tokens", "rare_tokens"),
        ("Unsound labels", "faults"),
    ),
    "texts": (
        ("Different labels", "num_labels"),
        ("Different characters", "characters"),
        ("Rare characters", "rare_characters"),
        ("Time steps needed", "max_required_steps"),
    ),
    "classes": (
        ("Classes", "num_classes"),
        ("Classes without image", "missing_classes"),
        ("Images a class", "images_per_class"),
    ),
}
_ROWS = (
    ("Height, px", "height_px"),
    ("Width, px", "width_px"),
    ("Width / height", "aspect"),
    ("Repeated images", "num_duplicates"),
    ("The same image, other labels", "conflicts"),
    ("Dropped", "dropped"),
)


def _write(value: Any) -> str:
    """Write a cell: three of the percentiles, or how many there are."""
    if isinstance(value, Mapping) and "p50" in value:
        return f"{value['p0']:,g} \N{MIDDLE DOT} {value['p50']:,g} \N{MIDDLE DOT} {value['p100']:,g}"
    if isinstance(value, Mapping):
        return f"{sum(len(ids) if isinstance(ids, list) else 1 for ids in value.values()):,}"
    return f"{len(value):,}" if isinstance(value, list) else f"{value:,}"


def _make_shares(splits: Mapping[str, Mapping[str, Any]], key: str, title: str) -> list[Block]:
    """Return the share of each source or level in each split; nothing where none is known."""
    if not any(cells[key] for cells in splits.values()):
        return []
    rows = [
        {"split": split, "name": name or "not known", "images": n, "share": n / cells["count"]}
        for split, cells in splits.items()
        for name, n in cells[key].items()
    ]
    names = sorted({str(row["name"]) for row in rows})
    spec = _make_spec(
        rows,
        {
            "y": {"field": "split", "type": "nominal", "sort": None, "title": None},
            "x": {
                "field": "share",
                "type": "quantitative",
                "stack": "zero",
                "title": "share of the images",
                "axis": {"format": "%", "tickCount": 5},
            },
            "color": {
                "field": "name",
                "type": "nominal",
                "sort": names,
                "scale": {"domain": names, "range": [f"var(--curve-{place % 10})" for place in range(len(names))]},
                "legend": {"title": None, "orient": "top", "labelColor": "var(--ink)", "labelFontSize": 12},
            },
            "order": {"field": "name", "type": "nominal"},
        },
        ("split", "name", "images"),
        height=int(1.6 * _ROW_PX) * len(splits),
    )
    said = "; ".join(f"{row['split']}: {row['name']} {row['images']:,} ({row['share']:.1%})" for row in rows)
    shown = {(row["split"], row["name"]): f"{row['images']:,} ({row['share']:.1%})" for row in rows}
    table = Table(
        caption="Images, and their share of the split.",
        columns=["", *splits],
        numbers=frozenset(range(1, len(splits) + 1)),
        rows=[[[(name,)], *([(shown.get((split, name), ""),)] for split in splits)] for name in names],
    )
    return [Heading(2, title), Chart(key, f"{title} of the images", said, spec), table]


def _make_label_blocks(facts: DataFacts) -> list[Block]:
    """Return lengths and frequencies of the labels, split by split, and the rare tokens or characters."""
    unit, counts_key, rare_key = _UNITS[facts.statistics["labels"]]
    splits = facts.statistics["splits"]
    blocks: list[Block] = []
    if facts.lengths:
        charts = [_make_lengths(name, groups, unit) for name, groups in facts.lengths.items()]
        blocks += [Heading(2, f"Lengths, in {unit}"), Charts(charts)]
    blocks.append(Heading(2, "Frequencies"))
    blocks.append(Charts([_make_frequencies(name, cells[counts_key], unit) for name, cells in splits.items()]))
    blocks += [
        _make_rare(name, cells[rare_key], unit) for name, cells in splits.items() if rare_key and cells[rare_key]
    ]
    return blocks


def _make_lengths(name: str, groups: Sequence[tuple[str, int]], unit: str) -> Chart:
    rows = [{"length": length, "labels": n} for length, n in groups]
    encoding = {
        "x": {
            "field": "length",
            "type": "nominal",
            "sort": None,
            "title": f"{unit} a label",
            "axis": {"labelAngle": -45},
        },
        "y": {"field": "labels", "type": "quantitative", "title": "labels"},
    }
    most, num_most = max(groups, key=lambda group: group[1])
    said = f"Labels of {name} by length; most, {num_most:,}, have {most} {unit}."
    return Chart("lengths", name, said, _make_spec(rows, encoding, ("length", "labels")))


def _make_frequencies(name: str, counts: Mapping[str, int], unit: str) -> Chart:
    ordered = sorted(counts.items(), key=lambda one: -one[1])
    rows = [{"name": _make_visible(each), "times": n, "said": f"{n:,}"} for each, n in ordered[:_MOST_BARS]]
    encoding = {
        "y": {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 160}},
        "x": {"field": "times", "type": "quantitative", "title": None, "axis": None},
    }
    spec = _make_spec(rows, encoding, ("name", "times"), height=_ROW_PX * len(rows))
    numbers = {"type": "text", "align": "left", "dx": 5, "color": "var(--muted)"}
    spec["layer"] = [{"mark": spec.pop("mark")}, {"mark": numbers, "encoding": {"text": {"field": "said"}}}]
    num_all = (
        f"the {_MOST_BARS} most frequent of {len(counts):,}" if len(counts) > _MOST_BARS else f"{len(counts):,} in all"
    )
    title = f"{name}, {num_all}" if unit == "images" else f"{name}, {unit}: {num_all}"
    first = ", ".join(f"{row['name']} {row['said']}" for row in rows[:5])
    return Chart("frequencies", title, f"{title}. {first} ...", spec)


def _make_rare(name: str, counts: Mapping[str, int], unit: str) -> Block:
    listed = list(counts.items())[:_MOST_LISTED]
    line: list[str | Code] = [f"Fewer than 10 times in {name}, {len(counts):,} {unit}: "]
    for each, n in listed:
        line += [Code(_make_visible(each)), f" {n}, "]
    more = len(counts) - len(listed)
    line[-1] = f"{str(line[-1]).rstrip(', ')} and {more:,} more" if more else str(line[-1]).rstrip(", ")
    return Paragraph(tuple(line))


def _make_sizes(name: str, sizes: Sequence[tuple[int, int]]) -> Chart:
    """Return width against height, of many images every so-many-th."""
    step = -(-len(sizes) // _MOST_DOTS)
    shown = sizes[::step]
    rows = [{"height": height, "width": width} for height, width in shown]
    axes = {axis: _make_size_axis(key, [row[key] for row in rows]) for axis, key in (("x", "width"), ("y", "height"))}
    spec = _make_spec(rows, axes, ("width", "height"))
    spec["mark"] = {"type": "circle", "color": "var(--curve-0)", "size": 16, "opacity": 0.45}
    what = f"{name}: every image" if step == 1 else f"{name}: {len(shown):,} of {len(sizes):,} images"
    return Chart("sizes", what, f"Width and height of the images of {name}.", spec)


def _make_size_axis(key: str, values: Sequence[int]) -> dict[str, Any]:
    """Return a logarithmic axis with a little room at both ends."""
    domain = [min(values) / _ROOM, max(values) * _ROOM]
    scale = {"type": "log", "nice": False, "domain": domain}
    return {"field": key, "type": "quantitative", "title": f"{key}, px", "scale": scale, "axis": {"tickCount": 5}}


def _make_spec(
    rows: Sequence[Mapping[str, Any]], encoding: Mapping[str, Any], said: Sequence[str], height: int = _CHART_HEIGHT_PX
) -> dict[str, Any]:
    """Return a chart of bars; `said` are the fields that are shown where the pointer is."""
    tooltip = [{"field": key} for key in said]
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        "mark": {"type": "bar", **({} if "color" in encoding else {"color": "var(--curve-0)"})},
        "encoding": {**encoding, "tooltip": tooltip},
        "config": CONFIG,
    }


def _make_picture(example: Example, kind: str) -> Picture:
    """Return an image with its label: of a formula small, below its number of tokens."""
    label = _make_visible(example.label if len(example.label) <= _MOST_LABEL else f"{example.label[:_MOST_LABEL]} ...")
    if kind != "tokens":
        return Picture(example.image, example.name, label, [(example.name,)], tone="")
    num = len(example.label.split())
    heading = f"{num} token{'' if num == 1 else 's'}"
    return Picture(example.image, example.name, heading, [(Code(label),), (Small(example.name),)], tone="")


def _make_visible(text: str) -> str:
    """Write white space and what has no ink as code points."""
    if text and not text.isspace():
        return "".join(each if each.isprintable() else f"U+{ord(each):04X}" for each in text)
    return " ".join(f"U+{ord(each):04X}" for each in text)
