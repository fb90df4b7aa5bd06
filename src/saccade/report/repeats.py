"""Which runs are repeats of one experiment: the same question, answered to the end, with another seed.

One rule for `saccade compare` and `saccade report`: `identify` says which runs ask the same, `is_finished` which of them
count, and `read_overrides` what was set on the command line to ask it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from saccade.doctor.attribution import NO_QUESTION
from saccade.recipes.diff import flatten
from saccade.recipes.unset import covers
from saccade.records.reader import Run

_NO_EFFECT = ("train.log_every_steps", "train.checkpoint_every_steps")
"""Settings that repeats of one experiment may have different, beside those that ask no question."""
_FREE = (*NO_QUESTION, *_NO_EFFECT)
_SET = "--set "
_MOST_SHOWN = 3
_LONGEST_VALUE = 24


def identify(run: Run) -> str:
    """Return what is the same for all repeats of an experiment: the recipe but for its seed, and the images."""
    settings = flatten(dict(run.recipe))
    recipe = {key: value for key, value in settings.items() if not any(covers(one, key) for one in _FREE)}
    digests = {split: described.get("digest") for split, described in run.data.get("splits", {}).items()}
    return json.dumps([recipe, digests], sort_keys=True, default=str)


def group_repeats(runs: Iterable[Run]) -> list[list[Run]]:
    """Put repeats together: the same recipe but for the seed, and the same images."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(identify(run), []).append(run)
    return list(groups.values())


def is_over(status: Mapping[str, Any]) -> bool:
    """Tell by the status of a run whether it came to an end, its own or an early one, so that it can be compared."""
    return status["state"] in ("finished", "stopped")


def is_finished(status: Mapping[str, Any]) -> bool:
    """Tell by the status of a run whether it trained as long as its recipe says, so that it may be a repeat."""
    return bool(status["state"] == "finished")


def read_overrides(run: Run) -> tuple[str, ...]:
    """Return `--set` and `--data` as they were given, without those that ask nothing, such as the seed."""
    overrides = run.recipe_diff.get("overrides")
    given = map(str, overrides) if isinstance(overrides, list) else ()
    return tuple(one for one in given if not _asks_nothing(one))


def read_set_keys(overrides: Sequence[str]) -> dict[str, str]:
    """Return key -> value, as they were written, of `--set` options; of `--data` the key is `data`."""
    pairs = (one.removeprefix(_SET).partition("=") if one.startswith(_SET) else ("data", "=", one) for one in overrides)
    return {key.strip(): value.strip().removeprefix("--data ") for key, _, value in pairs}


def describe_overrides(overrides: Sequence[str]) -> str:
    """Return what was set on the command line as a short name: `train.epochs = 3, seed = 1`."""
    pairs = [f"{key} = {_shorten(value)}" for key, value in read_set_keys(overrides).items()]
    more = len(pairs) - _MOST_SHOWN
    return ", ".join(pairs[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _asks_nothing(override: str) -> bool:
    key = override.removeprefix(_SET).partition("=")[0].strip()
    return override.startswith(_SET) and any(covers(one, key) for one in _FREE)


def _shorten(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else f"{value[: _LONGEST_VALUE - 3]}..."
