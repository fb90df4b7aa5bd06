"""How far apart two sides are, and how far chance alone would set them apart.

Path: `Side.read_scores` of both -> the difference over images -> widened by what training again would change. What the
numbers mean is for `comparison.py`, where they come from for `sides.py`, numbers without runs for `reported.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from saccade.doctor.noise import (
    Spread,
    add_spreads,
    compare_images,
    compare_other_images,
    compute_smallest_shown,
    spread_of_last_validations,
    spread_of_pairs,
    spread_of_repeats,
    widen,
)
from saccade.metrics.intervals import find_bounds
from saccade.metrics.paired import Difference, mcnemar_exact
from saccade.records.reader import Run
from saccade.report.curves import read_number
from saccade.report.differences import find_other_images
from saccade.report.scores import SHARES, Scores
from saccade.report.sentences import Gap, Sentence, say, say_clauses
from saccade.report.sides import Side

Basis = Literal["repeats", "paired_images", "reported", "unpaired_images"]

_MIN_PAIRS = 5
"""Repeats with the same seeds from which pairing them gains more than it costs in degrees of freedom."""


@dataclass(frozen=True)
class Measured:
    """What two sides came to; the fields are those of `comparison.Comparison`.

    Only `other_images` is not: in what the images differ that were compared all the same, None where they do not.
    """

    difference: Difference | None = None
    basis: Basis | None = None
    could_show: float | None = None
    only_parent: tuple[str, ...] = ()
    only_child: tuple[str, ...] = ()
    refusal: Sentence | None = None
    notes: tuple[Sentence, ...] = ()
    values: tuple[float, float] | None = None
    num_images: int | None = None
    p_value: float | None = None
    other_images: Sentence | None = None


def measure_runs(parent: Side, child: Side, metric: str, *, anyway: bool, split: str) -> Measured:
    """Return how far apart two sides with runs are.

    Args:
        parent: What is compared with.
        child: What is judged.
        metric: Which metric.
        anyway: Go on where the images are not the same, unpaired.
        split: Of which images the stored predictions are compared.

    Raises:
        InputError: A run has no predictions of the split, or its record is damaged.
    """
    first, second = parent.read_scores(metric, split), child.read_scores(metric, split)
    other = find_other_images(parent, child, (first, second), split)
    if other and not anyway:
        return Measured(refusal=say("images_differ", split=split, how=say_clauses(other)))
    is_share = metric in SHARES
    images = _compare_over_images(first, second, are_paired=not other, is_share=is_share)
    spread, notes = _find_spread(parent, child, (first, second), metric)
    found = widen(images, spread)
    if first.counts is None or second.counts is None:
        notes.append(say("no_image_mean", metric=metric))
    elif images.low is not None and images.high is not None:
        notes.append(say("images_alone", size=_write((images.high - images.low) / 2, metric)))
    num_runs = min(len(parent.runs), len(child.runs))
    only_parent, only_child = ((), ()) if other else _list_changed_sides(first, second)
    is_pair = len(parent.runs) == len(child.runs) == 1 and not other and first.right is not None
    basis: Basis = "repeats" if num_runs > 1 else "unpaired_images" if other else "paired_images"
    return Measured(
        difference=bound(replace(found, n=num_runs) if basis == "repeats" else found, metric),
        basis=basis if found.low is not None else None,
        could_show=find_smallest_shown(found, metric, are_shares=is_share and not other),
        only_parent=only_parent,
        only_child=only_child,
        notes=tuple(notes),
        values=(float(np.mean(first.values)), float(np.mean(second.values))),
        num_images=images.n,
        p_value=mcnemar_exact(len(only_parent), len(only_child)) if is_pair else None,
        other_images=say("images_differ_anyway", split=split, how=say_clauses(other)) if other else None,
    )


def bound(difference: Difference, metric: str) -> Difference:
    """Return a difference whose interval ends where it could not be larger: for a share at 1 either way."""
    if difference.low is None or difference.high is None:
        return difference
    reach = _find_reach(metric)
    return replace(difference, low=max(difference.low, -reach), high=min(difference.high, reach))


def find_smallest_shown(unbounded: Difference, metric: str, *, are_shares: bool) -> float | None:
    """Return the smallest difference that could have been told from none; None where no difference is that large.

    Args:
        unbounded: What was found, its interval as wide as it came out.
        metric: Which one.
        are_shares: Whether images are right or wrong and paired, so that at least six of them must change sides.
    """
    smallest = compute_smallest_shown(unbounded, are_shares=are_shares)
    return smallest if smallest is not None and smallest <= _find_reach(metric) else None


def _find_reach(metric: str) -> float:
    """Return the largest difference that there can be."""
    least, greatest = find_bounds(metric)
    return greatest - least


def _compare_over_images(first: Scores, second: Scores, *, are_paired: bool, is_share: bool) -> Difference:
    """Return the difference with its interval over other images alone, without width where that cannot be said."""
    if first.counts is None or second.counts is None:
        value = float(np.mean(second.values) - np.mean(first.values))
        return Difference(value, value, value, min(len(first.targets), len(second.targets)))
    a, b = first.counts.mean(axis=0), second.counts.mean(axis=0)
    if not are_paired:
        return compare_other_images((a, first.weights), (b, second.weights), are_shares=is_share)
    places = {name: place for place, name in enumerate(second.targets)}
    return compare_images(a, b[[places[name] for name in first.targets]], first.weights)


def _list_changed_sides(first: Scores, second: Scores) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids that only the first has right, and those that only the second has, in the order of the first."""
    if first.right is None or second.right is None:
        return (), ()
    after = dict(zip(second.targets, second.right.tolist(), strict=True))
    before = zip(first.targets, first.right.tolist(), strict=True)
    changed = [(name, right) for name, right in before if right != after[name]]
    return tuple(name for name, right in changed if right), tuple(name for name, right in changed if not right)


# --- What training again would change ---


def _find_spread(
    parent: Side, child: Side, scores: tuple[Scores, Scores], metric: str
) -> tuple[Spread | None, list[Sentence]]:
    """Return what training again would change in the difference, None where that cannot be told, and what to say of it."""
    values = [
        dict(zip(_list_seeds(side), one.values, strict=True)) for side, one in zip((parent, child), scores, strict=True)
    ]
    if values[0].keys() == values[1].keys() and len(values[0]) == len(parent.runs) == len(child.runs) >= _MIN_PAIRS:
        spread = spread_of_pairs(list(values[0].values()), [values[1][seed] for seed in values[0]])
        return spread, [say("seeds_paired", count=len(parent.runs), size=_write(spread.half_width, metric))]
    spreads = []
    for side, one in zip((parent, child), scores, strict=True):
        found = find_side_spread(side, one.values, metric)
        if isinstance(found, Sentence):
            return None, [found]
        spreads.append(found)
    spread = add_spreads(*spreads)
    size = _write(spread.half_width, metric)
    counts = len(parent.runs), len(child.runs)
    if min(counts) > 1:
        before, after = counts
        return spread, [
            say("seeds_of_both", before=before, parent=parent.name, after=after, child=child.name, size=size)
        ]
    if max(counts) == 1:
        return spread, [say("wander_of_both", parent=parent.name, child=child.name, size=size)]
    single = parent if len(parent.runs) == 1 else child
    return spread, [say("wander_of_one", side=single.name, size=size)]


def _write(half_width: float, metric: str) -> Gap:
    """Write half a width, no wider than there can be a difference, in hundredths where it is of a share."""
    half = min(half_width, _find_reach(metric))
    number = f"{100 * half:.2f}" if metric in SHARES else f"{half:.4f}"
    value = f"\N{PLUS-MINUS SIGN}{number}"
    return say("points", value=value) if metric in SHARES else value


def find_side_spread(side: Side, values: Sequence[float], metric: str) -> Spread | Sentence:
    """Return what training again would change in a side's number, or why that cannot be told.

    Args:
        side: A side with runs.
        values: The metric of each run.
        metric: Which one.

    Raises:
        InputError: A history is damaged.
    """
    return spread_of_repeats(values) if len(side.runs) > 1 else _read_wander(side, side.runs[0], metric)


def _list_seeds(side: Side) -> list[Any]:
    return [run.recipe.get("seed", 0) for run in side.runs]


def _read_wander(side: Side, run: Run, metric: str) -> Spread | Sentence:
    """Return how far the number of a single run wanders over its last validations, or why that cannot be told."""
    rows = [row for row in side.read_events(run) if row.get("event") == "validation"]
    measured = [row["val"] if isinstance(row.get("val"), dict) else {} for row in rows]
    values = [read_number(one.get(metric)) for one in measured]
    epochs = [float(row.get("epoch", number)) for number, row in enumerate(rows)]
    spread = spread_of_last_validations(epochs, values)
    if spread is not None:
        return spread
    if len(rows) == 1:
        why = say("lone_validation")
    elif len(rows) < 4:
        why = say("few_validations", count=len(rows))
    else:
        why = say("no_finite_value", metric=metric)
    return say("wander_unknown", side=side.name, why=why)
