"""A child beside its parent: better, worse or not shown, how sure that is, and what could explain it.

Path: two `Side`s -> may they be compared -> `measurement.py`, the difference with its interval -> verdict; beside it what
changed (`explanation.py`). No weights and no images: predictions, histories and recipes of the records are enough.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from saccade.doctor.prescribe import Proposal
from saccade.errors import InputError
from saccade.metrics.paired import Difference, paired_bootstrap
from saccade.metrics.text import TextScore, score_texts
from saccade.recipes.diff import Change
from saccade.records.reader import Run
from saccade.report.explanation import explain
from saccade.report.measurement import Basis, Measured, measure_runs
from saccade.report.reported import measure_reported
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

_SPLIT = "val"


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
        refusal: Why the two are not compared; empty unless refused.
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
    differs: tuple[str, ...]
    changed: tuple[Change, ...]
    without_effect: tuple[Change, ...]
    attributable: bool
    separating: tuple[Proposal, ...]
    only_parent: tuple[str, ...]
    only_child: tuple[str, ...]
    refusal: str
    notes: tuple[str, ...] = ()
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
    if comparison.refusal:
        return comparison
    measure = measure_runs if parent.runs and child.runs else measure_reported
    measured = measure(parent, child, metric, anyway=anyway, split=split)
    found = vars(measured).copy()
    other = found.pop("other_images")
    differs = (f"data: {other}", *comparison.differs) if other else comparison.differs
    sign = 1 if child.is_higher_better(metric) else -1
    return replace(comparison, verdict=_judge(measured, sign), differs=differs, **found)


def _judge(measured: Measured, sign: int) -> Verdict:
    """Return what a difference shows: a bound at 0 shows nothing, nor does a difference without bounds."""
    if measured.refusal:
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


def _find_refusal(parent: Side, child: Side, metric: str) -> str:
    """Return why the two measure different things; no option changes that."""
    if parent.task != child.task:
        return (
            f"another task: {parent.name} is to {parent.task or 'do something unknown'}, {child.name} to {child.task}"
        )
    if parent.runs and child.runs and parent.metric != metric:
        return f"another metric: {parent.name} chose its weights by {parent.metric}, {child.name} by {metric}"
    lacking = [
        side for side in (parent, child) if not side.runs and metric not in (side.reported or {}).get("metrics", {})
    ]
    if lacking:
        known = ", ".join((lacking[0].reported or {}).get("metrics", {})) or "nothing"
        return f"another metric: {lacking[0].name} has no run and reports {known}, not {metric}"
    return ""


# --- The pair of runs on the demo's page ---

OldVerdict = Literal["better", "worse", "not shown"]


@dataclass(frozen=True)
class RunPair:
    """A run and its child on the same images.

    Attributes:
        parent: The first run.
        child: The second.
        exact_match: How far the child's share of faultless readings lies above the parent's.
        similarity: The same of the mean similarity (`ned`).
        only_parent: Number of images that only the parent read without a fault.
        only_child: Number of images that only the child did.
    """

    parent: Run
    child: Run
    exact_match: Difference
    similarity: Difference
    only_parent: int
    only_child: int

    @property
    def verdict(self) -> OldVerdict:
        """What the exact match shows: "better" or "worse" where its interval excludes 0, otherwise "not shown"."""
        return judge(self.exact_match)


def judge(difference: Difference) -> OldVerdict:
    """Return what a difference shows: a bound at 0 shows nothing, nor does a single image, which has no bounds."""
    if difference.low is not None and difference.low > 0:
        return "better"
    if difference.high is not None and difference.high < 0:
        return "worse"
    return "not shown"


def compare_runs(parent: Run, child: Run) -> RunPair:
    """Pair the validation images of two runs by id and compare what was read.

    Raises:
        InputError: A run has no predictions, or the two were not validated on the same images with the same labels.
    """
    before, after = _index(parent), _index(child)
    targets = {name: row["target"] for name, row in before.items()}
    if targets != {name: row["target"] for name, row in after.items()}:
        raise InputError(
            f"{child.folder} was validated on other images or labels than {parent.folder}: give both the same data.val"
        )
    first, second = _score(before, targets), _score(after, targets)
    right = [(a.distance == 0, b.distance == 0) for a, b in zip(first, second, strict=True)]
    return RunPair(
        parent=parent,
        child=child,
        exact_match=paired_bootstrap([a for a, _ in right], [b for _, b in right]),
        similarity=paired_bootstrap([score.similarity for score in first], [score.similarity for score in second]),
        only_parent=sum(a and not b for a, b in right),
        only_child=sum(b and not a for a, b in right),
    )


def validations(run: Run) -> list[dict[str, Any]]:
    """Return the validation rows of a run's history, in order."""
    return [row for row in run.history() if row.get("event") == "validation"]


def best_validation(run: Run) -> dict[str, Any]:
    """Return the validation that chose the run's weights.

    Raises:
        InputError: The run was not validated yet.
    """
    chosen = [row for row in validations(run) if row["is_best"]]
    if not chosen:
        raise InputError(f"{run.folder} has no validation yet: let it train to its first one")
    return chosen[-1]


def _index(run: Run) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in run.predictions(_SPLIT)}


def _score(rows: dict[str, dict[str, Any]], targets: dict[str, str]) -> list[TextScore]:
    return score_texts([rows[name]["prediction"] for name in targets], list(targets.values()))
