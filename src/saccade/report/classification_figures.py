"""Pictures of what a classifier takes for what: the confusion matrix, and the images it is least and most sure of.

Both are PNG files made from stored predictions; the images themselves are handed in. No pyplot, so nothing global is
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
from numpy.typing import NDArray

MOST_LABELLED = 30
"""With more classes, cells are too small for names and numbers."""
MOST_CLASSES = 10
"""Rows of the picture of extremes."""

_INK, _MUTED, _RIGHT, _WRONG = "#1a1a1a", "#6b6b6b", "#1b7a3d", "#b3261e"
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
    `MOST_LABELLED` classes are named and their images counted; more are a heat map beside the most frequent confusions.

    Args:
        summary: What `summarise_classification` returned.
        title: Stands above.
        fonts: Families tried for each character, where they are installed.

    Returns:
        A PNG file.
    """
    labels = [row["label"] for row in summary["by_class"]]
    order = {label: place for place, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)))
    for target, prediction, count in summary["confusion"]:
        counts[order[target], order[prediction]] = count
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
        bar.outline.set_visible(False)
        axes.set_title(title, loc="left", color=_INK, fontsize=11, parse_math=False)
        axes.set_xlabel("answer", color=_MUTED)
        axes.set_ylabel("truth", color=_MUTED)
        if is_labelled:
            _label_cells(axes, labels, counts, shares)
        else:
            _mark_classes(axes, labels)
            _list_confusions(figure.add_subplot(grid[1]), summary["most_confused"])
        return _to_png(figure)


def _label_cells(axes: Axes, labels: Sequence[str], counts: NDArray[Any], shares: NDArray[Any]) -> None:
    names = [_shorten(label, 18) for label in labels]
    axes.set_xticks(range(len(names)), names, rotation=90, parse_math=False)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.tick_params(length=0, labelcolor=_INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for row, column in np.argwhere(counts):
        ink = "white" if shares[row, column] > 0.35 else _INK
        axes.text(column, row, f"{counts[row, column]:g}", ha="center", va="center", fontsize=8, color=ink)


def _mark_classes(axes: Axes, labels: Sequence[str]) -> None:
    """Name every so many classes, so that a place in a large heat map can be found."""
    step = -(-len(labels) // 20)
    places = range(0, len(labels), step)
    names = [_shorten(labels[place], 18) for place in places]
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
            figsize=(1.8 + 2 * width * _PICTURE_INCHES, 0.75 + height * len(classes)), dpi=_DPI, layout="constrained"
        )
        figure.suptitle(title, x=0.01, ha="left", color=_INK, fontsize=11, parse_math=False)
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
    ink = _RIGHT if one.answer == one.target else _WRONG
    axes.set_xlabel(
        f"{_shorten(one.answer, 14)} {one.confidence:.2f}", fontsize=8, color=ink, labelpad=3, parse_math=False
    )
    for spine in axes.spines.values():
        spine.set_color(ink)
        spine.set_linewidth(1.5)


def _shorten(name: str, limit: int) -> str:
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
        figure.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
