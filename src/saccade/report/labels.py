"""Short names for experiments where a whole one would leave no room: at the ends of curves, on the axis of a chart."""

from collections.abc import Sequence

_LONGEST = 16
_CUT = 13


def shorten_names(names: Sequence[str]) -> dict[str, str]:
    """Return name -> how charts call it: a long one by its beginning, before any `--set`, and the number of its row.

    Args:
        names: Of a chain's experiments in the order of its table; no two are equal.
    """
    labels = {name: _shorten(name, number) for number, name in enumerate(names, start=1)}
    return {name: name if label in labels else label for name, label in labels.items()}  # somebody may be called "a #2"


def _shorten(name: str, number: int) -> str:
    if len(name) <= _LONGEST:
        return name
    first = name.partition(",")[0]
    cut = first if len(first) <= _LONGEST else first[:_CUT] + "\N{HORIZONTAL ELLIPSIS}"
    return f"{cut} #{number}"
