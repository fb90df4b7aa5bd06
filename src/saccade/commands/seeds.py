"""What several seeds of one recipe say together: mean, deviation and interval of the numbers that each run recorded.

Path: run folders -> `metrics.json` of each -> one summary, for people on stderr and for programs as JSON. It reads records
alone, and needs no PyTorch. The interval covers another seed on the same images, not other images.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saccade.records.reader import Run

_MOST_COLUMNS = 5
"""Seeds whose own values are shown; of more there are only the mean, the deviation and the interval."""
_NUM_BEST = 5
_TOO_FEW = 2
"""Seeds whose interval, Student's with one degree of freedom, reaches 9.0 deviations to each side, where that of three reaches 2.5."""
_NUM_LAST = 10
_MOMENTS = {"best": "best", "last": "last", "median_last_ten": "median of {last}"}


def summarise_seeds(folders: Sequence[Path]) -> dict[str, Any]:
    """Return what the runs of a recipe say together, as one JSON document.

    `runs` has seed, folder and values of each run; `selection` the metric that chose the best weights, at its best and last
    epoch and as median of the last ten validations; `last` of how many that is in words, where a run has fewer; `metrics`
    every metric of the best weights on the validation images.
    Each is `{value, deviation, low, high, n}`: the mean, the deviation of a single run (n - 1), Student's 95 % bounds of the
    mean, no further than the metric can go. `num_classes` is None where nothing is classified. What is not known is None:
    the spread of one run alone, the bounds of runs that all agree, and everything where a run has no number.
    """
    from saccade.records.reader import read_run

    records = [read_run(folder) for folder in folders]
    first = (records[0].metrics or {})["selection"]
    runs = [_describe_run(record) for record in records]
    return {
        "metric": first["metric"],
        "split": first["split"],
        "num_classes": _count_classes(records[0], first["split"]),
        "last": name_last(records),
        "runs": runs,
        "selection": {name: _summarise([run[name] for run in runs], first["metric"]) for name in _MOMENTS},
        "metrics": {name: _summarise([run["metrics"][name] for run in runs], name) for name in runs[0]["metrics"]},
    }


def name_last(records: Sequence["Run"]) -> str:
    """Return of how many validations the median of the last ten is, over runs of one recipe."""
    from saccade.errors import InputError

    try:
        counts = [sum(row.get("event") == "validation" for row in one.history(events_only=True)) for one in records]
    except InputError:  # a damaged history says nothing of the numbers; only their count is not known
        return "the last validations, ten at most"
    if min(counts) >= _NUM_LAST:
        return "the last ten validations"
    if len(set(counts)) > 1:  # runs that were stopped early
        return f"the last {min(counts)} to {min(max(counts), _NUM_LAST)} validations"
    return "1 validation" if counts[0] == 1 else f"all {counts[0]} validations"


def _count_classes(record: "Run", split: str) -> int | None:
    classes = (record.metrics or {})["splits"][split].get("by_class")
    return len(classes) if isinstance(classes, list) else None


def _describe_run(record: "Run") -> dict[str, Any]:
    """Return seed, folder, what the metric that chose came to, and every metric of the best weights."""
    metrics = record.metrics or {}
    selection = metrics["selection"]
    measured = {
        name: _take_finite(one["value"])
        for name, one in metrics["splits"][selection["split"]].items()
        if isinstance(one, dict) and "value" in one
    }
    moments = {name: _take_finite(selection[name]) for name in _MOMENTS}
    return {"seed": record.recipe["seed"], "folder": str(record.folder), **moments, "metrics": measured}


def _summarise(values: Sequence[float | None], metric: str) -> dict[str, float | int | None]:
    from statistics import stdev

    from saccade.metrics.intervals import find_bounds, mean_interval

    numbers = [value for value in values if value is not None]
    if len(numbers) < len(values):
        return {"value": None, "deviation": None, "low": None, "high": None, "n": len(values)}
    estimate = asdict(mean_interval(numbers, bounds=find_bounds(metric)))
    return {"value": estimate.pop("value"), "deviation": stdev(numbers) if len(numbers) > 1 else None, **estimate}


def _take_finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def print_seeds(summary: Mapping[str, Any]) -> None:
    """Print the summary on stderr, one line a number; all but the metric that chose are those of the best weights.

    Of five classes or fewer every truth is among the best five, and `top5_accuracy` says nothing.
    """
    runs, metric = summary["runs"], summary["metric"]
    shown = [f"seed {run['seed']}" for run in runs] if len(runs) <= _MOST_COLUMNS else []
    lines = [[f"{len(runs)} seeds, on the {_SPLITS.get(summary['split'], summary['split'])}", *_COLUMNS, *shown]]
    for name, moment in _MOMENTS.items():
        title = moment.format(last=summary["last"])
        lines.append([f"{metric}, {title}", *_write_row(summary["selection"][name], [run[name] for run in runs])])
    for name in summary["metrics"]:
        if name != metric and not (name == "top5_accuracy" and (summary["num_classes"] or _NUM_BEST + 1) <= _NUM_BEST):
            values = [run["metrics"][name] for run in runs]
            lines.append([f"{name}, {_MOMENTS['best']}", *_write_row(summary["metrics"][name], values)])
    first, *rest = (max(map(len, column)) for column in zip(*lines, strict=True))
    print(file=sys.stderr)
    for title, *cells in lines:
        ends = "".join(f"{cell:>{width + 3}}" for cell, width in zip(cells, rest, strict=True))
        print(f"{title:<{first}}{ends}", file=sys.stderr)
    if len(runs) == _TOO_FEW:
        print(
            "two seeds say little of another one; a third would narrow the interval to about a quarter", file=sys.stderr
        )


_COLUMNS = ("mean", "deviation", "95 % interval")
_SPLITS = {"val": "validation images"}


def _write_row(one: Mapping[str, Any], values: Sequence[float | None]) -> list[str]:
    shown = [_write(value) for value in values] if len(values) <= _MOST_COLUMNS else []
    interval = "-" if one["low"] is None else f"{_write(one['low'])} to {_write(one['high'])}"
    return [_write(one["value"]), _write(one["deviation"]), interval, *shown]


def _write(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
