"""What `saccade data stats` shows: checked splits in, a plain dict out, and that dict as text for a terminal.

What labels are, and so what is counted of them, is in `label_statistics.py`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from saccade.data.label_statistics import KINDS, NUM_NAMED, Labels, compute_percentiles, name_some
from saccade.data.pool import OTHER_HASH
from saccade.data.splits import Split
from saccade.errors import make_printable, quote

_FIRST_PLURAL = re.compile(r"(\w+)s\b")
_MEANINGS = {"other_files": "files passed over: hidden, or no image", "runs": "training runs passed over"}
"""What the names of some notes do not say."""


def compute_statistics(
    splits: Sequence[Split],
    labels: Labels,
    *,
    overlap: Mapping[str, int] | None = None,
    val_fraction: float | None = None,
) -> dict[str, Any]:
    """Count everything about some splits; ready for JSON.

    Args:
        splits: At least one.
        labels: What the labels are; `labels` of the result names it.
        overlap: Images whose content also stands in an earlier split, `val_in_train` and so on.
        val_fraction: Share of the training sources that validation was given, where it was.
    """
    return {
        "labels": labels.kind,
        **labels.describe(),
        "overlap": dict(overlap or {}),
        "val_fraction": val_fraction,
        "splits": {split.name: _compute_split_statistics(split, labels) for split in splits},
    }


def _compute_split_statistics(split: Split, labels: Labels) -> dict[str, Any]:
    """Count everything about one split; a conflict is one image content under several labels."""
    heights, widths = np.array(split.sizes_px).T
    return {
        "count": len(split.entries),
        **labels.count([entry.label for entry in split.entries]),
        "height_px": compute_percentiles(heights),
        "width_px": compute_percentiles(widths),
        "aspect": compute_percentiles(widths / heights),
        "sources": _count_named(entry.source for entry in split.entries),
        "levels": _count_named(entry.level for entry in split.entries),
        **_find_duplicates(split),
        "dropped": split.dropped,
        "notes": split.notes,
        "digest": split.digest,
    }


def _count_named(names: Iterable[str | None]) -> dict[str, int]:
    """Count the images of each name, those without one under the empty name; nothing where none has one."""
    counts = Counter(name or "" for name in names)
    return dict(sorted(counts.items())) if counts.keys() - {""} else {}


def render_text(statistics: Mapping[str, Any]) -> str:
    """Write the statistics for a terminal: one column a split, then the labels and whatever needs a look."""
    splits: Mapping[str, Mapping[str, Any]] = statistics["splits"]
    labels = KINDS[statistics["labels"]]
    rows = (("images", "count"), *labels.rows, *_ROWS)
    lines = [_align(["", *splits], [[name, *(_write(cells[key]) for cells in splits.values())] for name, key in rows])]
    lines += [line for title, key in _SHARES for line in _render_shares(title, key, splits)]
    lines += [line for name, cells in splits.items() for line in labels.render(name, cells)]
    return "\n".join([*lines, "", *(list_remarks(statistics) or ["nothing was dropped, repeated or put right"])])


def list_remarks(statistics: Mapping[str, Any]) -> list[str]:
    """List what needs a look, and what splits have in common."""
    splits: Mapping[str, Mapping[str, Any]] = statistics["splits"]
    labels = KINDS[statistics["labels"]]
    remarks = [
        remark
        for name, cells in splits.items()
        for remark in (*_list_remarks(name, cells), *labels.list_remarks(name, cells))
    ]
    remarks += [
        f"{count} image(s) of {pair.replace('_in_', ' are also in ')}"
        for pair, count in statistics["overlap"].items()
        if count
    ]
    if statistics["overlap"] and not any(statistics["overlap"].values()):
        remarks += ["no image is in two splits"]
    if statistics["val_fraction"] is not None:
        remarks += [f"val is {statistics['val_fraction']:.0%} of the training sources, chosen by content hash"]
    return remarks


_ROWS = (
    ("height px", "height_px"),
    ("width px", "width_px"),
    ("width / height", "aspect"),
    ("repeated images", "num_duplicates"),
    ("conflicting labels", "conflicts"),
    ("dropped", "dropped"),
)


_SHARES = (("source", "sources"), ("level", "levels"))


def _render_shares(title: str, key: str, splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Write how many images each source or level has in each split; nothing where none is known."""
    names = sorted({name for cells in splits.values() for name in cells[key]})
    if not names:
        return []
    rows = [[make_printable(name) or "not known", *_list_shares(name, key, splits)] for name in names]
    return ["", *_align([title, *splits], rows).splitlines()]


def _list_shares(name: str, key: str, splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Write count and share in each split; nothing where the split knows no source or level at all."""
    counts = [(cells[key].get(name, 0), cells["count"]) if cells[key] else None for cells in splits.values()]
    return ["" if count is None else f"{count[0]:,} ({count[0] / count[1]:.1%})" for count in counts]


def _find_duplicates(split: Split) -> dict[str, Any]:
    """Group entries by content: how many are repeats, and which groups disagree on the label."""
    groups = defaultdict(list)
    for entry, content in zip(split.entries, split.content_hashes, strict=True):
        groups[content].append(entry)
    repeated = [group for group in groups.values() if len(group) > 1]
    return {
        "num_duplicates": sum(len(group) - 1 for group in repeated),
        "duplicates": [[entry.id for entry in group] for group in repeated],
        "conflicts": [
            {entry.id: entry.label for entry in group}
            for group in repeated
            if len({entry.label for entry in group}) > 1
        ],
    }


def _write(value: Any) -> str:
    """Write a cell: percentiles as smallest .. median .. largest, lists and filters by how many they hold."""
    if isinstance(value, Mapping):
        if "p50" in value:
            return f"{value['p0']:g} .. {value['p50']:g} .. {value['p100']:g}"
        return str(sum(len(ids) for reason, ids in value.items() if reason != OTHER_HASH))
    return str(len(value)) if isinstance(value, list) else str(value)


def _align(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set a table: the first column to the left, the others to the right."""
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in table
    )


def write_note(note: str, count: int) -> str:
    """Write what was noticed of a source and how often: `1 blank line`, `2 blank lines`."""
    words = _MEANINGS.get(note, note.replace("_", " "))
    named = _FIRST_PLURAL.sub(r"\1", words, count=1) if count == 1 else words
    return f"{count:,} {named}"


def _list_remarks(name: str, cells: Mapping[str, Any]) -> list[str]:
    remarks = [f"{name}: {write_note(note, count)}" for note, count in cells["notes"].items()]
    for reason, ids in cells["dropped"].items():
        if reason == OTHER_HASH:
            remarks.append(
                f"{name}: {len(ids)} image(s) are outside keep.hash_from and keep.hash_below, by their content"
            )
        else:
            remarks.append(f"{name}: dropped {len(ids)} ({reason.replace('_', ' ')}): {name_some(ids)}")
    for conflict in cells["conflicts"][:NUM_NAMED]:
        pairs = ", ".join(f"{identity} = {quote(label)}" for identity, label in conflict.items())
        remarks.append(f"{name}: the same image under different labels: {pairs}")
    if len(cells["conflicts"]) > NUM_NAMED:
        remarks.append(f"{name}: {len(cells['conflicts']) - NUM_NAMED} more of these; --json lists them all")
    return remarks
