"""How far apart two sides are where one of them is only a number that somebody reported: images unknown, seeds unknown.

All that can be said then is what another draw of the images would give, where it is known how many there were.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from saccade.doctor.noise import Spread, add_spreads, compare_shares, widen
from saccade.metrics.paired import Difference
from saccade.report.measurement import Measured, bound, find_side_spread, find_smallest_shown
from saccade.report.scores import SHARES
from saccade.report.sentences import Sentence, say, say_both
from saccade.report.sides import Side

_SETS = {
    "cifar 100": ("CIFAR-100", 10_000),
    "cifar 10": ("CIFAR-10", 10_000),
    "fashion mnist": ("Fashion-MNIST", 10_000),
    "mnist": ("MNIST", 10_000),
}
"""Sets whose names leave no doubt how many evaluation images they have; a name that holds another one comes first."""
_THINGS = "images|plates|lines|words|samples|examples|formulas|expressions"
_STOP = re.compile(r"[;:(]|,(?!\d)")
_COUNT = re.compile(rf"(\d[\d,]*) (?:test|val|validation|evaluation) (?:{_THINGS})\b")


@dataclass(frozen=True)
class _Number:
    """A metric, the number of images that it was measured on, and why that number is what it is, or not known."""

    value: float
    num_images: int | None
    origin: Sentence
    spread: Spread | Sentence = field(default=Spread(0.0, 1.0))


def measure_reported(parent: Side, child: Side, metric: str, *, anyway: bool, split: str) -> Measured:
    """Return how far apart two sides are, at least one of which was only reported.

    Args:
        parent: What is compared with.
        child: What is judged.
        metric: Which metric; a side without runs has reported it.
        anyway: Go on where the images are known, or must be taken, not to be the same.
        split: Of which images the stored predictions of the side that has runs are meant.

    Raises:
        InputError: A run has no predictions of the split, or its record is damaged.
    """
    refusal = _find_other_data(parent, child)
    if refusal is not None and not anyway:
        return Measured(refusal=refusal)
    numbers = [_read_number(side, metric, split) for side in (parent, child)]
    before, after = numbers
    values = before.value, after.value
    other = None if refusal is None else say("compared_anyway", why=refusal)
    without = Difference(after.value - before.value, None, None, min(one.num_images or 0 for one in numbers))
    reasons = _list_reasons(numbers, metric)
    if reasons or before.num_images is None or after.num_images is None:
        return Measured(difference=without, values=values, notes=tuple(reasons), other_images=other)
    found = compare_shares(before.value, before.num_images, after.value, after.num_images)
    spreads = [one.spread for one in numbers if isinstance(one.spread, Spread)]
    found = widen(found, add_spreads(*spreads))
    origins = dict.fromkeys(one.origin for one in numbers)
    return Measured(
        difference=bound(found, metric),
        basis="unpaired_images" if refusal else "reported",
        could_show=find_smallest_shown(found, metric, are_shares=False),
        notes=(say("from_reported", origins=say_both(origins)),),
        values=values,
        num_images=found.n,
        other_images=other,
    )


def _list_reasons(numbers: list[_Number], metric: str) -> list[Sentence]:
    """Return why there is no interval."""
    if metric not in SHARES:
        return [say("no_share", metric=metric)]
    reasons = [say("no_interval_because", why=one.origin) for one in numbers if one.num_images is None]
    return [*dict.fromkeys(reasons), *(one.spread for one in numbers if isinstance(one.spread, Sentence))]


def _find_other_data(parent: Side, child: Side) -> Sentence | None:
    """Return why the two were not, or may not have been, measured on the same images; None where nothing says so."""
    if parent.runs or child.runs:
        only = child if parent.runs else parent
        return say("images_unknown", side=only.name)
    before, after = (str((side.reported or {}).get("data", "")) for side in (parent, child))
    if not before or not after or _name_data(before) == _name_data(after):
        return None
    return say("reported_of_others", parent=parent.name, before=before, child=child.name, after=after)


def _name_data(text: str) -> str:
    """Return what a description of data begins with: the name of a known set, else all before the first stop."""
    return _find_set(text) or _flatten(_STOP.split(text, maxsplit=1)[0])


def _find_set(text: str) -> str | None:
    return next((name for name in _SETS if f"{_flatten(text)} ".startswith(f"{name} ")), None)


def _flatten(text: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", text.lower()).split())


def _read_number(side: Side, metric: str, split: str) -> _Number:
    if side.runs:
        scores = side.read_scores(metric, split)
        spread = find_side_spread(side, scores.values, metric)
        num_images = len(scores.targets)
        value = sum(scores.values) / len(scores.values)
        origin = say("origin_run", count=num_images, split=split, side=side.name)
        return _Number(value, num_images, origin, spread)
    reported: Mapping[str, Any] = side.reported or {}
    text = str(reported.get("data", ""))
    value = float(reported["metrics"][metric])
    counted = _COUNT.search(text)
    if counted is not None:
        num_images = int(counted[1].replace(",", ""))
        return _Number(value, num_images, say("origin_named", count=num_images))
    known = _find_set(text)
    if known is not None:
        name, num_images = _SETS[known]
        return _Number(value, num_images, say("origin_set", count=num_images, name=name))
    return _Number(value, None, say("origin_unknown", side=side.name))
