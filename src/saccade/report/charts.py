"""The page's curves as Vega-Lite specifications; what draws them is in `script.py`, the chart above them in `overview.py`.

Colours are CSS variables of the page, so one drawing serves light, dark and paper. Lines are named at their ends: nothing
needs hovering. Vega-Lite: Satyanarayan, Moritz, Wongsuphasawat & Heer 2017.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from saccade.metrics.intervals import find_bounds
from saccade.report.chain import Chain
from saccade.report.curves import Course, Curve, Point, finite, thin
from saccade.report.experiments import Experiment
from saccade.report.labels import shorten_names
from saccade.report.page import Chart
from saccade.report.words import Words

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_NUM_COLOURS = 10
"""As many as style.css defines: --curve-0 and so on."""
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
_MOST_POINTS, _FEWEST_POINTS = 200, 24
_POINTS_OF_A_CHART = 5000
_MOST_NAMED = 14
"""With more experiments than that, their names would stand on each other at the ends of the lines."""
_CHART_HEIGHT_PX = 300
_LOGARITHMIC_FROM = 10
"""A loss that falls by more than this factor is drawn over its logarithm."""
_NAME_GAP = 0.062
"""Least distance of two names, as a share of the chart's height."""
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans KR', 'Apple SD Gothic Neo', 'Malgun Gothic', sans-serif"
CONFIG: Mapping[str, Any] = {
    "background": None,
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "domainColor": "var(--line)",
        "gridColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "text": {"fontSize": 12},
}
"""What every chart of a page shares."""


@dataclass(frozen=True)
class _Line:
    """One curve of one run.

    Attributes:
        experiment: Its name.
        label: Its short name.
        number: Its place in the chain.
        seed: Of the run.
        counts: Whether the run is among those that the experiment's value is of.
        curve: The points.
    """

    experiment: str
    label: str
    number: int
    seed: str
    counts: bool
    curve: Curve


def make_curve_charts(chain: Chain, words: Words) -> list[Chart]:
    """Return the charts of a chain's curves, without those that no run has anything for."""
    metric = chain.metric

    def measured(course: Course) -> Curve:
        return course.curve("val", metric)

    def gap(course: Course) -> Curve:
        train = {point.epoch: point.value for point in course.curve("train_clean", metric)}
        return tuple(
            Point(point.epoch, train[point.epoch] - point.value) for point in measured(course) if point.epoch in train
        )

    wanted: list[tuple[str, str, str, Callable[[Course], Curve]]] = [
        ("validation", words.curve_val.format(metric=metric), metric, measured),
        ("gap", words.curve_gap.format(metric=metric), words.difference, gap),
        ("loss", words.curve_loss, words.loss, lambda course: course.losses),
        ("rate", words.curve_rate, words.learning_rate, lambda course: course.rates),
    ]
    charts = []
    for name, title, unit, read in wanted:
        lines = _collect(chain.experiments, read)
        if lines:
            limits = find_bounds(metric) if name == "validation" else (-math.inf, math.inf)
            spec = _draw_lines(lines, unit, words, limits=limits, logarithmic=name == "loss")
            says = words.curve_says.format(title=title, values=_say_ends(lines))
            charts.append(Chart(name, title, says, spec))
    return charts


def _collect(experiments: Sequence[Experiment], read: Callable[[Course], Curve]) -> list[_Line]:
    found = [
        (number, experiment, course, read(course))
        for number, experiment in enumerate(experiments)
        for course in experiment.courses
    ]
    found = [item for item in found if finite(item[3])]
    labels = shorten_names([experiment.name for experiment in experiments])
    limit = max(min(_MOST_POINTS, _POINTS_OF_A_CHART // max(len(found), 1)), _FEWEST_POINTS)
    return [
        _Line(
            experiment=experiment.name,
            label=labels[experiment.name],
            number=number,
            seed=str(course.run.recipe.get("seed", 0)),
            counts=course in experiment.counted,
            curve=thin(curve, limit),
        )
        for number, experiment, course, curve in found
    ]


def _say_ends(lines: Sequence[_Line]) -> str:
    return ", ".join(f"{line.experiment} {finite(line.curve)[-1].value:.3g}" for line in lines)


def _draw_lines(
    lines: Sequence[_Line], unit: str, words: Words, *, limits: tuple[float, float], logarithmic: bool
) -> dict[str, Any]:
    """Return the specification of lines over epochs, with the value of the nearest point where the pointer is.

    Args:
        lines: What is drawn.
        unit: What is measured.
        words: The language.
        limits: Least and greatest value that there can be: the axis goes no further.
        logarithmic: Whether what falls by much may be drawn over its logarithm.
    """
    values = [point.value for line in lines for point in finite(line.curve)]
    logarithmic = logarithmic and min(values) > 0 and max(values) > _LOGARITHMIC_FROM * min(values)
    low, high = _choose_range(values, logarithmic)
    frame = _Frame(
        last=max(point.epoch for line in lines for point in line.curve) or 1.0,
        bounds=(max(low, limits[0]), min(high, limits[1])),
        logarithmic=logarithmic,
        names=tuple(dict.fromkeys(line.experiment for line in lines)),
        numbers={line.experiment: line.number for line in lines},
    )
    tooltip = [
        {"field": "experiment", "type": "nominal", "title": words.experiment},
        {"field": "seed", "type": "nominal", "title": words.seed},
        {"field": "x", "type": "quantitative", "title": words.epochs, "format": ".3~f"},
        {"field": "y", "type": "quantitative", "title": unit, "format": ".4~g"},
    ]
    runs = [{"r": place, "experiment": line.experiment, "seed": line.seed} for place, line in enumerate(lines)]
    is_named = len(frame.names) <= _MOST_NAMED
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": _CHART_HEIGHT_PX,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": {"left": 4, "top": 10, "bottom": 4, "right": 8},
        "data": {"values": _write_points(lines), "format": {"type": "csv", "parse": dict.fromkeys("rxy", "number")}},
        "transform": [
            {"lookup": "r", "from": {"data": {"values": runs}, "key": "r", "fields": ["experiment", "seed"]}}
        ],
        "encoding": {"x": frame.x("x", words.epochs), "y": frame.y("y", unit), "color": frame.colour()},
        "layer": [
            {
                "mark": {"type": "line", "strokeWidth": 1.8},
                "encoding": {"detail": {"field": "r"}, "strokeDash": frame.dash()},
            },
            _make_pointer(tooltip),
            *_make_dots(lines, tooltip),
            *([_make_names(lines, frame, unit, words)] if is_named else []),
        ],
        "config": CONFIG,
    }


@dataclass(frozen=True)
class _Frame:
    """What the layers of a chart of lines share: its scales."""

    last: float
    bounds: tuple[float, float]
    logarithmic: bool
    names: Sequence[str]
    numbers: Mapping[str, int]

    def x(self, field: str, title: str) -> dict[str, Any]:
        scale = {"domain": [0, self.last], "nice": False}
        return {
            "field": field,
            "type": "quantitative",
            "title": title,
            "scale": scale,
            "axis": {"grid": False, "tickCount": 8},
        }

    def y(self, field: str, title: str) -> dict[str, Any]:
        kind = {"type": "log"} if self.logarithmic else {"zero": False}
        scale = {"domain": list(self.bounds), "nice": False, **kind}
        axis = {"values": _choose_ticks(*self.bounds)} if self.logarithmic else {"tickCount": 6}
        return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": axis}

    def colour(self) -> dict[str, Any]:
        colours = [f"var(--curve-{self.numbers[name] % _NUM_COLOURS})" for name in self.names]
        return {
            "field": "experiment",
            "type": "nominal",
            "legend": None,
            "scale": {"domain": list(self.names), "range": colours},
        }

    def dash(self) -> dict[str, Any]:
        dashes = [list(_DASHES[self.numbers[name] // _NUM_COLOURS % len(_DASHES)]) for name in self.names]
        return {
            "field": "experiment",
            "type": "nominal",
            "legend": None,
            "scale": {"domain": list(self.names), "range": dashes},
        }

    def measure(self, value: float) -> float:
        """Return how high a value stands, 0 at the bottom and 1 at the top."""
        low, high, at = (math.log(number) if self.logarithmic else number for number in (*self.bounds, value))
        return (at - low) / (high - low)

    def unmeasure(self, share: float) -> float:
        """Return the value that stands so high."""
        low, high = self.bounds
        return low * (high / low) ** share if self.logarithmic else low + share * (high - low)


def _make_pointer(tooltip: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the layer that shows the point nearest to the pointer."""
    near = {"name": "near", "select": {"type": "point", "on": "pointermove", "nearest": True, "clear": "pointerout"}}
    shown = {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0}
    return {
        "params": [near],
        "transform": [{"filter": "isValid(datum.y)"}],
        "mark": {"type": "point", "filled": True, "size": 70},
        "encoding": {"opacity": shown, "tooltip": tooltip},
    }


def _make_dots(lines: Sequence[_Line], tooltip: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the layer of the points that no line reaches: a curve of one, and what stands between two breaks."""
    lonely = []
    for line in lines:
        known = [math.isfinite(point.value) for point in line.curve]
        for place, point in enumerate(line.curve):
            if known[place] and not any(known[max(place - 1, 0) : place] + known[place + 1 : place + 2]):
                lonely.append({"experiment": line.experiment, "seed": line.seed, "x": point.epoch, "y": point.value})
    if not lonely:
        return []
    mark = {"type": "point", "filled": True, "size": 55, "opacity": 1}
    return [{"data": {"values": lonely}, "mark": mark, "encoding": {"tooltip": tooltip}}]


def _make_names(lines: Sequence[_Line], frame: _Frame, unit: str, words: Words) -> dict[str, Any]:
    """Return the layer of names and last values right of the curves, pushed apart where they would overlap."""
    labels = {line.experiment: line.label for line in lines}
    ends = sorted(((_find_end(lines, name), name) for name in labels), reverse=True)
    placed, height = [], math.inf
    for number, (value, name) in enumerate(ends):
        room_below = _NAME_GAP * (len(ends) - 1 - number)
        height = max(min(frame.measure(value), height - _NAME_GAP), room_below)
        placed.append(
            {
                "experiment": name,
                "name": f"{value:.3g}  {labels[name]}",
                "at": frame.unmeasure(height),
                "end": frame.last,
            }
        )
    return {
        "data": {"values": placed},
        "mark": {"type": "text", "align": "left", "dx": 8, "baseline": "middle"},
        "encoding": {"text": {"field": "name"}, "y": frame.y("at", unit), "x": frame.x("end", words.epochs)},
    }


def _find_end(lines: Sequence[_Line], experiment: str) -> float:
    """Return where the lines of an experiment end: the mean of its runs that count, of those the ones that went on longest."""
    own = [line for line in lines if line.experiment == experiment]
    points = [finite(line.curve)[-1] for line in [line for line in own if line.counts] or own]
    last = max(point.epoch for point in points)
    return fmean(point.value for point in points if point.epoch == last)


def _choose_range(values: Sequence[float], logarithmic: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if logarithmic:
        return low / 1.1, high * 1.1
    room = 0.04 * (high - low) or 0.05 * abs(high) or 0.5
    return (0.0 if 0 <= low <= room else low - room), high + room


def _choose_ticks(low: float, high: float) -> list[float]:
    """Return round values for a logarithmic axis: powers of ten, and 2 and 5 times those where they would be few."""
    powers = [10.0**exponent for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    found = [power for power in powers if low <= power <= high]
    if len(found) < 3:
        found = [power * factor for power in powers for factor in (1, 2, 5) if low <= power * factor <= high]
    return found


def _write_points(lines: Sequence[_Line]) -> str:
    """Return the points as CSV, half as long as JSON; what is no number is left empty and breaks the line."""
    rows = [
        f"{place},{point.epoch:.6g},{f'{point.value:.5g}' if math.isfinite(point.value) else ''}"
        for place, line in enumerate(lines)
        for point in line.curve
    ]
    return "\n".join(["r,x,y", *rows])
