"""Two runs over the same validation images: what changed, how far apart they are, and whether that is shown.

Everything comes from the two records. What an interval covers is the draw of the images, never the seed of training.
"""

from dataclasses import dataclass
from typing import Any, Literal

from saccade.errors import InputError
from saccade.metrics.paired import Difference, paired_bootstrap
from saccade.metrics.text import TextScore, score_texts
from saccade.records.reader import Run

Verdict = Literal["better", "worse", "not shown"]

_SPLIT = "val"


@dataclass(frozen=True)
class Comparison:
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
    def verdict(self) -> Verdict:
        """What the exact match shows: "better" or "worse" where its interval excludes 0, otherwise "not shown"."""
        return judge(self.exact_match)


def judge(difference: Difference) -> Verdict:
    """Return what a difference shows: a bound at 0 shows nothing, nor does a single image, which has no bounds."""
    if difference.low is not None and difference.low > 0:
        return "better"
    if difference.high is not None and difference.high < 0:
        return "worse"
    return "not shown"


def compare_runs(parent: Run, child: Run) -> Comparison:
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
    return Comparison(
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
