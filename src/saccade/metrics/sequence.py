"""How well sequences were read: formulas as tokens, or texts as characters, counted in these units.

Path: stored rows -> `summarise_sequences`, what `metrics.json` holds. `cer` and `ned` stay what they are in `text.py`,
over code points; everything else counts units. What only a notation knows, how to normalise a formula and when one is
sound, comes as functions (`saccade.text.latex`), for metrics import nothing of ours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Literal
from unicodedata import normalize

from rapidfuzz.distance import Levenshtein

from saccade.errors import InputError
from saccade.metrics import METRIC_VERSION
from saccade.metrics.bleu import compute_bleu, count_ngrams, estimate_bleu
from saccade.metrics.calibration import expected_calibration_error, reliability_table
from saccade.metrics.intervals import Estimate, bootstrap_interval, wilson_interval
from saccade.metrics.reading import check_rows
from saccade.metrics.text import TextScore, cer, count_confusions, ned, score_texts

Units = Literal["tokens", "characters"]
Normalise = Callable[[str], str]
FindFault = Callable[[Sequence[str]], str | None]

LENGTH_BUCKETS = ((0, 5), (6, 10), (11, 20), (21, 40), (41, 80), (81, None))
"""Shortest and longest target of each bucket, in units."""

_EXACT_WEIGHT = 0.9


@dataclass(frozen=True)
class Notation:
    """What a notation knows of its texts.

    Attributes:
        normalise: Returns the one spelling of a text.
        find_fault: Returns what is wrong with the units of a text; None where nothing is.
    """

    normalise: Normalise
    find_fault: FindFault


@dataclass(frozen=True)
class SequenceScores:
    """All texts compared, one value a text: in units, in code points, normalised, sound, and counted for BLEU."""

    units: list[TextScore]
    texts: list[TextScore]
    normalised: list[bool] | None
    sound: list[bool] | None
    counts: Any


def split_text(text: str, units: Units) -> list[str]:
    """Return the units of a text in NFC; tokens stand between white space, of which there may be any."""
    composed = normalize("NFC", text)
    return composed.split() if units == "tokens" else list(composed)


def score_sequences(predictions: Sequence[str], targets: Sequence[str], units: Units = "tokens") -> list[TextScore]:
    """Compare predictions with targets one by one; distances and lengths are in units.

    Raises:
        InputError: There is nothing to compare.
        ValueError: There are more of one than of the other.
    """
    if not targets:
        raise InputError("no predictions to score: the split is empty, check its sources and filters")
    scores = []
    for prediction, target in zip(predictions, targets, strict=True):
        read, wanted = split_text(prediction, units), split_text(target, units)
        scores.append(TextScore(Levenshtein.distance(read, wanted), len(read), len(wanted)))
    return scores


def exact_match(predictions: Sequence[str], targets: Sequence[str], units: Units = "tokens") -> float:
    """Return the share of texts read without a fault, in [0, 1]."""
    return _share(score.distance == 0 for score in score_sequences(predictions, targets, units))


def exact_match_normalised(predictions: Sequence[str], targets: Sequence[str], normalise: Normalise) -> float:
    """Return the share of texts that are the target in another spelling at most, in [0, 1]: the expression rate."""
    return _share(_match_normalised(predictions, targets, normalise))


def within_1(predictions: Sequence[str], targets: Sequence[str], units: Units = "tokens") -> float:
    """Return the share of texts with at most 1 fault, in [0, 1]."""
    return _share(score.distance <= 1 for score in score_sequences(predictions, targets, units))


def within_2(predictions: Sequence[str], targets: Sequence[str], units: Units = "tokens") -> float:
    """Return the share of texts with at most 2 faults, in [0, 1]."""
    return _share(score.distance <= 2 for score in score_sequences(predictions, targets, units))


def wer(predictions: Sequence[str], targets: Sequence[str], units: Units = "tokens") -> float:
    """Return the mean over texts of faults / units of the target; lower is better, and it may exceed 1.

    A target without a unit counts as one unit.
    """
    return fmean(_rate_by_target(score) for score in score_sequences(predictions, targets, units))


def wer_max(predictions: Sequence[str], targets: Sequence[str], units: Units = "tokens") -> float:
    """Return the mean over texts of faults / units of the longer of both texts, in [0, 1]; lower is better."""
    return fmean(1 - score.similarity for score in score_sequences(predictions, targets, units))


def bleu(predictions: Sequence[str], targets: Sequence[str], units: Units = "tokens") -> float:
    """Return corpus BLEU-4 in [0, 1], as `saccade.metrics.bleu` computes it."""
    return compute_bleu(_count(predictions, targets, units).sum(axis=0))


def validity(predictions: Sequence[str], find_fault: FindFault, units: Units = "tokens") -> float:
    """Return the share of predictions that are sound in their notation, right or wrong, in [0, 1]."""
    return _share(find_fault(split_text(prediction, units)) is None for prediction in predictions)


def leaderboard_score(predictions: Sequence[str], targets: Sequence[str], units: Units = "tokens") -> float:
    """Return 0.9 exact_match + 0.1 (1 - wer_max), in [0, 1], by which the formula series was ranked."""
    return fmean(_rank(score) for score in score_sequences(predictions, targets, units))


def compute_sequence_metrics(
    predictions: Sequence[str], targets: Sequence[str], units: Units = "tokens", notation: Notation | None = None
) -> dict[str, float]:
    """Return every metric of this module that is one number, by name; without a notation, none that needs it."""
    metrics: dict[str, float] = {"exact_match": exact_match(predictions, targets, units)}
    if notation is not None:
        metrics["exact_match_normalised"] = exact_match_normalised(predictions, targets, notation.normalise)
    for metric in (within_1, within_2, wer, wer_max):
        metrics[metric.__name__] = metric(predictions, targets, units)
    metrics |= {
        "cer": cer(predictions, targets),
        "ned": ned(predictions, targets),
        "bleu": bleu(predictions, targets, units),
    }
    if notation is not None:
        metrics["validity"] = validity(predictions, notation.find_fault, units)
    return {**metrics, "leaderboard_score": leaderboard_score(predictions, targets, units)}


def summarise_sequences(
    rows: Sequence[Mapping[str, Any]], units: Units = "tokens", notation: Notation | None = None
) -> dict[str, object]:
    """Return what `metrics.json` holds for a split.

    Every metric is `{value, low, high, n}` with 95 % bounds over images: Wilson's for shares, bootstrap for the others,
    none for `ece`. Beside them stand `by_length`, and `by_source` and `by_level` where rows have these keys, with the
    same of their images; `by_token` (by_character where the units are characters), `reliability`, `units` and
    `metric_version`.

    Args:
        rows: Prediction rows with the keys id, target, prediction and confidence, and maybe source and level.
        units: What texts are counted in.
        notation: Normalises and checks texts; None for texts that have no notation.

    Raises:
        InputError: There is no row, an id occurs twice, or a confidence is outside [0, 1].
    """
    check_rows(rows)
    predictions, targets = [row["prediction"] for row in rows], [row["target"] for row in rows]
    scores = _score(predictions, targets, units, notation)
    confidences, correct = [row["confidence"] for row in rows], [score.distance == 0 for score in scores.units]
    ece = Estimate(expected_calibration_error(confidences, correct), None, None, len(rows))
    return {
        **{name: asdict(estimate) for name, estimate in {**_estimate(scores, range(len(rows))), "ece": ece}.items()},
        "by_length": _list_by_length(scores),
        **_list_by_key(rows, scores, "source"),
        **_list_by_key(rows, scores, "level"),
        **_list_by_unit(predictions, targets, units),
        "reliability": reliability_table(confidences, correct),
        "units": units,
        "metric_version": METRIC_VERSION,
    }


def _score(
    predictions: Sequence[str], targets: Sequence[str], units: Units, notation: Notation | None
) -> SequenceScores:
    normalised, sound = None, None
    if notation is not None:
        normalised = _match_normalised(predictions, targets, notation.normalise)
        sound = [notation.find_fault(split_text(prediction, units)) is None for prediction in predictions]
    return SequenceScores(
        score_sequences(predictions, targets, units),
        score_texts(predictions, targets),
        normalised,
        sound,
        _count(predictions, targets, units),
    )


def _estimate(scores: SequenceScores, chosen: Sequence[int]) -> dict[str, Estimate]:
    """Return every metric of the chosen texts with its bounds."""
    units, texts = [scores.units[index] for index in chosen], [scores.texts[index] for index in chosen]

    def share(right: Sequence[bool]) -> Estimate:
        return wilson_interval(sum(right), len(right))

    estimates = {"exact_match": share([score.distance == 0 for score in units])}
    if scores.normalised is not None:
        estimates["exact_match_normalised"] = share([scores.normalised[index] for index in chosen])
    estimates |= {
        "within_1": share([score.distance <= 1 for score in units]),
        "within_2": share([score.distance <= 2 for score in units]),
        "wer": bootstrap_interval([_rate_by_target(score) for score in units]),
        "wer_max": bootstrap_interval([1 - score.similarity for score in units]),
        "cer": bootstrap_interval([score.distance for score in texts], [score.target_length for score in texts]),
        "ned": bootstrap_interval([score.similarity for score in texts]),
        "bleu": estimate_bleu(scores.counts[list(chosen)]),
    }
    if scores.sound is not None:
        estimates["validity"] = share([scores.sound[index] for index in chosen])
    return {**estimates, "leaderboard_score": bootstrap_interval([_rank(score) for score in units])}


def _list_by_length(scores: SequenceScores) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = []
    for low, high in LENGTH_BUCKETS:
        lengths = [score.target_length for score in scores.units]
        chosen = [index for index, length in enumerate(lengths) if low <= length and (high is None or length <= high)]
        if chosen:
            listed.append({"low": low, "high": high, "n": len(chosen), **_describe_group(scores, chosen)})
    return listed


def _list_by_key(rows: Sequence[Mapping[str, Any]], scores: SequenceScores, key: str) -> dict[str, object]:
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if row.get(key) is not None:
            groups.setdefault(row[key], []).append(index)
    listed = [{key: value, "n": len(own), **_describe_group(scores, own)} for value, own in sorted(groups.items())]
    return {f"by_{key}": listed} if listed else {}


def _describe_group(scores: SequenceScores, chosen: Sequence[int]) -> dict[str, object]:
    return {name: asdict(estimate) for name, estimate in _estimate(scores, chosen).items()}


def _list_by_unit(predictions: Sequence[str], targets: Sequence[str], units: Units) -> dict[str, object]:
    pairs = [
        (split_text(prediction, units), split_text(target, units))
        for prediction, target in zip(predictions, targets, strict=True)
    ]
    rows = count_confusions(pairs)
    if units == "characters":
        return {"by_character": rows}
    return {
        "by_token": [
            {"token": row["character"], **{k: row[k] for k in ("support", "recall", "confusions")}} for row in rows
        ]
    }


def _match_normalised(predictions: Sequence[str], targets: Sequence[str], normalise: Normalise) -> list[bool]:
    return [normalise(prediction) == normalise(target) for prediction, target in zip(predictions, targets, strict=True)]


def _count(predictions: Sequence[str], targets: Sequence[str], units: Units) -> Any:
    return count_ngrams(
        [split_text(prediction, units) for prediction in predictions], [split_text(target, units) for target in targets]
    )


def _rate_by_target(score: TextScore) -> float:
    return score.distance / max(score.target_length, 1)


def _rank(score: TextScore) -> float:
    return _EXACT_WEIGHT * (score.distance == 0) + (1 - _EXACT_WEIGHT) * score.similarity


def _share(right: Any) -> float:
    listed = list(right)
    if not listed:
        raise InputError("no predictions to score: the split is empty, check its sources and filters")
    return float(sum(listed) / len(listed))
