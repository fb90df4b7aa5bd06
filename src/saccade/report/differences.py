"""What differs between two sides beyond their settings: data, start, length, code and machine, a sentence each.

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
from saccade.report.scores import Scores
from saccade.report.sentences import Gap, Sentence, say, say_both
from saccade.report.sides import Side

_SHORT_HASH = 8
_MOST_NAMED = 3
_WATCHED_PACKAGES = ("saccade", "torch")

_Describe = Callable[[Mapping[str, Any]], str | Sentence]
"""Says one thing of what a run recorded of its environment; an empty text where it is not known."""


@dataclass(frozen=True)
class Differences:
    """What differs beyond the settings.

    Attributes:
        sentences: One for each, what matters most first.
        num_explaining: How many of them could explain a difference of the results and stand in no recipe.
        same_data: Whether training and validation images and labels are known to be the same.
    """

    sentences: tuple[Sentence, ...]
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


def find_other_images(parent: Side, child: Side, scores: tuple[Scores, Scores], split: str) -> list[Sentence]:
    """Return in what the images that two sides were measured on differ; nothing where images and labels are the same."""
    before, after = scores[0].targets, scores[1].targets
    only_before = [name for name in before if name not in after]
    only_after = [name for name in after if name not in before]
    relabelled = [name for name in before if name in after and before[name] != after[name]]
    found = []
    for side, others, number in ((parent, only_before, len(before)), (child, only_after, len(after))):
        if others:
            missing, names = len(others), _name(others)
            found.append(say("images_missing", missing=missing, count=number, side=side.name, names=names))
    if relabelled:
        found.append(say("images_relabelled", count=len(relabelled), names=_name(relabelled)))
    digests = [_read_digests(side).get(split) for side in (parent, child)]
    if not found and None not in digests and digests[0] != digests[1]:
        found.append(say("images_other_content", count=len(before)))
    return found


def _name(names: list[str]) -> Gap:
    more, first = len(names) - _MOST_NAMED, tuple(names[:_MOST_NAMED])
    return say("names_and_more", names=first, more=more) if more > 0 else first


# --- Data, selection, recipe ---


def _read_splits(side: Side) -> Mapping[str, Any]:
    splits = side.runs[0].data.get("splits", {}) if side.runs else {}
    return splits if isinstance(splits, Mapping) else {}


def _read_digests(side: Side) -> dict[str, str]:
    return {name: str(split["digest"]) for name, split in _read_splits(side).items() if "digest" in split}


def _compare_training_data(parent: Side, child: Side) -> list[Sentence]:
    before, after = (_read_digests(side).get("train") for side in (parent, child))
    if before is None or after is None or before == after:
        return []
    counts = [_read_splits(side)["train"].get("count") for side in (parent, child)]
    if counts[0] != counts[1]:
        names = parent.name, child.name
        return [say("data_of_other_size", parent=names[0], before=counts[0], child=names[1], after=counts[1])]
    return [say("data_of_same_size", count=counts[0])]


def _list_reported_data(parent: Side, child: Side) -> Iterator[Sentence]:
    if parent.runs or child.runs:
        return
    before, after = (str((side.reported or {}).get("data", "")) for side in (parent, child))
    if before != after:
        yield say("data_reported", before=before, after=after)


def _compare_selection(parent: Side, child: Side, metric: str) -> Iterator[Sentence]:
    directions = [side.table("select").get("higher_is_better") for side in (parent, child)]
    before, after = (say("lower") if direction is False else say("higher") for direction in directions)
    if before != after and None not in directions:
        yield say("direction_differs", parent=parent.name, before=before, metric=metric, child=child.name, after=after)


def _compare_recipes(parent: Side, child: Side) -> Iterator[Sentence]:
    before, after = (_describe_start(side.table("start")) for side in (parent, child))
    if before != after:
        yield say("start_differs", parent=parent.name, before=before, child=child.name, after=after)


def _describe_start(start: Mapping[str, Any]) -> str | Sentence:
    if not start:
        return say("start_fresh")
    weights = str(start.get("weights"))
    return say("start_kept", weights=weights) if start.get("optimizer") == "kept" else weights


def _list_unfinished(parent: Side, child: Side) -> Iterator[Sentence]:
    for side in (parent, child):
        for run in side.runs:
            planned = str(side.table("train").get("epochs"))
            events = side.read_events(run)
            epochs = (row.get("epoch", 0) for row in events if row.get("event") == "validation")
            reached, name = str(max(epochs, default=0)), _name_run(side, run)
            if any(row.get("event") == "early_stop" for row in events):
                yield say("epochs_patience", run=name, reached=reached, planned=planned)
            elif run.status["state"] == "stopped":
                yield say("epochs_stopped", run=name, reached=reached, planned=planned)


# --- Code and machine ---


def _compare_environments(parent: Side, child: Side) -> Iterator[Sentence]:
    packages = (partial(_describe_package, name) for name in _WATCHED_PACKAGES)
    describers: tuple[_Describe, ...] = (_describe_code, *packages)
    for describe in describers:
        before, after = _describe_both(parent, child, describe)
        if before and after and before != after:
            yield say("code_differs", before=before, after=after)
    before, after = _describe_both(parent, child, _describe_machine)
    if before and after and before != after:
        yield say("machine_differs", before=before, after=after)


def _describe_both(parent: Side, child: Side, describe: _Describe) -> list[tuple[str | Sentence, ...]]:
    """Return what is known of the environments of both sides, each thing once."""
    found = ({describe(run.environment) for run in side.runs} - {""} for side in (parent, child))
    return [tuple(sorted(one, key=str)) for one in found]


def _describe_code(environment: Mapping[str, Any]) -> str | Sentence:
    git = environment.get("git")
    if not isinstance(git, Mapping):
        return ""
    revision, patch = str(git.get("revision", ""))[:_SHORT_HASH], str(git.get("patch", ""))
    if not patch:
        return say("revision", revision=revision)
    return say("revision_changed", revision=revision, patch=content_hash(patch.encode())[:_SHORT_HASH])


def _describe_package(name: str, environment: Mapping[str, Any]) -> str:
    version = environment.get("packages", {}).get(name)
    return f"{name} {version}" if version else ""


def _describe_machine(environment: Mapping[str, Any]) -> str | Sentence:
    device = environment.get("device", {})
    name = str(device.get("name") or environment.get("cpu", {}).get("model", ""))
    threads = device.get("torch_threads")
    ranks = environment.get("ranks", 1)
    parts = [say("threads", count=str(threads))] if threads is not None and device.get("type") == "cpu" else []
    parts += [say("ranks", count=str(ranks))] if ranks != 1 else []
    return say("in_brackets", what=name, more=tuple(parts)) if name and parts else name


# --- Where the recipes come from, and what was done by hand ---


def _list_ancestors(parent: Side, child: Side) -> Iterator[Sentence]:
    """Say which recipe files changed since a run was made from them, or between the two, or are gone."""
    seen: dict[str, dict[str, str]] = {}
    for side in (parent, child):
        for run in side.runs[:1]:
            for ancestor in run.recipe_diff.get("lineage", ()):
                seen.setdefault(str(ancestor.get("path")), {})[side.name] = str(ancestor.get("sha256"))
    for path, hashes in seen.items():
        if len(set(hashes.values())) > 1:
            yield say("recipe_between", file=path, parent=parent.name, child=child.name)
        elif not Path(path).is_file():
            yield say("recipe_lost", file=path, sides=say_both(hashes))
        elif _hash_now(path) not in hashes.values():
            yield say("recipe_since", file=path, sides=say_both(hashes))


def _hash_now(path: str) -> str:
    try:
        return file_hash(Path(path))
    except InputError:
        return ""


def _list_overrides(parent: Side, child: Side) -> Iterator[Sentence]:
    """Say what was set on the command line, unless that was the same on both sides."""
    given = [dict.fromkeys(one for run in side.runs for one in read_overrides(run)) for side in (parent, child)]
    if set(given[0]) == set(given[1]):
        return
    for side, overrides in zip((parent, child), given, strict=True):
        if overrides:
            yield say("ad_hoc", side=side.name, overrides=tuple(overrides))


def _list_resumed(side: Side) -> Iterator[Sentence]:
    for run in side.runs:
        steps = [row.get("step") for row in side.read_events(run) if row.get("event") == "resume"]
        if steps:
            yield say("resumed", run=_name_run(side, run), steps=tuple(map(str, steps)))


def _list_ignored(side: Side) -> Iterator[Sentence]:
    ignored = (side.reported or {}).get("ignored") if not side.runs else None
    if ignored:
        yield say("ignored_by", side=side.name, settings=tuple(ignored))


def _name_run(side: Side, run: Run) -> str:
    return side.name if len(side.runs) == 1 else f"{side.name}/{run.folder.name}"
