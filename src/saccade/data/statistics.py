"""What `saccade data stats` shows: checked splits in, a plain dict out, and that dict as text for a terminal."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size

from saccade.data.splits import Split, Splits
from saccade.text.ctc import required_steps

_RARE_BELOW = 10
_PERCENTILES = (0, 5, 50, 95, 100)
_NUM_NAMED = 5


def compute_statistics(splits: Splits) -> dict[str, Any]:
    """Count everything about all splits of a recipe; ready for JSON."""
    return {
        "charset": splits.charset.characters,
        "overlap": splits.overlap,
        "val_fraction": splits.val_fraction,
        "splits": {split.name: compute_split_statistics(split) for split in splits.all()},
    }


def compute_split_statistics(split: Split) -> dict[str, Any]:
    """Count everything about one split.

    `max_required_steps` is what CTC needs for the longest label; `rare_characters` are those with fewer than ten
    occurrences; a conflict is one image content under several labels.
    """
    labels = [entry.label for entry in split.entries]
    characters = Counter("".join(labels))
    heights, widths = np.array(split.sizes_px).T
    return {
        "count": len(split.entries),
        "num_labels": len(set(labels)),
        "lengths": _sort(Counter(map(len, labels))),
        "max_required_steps": max(map(required_steps, labels)),
        "characters": dict(characters.most_common()),
        "rare_characters": {c: n for c, n in sorted(characters.items(), key=lambda item: item[1]) if n < _RARE_BELOW},
        "height_px": _percentiles(heights),
        "width_px": _percentiles(widths),
        "aspect": _percentiles(widths / heights),
        **_find_duplicates(split),
        "dropped": split.dropped,
        "notes": split.notes,
        "digest": split.digest,
    }


def render_text(statistics: Mapping[str, Any]) -> str:
    """Write the statistics for a terminal: one column a split, then characters and whatever needs a look."""
    splits: Mapping[str, Mapping[str, Any]] = statistics["splits"]
    lines = [_align(["", *splits], [[name, *(_write(cells[key]) for cells in splits.values())] for name, key in _ROWS])]
    for name, cells in splits.items():
        lines += ["", f"{name}: label lengths", *_bars(cells["lengths"])]
        lines += ["", f"{name}: {len(cells['characters'])} characters by frequency", *_wrap(cells["characters"])]
        if cells["rare_characters"]:
            lines += [f"  fewer than {_RARE_BELOW} times: {' '.join(map(_show, cells['rare_characters']))}"]
    remarks = [remark for name, cells in splits.items() for remark in _remarks(name, cells)]
    remarks += [
        f"{count} image(s) of {pair.replace('_in_', ' are also in ')}"
        for pair, count in statistics["overlap"].items()
        if count
    ]
    if statistics["val_fraction"] is not None:
        remarks += [f"val is {statistics['val_fraction']:.0%} of the training sources, chosen by content hash"]
    return "\n".join([*lines, "", *(remarks or ["nothing was dropped, repeated or put right"])])


_ROWS = [
    ("images", "count"),
    ("different labels", "num_labels"),
    ("time steps needed", "max_required_steps"),
    ("height px", "height_px"),
    ("width px", "width_px"),
    ("width / height", "aspect"),
    ("repeated images", "num_duplicates"),
    ("conflicting labels", "conflicts"),
    ("dropped", "dropped"),
]


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


def _percentiles(values: NDArray[Any]) -> dict[str, float]:
    shares = np.percentile(values, _PERCENTILES)
    return {f"p{percent}": round(float(share), 2) for percent, share in zip(_PERCENTILES, shares, strict=True)}


def _sort(counts: Counter[int]) -> dict[str, int]:
    return {str(key): counts[key] for key in sorted(counts)}


def _write(value: Any) -> str:
    """Write a cell: percentiles as smallest .. median .. largest, lists and filters by how many they hold."""
    if isinstance(value, Mapping):
        if "p50" in value:
            return f"{value['p0']:g} .. {value['p50']:g} .. {value['p100']:g}"
        return str(sum(len(ids) for ids in value.values()))
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


def _bars(lengths: Mapping[str, int]) -> list[str]:
    """Draw counts as bars of at most 40 signs; whatever occurs has at least one."""
    largest = max(lengths.values())
    width = len(str(largest))
    return [f"  {length:>3}  {n:>{width}}  {'#' * max(1, round(40 * n / largest))}" for length, n in lengths.items()]


def _wrap(characters: Mapping[str, int], per_line: int = 10) -> list[str]:
    cells = [f"{_show(character)} {count}" for character, count in characters.items()]
    width = max(map(cell_len, cells))  # a Chinese character is two columns wide
    rows = [cells[start : start + per_line] for start in range(0, len(cells), per_line)]
    return ["  " + "  ".join(set_cell_size(cell, width) for cell in row).rstrip() for row in rows]


def _show(character: str) -> str:
    """Write a character so that it can be seen: those without ink by their code point."""
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"


def _remarks(name: str, cells: Mapping[str, Any]) -> list[str]:
    remarks = [f"{name}: {count} {note.replace('_', ' ')}" for note, count in cells["notes"].items()]
    for reason, ids in cells["dropped"].items():
        more = f" and {len(ids) - _NUM_NAMED} more" if len(ids) > _NUM_NAMED else ""
        remarks.append(f"{name}: dropped {len(ids)} ({reason.replace('_', ' ')}): {', '.join(ids[:_NUM_NAMED])}{more}")
    for conflict in cells["conflicts"][:_NUM_NAMED]:
        pairs = ", ".join(f"{identity} = {label!r}" for identity, label in conflict.items())
        remarks.append(f"{name}: the same image under different labels: {pairs}")
    return remarks
