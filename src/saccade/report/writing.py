"""Numbers, times and settings as words on a page; the language decides only what `Words` holds."""

import math
from collections.abc import Mapping
from typing import Any

from saccade.metrics.intervals import Estimate
from saccade.recipes.diff import Change
from saccade.recipes.toml import format_value
from saccade.report.words import Words

_MINUS = "\N{MINUS SIGN}"
_NO_SHARES = frozenset({"nll", "loss"})
_MOST_CHARACTERS = 160
_ARROW = "\N{RIGHTWARDS ARROW}"
_MOST_DIGITS, _FEWEST_DIGITS = 4, 3


def write_value(value: float | None, num_images: int = 0) -> str:
    """Write a metric with no more digits than so many images can tell apart: 3, or 4 from 1,001 images on; a dash for none."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    digits = math.ceil(math.log10(num_images)) if num_images > 1 else _FEWEST_DIGITS
    return f"{value:.{min(max(digits, _FEWEST_DIGITS), _MOST_DIGITS)}f}".replace("-", _MINUS)


def write_interval(estimate: Estimate, num_images: int = 0) -> str:
    """Write bounds in brackets; empty where there are none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{write_value(estimate.low, num_images)}, {write_value(estimate.high, num_images)}]"


def write_difference(value: float, metric: str, words: Words) -> str:
    """Write a difference: in points (hundredths) of a share, as it is otherwise."""
    if metric in _NO_SHARES:
        return f"{value:+.3f}".replace("-", _MINUS)
    return words.points.format(value=f"{100 * value:+.1f}".replace("-", _MINUS))


def write_bounds(low: float, high: float, metric: str, words: Words) -> str:
    """Write the bounds of a difference, the unit once."""
    first, last = (write_difference(bound, metric, words) for bound in (low, high))
    unit = words.points.format(value="")
    return words.interval.format(low=first.removesuffix(unit), high=last.removesuffix(unit))


def write_size(value: float, metric: str, words: Words) -> str:
    """Write how large a difference is, without a sign."""
    return write_difference(abs(value), metric, words).replace("+", "")


def write_seconds(seconds: float | None, words: Words) -> str:
    """Write a duration as people say it: 45 s, 49 min 45 s, 1 h 1 min; a dash for none."""
    if seconds is None or not math.isfinite(seconds):
        return "\N{EN DASH}"
    whole = round(seconds)
    if whole < 60:
        return words.seconds.format(s=whole)
    if whole < 3600:
        return words.minutes.format(m=whole // 60, s=whole % 60)
    minutes = round(seconds / 60)
    return words.hours.format(h=minutes // 60, m=minutes % 60)


def write_setting(value: Any, words: Words) -> str:
    """Write a value as recipes do, cut where it is long."""
    if value is None:
        return words.not_set
    text = _format(_without_unset(value))
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}\N{HORIZONTAL ELLIPSIS}"


def write_change(change: Change, words: Words) -> str:
    """Write what changed: `0.1 -> 0.25`; of two tables, only the keys that are not the same in both."""
    before, after = change.parent_value, change.value
    if isinstance(before, dict) and isinstance(after, dict):
        same = {key for key in before if key in after and before[key] == after[key]}
        before, after = ({key: item for key, item in side.items() if key not in same} for side in (before, after))
    return f"{write_setting(before, words)} {_ARROW} {write_setting(after, words)}"


def write_exact(value: Any) -> str:
    """Write a value for programs: numbers in full, texts as they are, the rest as recipes write it; empty for none."""
    if value is None:
        return ""
    return value if isinstance(value, str) else _format(_without_unset(value))


def _format(value: Any) -> str:
    try:
        return format_value(value)
    except ValueError:  # a record that was edited by hand may hold what no recipe does
        return str(value)


def _without_unset(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_unset(item) for key, item in value.items() if item is not None}
    return [_without_unset(item) for item in value] if isinstance(value, list | tuple) else value
