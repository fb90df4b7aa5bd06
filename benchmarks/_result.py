"""What every benchmark shares: repeats in turn, medians, goals, and the one form of `results/<claim>.json`.

Both sides run in one call and in turn (A B A B), so that a machine that slows down slows both; the ratio is the median
of the ratios of neighbouring runs, not the ratio of the medians. Nothing here knows what is measured.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from saccade.records.environment import collect_environment

T = TypeVar("T")

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("saccade", "torch", "numpy", "opencv-python-headless", "typer")


@dataclass(frozen=True)
class Goal:
    """What must hold: a bound of our own figure, or of ours divided by the peer's."""

    of: Literal["ours", "ratio"]
    bound: float


@dataclass(frozen=True)
class Row:
    """One comparison: pairs of (ours, peer), one a repeat; the peer's is None where a figure stands alone."""

    name: str
    unit: str
    repeats: Sequence[tuple[float, float | None]]
    higher_is_better: bool
    goal: Goal | None = None
    unmet: str = ""
    """Why the goal cannot hold whatever the figures say; empty where they decide."""
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the row with medians, ratio and whether its goal holds."""
        ours = statistics.median(pair[0] for pair in self.repeats)
        peers = [pair[1] for pair in self.repeats if pair[1] is not None]
        ratios = [pair[0] / pair[1] for pair in self.repeats if pair[1]]  # an accuracy of 0 is no denominator
        ratio = statistics.median(ratios) if ratios else None
        values = {"ours": ours, "ratio": ratio}
        sign = ">=" if self.higher_is_better else "<="
        row = {
            "name": self.name,
            "unit": self.unit,
            "goal": None if self.goal is None else f"{self.goal.of} {sign} {self.goal.bound:g}",
            "ours": ours,
            "peer": statistics.median(peers) if peers else None,
            "ratio": ratio,
            "higher_is_better": self.higher_is_better,
            "holds": None if self.goal is None else not self.unmet and self._reaches(values[self.goal.of]),
            "repeats": [list(pair) for pair in self.repeats],
        }
        return row | ({"unmet": self.unmet} if self.unmet else {}) | dict(self.details)

    def _reaches(self, value: float | None) -> bool:
        assert self.goal is not None and value is not None, f"{self.name}: a goal of something that was not measured"
        return value >= self.goal.bound if self.higher_is_better else value <= self.goal.bound


def measure_in_turn(sides: Mapping[str, Callable[[], T]], num_repeats: int) -> dict[str, list[T]]:
    """Run every side once, then every side again, and so on; return what each gave."""
    measured: dict[str, list[T]] = {name: [] for name in sides}
    for _ in range(num_repeats):
        for name, run in sides.items():
            measured[name].append(run())
    return measured


def make_parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark; its help is the script's docstring."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="in miniature, under a minute: shows that it runs, decides nothing"
    )
    parser.add_argument("--threads", type=int, help="threads of PyTorch on both sides; default: PyTorch's own choice")
    parser.add_argument(
        "--out", type=Path, help="folder of the result; default: benchmarks/results, quick: its folder quick"
    )
    # What runs is what is imported now, whatever is committed before the end.
    git: Any = collect_environment(command=[], seed=0, device={})["git"]
    parser.set_defaults(commit=_describe_commit(git))
    return parser


def write_result(
    claim: str, rows: Sequence[Row], settings: Mapping[str, Any], arguments: argparse.Namespace, *, begun: float
) -> Path:
    """Write `<claim>.json`, print its rows and return its path.

    The figures at the top are those of the first row; `holds` at the top: whether every row that has a goal meets it.

    Args:
        claim: name of the script, and of the file.
        rows: the comparisons, the one that the claim is about first.
        settings: what somebody who repeats this must know.
        arguments: of the command line, from `make_parser`.
        begun: `time.perf_counter()` at the start of the call.
    """
    described = [row.to_json() for row in rows]
    environment: Any = collect_environment(command=[], seed=0, device={})
    cpu = environment["cpu"]
    result = {
        "claim": claim,
        **{key: described[0][key] for key in ("goal", "ours", "peer", "ratio", "higher_is_better")},
        "holds": all(row["holds"] is not False for row in described),
        "repeats": described[0]["repeats"],
        "rows": described,
        "settings": {"quick": arguments.quick, "threads": arguments.threads} | dict(settings),
        "commit": arguments.commit,
        "machine": {
            **cpu,
            "memory_bytes": _read_memory(),
            "system": platform.system(),
            "processor": platform.machine(),
        },
        "versions": {"python": environment["python"]}
        | {name: importlib.metadata.version(name) for name in _PACKAGES if name in environment["packages"]},
        "seconds": round(time.perf_counter() - begun, 1),
    }
    folder = arguments.out or (RESULTS / "quick" if arguments.quick else RESULTS)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{claim}.json"
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for row in described:
        print(_describe_row(row))
    print(f"{'quick, decides nothing; ' if arguments.quick else ''}{os.path.relpath(path)}", file=sys.stderr)
    return path


def _describe_row(row: Mapping[str, Any]) -> str:
    peer = "" if row["peer"] is None else f" : {row['peer']:.4g}"
    ratio = "" if row["ratio"] is None else f" = {row['ratio']:.3f}"  # there is none where the peer's figure is 0
    figures = f"{row['ours']:.4g}{peer}{ratio}"
    verdict = {True: "holds", False: "DOES NOT HOLD", None: "no goal"}[row["holds"]]
    goal = "" if row["goal"] is None else f" ({row['goal']})"
    return f"{row['name']}: {figures} {row['unit']}; {verdict}{goal}{'; ' + row['unmet'] if 'unmet' in row else ''}"


def _describe_commit(git: Mapping[str, Any] | None) -> str | None:
    if git is None:
        return None
    changed = git["patch_bytes"] or git["num_untracked_files"]
    return f"{git['revision']}{' and uncommitted changes' if changed else ''}"


def _read_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
