"""All that is reported of a reader, computed from stored prediction rows alone (`saccade evaluate`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from saccade.errors import InputError
from saccade.metrics import METRIC_VERSION
from saccade.metrics.calibration import expected_calibration_error, reliability_table
from saccade.metrics.intervals import Estimate, bootstrap_interval, wilson_interval
from saccade.metrics.text import TextScore, by_character, by_length, score_texts


def summarise_reading(rows: Sequence[Mapping[str, Any]], charset: Iterable[str] | None = None) -> dict[str, object]:
    """Return what `metrics.json` holds for a split.

    Every metric is `{value, low, high, n}` with 95 % bounds over images: Wilson's for shares, bootstrap for `cer` and
    `ned`; none for `ece`, whose bootstrap is biased. Beside them stand `by_length`, `by_character`, `by_num_lines` where
    lines were looked for, `by_source` and `by_level` where sources have names and levels, `reliability` and
    `metric_version`.

    Args:
        rows: Prediction rows with the keys id, target, prediction and confidence, and maybe num_lines, source and level.
        charset: Characters of `by_character`; default: those of the targets.

    Raises:
        InputError: There is no row, an id occurs twice, or a confidence is outside [0, 1].
    """
    check_rows(rows)
    predictions, targets = [row["prediction"] for row in rows], [row["target"] for row in rows]
    scores = score_texts(predictions, targets)
    n = len(scores)
    confidences, correct = [row["confidence"] for row in rows], [score.distance == 0 for score in scores]
    metrics: dict[str, Estimate] = {
        "exact_match": wilson_interval(sum(correct), n),
        "within_1": wilson_interval(sum(score.distance <= 1 for score in scores), n),
        "within_2": wilson_interval(sum(score.distance <= 2 for score in scores), n),
        "cer": _estimate_cer(scores),
        "ned": bootstrap_interval([score.similarity for score in scores]),
        "ece": Estimate(expected_calibration_error(confidences, correct), None, None, n),
    }
    return {
        **{name: asdict(estimate) for name, estimate in metrics.items()},
        "by_length": by_length(predictions, targets),
        "by_character": by_character(predictions, targets, charset),
        **_list_by_num_lines(rows, correct),
        **_list_apart(rows, scores, "source"),
        **_list_apart(rows, scores, "level"),
        "reliability": reliability_table(confidences, correct),
        "metric_version": METRIC_VERSION,
    }


def _list_by_num_lines(rows: Sequence[Mapping[str, Any]], correct: Sequence[bool]) -> dict[str, object]:
    """Return the exact match of images with one and with two lines of text, where these were looked for."""
    found = [row.get("num_lines") for row in rows]
    counts = sorted({number for number in found if number is not None})
    listed = []
    for number in counts:
        own = [right for right, lines in zip(correct, found, strict=True) if lines == number]
        listed.append({"num_lines": number, "exact_match": asdict(wilson_interval(sum(own), len(own)))})
    return {"by_num_lines": listed} if listed else {}


def _list_apart(rows: Sequence[Mapping[str, Any]], scores: Sequence[TextScore], key: str) -> dict[str, object]:
    """Return exact match and CER of the images that share a value of a key, values in the order of their names."""
    groups: dict[str, list[TextScore]] = {}
    for row, score in zip(rows, scores, strict=True):
        if row.get(key) is not None:
            groups.setdefault(row[key], []).append(score)
    listed = [
        {
            key: value,
            "exact_match": asdict(wilson_interval(sum(score.distance == 0 for score in own), len(own))),
            "cer": asdict(_estimate_cer(own)),
        }
        for value, own in sorted(groups.items())
    ]
    return {f"by_{key}": listed} if listed else {}


def _estimate_cer(scores: Sequence[TextScore]) -> Estimate:
    return bootstrap_interval([score.distance for score in scores], [score.target_length for score in scores])


def check_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse stored predictions that were edited or put together wrongly.

    Raises:
        InputError: An id occurs twice, or a confidence is outside [0, 1].
    """
    seen: set[str] = set()
    for row in rows:
        if row["id"] in seen:
            raise InputError(f"{row['id']} is predicted twice: evaluate the split again, every image counts once")
        if not 0 <= row["confidence"] <= 1:
            raise InputError(f"{row['id']}: confidence {row['confidence']} is outside [0, 1]: evaluate the split again")
        seen.add(row["id"])
