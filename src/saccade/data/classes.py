"""Splits whose labels are classes: which classes there are, and that every image belongs to one of them.

Path: `pool.read_pool` -> the classes, listed or those of the training images -> class checks -> `splits.divide`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from saccade.data.formats.entry import normalise, raise_all
from saccade.data.pool import Example, Keeping, Pool, read_pool, read_pools, refuse_filters
from saccade.data.splits import DividedData, Split, describe_parts, divide, finish
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import DataTable, Source

_TEXT_FILTERS = ("in_charset", "fits", "min_length", "max_length", "num_lines")
_NUM_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class ClassSplits(DividedData):
    """All splits of a recipe whose labels are classes, and the classes in the order of the model's outputs."""

    classes: tuple[str, ...]


def load_class_splits(
    data: DataTable, *, classes: Sequence[str] | None = None, keeping: Keeping | None = None
) -> ClassSplits:
    """Read and check all sources of a recipe.

    Args:
        data: The `[data]` table; `root` is where relative paths start.
        classes: The classes in their order; None takes the training labels, sorted.
        keeping: What the splits keep of each image; None keeps nothing.

    Raises:
        InputError: Something is wrong with a source, a label or an image and no filter allows it, a listed class
            has no training image, or there are fewer than two classes.
    """
    refuse_filters(data, _TEXT_FILTERS, "classes")
    _refuse_names(data)
    pools = read_pools(data, keeping)
    names = _choose_classes(pools[0], classes)
    for pool in pools:
        _sift_classes(pool, names, listed=classes is not None)
    seen = {example.entry.label for example in pools[0].examples}
    raise_all(
        [f"[classes] names: {quote(name)} has no training image" for name in names if name not in seen],
        "give it some in [[data.train]], or take it off the list",
    )
    return ClassSplits(classes=names, **divide(pools, data, of_classes=True))


def load_class_split(
    name: str, sources: tuple[Source, ...], root: Path, classes: Sequence[str], keeping: Keeping | None = None
) -> Split:
    """Read and check the sources of one split alone, for classes that are known; otherwise as `load_class_splits`.

    Raises:
        InputError: As `load_class_splits`.
    """
    pool = read_pool(name, sources, root, keeping)
    _sift_classes(pool, tuple(map(normalise, classes)), listed=True)
    return finish(pool)


def describe_class_splits(splits: ClassSplits) -> dict[str, Any]:
    """Return the content of `data.json`: a plain dict, with the images of each class and the classes that a split lacks."""
    described = describe_parts(splits)
    for split in splits.all():
        counts = Counter(entry.label for entry in split.entries)
        described["splits"][split.name] |= {
            "class_counts": {name: counts[name] for name in splits.classes},
            "missing_classes": [name for name in splits.classes if not counts[name]],
        }
    return {"classes": list(splits.classes), **described}


def _choose_classes(train: Pool, listed: Sequence[str] | None) -> tuple[str, ...]:
    if listed is None:
        names = sorted({example.entry.label for example in train.examples})
        if len(names) < 2:
            raise InputError(
                f"[data] train: {names[0]!r} is the only class (of label folders, the one that itself holds the images counts); "
                "give images of at least two, or correct the source"
            )
        return tuple(names)
    composed = Counter(map(normalise, listed))
    raise_all(
        [f"[classes] names: {name!r} is listed twice" for name, count in composed.items() if count > 1],
        "list each class once",
    )
    return tuple(composed)


def _refuse_names(data: DataTable) -> None:
    for name, sources in (("train", data.train), ("val", data.val), ("test", data.test)):
        if any(source.name is not None for source in sources):
            raise InputError(
                f"[[data.{name}]] name: has no effect where labels are classes, which are reported apart by class; remove it"
            )


def _sift_classes(pool: Pool, classes: tuple[str, ...], *, listed: bool) -> None:
    known = set(classes)
    home = "not in [classes] names" if listed else "no training image's class"
    faults: dict[str, str] = {}

    def unknown_class(example: Example) -> str | None:
        label = example.entry.label
        if label in known:
            return None
        if label not in faults:
            faults[label] = f"class {quote(label)} of {pool.name} is {home} ({_name_nearest(label, classes)})"
        return faults[label]

    pool.sift("not_in_classes", unknown_class, "in_classes", "correct the label")


def _name_nearest(label: str, classes: tuple[str, ...]) -> str:
    nearest = get_close_matches(label, classes, n=1)
    if nearest:
        return f"nearest: {nearest[0]}"
    more = ", ..." if len(classes) > _NUM_NAMED else ""
    return f"the classes are {', '.join(classes[:_NUM_NAMED])}{more}"
