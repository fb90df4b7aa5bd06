"""The chart of every experiment's best value, as a Vega-Lite specification in the form of `charts.py`."""

from collections.abc import Mapping
from typing import Any

from saccade.report.chain import Chain
from saccade.report.charts import CONFIG, SCHEMA
from saccade.report.experiments import Experiment
from saccade.report.labels import shorten_names
from saccade.report.page import Chart
from saccade.report.words import Words
from saccade.report.writing import write_value

_ROW_PX = 24
_LEGEND = {
    "title": None,
    "orient": "top",
    "direction": "horizontal",
    "labelColor": "var(--ink)",
    "labelFontSize": 12,
    "symbolSize": 80,
}
_SHAPES = {"best": "circle", "last": "M-0.15,-1H0.15V1H-0.15Z", "median": "triangle-up", "reported": "diamond"}
_INKS = {"best": "curve-0", "last": "muted", "median": "muted", "reported": "curve-1"}
# In the order in which they are drawn, the best on top.
_MARKS: Mapping[str, Mapping[str, Any]] = {
    "last": {"type": "point", "filled": True, "opacity": 1, "size": 110},
    "median": {"type": "point", "opacity": 1, "size": 45, "strokeWidth": 1.5},
    "reported": {"type": "point", "opacity": 1, "size": 90, "strokeWidth": 2},
    "best": {"type": "point", "filled": True, "opacity": 1, "size": 75},
}


def make_overview(chain: Chain, words: Words) -> Chart | None:
    """Return best, last and median of each experiment beside what was reported; None without any value."""
    rows = [row for experiment in chain.experiments if (row := _read_row(experiment, chain.metric, words))]
    if not rows:
        return None
    labels = shorten_names([experiment.name for experiment in chain.experiments])
    rows = [row | {"label": labels[row["experiment"]]} for row in rows]
    median = words.median.format(count=chain.num_last)
    titles = {"best": words.best, "last": words.last, "median": median, "reported": words.reported}
    shown = {key: title for key, title in titles.items() if any(row.get(key) is not None for row in rows)}
    tooltip = [
        {"field": "experiment", "type": "nominal", "title": words.experiment},
        *({"field": f"{key} text", "type": "nominal", "title": title} for key, title in shown.items()),
    ]
    bounds = {
        "transform": [{"filter": "isValid(datum.low)"}],
        "mark": {"type": "rule", "color": "var(--curve-0)", "strokeWidth": 2},
        "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}},
    }
    layers = [
        {
            "transform": [{"filter": f"isValid(datum.{key})"}, {"calculate": f"'{shown[key]}'", "as": "kind"}],
            "mark": mark,
            "encoding": {
                "x": {"field": key, "type": "quantitative"},
                "tooltip": tooltip,
                "shape": {"field": "kind", "type": "nominal", "scale": _make_shapes(shown), "legend": _LEGEND},
                "color": {"field": "kind", "type": "nominal", "scale": _make_colours(shown), "legend": _LEGEND},
            },
        }
        for key, mark in _MARKS.items()
        if key in shown
    ]
    spec = {
        "$schema": SCHEMA,
        "width": "container",
        "height": _ROW_PX * len(rows),
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        "encoding": {
            "y": {
                "field": "label",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": {"labelLimit": 220, "grid": True},
            },
            "x": {"title": chain.metric, "scale": {"zero": False, "nice": True}, "axis": {"tickCount": 6}},
        },
        "layer": [bounds, *layers],
        "config": CONFIG,
    }
    said = ", ".join(f"{row['experiment']} {write_value(row['best'])}" for row in rows if "best" in row) or words.none
    return Chart("overview", words.overview, words.overview_says.format(metric=chain.metric, values=said), spec)


def _read_row(experiment: Experiment, metric: str, words: Words) -> dict[str, Any]:
    """Return the numbers of an experiment for the overview; empty where there is none."""
    outcome = experiment.outcome(metric)
    reported = experiment.reported_metrics.get(metric)
    row: dict[str, Any] = {"experiment": experiment.name} if outcome is not None or reported is not None else {}
    if reported is not None:
        row["reported"] = reported
    if outcome is not None:
        row |= {"best": outcome.best.value, "low": outcome.best.low, "high": outcome.best.high}
        row |= {"last": outcome.last, "median": outcome.median_last_ten}
    # What is pointed at says a dash where a number is missing, and not NaN.
    row |= {f"{key} text": write_value(row.get(key)) for key in _MARKS if row}
    if outcome is not None and outcome.fewer_last:
        row["median text"] += f" ({words.median_of.format(count=outcome.fewer_last)})"
    return row


def _make_shapes(shown: Mapping[str, str]) -> dict[str, Any]:
    return {"domain": list(shown.values()), "range": [_SHAPES[key] for key in shown]}


def _make_colours(shown: Mapping[str, str]) -> dict[str, Any]:
    return {"domain": list(shown.values()), "range": [f"var(--{_INKS[key]})" for key in shown]}
