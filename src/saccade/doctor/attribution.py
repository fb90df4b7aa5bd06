"""Which changes between two recipes can explain a difference of their results, and which of them belong together.

Path: two recipes -> `find_changes` -> what has an effect, what has none, what is one change (`Unit`). Nothing here reads
a run; what a run knows of its recipe comes in as `Facts`. Recipes that would tell the changes apart: `prescribe.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saccade.recipes.diff import Change, diff, flatten, plain
from saccade.recipes.tables.recipe import Recipe
from saccade.recipes.unset import covers

NO_QUESTION = ("hypothesis", "expect", "reported", "seed", "data.root")
"""Keys that say what is asked, which repeat it is, and on which machine; no setting among them."""
_SPEED_ONLY = (
    "budget", "data.num_workers", "data.residency", "data.workers", "train.channels_last", "train.checkpoint_every_steps",
    "train.compile", "train.log_every_steps",
)  # fmt: skip
"""Keys that change how fast it goes or what is written down, and no result."""
_DERIVED = ("text.charset", "text.tokens", "classes.names")
"""Keys that a run fills in from its training images where the recipe does not set them."""


@dataclass(frozen=True)
class Facts:
    """What the runs of both sides know and their recipes do not say.

    Attributes:
        same_data: The training and validation images and labels are the same.
        same_choice: Both chose their weights by the same metric in the same direction.
        one_rank: Both trained on one device.
        patience_unused: Neither was stopped early.
    """

    same_data: bool = False
    same_choice: bool = False
    one_rank: bool = False
    patience_unused: bool = False


@dataclass(frozen=True)
class Unit:
    """Changes that mean something only together, such as how often an operation happens and how strong it is."""

    group: str
    """The table at the top of the recipe that they are in; `data` also for what follows from the data."""
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Changes:
    """What differs between two recipes.

    Attributes:
        effective: The settings that could explain a difference, in the order of the recipe.
        without_effect: Those that could not: off on both sides, or of speed and record only.
        units: The effective ones, those together that belong together.
    """

    effective: tuple[Change, ...]
    without_effect: tuple[Change, ...]
    units: tuple[Unit, ...]


def find_changes(parent: Recipe, child: Recipe, facts: Facts = Facts()) -> Changes:
    """Return what differs between two recipes, told apart by whether it can explain a difference of their results.

    A setting has no effect where something else switches it off on both sides: the strength of an operation of
    probability 0, a rate at the start of no warm-up, the share of a validation split that has sources of its own. Where
    it is switched off on one side only, it belongs to the change that switches it on.
    """
    found = [
        change
        for change in diff(parent, child, everything=True)
        if not any(covers(key, change.key) for key in NO_QUESTION)
    ]
    before, after = _Settings(parent), _Settings(child)
    effective: list[Change] = []
    without: list[Change] = []
    switches: dict[str, str] = {}
    for change in found:
        off = [side.find_switch(change.key) for side in (before, after)]
        idle = all(off) or _is_idle(change.key, before, after, facts)
        (without if idle else effective).append(change)
        if any(off) and not all(off):
            switches[change.key] = next(switch for switch in off if switch)
    return Changes(tuple(effective), tuple(without), _join(effective, switches))


class _Settings:
    """A resolved recipe by dotted keys, and what is switched off in it."""

    def __init__(self, recipe: Recipe) -> None:
        self.leaves = flatten(plain(recipe))
        self.staged = list_staged(recipe)
        self.num_sources = len(recipe.data.train)

    def find_switch(self, key: str) -> str | None:
        """Return the key that switches a setting off, None where it is on; what a stage switches on is on."""
        for switch in self._list_switches(key):
            if switch in self.leaves and not self.leaves[switch] and switch not in self.staged:
                return switch
        if key == "data.val_fraction" and any(covers("data.val", leaf) and leaf != "data.val" for leaf in self.leaves):
            return "data.val"
        return None

    def _list_switches(self, key: str) -> Iterator[str]:
        table, _, name = key.rpartition(".")
        words = name.split("_")
        operations = ("_".join(words[:count]) for count in range(1, len(words)))
        yield from (
            f"{table}.{operation}_probability" for operation in operations if name != f"{operation}_probability"
        )
        while table:
            if key != f"{table}.probability":
                yield f"{table}.probability"
            table = table.rpartition(".")[0]
        if key == "schedule.warmup_start_rate":
            yield "schedule.warmup_epochs"
        if key == "optimizer.decay_norms_and_biases" and not any(
            value for leaf, value in self.leaves.items() if leaf.startswith("optimizer.module_weight_decay")
        ):
            yield "optimizer.weight_decay"


def list_staged(recipe: Recipe) -> set[str]:
    """Return the dotted keys that the stages of a recipe set."""
    tables = (plain(stage) for stage in recipe.stage)
    return {
        key for table in tables for name, keys in table.items() if name != "from_epoch" for key in flatten({name: keys})
    }


def _is_idle(key: str, before: _Settings, after: _Settings, facts: Facts) -> bool:
    """Tell whether a change cannot have changed a result, from the key and from what the runs saw."""
    if any(covers(other, key) for other in (*_SPEED_ONLY, "data.test")):
        return True
    if key.endswith(".weight") and key.startswith("data."):
        return not key.startswith("data.train") or before.num_sources == after.num_sources == 1
    if key.startswith("data."):
        return facts.same_data and (not covers("data.train", key) or before.num_sources == after.num_sources == 1)
    return (
        (facts.same_choice and covers("select", key))
        or (facts.one_rank and key == "train.sync_batch_norm")
        or (facts.patience_unused and key == "train.patience_validations")
    )


def _join(changes: Sequence[Change], switches: Mapping[str, str]) -> tuple[Unit, ...]:
    """Put the changes together that belong together, in the order of the first of each."""
    keys = {change.key for change in changes}
    has_data = any(key.startswith("data.") for key in keys)
    units: dict[str, list[Change]] = {}
    for change in changes:
        name = switches.get(change.key, change.key).partition("[")[0]
        if has_data and (name in _DERIVED or name.startswith("data.")):
            name = "data"
        units.setdefault(name, []).append(change)
    return tuple(Unit(name.partition(".")[0], tuple(members)) for name, members in units.items())


def find_plain_changes(parent: Mapping[str, Any], child: Mapping[str, Any]) -> Changes:
    """Return what differs between two recipes of a task of somebody's own, whose tables are not known here."""
    before, after = flatten(dict(parent)), flatten(dict(child))
    changes = tuple(
        Change(key, before.get(key), after.get(key))
        for key in dict.fromkeys([*after, *before])
        if before.get(key) != after.get(key) and not any(covers(name, key) for name in NO_QUESTION)
    )
    idle = tuple(change for change in changes if any(covers(key, change.key) for key in _SPEED_ONLY))
    effective = tuple(change for change in changes if change not in idle)
    return Changes(effective, idle, _join(effective, {}))
