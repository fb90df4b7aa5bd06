"""Curves and intervals as SVG that takes its colours and fonts from the page around it.

matplotlib draws with stand-in colours, which become CSS variables: one drawing serves light, dark and print. No pyplot,
so nothing global is touched.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from saccade.metrics.intervals import Estimate

# Stand-ins; the page defines the variables.
_COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--muted)",
    "#030303": "var(--line)",
    "#040404": "var(--parent)",
    "#050505": "var(--child)",
}
_INK, _MUTED, _LINE, PARENT, CHILD = _COLOURS
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Curve:
    """Numbers over training: `epochs` and `values` are equally long; values are in [0, 1]."""

    name: str
    colour: str
    epochs: Sequence[int]
    values: Sequence[float]
    marker: str = "o"
    """As matplotlib names it; "" draws a thin dashed line."""


def draw_curves(curves: Sequence[Curve], *, y_label: str, description: str) -> str:
    """Draw curves over epochs, each named at its end, and return inline SVG.

    Args:
        curves: At least one; those without a marker are drawn thin and dashed.
        y_label: What the values are.
        description: What a reader who cannot see the figure should know.
    """
    figure = Figure(figsize=(7.8, 3.5))
    axes = figure.add_axes((0.05, 0.135, 0.7, 0.79))
    for curve in curves:
        axes.plot(
            curve.epochs,
            curve.values,
            color=curve.colour,
            linewidth=2.2 if curve.marker else 1.2,
            linestyle="solid" if curve.marker else (0, (4, 3)),
            marker=curve.marker,
            markersize=3.5,
            clip_on=False,
        )
    end = max(epoch for curve in curves for epoch in curve.epochs)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1)
    _label_ends(axes, curves, end)
    axes.set_xlabel("epochs")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(y_label, loc="left", fontsize=10, color=_MUTED, pad=10)
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    _style(axes)
    return _to_svg(figure, description)


def draw_intervals(rows: Sequence[tuple[str, Estimate]], *, x_label: str, description: str) -> str:
    """Draw differences of shares with their intervals around zero, one a row, in points, and return inline SVG.

    Args:
        rows: What is estimated, and the estimate; a row without bounds shows a dot alone.
        x_label: The direction and the unit.
        description: What a reader who cannot see the figure should know.
    """
    figure = Figure(figsize=(7.8, 0.62 + 0.42 * len(rows)))
    height = figure.get_figheight()
    axes = figure.add_axes((0.13, 0.5 / height, 0.84, 1 - 0.56 / height))
    for number, (_, estimate) in enumerate(rows):
        if estimate.low is not None and estimate.high is not None:
            axes.plot([estimate.low, estimate.high], [number, number], color=CHILD, linewidth=3, solid_capstyle="round")
        axes.plot([estimate.value], [number], color=CHILD, marker="o", markersize=8)
    bounds = [bound for _, row in rows for bound in (row.value, row.low, row.high) if bound is not None]
    axes.set_xlim(1.15 * min(0.0, *bounds) - 0.01, 1.15 * max(0.0, *bounds) + 0.01)
    axes.axvline(0, color=_INK, linewidth=1.2)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_xlabel(x_label)
    axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:+.0f}" if share else "0")
    axes.grid(axis="x", color=_LINE, linewidth=0.8)
    _style(axes)
    return _to_svg(figure, description)


def _label_ends(axes: Axes, curves: Sequence[Curve], end: int, gap: float = 0.07) -> None:
    """Write each curve's name and last value right of the axes, pushed apart where they would overlap."""
    height = float("inf")
    left = sorted(curves, key=lambda curve: -curve.values[-1])
    for number, curve in enumerate(left):
        room_below = gap * (len(left) - 1 - number)
        height = max(min(curve.values[-1], height - gap), room_below)
        text = f"{curve.values[-1]:.2f}  {curve.name}"
        weight = "bold" if curve.marker else "normal"
        axes.annotate(
            text, (end, height), (12, 0), textcoords="offset points", va="center", color=curve.colour, weight=weight
        )


def _style(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.tick_params(color=_LINE, labelcolor=_MUTED, length=0, pad=6)
    axes.xaxis.label.set_color(_MUTED)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_LINE)


def _to_svg(figure: Figure, description: str) -> str:
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):  # texts stay texts
        figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    width, height = (float(points) for points in re.findall(r"([\d.]+)pt", svg)[:2])
    body = svg[svg.index(">") + 1 :]
    body = re.sub(r" *font-family: [^;\"]*;?", "", body)
    body = re.sub(r'<g id="[^"]*"', "<g", body)  # named the same in every figure; what is referred to has another name
    for stand_in, variable in _COLOURS.items():
        body = body.replace(stand_in, variable)
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(description)}">{body}'
