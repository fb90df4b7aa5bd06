"""The images that a run finds hardest, from its stored predictions; images are read elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from saccade.errors import InputError
from saccade.metrics.sequence import score_sequences
from saccade.records.reader import Run
from saccade.report.chain import Chain
from saccade.report.experiments import Experiment

Row = Mapping[str, Any]

_SPLIT = "val"
_NUM_SHOWN = 12


@dataclass(frozen=True)
class Answer:
    """What a run said of an image; `parent_is_right`: its parent, compared on the same images, is known to have had it right."""

    id: str
    target: str
    prediction: str
    confidence: float
    parent_is_right: bool


@dataclass(frozen=True)
class Hardest:
    """The worst wrong answers of one run.

    Attributes:
        experiment: The one that leads its chain.
        run: Its run of the lowest seed that has predictions.
        answers: The worst first, at most twelve.
        num_wrong: How many answers are wrong.
        num_images: Of how many.
    """

    experiment: Experiment
    run: Run
    answers: tuple[Answer, ...]
    num_wrong: int
    num_images: int

    @property
    def shows_formulas(self) -> bool:
        """Whether what is read are formulas: tokens of LaTeX."""
        return bool(_tells(self.run, "notation") == "latex")


def _tells(run: Run, key: str) -> Any:
    text = run.recipe.get("text")
    return text.get(key) if isinstance(text, dict) else None


def find_hardest(chain: Chain) -> Hardest | None:
    """Return the hardest images of the chain's best experiment; None where it keeps none in words."""
    leader = chain.leader
    if leader is None:
        return None
    parent_right = _judge_parent(chain, leader)
    for course in leader.counted:
        run = course.run
        try:
            rows = run.predictions(_SPLIT)
        except InputError:  # none are stored, or the file is damaged: another seed may have some
            continue
        if not rows or not all(_is_in_words(row) for row in rows):
            continue
        wrong = _sort_wrong(rows, run.recipe["task"], "tokens" if _tells(run, "units") == "tokens" else "characters")
        answers = tuple(
            Answer(row["id"], row["target"], row["prediction"], row["confidence"], row["id"] in parent_right)
            for row in wrong[:_NUM_SHOWN]
        )
        return Hardest(leader, run, answers, len(wrong), len(rows))
    return None


def _is_in_words(row: Row) -> bool:
    """Return whether an answer is a text or the name of a class; of a task of somebody's own it may be anything."""
    words = (row.get("target"), row.get("prediction"))
    return all(isinstance(word, str) for word in words) and isinstance(row.get("confidence"), int | float)


def _sort_wrong(rows: Sequence[Row], task: str, units: Literal["characters", "tokens"]) -> list[Row]:
    """Return the wrong answers: a text by how little of it is right, a class by how improbable the truth was; then the surest."""
    if task == "read":
        scores = score_sequences([row["prediction"] for row in rows], [row["target"] for row in rows], units)
        badness = {row["id"]: -score.similarity for row, score in zip(rows, scores, strict=True) if score.distance}
    else:
        wrong = [row for row in rows if row["prediction"] != row["target"]]
        badness = {row["id"]: -(row.get("target_log_probability") or 0.0) for row in wrong}
    found = [row for row in rows if row["id"] in badness]
    return sorted(found, key=lambda row: (-badness[row["id"]], -row["confidence"], row["id"]))


def _judge_parent(chain: Chain, leader: Experiment) -> frozenset[str]:
    """Return the images that only the parent had right."""
    comparisons = [link.comparison for link in chain.links if link.child is leader]
    return frozenset(name for one in comparisons if one is not None for name in one.only_parent)
