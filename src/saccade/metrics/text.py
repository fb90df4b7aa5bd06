"""How well texts were read: edit distance and what is counted from it, over code points of NFC strings.

Case, spaces and full-width forms count as they are. Not here: intervals (`intervals.py`), and tokens of formulas.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict
from unicodedata import normalize

from rapidfuzz.distance import Levenshtein

from saccade.errors import InputError

_NUM_CONFUSIONS = 3


@dataclass(frozen=True)
class TextScore:
    """How one prediction compares with its target; distance and lengths in code points after NFC."""

    distance: int
    prediction_length: int
    target_length: int

    @property
    def similarity(self) -> float:
        """1 - distance / length of the longer text, in [0, 1]; 1 where both are empty."""
        longer = max(self.prediction_length, self.target_length)
        return 1.0 - self.distance / longer if longer else 1.0


class LengthRow(TypedDict):
    """The texts of one length: target length in code points, number of texts, exact match and cer among them."""

    length: int
    n: int
    exact_match: float
    cer: float


class CharacterRow(TypedDict):
    """One character of the charset.

    `support` counts it in the targets; `recall` is the share of these that were read as it, None without support;
    `confusions` counts what the others were read as, the most frequent first, at most 3; "" is a character left out.
    """

    character: str
    support: int
    recall: float | None
    confusions: dict[str, int]


def edit_distance(prediction: str, target: str) -> int:
    """Return the least number of insertions, deletions and replacements between two texts (Levenshtein 1966)."""
    return Levenshtein.distance(normalize("NFC", prediction), normalize("NFC", target))


def score_texts(predictions: Sequence[str], targets: Sequence[str]) -> list[TextScore]:
    """Compare predictions with targets one by one.

    Raises:
        InputError: There is nothing to compare.
        ValueError: There are more of one than of the other.
    """
    if not targets:
        raise InputError("no predictions to score: the split is empty, check its sources and filters")
    pairs = zip(predictions, targets, strict=True)
    return [_score(normalize("NFC", prediction), normalize("NFC", target)) for prediction, target in pairs]


def exact_match(predictions: Sequence[str], targets: Sequence[str]) -> float:
    """Return the share of texts read without a fault, in [0, 1]."""
    return _share_within(0, score_texts(predictions, targets))


def within_1(predictions: Sequence[str], targets: Sequence[str]) -> float:
    """Return the share of texts at an edit distance of at most 1, in [0, 1]."""
    return _share_within(1, score_texts(predictions, targets))


def within_2(predictions: Sequence[str], targets: Sequence[str]) -> float:
    """Return the share of texts at an edit distance of at most 2, in [0, 1]."""
    return _share_within(2, score_texts(predictions, targets))


def cer(predictions: Sequence[str], targets: Sequence[str]) -> float:
    """Return the character error rate, all distances over the length of all targets; lower is better.

    It exceeds 1 where more is read than is there. Targets without a single character count as one character.
    """
    return _error_rate(score_texts(predictions, targets))


def ned(predictions: Sequence[str], targets: Sequence[str]) -> float:
    """Return the mean similarity 1 - distance / length of the longer text, in [0, 1]; higher is better.

    The name is the literature's and misleads: it is one minus the normalised edit distance, as PaddleOCR reports it.
    """
    scores = score_texts(predictions, targets)
    return sum(score.similarity for score in scores) / len(scores)


def compute_text_metrics(predictions: Sequence[str], targets: Sequence[str]) -> dict[str, float]:
    """Return every metric of this module that is one number, by name."""
    metrics = (exact_match, within_1, within_2, cer, ned)
    return {metric.__name__: metric(predictions, targets) for metric in metrics}


def by_length(predictions: Sequence[str], targets: Sequence[str]) -> list[LengthRow]:
    """Return exact match and cer for each length of target that occurs, shortest first."""
    groups: dict[int, list[TextScore]] = {}
    for score in score_texts(predictions, targets):
        groups.setdefault(score.target_length, []).append(score)
    return [
        {"length": length, "n": len(scores), "exact_match": _share_within(0, scores), "cer": _error_rate(scores)}
        for length, scores in sorted(groups.items())
    ]


def by_character(
    predictions: Sequence[str], targets: Sequence[str], charset: Iterable[str] | None = None
) -> list[CharacterRow]:
    """Return how each character was read, from a shortest alignment of every prediction with its target.

    Where several alignments are shortest, rapidfuzz chooses. Characters that were inserted show in no row.

    Args:
        predictions: Texts that were read.
        targets: Texts that are there.
        charset: Characters to report, in this order; default: those of the targets, by code point.
    """
    pairs = zip(predictions, targets, strict=True)
    return count_confusions(
        [(normalize("NFC", prediction), normalize("NFC", target)) for prediction, target in pairs], charset
    )


def count_confusions(
    pairs: Iterable[tuple[Sequence[str], Sequence[str]]], units: Iterable[str] | None = None
) -> list[CharacterRow]:
    """Return how each unit was read, as `by_character` does for texts that are cut into other units.

    Args:
        pairs: Predictions with their targets, as strings of characters or as lists of tokens.
        units: What to report, in this order; default: the units of the targets, by code point.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for prediction, target in pairs:
        counts.update(_align(prediction, target))
    return [
        _describe_character(unit, counts) for unit in (sorted({unit for unit, _ in counts}) if units is None else units)
    ]


def _score(prediction: str, target: str) -> TextScore:
    return TextScore(Levenshtein.distance(prediction, target), len(prediction), len(target))


def _share_within(distance: int, scores: Sequence[TextScore]) -> float:
    return sum(score.distance <= distance for score in scores) / len(scores)


def _error_rate(scores: Sequence[TextScore]) -> float:
    return sum(score.distance for score in scores) / max(sum(score.target_length for score in scores), 1)


def _align(prediction: Sequence[str], target: Sequence[str]) -> list[tuple[str, str]]:
    """Return (character, what it was read as) for every character of the target."""
    read_as = list(target)
    for operation in Levenshtein.editops(target, prediction):
        if operation.tag == "replace":
            read_as[operation.src_pos] = prediction[operation.dest_pos]
        elif operation.tag == "delete":
            read_as[operation.src_pos] = ""
    return list(zip(target, read_as, strict=True))


def _describe_character(character: str, counts: Counter[tuple[str, str]]) -> CharacterRow:
    read = {other: count for (wanted, other), count in counts.items() if wanted == character}
    support = sum(read.values())
    right = read.pop(character, 0)
    confusions = sorted(read.items(), key=lambda item: (-item[1], item[0]))[:_NUM_CONFUSIONS]
    return {
        "character": character,
        "support": support,
        "recall": right / support if support else None,
        "confusions": dict(confusions),
    }
