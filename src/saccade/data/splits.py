"""Splits: the sources of a recipe read, checked, divided and counted, for labels that are text (`classes.py`: for classes).

Path: `pool.read_pool` -> charset and length checks -> a validation part where none is given -> counts and digests. It
augments nothing and keeps no image.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict, assert_never

import numpy as np
from numpy.typing import NDArray

from saccade.data.formats.entry import Entry
from saccade.data.images import Image
from saccade.data.pool import Dropped, Example, Pool, read_pool, read_pools, refuse_filters
from saccade.errors import InputError, quote
from saccade.recipes.tables.data import DataTable, Source, SyntheticPlatesSource
from saccade.recipes.tables.read import TextTable
from saccade.records.fingerprint import manifest_digest
from saccade.text.charset import Charset
from saccade.text.ctc import required_steps
from saccade.text.token_set import TokenSet
from saccade.text.units import Units, split_into
from saccade.text.vocabulary import describe_characters

_ANY_TEXT = TextTable()


@dataclass(frozen=True)
class SourceShare:
    """What one source gave to one split."""

    format: str
    path: str
    count: int
    digest: str
    dropped: Dropped
    notes: dict[str, int]


@dataclass(frozen=True)
class Split:
    """The images of a split that passed every check.

    Attributes:
        name: train, val or test.
        entries: Images with labels.
        content_hashes: SHA-256 of each image.
        sizes_px: (height, width) of each image.
        dropped: Reason -> ids of what `keep` filters left out.
        notes: What was noticed and put right, with counts.
        sources: The same, source by source.
        digest: SHA-256 of the sorted manifest (id, content hash, label).
        images: What was kept of the images, uint8 [N, C, H, W] in RGB, not to be written to; None where nothing was.
    """

    name: str
    entries: tuple[Entry, ...]
    content_hashes: tuple[str, ...]
    sizes_px: tuple[tuple[int, int], ...]
    dropped: Dropped
    notes: dict[str, int]
    sources: tuple[SourceShare, ...]
    digest: str
    images: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class DividedData:
    """All splits of a recipe, whatever its labels are.

    `overlap` counts images whose content also stands in an earlier split (`val_in_train` and so on); `val_fraction` is
    set where the validation split was taken from the training sources.
    """

    train: Split
    val: Split
    test: Split | None
    overlap: dict[str, int]
    val_fraction: float | None = None

    def all(self) -> tuple[Split, ...]:
        """Return the splits there are: train, val and, where it has sources, test."""
        return (self.train, self.val) if self.test is None else (self.train, self.val, self.test)


@dataclass(frozen=True, kw_only=True)
class Splits(DividedData):
    """All splits of a recipe whose labels are text, and the characters or tokens that can be read."""

    units: Units


class Parts(TypedDict):
    """The fields of `DividedData`."""

    train: Split
    val: Split
    test: Split | None
    overlap: dict[str, int]
    val_fraction: float | None


def load_splits(
    data: DataTable, *, text: TextTable = _ANY_TEXT, num_steps: int | None = None, max_length: int | None = None
) -> Splits:
    """Read and check all sources of a recipe.

    Args:
        data: The `[data]` table; `root` is where relative paths start.
        text: The `[text]` table; without a list of its own it takes what stands in the training labels, the later
            validation part included.
        num_steps: Time steps of a CTC model, which limit the label; None: no limit.
        max_length: The longest label of a model that writes one unit after the other; None: no limit.

    Raises:
        InputError: Something is wrong with a source, a label or an image and no filter allows it.
    """
    refuse_filters(data, ("in_classes",), "text")
    split = split_into(text.units)
    pools = read_pools(data, measure=lambda label: len(split(label)))
    for pool in pools:
        _space_evenly(pool, text)
        _sift_lengths(pool, split, num_steps, max_length)
    units = make_units(text, (example.entry.label for example in pools[0].examples))
    for pool in pools:
        _sift_units(pool, units)
    return Splits(units=units, **divide(pools, data))


def make_units(text: TextTable, labels: Iterable[str] = ()) -> Units:
    """Return what can be read: the list of the `[text]` table, else what stands in the labels.

    Raises:
        InputError: There is neither.
    """
    match text.units:
        case "characters":
            return Charset.from_labels(labels if text.charset is None else (text.charset,))
        case "tokens":
            return TokenSet.from_labels(labels) if text.tokens is None else TokenSet(text.tokens)
        case _:
            assert_never(text.units)


def load_split(
    name: str,
    sources: tuple[Source, ...],
    root: Path,
    text: TextTable = _ANY_TEXT,
    *,
    num_steps: int | None = None,
    max_length: int | None = None,
) -> Split:
    """Read and check the sources of one split alone; labels that a model cannot write stay, unless their source drops such.

    Args:
        name: Of the split.
        sources: Its sources.
        root: Where relative paths start.
        text: As for `load_splits`; without a list of its own every label can be read.
        num_steps: As for `load_splits`.
        max_length: As for `load_splits`.

    Raises:
        InputError: As `load_splits`.
    """
    split = split_into(text.units)
    pool = read_pool(name, sources, root, measure=lambda label: len(split(label)))
    _space_evenly(pool, text)
    _sift_lengths(pool, split, num_steps, max_length, tolerates=True)
    if text.charset is not None or text.tokens is not None:
        _sift_units(pool, make_units(text), tolerates=True)
    return finish(pool)


def describe_splits(splits: Splits) -> dict[str, Any]:
    """Return the content of `data.json`: a plain dict."""
    units = splits.units
    own = {"charset": units.characters} if isinstance(units, Charset) else {"tokens": list(units.tokens)}
    return {**own, **describe_parts(splits)}


def describe_parts(splits: DividedData) -> dict[str, Any]:
    """Return what `data.json` holds whatever the labels are."""
    return {
        "val_fraction": splits.val_fraction,
        "overlap": splits.overlap,
        "splits": {
            split.name: {
                "count": len(split.entries),
                "digest": split.digest,
                "dropped": split.dropped,
                "notes": split.notes,
                "sources": [asdict(share) for share in split.sources],
            }
            for split in splits.all()
        },
    }


def divide(pools: list[Pool], data: DataTable, *, of_classes: bool = False) -> Parts:
    """Turn checked pools into splits; take val from train where it has none.

    Args:
        pools: Train, and val and test where they have sources.
        data: The `[data]` table.
        of_classes: Whether labels are classes, of each of which an image stays in train.

    Raises:
        InputError: The training images are too few to give some away.
    """
    if not data.val:
        pools = [pools[0], _take_val(pools[0], data.val_fraction, of_classes=of_classes), *pools[1:]]
    splits = [finish(pool) for pool in pools]
    return {
        "train": splits[0],
        "val": splits[1],
        "test": splits[2] if len(splits) > 2 else None,
        "overlap": _count_overlap(splits),
        "val_fraction": None if data.val else data.val_fraction,
    }


def _space_evenly(pool: Pool, text: TextTable) -> None:
    """Bring labels of tokens to single spaces, and count those that had others."""
    if text.units != "tokens":
        return
    for number, example in enumerate(pool.examples):
        label = " ".join(example.entry.label.split())
        if label != example.entry.label:
            pool.examples[number] = replace(example, entry=replace(example.entry, label=label))
            notes = pool.notes[example.source]
            notes["labels_with_other_spaces"] = notes.get("labels_with_other_spaces", 0) + 1


def _sift_lengths(
    pool: Pool,
    split: Callable[[str], list[str]],
    num_steps: int | None,
    max_length: int | None,
    *,
    tolerates: bool = False,
) -> None:
    def find_misfit(example: Example) -> str | None:
        label = example.entry.label
        length, needed = len(split(label)), required_steps(split(label))
        if max_length is not None and length > max_length:
            return f"label {quote(label)} has length {length} but the model writes at most {max_length}"
        if num_steps is None or needed <= num_steps:
            return None
        repeats = f" and {needed - length} between equal neighbours" if needed > length else ""
        parts = f"{length} characters{repeats}"
        return f"label {quote(label)} needs {needed} time steps ({parts}) but the model has {num_steps}"

    cure = "raise [preprocessing] width_px" if max_length is None else "raise [model] max_length"
    pool.sift("does_not_fit", find_misfit, "fits", cure, tolerates=tolerates)


def _sift_units(pool: Pool, units: Units, *, tolerates: bool = False) -> None:
    def find_unknown(example: Example) -> str | None:
        unknown = units.unknown(example.entry.label)
        if not unknown:
            return None
        if isinstance(unknown, str):
            return (
                f"label {quote(example.entry.label)} holds {describe_characters(unknown)}, which is not in the charset"
            )
        return f"label {quote(example.entry.label)} holds {', '.join(unknown[:3])}, which is not among the tokens"

    if isinstance(units, Charset):
        reason, cure = "not_in_charset", "list every character in [text] charset"
    else:
        reason, cure = "not_in_tokens", "list every token in [text] tokens"
    pool.sift(reason, find_unknown, "in_charset", cure, tolerates=tolerates)


def _take_val(train: Pool, fraction: float, *, of_classes: bool) -> Pool:
    """Move the images with the smallest content hashes out of train: duplicates together, in whatever order.

    Drawn images stay in train where there are others: how well photographs are read is what validation is asked. So does
    the image of each class with the largest hash: a class that is never trained on could never be answered, yet would
    count as wrong; and whether a rare class loses all its images would be left to the hash.
    """
    is_drawn = [isinstance(source, SyntheticPlatesSource) for source in train.sources]
    photographs = [example for example in train.examples if not is_drawn[example.source]]
    hashes = sorted({example.content_hash for example in photographs or train.examples})
    num_val = max(1, round(len(hashes) * fraction))
    if num_val >= len(hashes):
        raise InputError(
            f"[data] val_fraction = {fraction}: {len(hashes)} different training image(s) leave none to train on;"
            " give more images or a [[data.val]] source"
        )
    stay = set(_find_last_of_each(train.examples).values()) if of_classes else set()
    chosen = set([content for content in hashes if content not in stay][:num_val])
    if not chosen:
        raise InputError(
            f"[data] val_fraction = {fraction}: each class needs its only image for training;"
            " give more images or a [[data.val]] source"
        )
    val = [example for example in train.examples if example.content_hash in chosen]
    train.examples = [example for example in train.examples if example.content_hash not in chosen]
    return Pool("val", train.sources, [{} for _ in train.sources], val, [{} for _ in train.sources])


def _find_last_of_each(examples: Iterable[Example]) -> dict[str, str]:
    """Return label -> its largest content hash."""
    last: dict[str, str] = {}
    for example in examples:
        label = example.entry.label
        last[label] = max(last.get(label, ""), example.content_hash)
    return last


def finish(pool: Pool) -> Split:
    """Count a pool that passed every check."""
    shares = []
    for index, source in enumerate(pool.sources):
        own = [example for example in pool.examples if example.source == index]
        path = f"seed {source.seed}" if isinstance(source, SyntheticPlatesSource) else source.path
        shares.append(SourceShare(source.format, path, len(own), _digest(own), pool.dropped[index], pool.notes[index]))
    contents = [example.content for example in pool.examples if example.content is not None]
    return Split(
        name=pool.name,
        entries=tuple(example.entry for example in pool.examples),
        content_hashes=tuple(content.content_hash for content in contents),
        sizes_px=tuple((content.height_px, content.width_px) for content in contents),
        dropped=_join_dropped(pool.dropped),
        notes=dict(sum((Counter(notes) for notes in pool.notes), Counter())),
        sources=tuple(shares),
        digest=shares[0].digest if len(shares) == 1 else _digest(pool.examples),
        images=_join_images([content.kept for content in contents if content.kept is not None]),
    )


def _join_images(images: list[Image]) -> NDArray[np.uint8] | None:
    if not images:
        return None
    height, width, channels = images[0].shape
    joined = np.empty((len(images), channels, height, width), np.uint8)
    for row, image in zip(joined, images, strict=True):
        row[:] = image.transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)
    return joined


def _digest(examples: Iterable[Example]) -> str:
    return manifest_digest((example.entry.id, example.content_hash, example.entry.label) for example in examples)


def _join_dropped(parts: list[Dropped]) -> Dropped:
    joined: Dropped = {}
    for part in parts:
        for reason, ids in part.items():
            joined.setdefault(reason, []).extend(ids)
    return joined


def _count_overlap(splits: list[Split]) -> dict[str, int]:
    counts = {}
    for position, later in enumerate(splits):
        for earlier in splits[:position]:
            known = set(earlier.content_hashes)
            counts[f"{later.name}_in_{earlier.name}"] = sum(content in known for content in later.content_hashes)
    return counts
