"""One side of a comparison: the runs of an experiment, its repeats over seeds, or what somebody reported of it.

Path: a run, an experiment's folder or a recipe file -> `Side` -> `Scores` (`scores.py`). Which side is better is for
`comparison.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from saccade.errors import InputError
from saccade.recipes.diff import plain
from saccade.recipes.loader import load
from saccade.recipes.tables.training import LOWER_IS_BETTER
from saccade.records.reader import Run, find_runs, read_run, read_status
from saccade.report.repeats import describe_overrides, group_repeats, identify, is_finished, is_over, read_overrides
from saccade.report.scores import SHARES, Scores, read_scores
from saccade.report.sentences import Sentence, say, say_state

_DEFAULT_METRICS = {"read": "exact_match", "classify": "top1_accuracy"}
_MOST_GROUPS = 5


@dataclass(frozen=True)
class Side:
    """One experiment.

    Attributes:
        name: What it is called in sentences.
        runs: Its finished runs, repeats of one recipe over seeds, or one that was stopped; empty where it was only reported.
        reported: The `[reported]` table of its recipe, if it has one.
        recipe: The resolved recipe as plain tables; needed where there is no run.
        file: The recipe file, where the side was read from one.
        left_out: What was found and is not among the runs, a sentence each.
    """

    name: str
    runs: tuple[Run, ...]
    reported: Mapping[str, Any] | None
    recipe: Mapping[str, Any] | None = None
    file: Path | None = None
    left_out: tuple[Sentence, ...] = ()
    _kept: dict[tuple[str, ...], Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def tables(self) -> Mapping[str, Any]:
        """The resolved recipe: of the first run, where there is one."""
        return self.runs[0].recipe if self.runs else self.recipe or {}

    @property
    def task(self) -> str:
        """The task's name; empty where nothing says it."""
        return str(self.tables.get("task", ""))

    def table(self, name: str) -> Mapping[str, Any]:
        """Return a table of the resolved recipe; an empty one where it is not set."""
        table = self.tables.get(name)
        return table if isinstance(table, Mapping) else {}

    @property
    def metric(self) -> str:
        """The metric that chose the weights, by the recipe, else by what the run says, else the task's own."""
        if "metric" in self.table("select"):
            return str(self.table("select")["metric"])
        selection = (self.runs[0].metrics or {}).get("selection", {}) if self.runs else {}
        return str(selection.get("metric", _DEFAULT_METRICS.get(self.task, "")))

    def is_higher_better(self, metric: str) -> bool:
        """Return whether more is better: by the metric's name, of one that is not known by the recipe."""
        if metric in SHARES | LOWER_IS_BETTER | {"ned", "bleu", "leaderboard_score"}:
            return metric not in LOWER_IS_BETTER
        return self.table("select").get("higher_is_better") is not False

    def read_scores(self, metric: str, split: str) -> Scores:
        """Return what every image of a split counts in every run; read once.

        Raises:
            InputError: A run has no predictions of the split, or those of two runs are of different images.
        """
        key = (metric, split)
        if key not in self._kept:
            self._kept[key] = read_scores(self.runs, metric, split)
        kept: Scores = self._kept[key]
        return kept

    def describe_right(self) -> Sentence | None:
        """Return in how many of its runs an image must be right to count as right; None where there is one run at most."""
        count = len(self.runs)
        return say("right_means", side=self.name, least=count // 2 + 1, count=count) if count > 1 else None

    def remember_events(self, run: Run, rows: list[dict[str, Any]]) -> None:
        """Take the rows of a run's history that are events from who has read them already."""
        self._kept["events", str(run.folder)] = rows

    def read_events(self, run: Run) -> list[dict[str, Any]]:
        """Return the rows of a run's history that are events; read once."""
        key = ("events", str(run.folder))
        if key not in self._kept:
            self._kept[key] = run.history(events_only=True)
        kept: list[dict[str, Any]] = self._kept[key]
        return kept


# --- Reading a side ---


def read_side(path: str | Path) -> Side:
    """Read a run's folder, an experiment's folder, whose runs are repeats over seeds, or a recipe file with `[reported]`.

    Raises:
        InputError: There is nothing of the kind, no run is finished, or the runs of a folder are not repeats of one recipe.
    """
    groups = _read_groups(Path(path))
    if len(groups) > 1:
        raise InputError(_describe_groups(Path(path), groups))
    return groups[0]


def read_sides(paths: Sequence[str | Path]) -> list[Side]:
    """Read several sides; runs that were named one by one and repeat one recipe over seeds become one side.

    Of a folder whose runs were trained with different `--set` and `--data`, those count that had the same as all others.

    Raises:
        InputError: As `read_side`, or fewer than two sides are left.
    """
    found = [_read_groups(Path(path)) for path in paths]
    settings = [{_read_set(group) for group in groups} for groups in found]
    shared = set.intersection(*settings) if settings else set()
    sides: list[Side] = []
    for path, groups in zip(paths, found, strict=True):
        side = _choose_group(Path(path), groups, shared)
        is_single = len(side.runs) == 1 and (Path(path) / "status.json").is_file()
        number = next((n for n, other in enumerate(sides) if is_single and _are_repeats(other, side.runs[0])), None)
        if number is None:
            sides.append(side)
        else:
            sides[number] = _join(sides[number], side.runs[0])
    _check_distinct(sides)
    if len(sides) < 2:
        alone = f"these are {len(paths)} repeats of one recipe" if len(paths) > 1 else "it is alone"
        raise InputError(f"{paths[0]}: {alone}, there is nothing to compare with; name runs of two experiments")
    return _tell_apart(sides)


def _check_distinct(sides: Sequence[Side]) -> None:
    """Raise where something is on two sides: a difference from itself says nothing."""
    seen: set[Path] = set()
    for side in sides:
        for path in [run.folder for run in side.runs] or [path for path in (side.file,) if path]:
            if path.resolve() in seen:
                raise InputError(f"{path} is on both sides, and differs from itself in nothing: name another one")
        seen |= {run.folder.resolve() for run in side.runs} | ({side.file.resolve()} if side.file else set())


def _read_groups(path: Path) -> list[Side]:
    """Return what a path names: a side for each recipe that the runs of a folder were trained from."""
    if path.is_file():
        return [_read_reported(path)]
    if (path / "status.json").is_file():
        return [_read_single(path)]
    folders = find_runs(path)
    if not folders:
        raise InputError(f"{path} holds no run: name a run's folder, an experiment's folder or a recipe file")
    states = {folder: read_status(folder) for folder in folders}
    left_out = [_leave_out(folder, state) for folder, state in states.items() if not is_finished(state)]
    finished = [read_run(folder) for folder, state in states.items() if is_finished(state)]
    if not finished:
        first, state = next(iter(states.items()))
        raise InputError(
            f"{path} holds no run that is finished, such as {first}: {_describe(state)}; {_cure(first, state)}"
        )
    sides = []
    for runs in group_repeats(finished):
        kept, repeated = _drop_repeated_seeds(runs)
        sides.append(Side(path.resolve().name, kept, _find_reported(kept[0]), left_out=(*left_out, *repeated)))
    return sides


def _choose_group(path: Path, groups: Sequence[Side], shared: Collection[frozenset[str]]) -> Side:
    """Return the only side of a folder, or the only one with settings of the command line that the other sides had too."""
    if len(groups) == 1:
        return groups[0]
    matching = [side for side in groups if _read_set(side) in shared]
    if len(matching) != 1:
        raise InputError(_describe_groups(path, groups))
    chosen = matching[0]
    overrides = read_overrides(chosen.runs[0])
    settings = say("set_with", overrides=describe_overrides(overrides)) if overrides else say("set_without")
    sentence = say("folder_chosen", folder=str(path), count=len(groups), settings=settings)
    return replace(chosen, left_out=(sentence, *chosen.left_out), _kept={})


def _describe_groups(path: Path, groups: Sequence[Side]) -> str:
    described = [
        f"{len(side.runs)} run{'s' if len(side.runs) > 1 else ''} {_describe_set(side)} ({side.runs[-1].folder.name})"
        for side in groups
    ]
    more = [f"{len(groups) - _MOST_GROUPS} more"] if len(groups) > _MOST_GROUPS else []
    return (
        f"{path} holds runs of {len(groups)} experiments, whose recipes or images differ by more than the seed: "
        f"{'; '.join([*described[:_MOST_GROUPS], *more])}; name the runs themselves"
    )


def _read_set(side: Side) -> frozenset[str]:
    return frozenset(read_overrides(side.runs[0])) if side.runs else frozenset()


def _describe_set(side: Side) -> str:
    overrides = read_overrides(side.runs[0])
    return f"with {describe_overrides(overrides)}" if overrides else "without --set"


def _read_reported(path: Path) -> Side:
    recipe = load(path).recipe
    if recipe.reported is None or not recipe.reported.metrics:
        raise InputError(f"{path} has no [reported] metrics to compare; name a run of it, or report some")
    return Side(path.stem, (), plain(recipe.reported), recipe=plain(recipe), file=path.absolute())


def _read_single(path: Path) -> Side:
    run = read_run(path)
    if not is_over(run.status):
        raise InputError(f"{path} is not over: {_describe(run.status)}; let it end, or name another run")
    return Side(path.resolve().parent.name, (run,), _find_reported(run))


def _describe(status: Mapping[str, Any]) -> str:
    cause = status.get("cause")
    return f"its state is {status['state']}" + (f" ({cause})" if cause else "")


def _cure(folder: Path, status: Mapping[str, Any]) -> str:
    return "let one end" if not is_over(status) else f"finish it with saccade train --resume {folder}"


def _leave_out(folder: Path, status: Mapping[str, Any]) -> Sentence:
    if is_over(status):
        return say("stopped_left_out", run=str(folder), state=say("state_stopped"))
    return say("run_left_out", run=str(folder), state=say_state(status))


def _find_reported(run: Run) -> Mapping[str, Any] | None:
    reported = run.recipe.get("reported")
    return reported if isinstance(reported, Mapping) else None


def _drop_repeated_seeds(runs: Sequence[Run]) -> tuple[tuple[Run, ...], list[Sentence]]:
    """Keep the last run of each seed: the same seed again is the same run and no repeat."""
    last = {run.recipe.get("seed", 0): run for run in runs}
    kept = tuple(run for run in runs if last[run.recipe.get("seed", 0)] is run)
    return kept, [
        say("seed_left_out", run=str(run.folder), seed=str(run.recipe.get("seed", 0)))
        for run in runs
        if run not in kept
    ]


def _are_repeats(side: Side, run: Run) -> bool:
    seeds = {other.recipe.get("seed", 0) for other in side.runs}
    return bool(side.runs) and run.recipe.get("seed", 0) not in seeds and identify(side.runs[0]) == identify(run)


def _join(side: Side, run: Run) -> Side:
    """Return a side with one more repeat; of runs that were stopped none is a repeat, and one stands alone where all were."""
    runs = (*side.runs, run)
    kept = tuple(one for one in runs if is_finished(one.status)) or runs[:1]
    left_out = [_leave_out(one.folder, one.status) for one in runs if one not in kept]
    return replace(side, runs=kept, left_out=(*side.left_out, *left_out), _kept={})


def _tell_apart(sides: Sequence[Side]) -> list[Side]:
    """Return the sides with names that differ: those of the runs, where experiments are called the same."""
    names = [side.name for side in sides]
    told = [
        replace(side, name=f"{side.name}/{side.runs[0].folder.name}", _kept={})
        if names.count(side.name) > 1 and side.runs
        else side
        for side in sides
    ]
    if len({side.name for side in told}) == len(told):
        return told
    return [replace(side, name=f"{side.name} ({number})", _kept={}) for number, side in enumerate(told, start=1)]
