"""The experiments of a folder of runs: repeats over seeds are one, and each knows the recipe file that it came from.

Path: run folders -> `Course` -> `Experiment`. What stands between experiments is in `chain.py`.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final, Literal

from saccade.errors import InputError
from saccade.metrics.intervals import Estimate, find_bounds, mean_interval
from saccade.records.notes import Note
from saccade.records.reader import find_runs, read_notes, read_run
from saccade.report.curves import Course, Problem, finite, read_course, read_number
from saccade.report.repeats import describe_overrides, identify, is_finished, is_over, read_overrides
from saccade.report.sides import Side

_SPLIT: Final = "val"
_LAST_VALIDATIONS = 10


@dataclass(frozen=True)
class Ancestor:
    """A recipe file that an experiment was made from, as the run recorded it."""

    path: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return Path(self.path).stem


@dataclass(frozen=True)
class Outcome:
    """What an experiment came to, by one metric on the validation images.

    Attributes:
        best: Of the weights that were kept; over several runs their mean, with Student's interval over seeds.
        last: After the last epoch, or the mean of that; None where there is no number.
        median_last_ten: Of the last ten validations, likewise.
        num_last: Of how many validations that is the median, ten at most: of the run with fewest, of that with most.
        seconds: Of training, likewise.
        over_seeds: Whether `best` is a mean over runs.
        bounds_over: What the interval of `best`, if any, covers: other seeds, or another draw of the images, of a single run
            and where all seeds came to the same number, which says nothing of how far others would lie.
    """

    best: Estimate
    last: float | None
    median_last_ten: float | None
    num_last: tuple[int, int]
    seconds: float | None
    over_seeds: bool
    bounds_over: Literal["seeds", "images"] = "images"

    @property
    def fewer_last(self) -> str:
        """Of how many validations the median is, as `7` or `7–9`; empty where it is of ten everywhere, or there is none."""
        if self.median_last_ten is None or self.num_last[0] >= _LAST_VALIDATIONS:
            return ""
        return write_range(*self.num_last)


@dataclass(frozen=True)
class Experiment:
    """One question asked, and every run of it.

    Attributes:
        name: What the page calls it; no two of a report are equal.
        series: The folder above.
        courses: Its runs, by seed.
        lineage: Its recipe file, the parent's, and so on; empty for a recipe made in Python.
        overrides: `--set` and `--data` as they were given, without those that ask nothing, such as the seed.
        notes: What people wrote about it as a whole.
    """

    name: str
    series: str
    courses: tuple[Course, ...]
    lineage: tuple[Ancestor, ...]
    overrides: tuple[str, ...]
    notes: tuple[Note, ...] = ()

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The resolved recipe of the first run."""
        return self.courses[0].run.recipe

    @property
    def task(self) -> str:
        """The task's name."""
        return str(self.recipe["task"])

    @property
    def reported(self) -> Mapping[str, Any]:
        """What somebody else published for this recipe; empty where nobody did."""
        reported = self.recipe.get("reported")
        return reported if isinstance(reported, dict) else {}

    @property
    def reported_metrics(self) -> dict[str, float]:
        """Metric -> value of what somebody else published, as far as they are numbers."""
        metrics = self.reported.get("metrics")
        values = {str(name): read_number(value) for name, value in metrics.items()} if isinstance(metrics, dict) else {}
        return {name: value for name, value in values.items() if math.isfinite(value)}

    @property
    def over(self) -> tuple[Course, ...]:
        """The runs that can be compared: those that finished, or where none did the first that was stopped, alone."""
        finished = tuple(course for course in self.courses if is_finished(course.run.status))
        return finished or tuple(course for course in self.courses if is_over(course.run.status))[:1]

    @property
    def counted(self) -> tuple[Course, ...]:
        """The runs that numbers come from: those that are over, or where none is, all that were validated so far."""
        return self.over or tuple(course for course in self.courses if course.validations)

    @cached_property
    def side(self) -> Side:
        """It as one side of a comparison; one object, because it keeps what it has read."""
        side = Side(self.name, tuple(course.run for course in self.over), self.reported or None, recipe=self.recipe)
        for course in self.over:
            side.remember_events(course.run, course.events)
        return side

    def outcome(self, metric: str) -> Outcome | None:
        """Return what it came to by a metric; None where no run has a number for it."""
        if metric not in self._outcomes:
            self._outcomes[metric] = _average([read_outcome(course, metric) for course in self.counted], metric)
        return self._outcomes[metric]

    @cached_property
    def _outcomes(self) -> dict[str, Outcome | None]:
        return {}


def _average(found: Sequence[Outcome | None], metric: str) -> Outcome | None:
    outcomes = [outcome for outcome in found if outcome is not None]
    if len(outcomes) < 2:
        return outcomes[0] if outcomes else None
    first, values = outcomes[0].best, [outcome.best.value for outcome in outcomes]
    agree = min(values) == max(values)
    return Outcome(
        best=replace(first, n=len(values)) if agree else mean_interval(values, bounds=find_bounds(metric)),
        last=_mean(outcome.last for outcome in outcomes),
        median_last_ten=_mean(outcome.median_last_ten for outcome in outcomes),
        num_last=(min(outcome.num_last[0] for outcome in outcomes), max(outcome.num_last[1] for outcome in outcomes)),
        seconds=_mean(outcome.seconds for outcome in outcomes),
        over_seeds=True,
        bounds_over="images" if agree else "seeds",
    )


def read_outcome(course: Course, metric: str) -> Outcome | None:
    """Return what one run came to by a metric; None where it has no number for it."""
    kept = _read_kept(course, metric)
    if kept is None:
        return None
    values = [point.value for point in finite(course.curve(_SPLIT, metric))]
    last_ten = values[-_LAST_VALIDATIONS:]
    return Outcome(
        best=kept,
        last=values[-1] if values else None,
        median_last_ten=median(last_ten) if values else None,
        num_last=(len(last_ten), len(last_ten)),
        seconds=course.seconds,
        over_seeds=False,
    )


def choose_metric(experiments: Sequence[Experiment]) -> str:
    """Return the metric that most of the experiments chose their weights by; of equals the first."""
    votes = Counter(find_metric(experiment) for experiment in experiments)
    return votes.most_common(1)[0][0]


def write_range(least: int, most: int) -> str:
    """Write how many there are: `7`, or `7–9` where that is not the same everywhere."""
    return str(least) if least == most else f"{least}\N{EN DASH}{most}"


def sort_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key by which `exp9` comes before `exp10`."""
    parts = re.split(r"(\d+)", name)
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts if part)


def read_experiments(folder: Path) -> tuple[list[Experiment], list[Problem]]:
    """Read every run at or below a folder, and say which could not be read.

    Raises:
        InputError: No run could be read.
    """
    folders = find_runs(folder)
    if not folders:
        raise InputError(f"{folder} holds no run: name a folder that `saccade train` printed, or one above it")
    courses: list[Course] = []
    problems: list[Problem] = []
    for path in folders:
        try:
            run = read_run(path)
            courses.append(read_course(run, f"{path.resolve().parent.name} s{run.recipe.get('seed', 0)}"))
        except InputError as error:
            problems.append(Problem("unreadable_run", {"run": _name_run(path), "cause": str(error).rstrip(".")}))
    if not courses:
        first = problems[0].values["cause"]
        more = f", and {len(problems) - 1} more runs" if len(problems) > 1 else ""
        raise InputError(f"{folder} holds no run that can be read: {first}{more}")
    experiments, more_problems = _group(courses)
    return experiments, problems + more_problems


def describe_seeds(courses: Sequence[Course]) -> str:
    """Return the seeds of some runs, as in `0, 1, 2`."""
    return ", ".join(str(course.run.recipe.get("seed", 0)) for course in courses)


def _name_run(path: Path) -> str:
    return f"{path.resolve().parent.name}/{path.name}"


def _group(courses: Sequence[Course]) -> tuple[list[Experiment], list[Problem]]:
    """Put repeats together: one series and folder, one question, one set of images."""
    groups: dict[tuple[str, str, str], list[Course]] = defaultdict(list)
    for course in courses:
        folder = course.run.folder.resolve()
        key = (folder.parent.parent.name, folder.parent.name, identify(course.run))
        groups[key].append(course)
    named: dict[tuple[str, str], list[list[Course]]] = defaultdict(list)
    for (series, name, _), members in groups.items():
        named[series, name].append(sorted(members, key=lambda course: course.run.folder.name))
    experiments: list[Experiment] = []
    problems: list[Problem] = []
    for (series, name), several in named.items():
        several.sort(key=lambda members: (bool(read_overrides(members[0].run)), members[0].run.folder.name))
        taken: Counter[str] = Counter()
        folders = dict.fromkeys(course.run.folder.resolve().parent for members in several for course in members)
        notes = tuple(note for folder in folders for note in read_notes(folder))
        for members in several:
            kept, repeated = _drop_repeated_seeds(members)
            overrides = read_overrides(kept[0].run)
            plain = f"{name}, {describe_overrides(overrides)}" if overrides else name
            taken[plain] += 1
            called = plain if taken[plain] == 1 else f"{plain} ({taken[plain]})"
            problems += [Problem("seed_twice", {"experiment": called, "seed": seed}, series) for seed in repeated]
            experiments.append(Experiment(called, series, tuple(kept), _read_lineage(kept[0]), overrides, notes))
            notes = ()  # they are of the folder, and shown once
        if len(several) > 1:
            problems.append(Problem("several_recipes", {"experiment": name, "count": str(len(several))}, series))
    return sorted(experiments, key=lambda one: (sort_key(one.series), sort_key(one.name))), problems


def _drop_repeated_seeds(courses: Sequence[Course]) -> tuple[list[Course], list[str]]:
    """Return one run a seed, the latest that is over in order, and the seeds that there were several of.

    Equal seeds give equal runs: two of them are one observation.
    """
    by_seed: dict[int, list[Course]] = defaultdict(list)
    for course in courses:
        by_seed[int(read_number(course.run.recipe.get("seed", 0)))].append(course)
    kept = [
        max(same, key=lambda course: (course.run.status["state"] == "finished", course.run.folder.name))
        for _, same in sorted(by_seed.items())
    ]
    return kept, [str(seed) for seed, same in sorted(by_seed.items()) if len(same) > 1]


def _read_lineage(course: Course) -> tuple[Ancestor, ...]:
    lineage = course.run.recipe_diff.get("lineage")
    if not isinstance(lineage, list):
        return ()
    return tuple(
        Ancestor(str(item["path"]), str(item["sha256"]))
        for item in lineage
        if isinstance(item, dict) and {"path", "sha256"} <= set(item)
    )


def find_metric(experiment: Experiment) -> str:
    """Return the metric that chose the weights; where nothing says it, the first that was measured."""
    rows = (row for course in experiment.courses for row in course.validations)
    measured = (name for row in rows for name in row.list_metrics(_SPLIT))
    return experiment.side.metric or next(measured, "loss")


def _read_kept(course: Course, metric: str) -> Estimate | None:
    """Return the value of the weights that were kept: from the stored predictions, or else from the validation that chose them."""
    stored = (course.run.metrics or {}).get("splits", {}).get(_SPLIT, {}).get(metric)
    if isinstance(stored, dict) and math.isfinite(read_number(stored.get("value"))):
        low, high = (read_number(stored.get(bound)) for bound in ("low", "high"))
        bounded = math.isfinite(low) and math.isfinite(high)
        count = stored.get("n")
        return Estimate(
            read_number(stored["value"]),
            low if bounded else None,
            high if bounded else None,
            count if isinstance(count, int) else 1,
        )
    measured = [value for row in course.validations if row.is_best and (value := row.read(_SPLIT, metric)) is not None]
    if not measured or not math.isfinite(measured[-1]):
        return None
    num_val = course.start.get("num_val")
    return Estimate(measured[-1], None, None, num_val if isinstance(num_val, int) else 1)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
