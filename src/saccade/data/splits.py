"""Sources to splits: read, check, filter, divide and count; strict unless the recipe's `keep` says otherwise.

Path: `read_source` -> label checks -> every image read once, hashed and decoded -> a validation part where none is
given -> charset and length checks. It augments nothing and keeps no image.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from saccade.data.formats.entry import Entry, raise_all
from saccade.data.formats.sources import read_source
from saccade.data.images import Content, examine
from saccade.errors import InputError
from saccade.recipes.tables.data import DataTable, Keep, Source, SyntheticPlatesSource
from saccade.records.fingerprint import manifest_digest
from saccade.text.charset import Charset
from saccade.text.ctc import required_steps
from saccade.text.vocabulary import describe_characters

Dropped = dict[str, list[str]]
FindFault = Callable[["_Example"], str | None]


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
    """

    name: str
    entries: tuple[Entry, ...]
    content_hashes: tuple[str, ...]
    sizes_px: tuple[tuple[int, int], ...]
    dropped: Dropped
    notes: dict[str, int]
    sources: tuple[SourceShare, ...]
    digest: str


@dataclass(frozen=True)
class Splits:
    """All splits of a recipe.

    `overlap` counts images whose content also stands in an earlier split (`val_in_train` and so on); `val_fraction` is
    set where the validation split was taken from the training sources.
    """

    train: Split
    val: Split
    test: Split | None
    charset: Charset
    overlap: dict[str, int]
    val_fraction: float | None = None

    def all(self) -> tuple[Split, ...]:
        """Return the splits there are: train, val and, where it has sources, test."""
        return (self.train, self.val) if self.test is None else (self.train, self.val, self.test)


@dataclass(frozen=True)
class _Example:
    entry: Entry
    source: int
    keep: Keep
    content: Content | None = None


@dataclass
class _Pool:
    """A split while it is being filtered."""

    name: str
    sources: tuple[Source, ...]
    notes: list[dict[str, int]]
    examples: list[_Example]
    dropped: list[Dropped] = field(default_factory=list)

    def sift(self, reason: str, find_fault: FindFault, keep_key: str, cure: str = "") -> None:
        """Drop the examples with a fault where their source's `keep` has the key set, and raise all other faults."""
        passed, faults, dropped = [], [], []
        for example in self.examples:
            fault = find_fault(example)
            if fault is None:
                passed.append(example)
                continue
            where = example.entry.location
            message = fault if fault.startswith(where) else f"{where}: {fault}"
            if getattr(example.keep, keep_key):
                self.dropped[example.source].setdefault(reason, []).append(example.entry.id)
                dropped.append(message)
            else:
                faults.append(message)
        first_cure = f"{cure}, or " if cure else ""
        raise_all(faults, f"{first_cure}leave such images out with keep = {{ {keep_key} = true }}")
        if not passed:
            raise_all(dropped, f"[data] {self.name}: with keep.{keep_key} no image is left; correct it or the source")
        self.examples = passed


def load_splits(data: DataTable, *, charset: str | None = None, num_steps: int | None = None) -> Splits:
    """Read and check all sources of a recipe.

    Args:
        data: The `[data]` table; `root` is where relative paths start.
        charset: Characters that can be read; None takes those of the training labels, the later validation part
            included.
        num_steps: Time steps of the model, which limit the label; None: no limit.

    Raises:
        InputError: Something is wrong with a source, a label or an image and no filter allows it.
    """
    root = Path(data.root or ".")
    pools = [
        _read_pool(name, sources, root)
        for name, sources in (("train", data.train), ("val", data.val), ("test", data.test))
        if sources
    ]
    for pool in pools:
        _sift_lengths(pool, num_steps)
    labels = (example.entry.label for example in pools[0].examples)
    characters = Charset.from_labels(labels if charset is None else (charset,))
    for pool in pools:
        _sift_characters(pool, characters)
    if not data.val:
        pools.insert(1, _take_val(pools[0], data.val_fraction))
    splits = [_finish(pool) for pool in pools]
    return Splits(
        train=splits[0],
        val=splits[1],
        test=splits[2] if len(splits) > 2 else None,
        charset=characters,
        overlap=_count_overlap(splits),
        val_fraction=None if data.val else data.val_fraction,
    )


def load_split(name: str, sources: tuple[Source, ...], root: Path) -> Split:
    """Read and check the sources of one split alone, without charset and time steps.

    Raises:
        InputError: As `load_splits`.
    """
    return _finish(_read_pool(name, sources, root))


def describe_splits(splits: Splits) -> dict[str, Any]:
    """Return the content of `data.json`: a plain dict."""
    return {
        "charset": splits.charset.characters,
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


def _read_pool(name: str, sources: tuple[Source, ...], root: Path) -> _Pool:
    """List the sources of a split and apply every check that needs neither charset nor model."""
    listings = [read_source(source, root) for source in sources]
    examples = [
        _Example(replace(entry, id=f"{index}/{entry.id}") if len(sources) > 1 else entry, index, source.keep)
        for index, (source, listing) in enumerate(zip(sources, listings, strict=True))
        for entry in listing.entries
    ]
    pool = _Pool(name, sources, [listing.notes for listing in listings], examples, [{} for _ in sources])
    pool.sift("unlabelled", lambda example: None if example.entry.label else "empty label", "labelled", "give it one")
    pool.sift("repeated_name", _make_repeat_check(), "unique", "remove one of the two")
    _sift_by_choice(pool)
    _examine_images(pool)
    return pool


def _make_repeat_check() -> FindFault:
    first_seen: dict[str, str] = {}

    def find_repeat(example: _Example) -> str | None:
        entry = example.entry
        if entry.id not in first_seen:
            first_seen[entry.id] = entry.location
            return None
        return f"the name {entry.id!r} was there before, at {first_seen[entry.id]}"

    return find_repeat


def _sift_by_choice(pool: _Pool) -> None:
    """Apply the filters that leave out good examples; where one is not set, nothing is at fault."""

    def other_num_lines(example: _Example) -> str | None:
        wanted, known = example.keep.num_lines, example.entry.num_lines
        other = wanted is not None and known is not None and known != wanted
        return f"{known} line(s)" if other else None

    def too_short(example: _Example) -> str | None:
        length = len(example.entry.label)
        return f"{length} character(s)" if length < (example.keep.min_length or 0) else None

    def too_long(example: _Example) -> str | None:
        length, limit = len(example.entry.label), example.keep.max_length
        return f"{length} characters" if limit is not None and length > limit else None

    pool.sift("other_num_lines", other_num_lines, "num_lines")
    pool.sift("too_short", too_short, "min_length")
    pool.sift("too_long", too_long, "max_length")


def _examine_images(pool: _Pool) -> None:
    """Read every image of a pool once, in threads: reading, hashing and decoding leave the interpreter free."""

    def examine_one(entry: Entry) -> Content | str:
        try:
            return examine(entry)
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        results = dict(
            zip(
                (example.entry.id for example in pool.examples),
                threads.map(examine_one, [example.entry for example in pool.examples]),
                strict=True,
            )
        )

    def unreadable(example: _Example) -> str | None:
        result = results[example.entry.id]
        return result if isinstance(result, str) else None

    pool.sift("unreadable", unreadable, "readable")
    contents = ((example, results[example.entry.id]) for example in pool.examples)
    pool.examples = [replace(example, content=content) for example, content in contents if isinstance(content, Content)]


def _sift_lengths(pool: _Pool, num_steps: int | None) -> None:
    if num_steps is None:
        return

    def misfit(example: _Example) -> str | None:
        label = example.entry.label
        needed = required_steps(label)
        if needed <= num_steps:
            return None
        repeats = f" and {needed - len(label)} between equal neighbours" if needed > len(label) else ""
        parts = f"{len(label)} characters{repeats}"
        return f"label {label!r} needs {needed} time steps ({parts}) but the model has {num_steps}"

    pool.sift("does_not_fit", misfit, "fits", "raise [preprocessing] width_px")


def _sift_characters(pool: _Pool, charset: Charset) -> None:
    def unknown_characters(example: _Example) -> str | None:
        unknown = charset.unknown(example.entry.label)
        if not unknown:
            return None
        return f"label {example.entry.label!r} holds {describe_characters(unknown)}, which is not in the charset"

    pool.sift("not_in_charset", unknown_characters, "in_charset", "list every character in [text] charset")


def _hash_of(example: _Example) -> str:
    if example.content is None:
        raise ValueError(f"{example.entry.id} was not examined")
    return example.content.content_hash


def _take_val(train: _Pool, fraction: float) -> _Pool:
    """Move the images with the smallest content hashes out of train: duplicates together, in whatever order.

    Drawn images stay in train where there are others: how well photographs are read is what validation is asked.
    """
    photographs = [example for example in train.examples if example.entry.path is not None]
    hashes = sorted({_hash_of(example) for example in photographs or train.examples})
    num_val = max(1, round(len(hashes) * fraction))
    if num_val >= len(hashes):
        raise InputError(
            f"[data] val_fraction = {fraction}: {len(hashes)} different training image(s) leave none to train on;"
            " give more images or a [[data.val]] source"
        )
    chosen = set(hashes[:num_val])
    val = [example for example in train.examples if _hash_of(example) in chosen]
    train.examples = [example for example in train.examples if _hash_of(example) not in chosen]
    return _Pool("val", train.sources, [{} for _ in train.sources], val, [{} for _ in train.sources])


def _finish(pool: _Pool) -> Split:
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
        digest=_digest(pool.examples),
    )


def _digest(examples: Iterable[_Example]) -> str:
    return manifest_digest((example.entry.id, _hash_of(example), example.entry.label) for example in examples)


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
