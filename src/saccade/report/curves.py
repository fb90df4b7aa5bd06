"""What a run's history says, read once: its curves over epochs, what was measured and how long it took.

Histories may have gaps, numbers that are none, a single row: what is odd becomes a `Problem` that the page names.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any, Literal, NamedTuple

from saccade.records.notes import Note
from saccade.records.reader import Run

View = Literal["val", "train_clean", "train_augmented"]
"""Which images were measured, and how: validation images, training images as they are, and as training sees them."""
_MOST_KEPT = 400
"""Points that are kept of a curve of log rows; a chart shows fewer still."""
_GAP = 1.9
"""A step between two log rows that is so many times the usual one is a gap; a missing row makes it 2."""


class Point(NamedTuple):
    """A value after so many epochs; NaN breaks the curve there."""

    epoch: float
    value: float


Curve = tuple[Point, ...]


@dataclass(frozen=True)
class Problem:
    """Something the page names: a sentence of `Words` by its field, what stands in it, and of which series it is."""

    sentence: str
    values: Mapping[str, str]
    series: str = ""


class Validation(NamedTuple):
    """A validation row: after how many epochs, and whether it chose the weights."""

    epoch: float
    is_best: bool
    row: Mapping[str, Any]

    def list_metrics(self, view: View) -> Sequence[str]:
        """Return what was measured of some images."""
        measured = self.row.get(view)
        return list(measured) if isinstance(measured, dict) else ()

    def read(self, view: View, metric: str) -> float | None:
        """Return a metric, NaN where it is no number; None where it was not measured."""
        measured = self.row.get(view)
        return read_number(measured[metric]) if isinstance(measured, dict) and metric in measured else None


@dataclass(frozen=True)
class Course:
    """How a run went.

    Attributes:
        run: The record.
        start: The row that says sizes: `num_train`, `num_val`, `num_parameters`, `num_steps`.
        validations: In order.
        losses: Training loss.
        rates: Learning rate.
        seconds: Of the whole run so far; None where no row says so.
        events: The rows of the history that are no log rows.
        breaks: After how many epochs validation rows are missing: the middle of each gap.
        notes: What people wrote about it.
        problems: What is odd.
    """

    run: Run
    start: Mapping[str, Any]
    validations: tuple[Validation, ...]
    losses: Curve
    rates: Curve
    seconds: float | None
    events: list[dict[str, Any]]
    breaks: tuple[float, ...]
    notes: tuple[Note, ...]
    problems: tuple[Problem, ...]

    def curve(self, view: View, metric: str) -> Curve:
        """Return a metric over the validations that have it, open where some are missing."""
        if (view, metric) not in self._curves:
            found = ((row.epoch, row.read(view, metric)) for row in self.validations)
            points = [Point(epoch, value) for epoch, value in found if value is not None]
            opened = [Point(at, math.nan) for at in self.breaks if points and points[0].epoch < at < points[-1].epoch]
            self._curves[view, metric] = tuple(sorted([*points, *opened], key=lambda point: point.epoch))
        return self._curves[view, metric]

    @cached_property
    def _curves(self) -> dict[tuple[View, str], Curve]:
        return {}


def read_course(run: Run, name: str) -> Course:
    """Read the history of a run; `name` is what its problems call it.

    Raises:
        InputError: The history or the notes are damaged.
    """
    rows = run.history()
    events, logs = [row for row in rows if "event" in row], [row for row in rows if "event" not in row]
    starts = [row for row in events if row["event"] in ("start", "resume")]
    found = [row for row in events if row["event"] == "validation"]
    steps_per_epoch = _find_steps_per_epoch(starts, found)
    validations = tuple(
        Validation(read_number(row.get("epoch", number)), row.get("is_best") is True, row)
        for number, row in enumerate(found)
    )
    seconds = [read_number(row.get("seconds")) for row in rows]
    gaps, lost = _find_gaps(logs), _find_gaps(found)
    epochs = {row.get("step"): validation.epoch for row, validation in zip(found, validations, strict=True)}
    return Course(
        run=run,
        start=starts[0] if starts else {},
        validations=validations,
        losses=_read_curve(logs, "loss", steps_per_epoch, gaps),
        rates=_read_curve(logs, "learning_rate", steps_per_epoch, gaps),
        seconds=max((value for value in seconds if math.isfinite(value)), default=None),
        events=events,
        breaks=tuple((epochs[before] + epochs[after]) / 2 for before, after in lost),
        notes=tuple(run.notes()),
        problems=(
            *_find_state(run, name),
            *_find_odd_validations(name, validations),
            *_find_odd_losses(name, logs),
            *_name_gaps(name, gaps, lost),
        ),
    )


def thin(curve: Curve, limit: int) -> Curve:
    """Return at most about `limit` points of a curve: its ends, and of every stretch the lowest, the highest and a break."""
    return tuple(curve[place] for place in _choose_places([point.value for point in curve], limit))


def finite(curve: Curve) -> Curve:
    """Return the points of a curve that are numbers."""
    return tuple(point for point in curve if math.isfinite(point.value))


def read_number(value: object) -> float:
    """Return a number of a record; NaN for anything else."""
    if type(value) is float:  # nearly always
        return value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _find_steps_per_epoch(starts: Sequence[Mapping[str, Any]], validations: Sequence[Mapping[str, Any]]) -> float:
    """Return how many steps are an epoch; 1 where the record does not say, so that steps stand for epochs."""
    for row in starts:
        said = read_number(row.get("steps_per_epoch"))
        if said > 0:
            return said
    for row in reversed(validations):
        step, epoch = read_number(row.get("step")), read_number(row.get("epoch"))
        if step > 0 and epoch > 0:
            return step / epoch
    return 1.0


def _read_curve(
    logs: Iterable[Mapping[str, Any]], key: str, steps_per_epoch: float, gaps: Sequence[tuple[int, int]]
) -> Curve:
    """Return a number of the log rows as a curve, thinned to what a chart can show, open at the gaps."""
    known = [(step, read_number(row[key])) for row in logs if key in row and isinstance(step := row.get("step"), int)]
    places = _choose_places([value for _, value in known], _MOST_KEPT)
    points: list[tuple[float, float]] = [known[place] for place in places]
    points += [((before + after) / 2, math.nan) for before, after in gaps]
    return tuple(Point(step / steps_per_epoch, value) for step, value in sorted(points, key=lambda point: point[0]))


def _choose_places(values: Sequence[float], limit: int) -> Sequence[int]:
    """Return the places of the values that a curve of so many points keeps, in order."""
    count = len(values)
    if count <= max(limit, 4):
        return range(count)
    num_stretches = max(limit // 2, 1)
    kept = {0, count - 1}
    for stretch in range(num_stretches):
        places = range(stretch * count // num_stretches, (stretch + 1) * count // num_stretches)
        finite_places = [place for place in places if math.isfinite(values[place])]
        if finite_places:
            kept |= {min(finite_places, key=values.__getitem__), max(finite_places, key=values.__getitem__)}
        if len(finite_places) < len(places):
            kept.add(next(place for place in places if not math.isfinite(values[place])))
    return sorted(kept)


def _find_gaps(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Return the pairs of neighbouring steps between which rows of a kind are missing."""
    steps = [row["step"] for row in rows if isinstance(row.get("step"), int)]
    pairs = list(pairwise(steps))
    if len(pairs) < 2:
        return []
    # The last one may be short: training ends where its recipe says, not at a whole number of intervals.
    usual = median(after - before for before, after in pairs[:-1])
    return [(before, after) for before, after in pairs if after - before > _GAP * usual]


def _find_state(run: Run, name: str) -> Iterator[Problem]:
    state, cause = run.status["state"], str(run.status.get("cause", ""))
    if state != "finished":
        yield Problem(f"run_{state}", {"run": name, "cause": cause.rstrip(".")})


def _find_odd_validations(name: str, validations: Sequence[Validation]) -> Iterator[Problem]:
    if not validations:
        yield Problem("no_validation", {"run": name})
    elif len(validations) == 1:
        yield Problem("one_validation", {"run": name})
    broken = [(row.epoch, metrics) for row in validations if (metrics := _list_broken(row))]
    if broken:
        names = ", ".join(dict.fromkeys(metric for _, metrics in broken for metric in metrics))
        values = {"metrics": names, "count": str(len(broken)), "epoch": f"{broken[0][0]:g}"}
        yield Problem("no_number", {"run": name, **values})


def _list_broken(validation: Validation) -> list[str]:
    """Return the metrics of validation images that have no finite number; where nothing was measured the split itself."""
    measured = validation.row.get("val")
    if not isinstance(measured, dict) or not measured:
        return ["val"]
    return [metric for metric, value in measured.items() if value is None or not math.isfinite(_read_plain(value))]


def _read_plain(value: object) -> float:
    """Return a number, 0 for what is of another kind and meant to be: a text, a table."""
    return value if isinstance(value, int | float) else 0.0


def _find_odd_losses(name: str, logs: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    steps = [row.get("step", 0) for row in logs if "loss" in row and not math.isfinite(read_number(row["loss"]))]
    if steps:
        yield Problem("no_loss", {"run": name, "count": str(len(steps)), "step": f"{steps[0]:,}"})


def _name_gaps(name: str, gaps: Sequence[tuple[int, int]], lost: Sequence[tuple[int, int]]) -> Iterator[Problem]:
    """Name the gaps between log rows, and those between validations that are not the same ones."""
    alone = [(first, last) for first, last in lost if not any(a < last and first < b for a, b in gaps)]
    found = sorted([*gaps, *alone])
    if found:
        (before, after), count = found[0], str(len(found))
        yield Problem("history_gap", {"run": name, "count": count, "before": f"{before:,}", "after": f"{after:,}"})
