"""What differs between two sides beyond their settings: data, start, length, code and machine, a plain sentence each.

It reads what the records say of themselves, and the recipe files that they were made from, and judges nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from saccade.errors import InputError
from saccade.records.fingerprint import content_hash, file_hash
from saccade.records.reader import Run
from saccade.report.repeats import read_overrides
from saccade.report.sides import Scores, Side

_SHORT_HASH = 8
_MOST_NAMED = 3
_WATCHED_PACKAGES = ("saccade", "torch")


@dataclass(frozen=True)
class Differences:
    """What differs beyond the settings.

    Attributes:
        sentences: One for each, what matters most first.
        num_explaining: How many of them could explain a difference of the results and stand in no recipe.
        same_data: Whether training and validation images and labels are known to be the same.
    """

    sentences: tuple[str, ...]
    num_explaining: int
    same_data: bool


def find_differences(parent: Side, child: Side, metric: str) -> Differences:
    """Return what differs between two sides: data first, then metric, start, epochs, code, machine and recipe files."""
    training = _compare_training_data(parent, child)
    unfinished = list(_list_unfinished(parent, child))
    kept = [*training, *_list_reported_data(parent, child)]
    kept += _compare_selection(parent, child, metric)
    kept += _compare_recipes(parent, child)
    kept += unfinished
    kept += _compare_environments(parent, child)
    kept += _compare_train(parent, child, "precision")
    kept += _list_ancestors(parent, child)
    kept += _list_overrides(parent, child)
    for side in (parent, child):
        kept += _list_resumed(side)
        kept += _list_ignored(side)
    digests = [_read_digests(side) for side in (parent, child)]
    return Differences(
        sentences=tuple(kept),
        num_explaining=len(training) + (len(unfinished) == 1),
        same_data=all("train" in side and "val" in side for side in digests)
        and all(digests[0][split] == digests[1][split] for split in ("train", "val")),
    )


def find_other_images(parent: Side, child: Side, scores: tuple[Scores, Scores], split: str) -> str:
    """Return in what the images that two sides were measured on differ; empty where images and labels are the same."""
    before, after = scores[0].targets, scores[1].targets
    only_before = [name for name in before if name not in after]
    only_after = [name for name in after if name not in before]
    relabelled = [name for name in before if name in after and before[name] != after[name]]
    found = []
    for side, others, number in ((parent, only_before, len(before)), (child, only_after, len(after))):
        if others:
            found.append(
                f"{len(others):,} of the {number:,} images of {side.name} are not in the other ({_name(others)})"
            )
    if relabelled:
        found.append(f"{len(relabelled):,} images have another label ({_name(relabelled)})")
    digests = [_read_digests(side).get(split) for side in (parent, child)]
    if not found and None not in digests and digests[0] != digests[1]:
        found.append(f"names and labels of the {len(before):,} images are the same, and their content is not")
    return "; ".join(found)


def _name(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


# --- Data, selection, recipe ---


def _read_splits(side: Side) -> Mapping[str, Any]:
    splits = side.runs[0].data.get("splits", {}) if side.runs else {}
    return splits if isinstance(splits, Mapping) else {}


def _read_digests(side: Side) -> dict[str, str]:
    return {name: str(split["digest"]) for name, split in _read_splits(side).items() if "digest" in split}


def _compare_training_data(parent: Side, child: Side) -> list[str]:
    before, after = (_read_digests(side).get("train") for side in (parent, child))
    if before is None or after is None or before == after:
        return []
    counts = [_read_splits(side)["train"].get("count") for side in (parent, child)]
    if counts[0] != counts[1]:
        return [f"data: {parent.name} trained on {counts[0]:,} images, {child.name} on {counts[1]:,}"]
    return [f"data: both trained on {counts[0]:,} images, but images or labels are not the same"]


def _list_reported_data(parent: Side, child: Side) -> Iterator[str]:
    if parent.runs or child.runs:
        return
    before, after = (str((side.reported or {}).get("data", "")) for side in (parent, child))
    if before != after:
        yield f'data: reported of "{before}" and of "{after}"'


def _compare_selection(parent: Side, child: Side, metric: str) -> Iterator[str]:
    directions = [side.table("select").get("higher_is_better") for side in (parent, child)]
    chosen = ["lower" if direction is False else "higher" for direction in directions]
    if chosen[0] != chosen[1] and None not in directions:
        yield f"metric: {parent.name} kept the weights with the {chosen[0]} {metric}, {child.name} with the {chosen[1]}"


def _compare_recipes(parent: Side, child: Side) -> Iterator[str]:
    starts = [_describe_start(side.table("start")) for side in (parent, child)]
    if starts[0] != starts[1]:
        yield f"start: {parent.name} begins from {starts[0]}, {child.name} from {starts[1]}"


def _compare_train(parent: Side, child: Side, key: str) -> Iterator[str]:
    before, after = (side.table("train").get(key) for side in (parent, child))
    if before != after and None not in (before, after):
        yield f"{key}: {before} against {after}"


def _describe_start(start: Mapping[str, Any]) -> str:
    if not start:
        return "fresh weights"
    kept = " with its optimiser's state" if start.get("optimizer") == "kept" else ""
    return f"{start.get('weights')}{kept}"


def _list_unfinished(parent: Side, child: Side) -> Iterator[str]:
    for side in (parent, child):
        for run in side.runs:
            planned = side.table("train").get("epochs")
            events = side.read_events(run)
            reached = max((row.get("epoch", 0) for row in events if row.get("event") == "validation"), default=0)
            early = any(row.get("event") == "early_stop" for row in events)
            if run.status["state"] == "stopped" or early:
                how = "its patience ended it" if early else "it was stopped"
                yield f"epochs: {_name_run(side, run)} has {reached} of {planned}, {how}"


# --- Code and machine ---


def _compare_environments(parent: Side, child: Side) -> Iterator[str]:
    described: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
        ("code", _describe_code),
        *(("code", partial(_describe_package, name)) for name in _WATCHED_PACKAGES),
        ("machine", _describe_machine),
    )
    for what, describe in described:
        before, after = (sorted({describe(run.environment) for run in side.runs} - {""}) for side in (parent, child))
        if before and after and before != after:
            yield f"{what}: {', '.join(before)} against {', '.join(after)}"


def _describe_code(environment: Mapping[str, Any]) -> str:
    git = environment.get("git")
    if not isinstance(git, Mapping):
        return ""
    patch = str(git.get("patch", ""))
    changes = f" with uncommitted changes {content_hash(patch.encode())[:_SHORT_HASH]}" if patch else ""
    return f"revision {str(git.get('revision', ''))[:_SHORT_HASH]}{changes}"


def _describe_package(name: str, environment: Mapping[str, Any]) -> str:
    version = environment.get("packages", {}).get(name)
    return f"{name} {version}" if version else ""


def _describe_machine(environment: Mapping[str, Any]) -> str:
    device = environment.get("device", {})
    name = str(device.get("name") or environment.get("cpu", {}).get("model", ""))
    threads = device.get("torch_threads")
    ranks = environment.get("ranks", 1)
    parts = [f"{threads} threads"] if threads is not None and device.get("type") == "cpu" else []
    parts += [f"{ranks} ranks"] if ranks != 1 else []
    return f"{name} ({', '.join(parts)})" if name and parts else name


# --- Where the recipes come from, and what was done by hand ---


def _list_ancestors(parent: Side, child: Side) -> Iterator[str]:
    """Say which recipe files changed since a run was made from them, or between the two, or are gone."""
    seen: dict[str, dict[str, str]] = {}
    for side in (parent, child):
        for run in side.runs[:1]:
            for ancestor in run.recipe_diff.get("lineage", ()):
                seen.setdefault(str(ancestor.get("path")), {})[side.name] = str(ancestor.get("sha256"))
    for path, hashes in seen.items():
        if len(set(hashes.values())) > 1:
            yield f"recipe: {path} changed between {parent.name} and {child.name}"
        elif not Path(path).is_file():
            yield f"recipe: {path}, which {' and '.join(hashes)} came from, is gone"
        elif _hash_now(path) not in hashes.values():
            yield f"recipe: {path} has changed since {' and '.join(hashes)} was trained from it"


def _hash_now(path: str) -> str:
    try:
        return file_hash(Path(path))
    except InputError:
        return ""


def _list_overrides(parent: Side, child: Side) -> Iterator[str]:
    """Say what was set on the command line, unless that was the same on both sides."""
    given = [dict.fromkeys(one for run in side.runs for one in read_overrides(run)) for side in (parent, child)]
    if set(given[0]) == set(given[1]):
        return
    for side, overrides in zip((parent, child), given, strict=True):
        if overrides:
            yield f"ad hoc: {side.name} was trained with {', '.join(overrides)}"


def _list_resumed(side: Side) -> Iterator[str]:
    for run in side.runs:
        steps = [row.get("step") for row in side.read_events(run) if row.get("event") == "resume"]
        if steps:
            yield f"resumed: {_name_run(side, run)} went on at step {', '.join(map(str, steps))}"


def _list_ignored(side: Side) -> Iterator[str]:
    ignored = (side.reported or {}).get("ignored") if not side.runs else None
    if ignored:
        yield f"ignored: what {side.name} reports was trained without {', '.join(ignored)}, which the framework dropped"


def _name_run(side: Side, run: Run) -> str:
    return side.name if len(side.runs) == 1 else f"{side.name}/{run.folder.name}"
