"""A split while it is being filtered: what every task checks of its sources, strict unless the recipe's `keep` says otherwise.

Path: `read_source` -> names and labels -> filters by choice -> every image read once, hashed and decoded. What a label
must be is the caller's to add with `Pool.sift`. It keeps no image but where it is asked to and they are small.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from saccade.data.formats.entry import Entry, raise_all
from saccade.data.formats.sources import read_source
from saccade.data.images import Content, Image, examine
from saccade.data.lines import count_lines
from saccade.data.parallel import map_in_threads
from saccade.data.residency import read_free_memory
from saccade.errors import InputError
from saccade.recipes.tables.data import DataTable, Keep, Source

Dropped = dict[str, list[str]]

OTHER_HASH = "other_hash"
"""The reason that `keep` gives for an image which is another source's part of the same files: nothing is wrong with it."""

_SHARE_OF_FREE = 0.25
_HASH_DIGITS = 12  # as many as a float tells apart


class Keeping(NamedTuple):
    """What is kept of each decoded image, so that nobody decodes it again: `fit` makes it, of one size and `num_bytes`.

    Nothing is kept of splits that would take more than a quarter of the free memory.
    """

    fit: Callable[[Image], Image]
    num_bytes: int


@dataclass(frozen=True)
class Example:
    """An entry, the number of its source in the split, that source's filters, and its image's content once examined."""

    entry: Entry
    source: int
    keep: Keep
    content: Content | None = None

    @property
    def content_hash(self) -> str:
        """SHA-256 of the image."""
        if self.content is None:
            raise ValueError(f"{self.entry.id} was not examined")
        return self.content.content_hash


FindFault = Callable[[Example], str | None]


@dataclass
class Pool:
    """The examples of one split that passed so far, and what was dropped and noticed, source by source."""

    name: str
    sources: tuple[Source, ...]
    notes: list[dict[str, int]]
    examples: list[Example]
    dropped: list[Dropped] = field(default_factory=list)

    def sift(
        self, reason: str, find_fault: FindFault, keep_key: str, cure: str = "", *, tolerates: bool = False
    ) -> None:
        """Drop the examples with a fault where their source's `keep` has the key set, and raise all other faults, or tolerate them."""
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
            elif tolerates:
                passed.append(example)
            else:
                faults.append(message)
        first_cure = f"{cure}, or " if cure else ""
        raise_all(faults, f"{first_cure}leave such images out with keep = {{ {keep_key} = true }}")
        if not passed:
            raise_all(dropped, f"[data] {self.name}: with keep.{keep_key} no image is left; correct it or the source")
        self.examples = passed


def read_pools(data: DataTable, keeping: Keeping | None = None, measure: Callable[[str], int] = len) -> list[Pool]:
    """Read the sources of a recipe, one pool a split: train, which may be empty, val and test where they have sources.

    Args:
        data: The `[data]` table.
        keeping: What is kept of each image; None keeps nothing.
        measure: Length of a label, for the filters by length.

    Raises:
        InputError: As `read_pool`.
    """
    given = (("train", data.train), ("val", data.val), ("test", data.test))
    return [
        read_pool(name, sources, Path(data.root or "."), keeping, measure)
        for name, sources in given
        if sources or name == "train"
    ]


def read_pool(
    name: str,
    sources: tuple[Source, ...],
    root: Path,
    keeping: Keeping | None = None,
    measure: Callable[[str], int] = len,
) -> Pool:
    """List the sources of a split and apply every check that needs to know nothing of the task.

    Args:
        name: train, val or test.
        sources: Of this split.
        root: Where relative paths start.
        keeping: What is kept of each image; None keeps nothing.
        measure: Length of a label, for the filters by length.

    Raises:
        InputError: Something is wrong with a source, a label or an image and no filter allows it.
    """
    listings = [read_source(source, root) for source in sources]
    examples = [
        Example(
            replace(_name_in_split(entry, index, len(sources)), source=source.name or entry.source), index, source.keep
        )
        for index, (source, listing) in enumerate(zip(sources, listings, strict=True))
        for entry in listing.entries
    ]
    _check_encoding([example.entry for example in examples])
    pool = Pool(name, sources, [listing.notes for listing in listings], examples, [{} for _ in sources])
    pool.sift("unlabelled", _find_empty_label, "labelled", "give it one")
    pool.sift("repeated_name", _make_repeat_check(), "unique", "remove one of the two")
    _sift_by_choice(pool, measure)
    fits = keeping is not None and keeping.num_bytes * len(pool.examples) <= _SHARE_OF_FREE * read_free_memory()
    _examine_images(pool, keeping.fit if keeping is not None and fits else None)
    return pool


def list_named(sources: Sequence[Source], root: Path) -> list[Entry]:
    """List what sources hold, nothing left out, under the names in their split, without looking at any image.

    Raises:
        InputError: As `read_source`.
    """
    return [
        _name_in_split(entry, number, len(sources))
        for number, source in enumerate(sources)
        for entry in read_source(source, root).entries
    ]


def _name_in_split(entry: Entry, source: int, num_sources: int) -> Entry:
    """Return an entry of a source under its name in the split: where there are several sources, the number of its own goes before."""
    return replace(entry, id=f"{source}/{entry.id}") if num_sources > 1 else entry


def refuse_filters(data: DataTable, filters: Sequence[str], labels: str) -> None:
    """Refuse filters that mean nothing for these labels, such as a length in characters for classes.

    Raises:
        InputError: A source has one of them set.
    """
    for name, sources in (("train", data.train), ("val", data.val), ("test", data.test)):
        for source in sources:
            for key in filters:
                if getattr(source.keep, key) not in {None, False}:
                    raise InputError(f"[[data.{name}]] keep.{key}: has no effect where labels are {labels}; remove it")


def _check_encoding(entries: Sequence[Entry]) -> None:
    """Refuse names that are not UTF-8: Python reads their bytes as lone surrogates, which no record can hold."""
    faults = []
    for entry in entries:
        try:
            f"{entry.id}{entry.label}".encode()
        except UnicodeEncodeError:
            where = entry.location.encode(errors="backslashreplace").decode()
            faults.append(f"{where}: the name of the file or of its folder is not UTF-8")
    raise_all(faults, "rename it")


def _find_empty_label(example: Example) -> str | None:
    return None if example.entry.label.strip() else "empty label"


def _make_repeat_check() -> FindFault:
    first_seen: dict[str, str] = {}

    def find_repeat(example: Example) -> str | None:
        entry = example.entry
        if entry.id not in first_seen:
            first_seen[entry.id] = entry.location
            return None
        return f"the name {entry.id!r} was there before, at {first_seen[entry.id]}"

    return find_repeat


def _sift_by_choice(pool: Pool, measure: Callable[[str], int]) -> None:
    """Apply the filters that leave out good examples; where one is not set, nothing is at fault."""

    def too_short(example: Example) -> str | None:
        length = measure(example.entry.label)
        return f"length {length}" if length < (example.keep.min_length or 0) else None

    def too_long(example: Example) -> str | None:
        length, limit = measure(example.entry.label), example.keep.max_length
        return f"length {length}" if limit is not None and length > limit else None

    pool.sift("too_short", too_short, "min_length")
    pool.sift("too_long", too_long, "max_length")


def _examine_images(pool: Pool, fit: Callable[[Image], Image] | None) -> None:
    """Read every image of a pool once, keep what `fit` makes of it, and count its lines of text where a filter asks for them."""

    def examine_one(example: Example) -> tuple[Content, int | None] | str:
        num_lines = example.entry.num_lines

        def look(image: Image) -> Image | None:
            nonlocal num_lines
            if num_lines is None and example.keep.num_lines is not None:
                num_lines = count_lines(image)
            return None if fit is None else fit(image)

        try:
            return examine(example.entry, look), num_lines
        except InputError as error:
            return str(error)

    def other_num_lines(example: Example) -> str | None:
        wanted, found = example.keep.num_lines, example.entry.num_lines
        return None if wanted in {None, found} else f"{found} line(s)"

    results = dict(
        zip((example.entry.id for example in pool.examples), map_in_threads(examine_one, pool.examples), strict=True)
    )

    def unreadable(example: Example) -> str | None:
        result = results[example.entry.id]
        return result if isinstance(result, str) else None

    pool.sift("unreadable", unreadable, "readable")
    seen = ((example, results[example.entry.id]) for example in pool.examples)
    pool.examples = [
        Example(replace(example.entry, num_lines=result[1]), example.source, example.keep, result[0])
        for example, result in seen
        if not isinstance(result, str)
    ]
    pool.sift(OTHER_HASH, _find_other_hash, "hash_below")
    pool.sift("other_num_lines", other_num_lines, "num_lines")


def _find_other_hash(example: Example) -> str | None:
    """Tell an image that another source is to keep: content, and nothing else, says which of the two."""
    place = int(example.content_hash[:_HASH_DIGITS], 16) / 16**_HASH_DIGITS
    return None if example.keep.hash_from <= place < example.keep.hash_below else f"place {place:.6f} by content"
