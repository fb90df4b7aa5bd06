"""What could explain a difference between two sides: their settings, told apart by effect, and recipes that separate them.

It joins what the records say (`differences.py`) with what the recipes say (`doctor.attribution`, `doctor.prescribe`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.doctor.attribution import Changes, Facts, find_changes, find_plain_changes
from saccade.doctor.prescribe import Origin, Proposal, propose
from saccade.errors import InputError
from saccade.recipes.diff import flatten
from saccade.recipes.loader import load, validate
from saccade.recipes.tables.recipe import RECIPES, Recipe
from saccade.records.fingerprint import file_hash
from saccade.records.reader import Run
from saccade.report.differences import Differences, find_differences
from saccade.report.sentences import Sentence, say, say_both
from saccade.report.sides import Side


@dataclass(frozen=True)
class Explanation:
    """What could explain a difference.

    Attributes:
        differences: What differs beyond the settings.
        changes: The settings that differ.
        attributable: Whether exactly one change of either kind could explain it.
        separating: Recipes that would separate the changes.
    """

    differences: Differences
    changes: Changes
    attributable: bool
    separating: tuple[Proposal, ...]


def explain(parent: Side, child: Side, metric: str) -> Explanation:
    """Return what differs between two sides.

    Raises:
        InputError: A history is damaged.
    """
    differences = find_differences(parent, child, metric)
    recipes = _read_recipe(parent), _read_recipe(child)
    before, after = recipes
    if before is None or after is None or type(before) is not type(after):
        changes = find_plain_changes(parent.tables, child.tables)
        separating: tuple[Proposal, ...] = ()
    else:
        changes = find_changes(before, after, _find_facts(parent, child, differences))
        several = len(changes.units) > 1
        separating = propose(before, after, changes.units, _find_origin(parent, child)) if several else ()
    return Explanation(
        differences=differences,
        changes=changes,
        attributable=len(changes.units) + differences.num_explaining == 1,
        separating=separating,
    )


def describe_proposal(proposal: Proposal) -> Sentence:
    """Return what training a proposed recipe would tell, in a few words."""
    *first, last = proposal.groups
    return say(
        "halfway",
        parent=proposal.parent,
        count=proposal.num_changes,
        total=proposal.num_all,
        child=proposal.child,
        tables=say_both([", ".join(first), last] if first else [last]),
    )


def _read_recipe(side: Side) -> Recipe | None:
    """Return a side's recipe with its types; None of a task of somebody's own, or of another saccade."""
    if side.task not in RECIPES:
        return None
    try:
        return validate(dict(side.tables), file=side.name)
    except InputError:
        return None


def _find_facts(parent: Side, child: Side, differences: Differences) -> Facts:
    runs = (*parent.runs, *child.runs)
    events = (row for side in (parent, child) for run in side.runs for row in side.read_events(run))
    return Facts(
        same_data=differences.same_data,
        same_choice=parent.metric == child.metric
        and parent.is_higher_better(parent.metric) == child.is_higher_better(child.metric),
        one_rank=all(run.environment.get("ranks", 1) == 1 for run in runs),
        patience_unused=bool(runs) and not any(row.get("event") == "early_stop" for row in events),
    )


def _find_origin(parent: Side, child: Side) -> Origin:
    """Return where recipes can start from: the parent's own file where it is still what was trained, else its run's."""
    file = parent.file or _find_file(parent.runs[0])
    if file is not None:
        try:
            loaded = load(file)
        except InputError:
            file = None
        else:
            root = parent.table("data").get("root")
            follows = loaded.origins["data.root"] not in ("default", "--data-root") and loaded.recipe.data.root == root
            needed = not follows and _has_relative_paths(parent.table("data"))
            return Origin(file, parent.name, child.name, str(root) if root and needed else None)
    return Origin((parent.runs[0].folder / "recipe.toml").absolute(), parent.name, child.name)


def _find_file(run: Run) -> Path | None:
    lineage = run.recipe_diff.get("lineage", ())
    if not lineage or run.recipe_diff.get("overrides"):
        return None
    try:
        unchanged = all(file_hash(Path(ancestor["path"])) == ancestor["sha256"] for ancestor in lineage)
    except InputError:
        return None
    return Path(lineage[0]["path"]) if unchanged else None


def _has_relative_paths(data: Mapping[str, Any]) -> bool:
    leaves = flatten(dict(data))
    return any(
        key.rpartition(".")[2] in ("path", "images") and isinstance(value, str) and not os.path.isabs(value)
        for key, value in leaves.items()
    )
