"""All that is reported of a split of readings, computed from stored prediction rows, without PyTorch."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from saccade.metrics.intervals import bootstrap_interval
from saccade.metrics.reading import summarise_reading
from saccade.metrics.sequence import Notation, score_sequences, summarise_sequences
from saccade.recipes.tables.read import TextTable
from saccade.text.latex import normalise_latex
from saccade.text.structure import find_fault

_LATEX = Notation(normalise_latex, find_fault)


def find_notation(text: TextTable) -> Notation | None:
    """Return what is known of how the texts are written; None where nothing is."""
    return _LATEX if text.notation == "latex" else None


def summarise_rows(rows: Sequence[Mapping[str, Any]], text: TextTable) -> dict[str, object]:
    """Recompute every metric with its interval, in characters or tokens, as the recipe's text table says."""
    has_tokens = text.units == "tokens"
    summary = summarise_sequences(rows, "tokens", find_notation(text)) if has_tokens else summarise_reading(rows)
    told = [row for row in rows if row.get("forced_accuracy") is not None]
    if not told:
        return summary
    scores = score_sequences([row["prediction"] for row in told], [row["target"] for row in told], text.units)
    forced = [row["forced_accuracy"] for row in told]
    gaps = [accuracy - score.similarity for accuracy, score in zip(forced, scores, strict=True)]
    exposure = {"forced_accuracy": bootstrap_interval(forced), "exposure_gap": bootstrap_interval(gaps)}
    return {**summary, **{name: asdict(estimate) for name, estimate in exposure.items()}}
