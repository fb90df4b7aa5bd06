"""Small curves that need no script: SVG for a cell of a table, block characters for a line of Markdown."""

import math
from html import escape

from saccade.report.curves import Curve, finite, thin

_WIDTH, _HEIGHT, _MARGIN = 120, 30, 3
_MOST_POINTS = 60
_BLOCKS = "▁▂▃▄▅▆▇█"
_MOST_BLOCKS = 24


def draw_spark(curve: Curve, label: str) -> str:
    """Return a curve as inline SVG in the colour of the text, its last point marked; a break where a value is no number.

    Args:
        curve: At least one finite point.
        label: What a reader who cannot see it should know.
    """
    shown = thin(curve, _MOST_POINTS)
    known = finite(shown)
    low, high = min(point.value for point in known), max(point.value for point in known)
    first, last = shown[0].epoch, shown[-1].epoch

    def place(epoch: float, value: float) -> tuple[float, float]:
        across = (epoch - first) / (last - first) if last > first else 1.0
        up = (value - low) / (high - low) if high > low else 0.5
        return (
            _MARGIN + across * (_WIDTH - 2 * _MARGIN),
            _HEIGHT - _MARGIN - up * (_HEIGHT - 2 * _MARGIN),
        )

    path, pen_is_down = [], False
    for point in shown:
        if not math.isfinite(point.value):
            pen_is_down = False
            continue
        x, y = place(point.epoch, point.value)
        path.append(f"{'L' if pen_is_down else 'M'}{x:.1f} {y:.1f}")
        pen_is_down = True
    x, y = place(known[-1].epoch, known[-1].value)
    return (
        f'<svg class="spark" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{escape(label)}">'
        f'<path d="{"".join(path)}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.4"/></svg>'
    )


def write_spark(curve: Curve) -> str:
    """Return a curve as a row of blocks, low to high, a space where a value is no number; empty without any."""
    known = finite(curve)
    if not known:
        return ""
    low, high = min(point.value for point in known), max(point.value for point in known)
    num_shown = min(len(curve), _MOST_BLOCKS)
    shown = [curve[round(place * (len(curve) - 1) / max(num_shown - 1, 1))] for place in range(num_shown)]
    return "".join(_choose_block(point.value, low, high) for point in shown)


def _choose_block(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return " "
    height = (value - low) / (high - low) if high > low else 0.5
    return _BLOCKS[min(int(height * len(_BLOCKS)), len(_BLOCKS) - 1)]
