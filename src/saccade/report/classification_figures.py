"""Pictures of a classifier: what it takes for what, whether its confidence can be believed, and its worst and best images.

All are PNG files made from stored predictions; the images themselves are handed in. No pyplot, so nothing global is
touched.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from saccade.errors import make_printable

MOST_LABELLED = 30
"""With more classes, cells are too small for names and numbers."""
MOST_CLASSES = 10
"""Rows of the picture of extremes."""

MOST_CELLS = 1000
"""Cells of a heat map each way; a page has no more pixels for them."""

_INK, _MUTED, _RIGHT, _WRONG, _BARS = "#1a1a1a", "#6b6b6b", "#1b7a3d", "#b3261e", "#7fa8d1"
_NUM_LISTED = 10
_PICTURE_INCHES = 1.35
_DPI = 110


@dataclass(frozen=True)
class Answered:
    """An image, uint8 [h, w, 1 | 3] RGB, its class, and what was answered with which confidence in [0, 1]."""

    image: NDArray[np.uint8]
    target: str
    answer: str
    confidence: float


def draw_confusion(summary: Mapping[str, Any], *, title: str, fonts: Sequence[str] = ()) -> bytes:
    """Draw which class was taken for which, the true ones downwards.

    Cells are shaded by their share of the true class, on a scale that lets rare confusions be seen. Up to
    `MOST_LABELLED` classes are named and their images counted; more are a heat map beside the most frequent confusions,
    and of more than `MOST_CELLS` neighbours share a cell.

    Args:
        summary: What `summarise_classification` returned.
        title: Stands above.
        fonts: Families tried for each character, where they are installed.

    Returns:
        A PNG file.
    """
    labels = [row["label"] for row in summary["by_class"]]
    per_cell = -(-len(labels) // MOST_CELLS)
    order = {label: place // per_cell for place, label in enumerate(labels)}
    num_cells = -(-len(labels) // per_cell)
    counts = np.zeros((num_cells, num_cells))
    for target, prediction, count in summary["confusion"]:
        counts[order[target], order[prediction]] += count
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    is_labelled = len(labels) <= MOST_LABELLED
    side = max(1.6 + 0.42 * len(labels), 4.2) if is_labelled else 7.5
    with _drawing(fonts):
        figure = Figure(figsize=(side + 1.2 if is_labelled else side + 4, side), dpi=_DPI, layout="constrained")
        grid = figure.add_gridspec(1, 1 if is_labelled else 2, width_ratios=[1] if is_labelled else [8, 3])
        axes = figure.add_subplot(grid[0])
        image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
        bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=30, ticks=[0.01, 0.05, 0.2, 0.5, 1])
        bar.ax.set_yticklabels(["1 %", "5 %", "20 %", "50 %", "100 %"])
        bar.set_label("share of the true class", color=_MUTED)
        bar.outline.set_visible(False)
        axes.set_title(title, loc="left", color=_INK, fontsize=11, parse_math=False)
        axes.set_xlabel("answer", color=_MUTED)
        axes.set_ylabel("truth (images)" if is_labelled else "truth", color=_MUTED)
        if is_labelled:
            _label_cells(axes, labels, counts, shares)
        else:
            _mark_classes(axes, labels, per_cell)
            _list_confusions(figure.add_subplot(grid[1]), summary["most_confused"])
        return _to_png(figure)


def _label_cells(axes: Axes, labels: Sequence[str], counts: NDArray[Any], shares: NDArray[Any]) -> None:
    names = [_shorten(label, 18) for label in labels]
    totals = [f"{name}  ({total:g})" for name, total in zip(names, counts.sum(axis=1), strict=True)]
    axes.set_xticks(range(len(names)), names, rotation=90, parse_math=False)
    axes.set_yticks(range(len(names)), totals, parse_math=False)
    axes.tick_params(length=0, labelcolor=_INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for row, column in np.argwhere(counts):
        ink = "white" if shares[row, column] > 0.35 else _INK
        axes.text(column, row, f"{counts[row, column]:g}", ha="center", va="center", fontsize=8, color=ink)
    for place in range(len(names)):  # what is right, lest a reader look for it
        corner = (place - 0.46, place - 0.46)
        axes.add_patch(Rectangle(corner, 0.92, 0.92, fill=False, edgecolor=_RIGHT, linewidth=1.5))


def _mark_classes(axes: Axes, labels: Sequence[str], per_cell: int) -> None:
    """Name every so many classes, so that a place in a large heat map can be found."""
    step = -(-len(labels) // 20)
    chosen = range(0, len(labels), step)
    names = [_shorten(labels[place], 18) for place in chosen]
    places = [place / per_cell for place in chosen]
    axes.set_xticks(places, names, rotation=90, fontsize=7, parse_math=False)
    axes.set_yticks(places, names, fontsize=7, parse_math=False)
    axes.tick_params(labelcolor=_MUTED, color=_MUTED)


def _list_confusions(axes: Axes, confusions: Sequence[Mapping[str, Any]]) -> None:
    lines = [
        f"{row['count']}x  {_shorten(row['target'], 18)} \N{RIGHTWARDS ARROW} {_shorten(row['prediction'], 18)}"
        for row in confusions[:_NUM_LISTED]
    ]
    axes.set_axis_off()
    text = "\n".join(["most often confused", "", *lines])
    axes.text(0, 0.98, text, va="top", fontsize=9, color=_INK, linespacing=1.6, parse_math=False)


def draw_calibration(summary: Mapping[str, Any], *, title: str, fonts: Sequence[str] = ()) -> bytes:
    """Draw how often answers are right, by the confidence they are given with, and how many there are of each.

    Args:
        summary: What `summarise_classification` returned.
        title: Stands above.
        fonts: Families tried for each character, where they are installed.

    Returns:
        A PNG file.
    """
    rows = summary["reliability"]
    lows, widths = [row["low"] for row in rows], [row["high"] - row["low"] for row in rows]
    with _drawing(fonts):
        figure = Figure(figsize=(5.6, 6.4), dpi=_DPI, layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
        upper.plot([0, 1], [0, 1], color=_MUTED, linewidth=1, linestyle="--", zorder=3)
        shares, numbers = [row["accuracy"] for row in rows], [row["n"] for row in rows]
        upper.bar(lows, shares, widths, align="edge", color=_BARS, edgecolor="white")
        means = [row["confidence"] for row in rows]
        upper.vlines(means, np.minimum(shares, means), np.maximum(shares, means), color=_WRONG, linewidth=1.5, zorder=4)
        upper.set(xlim=(0, 1), ylim=(0, 1.06), yticks=np.linspace(0, 1, 6))
        upper.set_ylabel("share that is right", color=_MUTED)
        figure.suptitle(title, x=0.01, ha="left", color=_INK, fontsize=11, parse_math=False)
        upper.set_title(_GAP, loc="left", color=_MUTED, fontsize=9)
        lower.bar(lows, numbers, widths, align="edge", color=_BARS, edgecolor="white")
        lower.set_ylabel("images", color=_MUTED)
        lower.set_xlabel("confidence of the answer", color=_MUTED)
        for axes in (upper, lower):
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelcolor=_INK, color=_MUTED)
        return _to_png(figure)


_GAP = "dashed: right as often as the confidence says; red: the gap to that"


def draw_extremes(
    classes: Sequence[Mapping[str, Any]], answered: Mapping[str, Answered], *, title: str, fonts: Sequence[str] = ()
) -> bytes:
    """Draw a row a class: on the left the images whose truth got least probability, on the right those where it got most.

    Args:
        classes: Rows of `by_class`, in the order in which they are drawn; each has images.
        answered: Id -> image and answer, for every id that `worst` and `best` of these rows name.
        title: Stands above.
        fonts: Families tried for each character, where they are installed.

    Returns:
        A PNG file.
    """
    width = max(len(row[side]) for row in classes for side in ("worst", "best"))
    with _drawing(fonts):
        shapes = [one.image.shape[0] / one.image.shape[1] for one in answered.values()]
        height = 0.5 + _PICTURE_INCHES * min(max(median(shapes), 0.2), 2.0)
        figure = Figure(
            figsize=(max(1.8 + 2 * width * _PICTURE_INCHES, 5.5), 0.95 + height * len(classes)),
            dpi=_DPI,
            layout="constrained",
        )
        figure.suptitle(f"{title}\n{_LEGEND}", x=0.01, ha="left", color=_INK, fontsize=11, parse_math=False)
        grid = figure.add_gridspec(len(classes), 2 * width + 2, width_ratios=[1.1, *[1] * width, 0.12, *[1] * width])
        for place, row in enumerate(classes):
            _write_class(figure.add_subplot(grid[place, 0]), row)
            for offset, side in ((1, "worst"), (2 + width, "best")):
                for column, name in enumerate(row[side]):
                    axes = figure.add_subplot(grid[place, offset + column])
                    _show(axes, answered[name])
                    if place == column == 0:
                        axes.set_title(_SIDES[side], loc="left", fontsize=9, color=_MUTED)
        return _to_png(figure)


_SIDES = {"worst": "truth least probable", "best": "truth most probable"}
_LEGEND = "Below each image: its answer with the confidence; \N{CHECK MARK} right, \N{BALLOT X} wrong."


def choose_classes(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of `by_class` that `draw_extremes` should show: the least accurate ones that have images, worst first."""
    present = [row for row in summary["by_class"] if row["n"]]
    return sorted(present, key=lambda row: row["accuracy"])[:MOST_CLASSES]


def _write_class(axes: Axes, row: Mapping[str, Any]) -> None:
    axes.set_axis_off()
    right = f"{round(row['accuracy'] * row['n'])} of {row['n']} right"
    axes.text(0, 0.55, _shorten(row["label"], 18), fontsize=11, color=_INK, va="bottom", parse_math=False)
    axes.text(0, 0.5, right, fontsize=9, color=_MUTED, va="top")


def _show(axes: Axes, one: Answered) -> None:
    grey = one.image.shape[2] == 1
    axes.imshow(one.image[:, :, 0] if grey else one.image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    ink, mark = (_RIGHT, "\N{CHECK MARK}") if one.answer == one.target else (_WRONG, "\N{BALLOT X}")
    answer = f"{mark} {_shorten(one.answer, 13)} {one.confidence:.2f}"
    axes.set_xlabel(answer, fontsize=8, color=ink, labelpad=3, parse_math=False)
    for spine in axes.spines.values():
        spine.set_color(ink)
        spine.set_linewidth(1.5)


def _shorten(name: str, limit: int) -> str:
    name = make_printable(name)
    return name if len(name) <= limit else name[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _drawing(fonts: Sequence[str]) -> Any:
    """Use those of the fonts that are installed, for this drawing alone."""
    installed = {font.name for font in fontManager.ttflist}
    families = [name for name in fonts if name in installed]
    return mpl.rc_context({"font.family": families} if families else {})


def _to_png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a box stands there then
        figure.savefig(  # the layout is a pixel short of long labels
            buffer, format="png", facecolor="white", metadata={"Software": None}, bbox_inches="tight", pad_inches=0.1
        )
    return buffer.getvalue()
