"""Numbers, times, settings and sentences as words; the language decides only what `Words` holds."""

import math
from collections.abc import Mapping
from typing import Any

from saccade.metrics.intervals import Estimate
from saccade.recipes.diff import Change
from saccade.recipes.toml import format_value
from saccade.report.scores import SHARES
from saccade.report.sentences import Gap, Sentence
from saccade.report.words import Words

_MINUS = "\N{MINUS SIGN}"
_MOST_CHARACTERS = 160
_ELIDED = "{\N{HORIZONTAL ELLIPSIS}}"
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
    """Write a difference: in points (hundredths) where an image is right or wrong, otherwise as it is."""
    if metric not in SHARES:
        return f"{value:+.4f}".replace("-", _MINUS)
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


def write_sentence(sentence: Sentence, words: Words) -> str:
    """Put a sentence into words: its gaps first, then itself; it has no full stop."""
    template: str = getattr(words, sentence.name)
    return template.format(**{name: _fill(gap, words) for name, gap in sentence.gaps})


def _fill(gap: Gap, words: Words) -> str:
    match gap:
        case str():
            return gap
        case int():
            return f"{gap:,}"
        case Sentence():
            return write_sentence(gap, words)
        case tuple():
            return ", ".join(_fill(one, words) for one in gap)


def write_setting(value: Any, words: Words) -> str:
    """Write a value as recipes do; where it is long without the tables within its tables, and cut where it still is."""
    if value is None:
        return words.not_set
    text = _format(_without_unset(value))
    if len(text) > _MOST_CHARACTERS:
        text = _format(_elide(_without_unset(value))).replace(f'"{_ELIDED}"', _ELIDED)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}\N{HORIZONTAL ELLIPSIS}"


def write_change(change: Change, words: Words) -> str:
    """Write what changed: `0.1 -> 0.25`; of two tables or lists of tables, only what is not the same in both."""
    before, after = keep_differing(change.parent_value, change.value)
    return f"{write_setting(before, words)} {_ARROW} {write_setting(after, words)}"


def keep_differing(before: Any, after: Any) -> tuple[Any, Any]:
    """Return two values without what is the same in both.

    Of two tables the keys that have equal values are left out, of two lists of equally many tables those of each pair, of other
    lists of tables the keys that have one value in all tables of both.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = {key: keep_differing(before[key], after[key]) for key in before if key in after}
        return (
            {key: pairs[key][0] if key in pairs else item for key, item in before.items() if after.get(key) != item},
            {key: pairs[key][1] if key in pairs else item for key, item in after.items() if before.get(key) != item},
        )
    if not (_are_tables(before) and _are_tables(after) and before and after):
        return before, after
    if len(before) == len(after):
        kept = [keep_differing(first, second) for first, second in zip(before, after, strict=True)]
        return [first for first, _ in kept], [second for _, second in kept]
    tables: list[dict[str, Any]] = [*before, *after]
    same = {key for key, item in tables[0].items() if all(key in one and one[key] == item for one in tables)}
    left = [[{key: item for key, item in one.items() if key not in same} for one in side] for side in (before, after)]
    return left[0], left[1]


def _are_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, dict) for item in value)


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


def _elide(value: Any) -> Any:
    """Return a value with a mark for every table within its tables; what is empty is left out."""
    if isinstance(value, Mapping):
        return {key: _ELIDED if isinstance(item, Mapping) else item for key, item in value.items() if item != {}}
    return [_elide(item) for item in value] if isinstance(value, list | tuple) else value
