"""A child beside its parent: better, worse or not shown, how sure that is, and what could explain it.

Path: two `Side`s -> may they be compared -> `measurement.py`, the difference with its interval -> verdict; beside it what
changed (`explanation.py`). No weights and no images: predictions, histories and recipes of the records are enough.
"""

from dataclasses import dataclass, replace
from typing import Literal

from saccade.doctor.prescribe import Proposal
from saccade.metrics.paired import Difference
from saccade.recipes.diff import Change
from saccade.report.explanation import explain
from saccade.report.measurement import Basis, Measured, measure_runs
from saccade.report.reported import measure_reported
from saccade.report.sentences import Sentence, say
from saccade.report.sides import Side, read_side, read_sides

__all__ = [
    "Basis",
    "Change",
    "Comparison",
    "Difference",
    "Proposal",
    "Side",
    "Verdict",
    "compare_sides",
    "read_side",
    "read_sides",
]

Verdict = Literal["better", "worse", "not_shown", "refused"]


@dataclass(frozen=True)
class Comparison:
    """A child beside its parent: whether it is better, how sure that is, and what could explain it.

    Attributes:
        parent: The side that is compared with.
        child: The side that is judged.
        metric: The metric that decides.
        verdict: What is shown.
        difference: Child minus parent; None where there is no number.
        basis: What the interval is made of; None where there is none.
        could_show: The smallest difference that this comparison could have shown.
        differs: Data, metric, start, epochs, code and machine where they differ, a sentence each.
        changed: The settings that differ and have an effect.
        without_effect: The settings that differ and have none.
        attributable: Whether exactly one change could explain a difference.
        separating: Recipes that would separate the changes.
        only_parent: Ids of the images that only the parent has right.
        only_child: Ids of the images that only the child has right.
        refusal: Why the two are not compared; None unless refused.
        notes: What the interval covers and what it does not, a sentence each.
        values: The parent's metric and the child's; means where there are repeats.
        num_images: How many images they were measured on; None where that is not known.
        p_value: Of McNemar's exact test over the images that changed sides, where each side is one run.
    """

    parent: Side
    child: Side
    metric: str
    verdict: Verdict
    difference: Difference | None
    basis: Basis | None
    could_show: float | None
    differs: tuple[Sentence, ...]
    changed: tuple[Change, ...]
    without_effect: tuple[Change, ...]
    attributable: bool
    separating: tuple[Proposal, ...]
    only_parent: tuple[str, ...]
    only_child: tuple[str, ...]
    refusal: Sentence | None
    notes: tuple[Sentence, ...] = ()
    values: tuple[float, float] | None = None
    num_images: int | None = None
    p_value: float | None = None


def compare_sides(parent: Side, child: Side, *, anyway: bool = False, split: str = "val") -> Comparison:
    """Compare a child with its parent.

    Args:
        parent: What is compared with.
        child: What is judged.
        anyway: Compare numbers that were measured on other images too, unpaired.
        split: Of which images the stored predictions are compared.

    Raises:
        InputError: A run has no predictions of the split, or a record is damaged.
    """
    metric = _choose_metric(parent, child)
    explanation = explain(parent, child, metric)
    comparison = Comparison(
        parent=parent,
        child=child,
        metric=metric,
        verdict="refused",
        difference=None,
        basis=None,
        could_show=None,
        differs=explanation.differences.sentences,
        changed=explanation.changes.effective,
        without_effect=explanation.changes.without_effect,
        attributable=explanation.attributable,
        separating=explanation.separating,
        only_parent=(),
        only_child=(),
        refusal=_find_refusal(parent, child, metric),
    )
    if comparison.refusal is not None:
        return comparison
    measure = measure_runs if parent.runs and child.runs else measure_reported
    measured = measure(parent, child, metric, anyway=anyway, split=split)
    found = vars(measured).copy()
    other = found.pop("other_images")
    differs = comparison.differs if other is None else (say("data_differ", what=other), *comparison.differs)
    sign = 1 if child.is_higher_better(metric) else -1
    return replace(comparison, verdict=_judge(measured, sign), differs=differs, **found)


def _judge(measured: Measured, sign: int) -> Verdict:
    """Return what a difference shows: a bound at 0 shows nothing, nor does a difference without bounds."""
    if measured.refusal is not None:
        return "refused"
    found = measured.difference
    if found is None or found.low is None or found.high is None or found.low <= 0 <= found.high:
        return "not_shown"
    return "better" if sign * found.value > 0 else "worse"


def _choose_metric(parent: Side, child: Side) -> str:
    """Return the metric that decides: the child's; where neither has runs, the first that both reported."""
    if parent.runs or child.runs:
        return child.metric
    both = [
        name for name in (child.reported or {}).get("metrics", {}) if name in (parent.reported or {}).get("metrics", {})
    ]
    return child.metric if child.metric in both or not both else both[0]


def _find_refusal(parent: Side, child: Side, metric: str) -> Sentence | None:
    """Return why the two measure different things, which no option changes; None where they do not."""
    if parent.task != child.task:
        before, after = (side.task or say("task_unknown") for side in (parent, child))
        return say("other_task", parent=parent.name, before=before, child=child.name, after=after)
    if parent.runs and child.runs and parent.metric != metric:
        return say("other_selection", parent=parent.name, before=parent.metric, child=child.name, after=metric)
    lacking = [
        side for side in (parent, child) if not side.runs and metric not in (side.reported or {}).get("metrics", {})
    ]
    if lacking:
        known = tuple(map(str, (lacking[0].reported or {}).get("metrics", {})))
        if not known:
            return say("nothing_reported", side=lacking[0].name, metric=metric)
        return say("other_reported", side=lacking[0].name, known=known, metric=metric)
    return None
