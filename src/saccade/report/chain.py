"""The chain: which experiment came from which, what changed on the way, and what that showed.

Path: `read_experiments` -> linked by the lineage that each run stored -> each link compared -> `Report`. An experiment
whose parent has no run is linked to its nearest ancestor that has one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from saccade.errors import InputError
from saccade.recipes.diff import Change, flatten
from saccade.records.fingerprint import file_hash
from saccade.report.comparison import Comparison, compare_sides
from saccade.report.curves import Problem
from saccade.report.experiments import (
    Ancestor,
    Experiment,
    choose_metric,
    find_metric,
    read_experiments,
    sort_key,
    write_range,
)
from saccade.report.repeats import read_set_keys
from saccade.report.sentences import say

_MOST_NAMED = 12


@dataclass(frozen=True)
class Link:
    """How an experiment hangs on the chain.

    Attributes:
        child: The experiment.
        parent: The one that it is compared with; None for the first of a chain.
        passed_over: Recipe files between the two, nearest first, that have no run here.
        comparison: What the two show; None where there is no parent, or where they cannot be read.
        fault: Why they cannot be read; empty otherwise.
        changes: What differs from the parent, or from a parent without a run as the run itself recorded it; of an ad hoc
            experiment without a parent the keys of its command line, whose values before nobody recorded.
    """

    child: Experiment
    parent: Experiment | None
    passed_over: tuple[str, ...]
    comparison: Comparison | None
    fault: str
    changes: tuple[Change, ...]

    @property
    def parent_name(self) -> str:
        """What the page calls the parent, with its series where that is another; empty without one."""
        if self.parent is None:
            return ""
        return (
            self.parent.name if self.parent.series == self.child.series else f"{self.parent.series}/{self.parent.name}"
        )


@dataclass(frozen=True)
class Chain:
    """The experiments of one series and task, parents before children.

    Attributes:
        name: The series.
        task: What was trained.
        metric: By which all of them are shown.
        lower_is_better: Its direction.
        links: One an experiment.
        problems: What the page names.
    """

    name: str
    task: str
    metric: str
    lower_is_better: bool
    links: tuple[Link, ...]
    problems: tuple[Problem, ...]

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """The experiments in the order of the chain."""
        return tuple(link.child for link in self.links)

    @cached_property
    def leader(self) -> Experiment | None:
        """The experiment with the best value, of those with a run that is over where there are any; None without a value."""
        valued = [(outcome.best.value, one) for one in self.experiments if (outcome := one.outcome(self.metric))]
        valued = [pair for pair in valued if pair[1].over] or valued
        if not valued:
            return None
        return (min if self.lower_is_better else max)(valued, key=lambda pair: pair[0])[1]

    @cached_property
    def num_last(self) -> str:
        """Of how many validations the medians of the last ten are, as `10` or `4–10`."""
        found = [outcome.num_last for one in self.experiments if (outcome := one.outcome(self.metric))]
        known = [counts for counts in found if counts[1]]
        return write_range(min((least for least, _ in known), default=10), max((most for _, most in known), default=10))


@dataclass(frozen=True)
class Report:
    """All that a page shows: its name, the folder that its runs are below, its chains, and what could not be read."""

    name: str
    folder: Path
    chains: tuple[Chain, ...]
    problems: tuple[Problem, ...]

    @property
    def num_runs(self) -> int:
        """How many runs it shows."""
        return sum(len(experiment.courses) for chain in self.chains for experiment in chain.experiments)

    @property
    def updated(self) -> str:
        """When the latest of its runs was last written, as the record says it."""
        runs = [course.run for chain in self.chains for one in chain.experiments for course in one.courses]
        return max(str(run.status.get("updated", "")) for run in runs)


def read_report(folder: Path) -> Report:
    """Read the runs at or below a folder, link and compare them.

    Raises:
        InputError: No run could be read.
    """
    experiments, problems = read_experiments(folder)
    parents = _find_parents(experiments)
    members: dict[tuple[str, str], list[Experiment]] = defaultdict(list)
    for experiment in experiments:
        members[experiment.series, experiment.task].append(experiment)
    chains = tuple(
        _build_chain(own, parents, [one for one in problems if one.series == name])
        for (name, _), own in members.items()
    )
    only = experiments[0] if len(experiments) == 1 else None
    name = f"{only.series}/{only.name}" if only else folder.resolve().name
    above = folder.resolve().parent if (folder / "status.json").is_file() else folder
    return Report(name, above, chains, tuple(one for one in problems if not one.series))


@dataclass(frozen=True)
class _Found:
    parent: Experiment | None
    passed_over: tuple[str, ...]
    changed_file: str = ""
    ad_hoc: str = ""
    """Of an experiment without a parent: one that could be it but for what was set on the command line."""


def _find_parents(experiments: Sequence[Experiment]) -> dict[int, _Found]:
    """Return the parent of each experiment, by its identity; files that were edited in between may not make a circle."""
    parents = {id(one): _find_parent(one, experiments) for one in experiments}
    for one in experiments:
        seen = {id(one)}
        above = parents[id(one)].parent
        while above is not None and id(above) not in seen:
            seen.add(id(above))
            above = parents[id(above)].parent
        if above is one:
            parents[id(one)] = _Found(None, tuple(ancestor.name for ancestor in one.lineage[1:]))
    return parents


def _find_parent(child: Experiment, experiments: Sequence[Experiment]) -> _Found:
    """Return the nearest ancestor that has a run: first among those with the same overrides, then among those without any."""
    others = [one for one in experiments if one is not child and one.lineage]
    same = [one for one in others if set(one.overrides) == set(child.overrides)]
    plain = [one for one in others if not one.overrides]
    ancestors = child.lineage[1:]
    found = _match_nearest(child, ancestors, same)
    if found.parent is None and child.overrides:
        # The same file without the overrides is what they were tried on.
        found = _match_nearest(child, child.lineage, plain)
        if found.parent is None:
            found = _Found(None, tuple(ancestor.name for ancestor in child.lineage[:1]))
    if found.parent is None:
        other = _match_nearest(child, ancestors, others).parent
        found = replace(found, ad_hoc=other.name if other else "")
    return found


def _match_nearest(child: Experiment, ancestors: Sequence[Ancestor], candidates: Sequence[Experiment]) -> _Found:
    for place, ancestor in enumerate(ancestors):
        passed_over = tuple(one.name for one in ancestors[:place])
        exact = [one for one in candidates if one.lineage[0] == ancestor]
        # A recipe may have been copied or moved since; of equal files elsewhere only those of the series count.
        moved = [one for one in candidates if one.series == child.series and one.lineage[0].sha256 == ancestor.sha256]
        edited = [one for one in candidates if one.lineage[0].path == ancestor.path]
        for matches in (exact, moved, edited):
            if matches:
                nearest = max(matches, key=lambda one: find_val_digest(one) == find_val_digest(child))
                return _Found(nearest, passed_over, ancestor.name if matches is edited else "")
    return _Found(None, tuple(one.name for one in ancestors))


def _build_chain(members: Sequence[Experiment], parents: Mapping[int, _Found], problems: Sequence[Problem]) -> Chain:
    links = tuple(_build_link(one, parents[id(one)]) for one in _order(members, parents))
    metric, first = choose_metric(members), members[0]
    return Chain(
        name=first.series,
        task=first.task,
        metric=metric,
        lower_is_better=not first.side.is_higher_better(metric),
        links=links,
        problems=(*problems, *_find_problems(links, parents), *_find_other_metrics(members, metric)),
    )


def _order(members: Sequence[Experiment], parents: Mapping[int, _Found]) -> list[Experiment]:
    """Return parents before children, each line of descent in one piece, short side branches first."""
    known = {id(one) for one in members}
    children: dict[int, list[Experiment]] = defaultdict(list)
    num_descendants: dict[int, int] = defaultdict(int)
    roots = []
    for one in members:
        parent = parents[id(one)].parent
        if parent is None or id(parent) not in known:
            roots.append(one)
            continue
        children[id(parent)].append(one)
        while parent is not None:
            num_descendants[id(parent)] += 1
            parent = parents[id(parent)].parent
    ordered: list[Experiment] = []
    pending = sorted(roots, key=lambda one: sort_key(one.name), reverse=True)
    while pending:
        one = pending.pop()
        ordered.append(one)
        below = sorted(children[id(one)], key=lambda child: (num_descendants[id(child)], sort_key(child.name)))
        pending += reversed(below)
    return ordered


def _build_link(child: Experiment, found: _Found) -> Link:
    recorded = _read_changes(child)
    if found.parent is None:
        return Link(child, None, found.passed_over, None, "", recorded)
    try:
        comparison = _compare(found.parent, child)
    except InputError as error:
        return Link(child, found.parent, found.passed_over, None, str(error), recorded)
    return Link(child, found.parent, found.passed_over, comparison, "", comparison.changed)


def _read_changes(child: Experiment) -> tuple[Change, ...]:
    """Return what a run recorded as changed from its parent; of an ad hoc one what `--set` and `--data` say, all that is its own."""
    if child.overrides:
        settings = flatten(dict(child.recipe))
        return tuple(
            Change(key, None, settings.get(key, value)) for key, value in read_set_keys(child.overrides).items()
        )
    return tuple(
        Change(str(item["key"]), item.get("parent_value"), item.get("value"))
        for item in child.courses[0].run.recipe_diff.get("changes", ())
        if isinstance(item, dict) and "key" in item
    )


def _compare(parent: Experiment, child: Experiment) -> Comparison:
    """Compare two experiments; what was reported is no stand-in for runs that did not come to their end."""
    comparison = compare_sides(parent.side, child.side)
    unfinished = [one.name for one in (parent, child) if not one.over]
    if not unfinished:
        return comparison
    one, *other = unfinished
    refusal = say("neither_over", parent=one, child=other[0]) if other else say("not_over", side=one)
    return replace(
        comparison, verdict="refused", difference=None, basis=None, could_show=None, refusal=refusal, notes=()
    )


def find_val_digest(experiment: Experiment) -> str:
    """Return by what the validation images are known; empty where the record does not say."""
    split = experiment.courses[0].run.data.get("splits", {}).get("val", {})
    return str(split.get("digest", ""))


def _find_problems(links: Sequence[Link], parents: Mapping[int, _Found]) -> list[Problem]:
    problems = [problem for link in links for course in link.child.courses for problem in course.problems]
    for link in links:
        found, child = parents[id(link.child)], link.child.name
        if found.ad_hoc:
            problems.append(Problem("parent_ad_hoc", {"experiment": child, "parent": found.ad_hoc}))
        elif link.passed_over:
            files = ", ".join(link.passed_over)
            values = {"experiment": child, "files": files, "parent": link.parent_name}
            problems.append(Problem("parent_passed_over" if link.parent else "parent_missing", values))
        if found.changed_file and link.parent:
            values = {"experiment": child, "file": found.changed_file, "parent": link.parent_name}
            problems.append(Problem("parent_edited", values))
    return problems + _find_lost_files(links) + _find_other_images(links)


def _find_lost_files(links: Sequence[Link]) -> list[Problem]:
    """Name the recipe files that say something else now than when they were trained from, and those that are gone."""
    trained = {
        (ancestor.path, ancestor.sha256): link.child.name for link in links for ancestor in link.child.lineage[:1]
    }
    edited, gone = [], []
    for (path, sha256), name in trained.items():
        try:
            now = file_hash(Path(path)) if Path(path).is_file() else ""
        except (InputError, OSError):  # a file that cannot be read says nothing
            continue
        if not now:
            gone.append(Path(path).name)
        elif now != sha256:
            edited.append(Problem("recipe_edited", {"experiment": name, "file": Path(path).name}))
    return edited + ([Problem("recipes_gone", {"files": _list_names(gone)})] if gone else [])


def _find_other_images(links: Sequence[Link]) -> list[Problem]:
    """Say so where not all experiments were validated on the same images: their values are no competition."""
    digests: dict[str, list[str]] = defaultdict(list)
    for link in links:
        digest = find_val_digest(link.child)
        if digest:
            digests[digest].append(link.child.name)
    if len(digests) < 2:
        return []
    groups = "; ".join(_list_names(names) for names in digests.values())
    return [Problem("other_images", {"count": str(len(digests)), "groups": groups})]


def _find_other_metrics(members: Sequence[Experiment], metric: str) -> list[Problem]:
    """Say so where not all experiments chose their weights by the metric that all of them are shown by."""
    chosen: dict[str, list[str]] = defaultdict(list)
    for one in members:
        chosen[find_metric(one)].append(one.name)
    if len(chosen) < 2:
        return []
    groups = "; ".join(f"{name}: {_list_names(names)}" for name, names in chosen.items())
    return [Problem("other_metrics", {"metric": metric, "groups": groups})]


def _list_names(names: Sequence[str]) -> str:
    """Return names with commas, each once; of very many the first ones and how many more there are."""
    once = list(dict.fromkeys(names))
    more = f" (+{len(once) - _MOST_NAMED})" if len(once) > _MOST_NAMED else ""
    return ", ".join(once[:_MOST_NAMED]) + more
