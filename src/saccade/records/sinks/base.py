"""What every sink is: opened on a run's folder, shown its rows, closed when the record is whole."""

import tomllib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from saccade.records.encoding import decode

Row = Mapping[str, Any]

_AXES = ("step", "epoch", "seconds")
_VIEWS = ("val", "train_clean", "train_augmented")


class Sink(ABC):
    """Shows one run elsewhere. It reads the record and never writes it; what it raises switches it off."""

    name: ClassVar[str]
    """As `saccade train --sink` names it."""

    @abstractmethod
    def open(self, folder: Path, earlier: Row | None) -> dict[str, object]:
        """Begin to show a run.

        Args:
            folder: the run; what is written once is there.
            earlier: what this returned when an earlier segment of the run was shown; None at the first.

        Returns:
            Where the run is shown, for its record: plain values.
        """

    @abstractmethod
    def watch(self, row: Row) -> None:
        """Show a row of the history."""

    @abstractmethod
    def close(self, state: str) -> None:
        """Show the end of the run: "finished", "stopped" or "failed"; where it is finished, `metrics.json` is there."""

    @abstractmethod
    def drop(self) -> None:
        """Let go of what is open after a failure, without a word."""


def name_curves(row: Row) -> dict[str, float]:
    """Return the points of the curves that a row holds: its own keys; `<view>/<metric>` of a validation."""
    match row.get("event"):
        case None:
            named = {key: value for key, value in row.items() if key not in _AXES}
        case "validation":
            named = {f"{view}/{name}": value for view in _VIEWS for name, value in row.get(view, {}).items()}
        case _:
            named = {}
    return {name: float(value) for name, value in named.items() if isinstance(value, int | float)}


def read_recipe(folder: Path) -> dict[str, Any]:
    """Return the run's resolved recipe as plain tables."""
    return tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))


def read_results(folder: Path) -> dict[str, Any]:
    """Return the final numbers of a finished run: `final/<split>/<metric>` and `selection/<key>`."""
    metrics = decode((folder / "metrics.json").read_bytes())
    values = {
        f"final/{split}/{name}": measured["value"]
        for split, split_metrics in metrics["splits"].items()
        for name, measured in split_metrics.items()
        if isinstance(measured, Mapping) and "value" in measured
    }
    return values | {f"selection/{key}": value for key, value in flatten(metrics["selection"])}


def flatten(table: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of nested tables."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
