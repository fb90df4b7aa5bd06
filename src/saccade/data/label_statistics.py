"""What is counted of labels, and how that is written for a terminal: the one place where texts and classes differ.

Path: the labels of a split -> `Labels.count` -> plain values -> `Labels.render`. Images are counted in `statistics.py`.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from rich.cells import cell_len, set_cell_size

from saccade.errors import make_printable, quote
from saccade.text.charset import Charset
from saccade.text.ctc import required_steps
from saccade.text.structure import find_fault
from saccade.text.token_set import TokenSet
from saccade.text.units import Units

NUM_NAMED = 5
"""How many of a list a remark names."""

_RARE_BELOW = 10
_PERCENTILES = (0, 5, 50, 95, 100)
_MOST_BARS, _NUM_ENDS = 30, 10
"""More classes than the first are shown by so many of the largest and of the smallest."""
_MOST_NAME_CELLS = 40
_GROUP_WIDTHS = (1, *(step * 10**power for power in range(12) for step in (2, 5, 10)))


class Labels(ABC):
    """What the labels of an image collection are."""

    kind: ClassVar[str]
    """What they are called in the statistics."""
    rows: ClassVar[tuple[tuple[str, str], ...]]
    """Lines of the table: title, and key of what `count` returns."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what holds for all splits, ready for JSON."""

    @abstractmethod
    def count(self, labels: Sequence[str]) -> dict[str, Any]:
        """Count the labels of one split, at least one; ready for JSON."""

    @staticmethod
    @abstractmethod
    def render(name: str, cells: Mapping[str, Any]) -> list[str]:
        """Write what `count` returned of the split `name`, below the table."""

    @staticmethod
    def list_remarks(name: str, cells: Mapping[str, Any]) -> list[str]:
        """List what needs a look in the split `name`."""
        return []


class Texts(Labels):
    """Each label is a text of its own.

    `max_required_steps` is what CTC needs for the longest label; `rare_characters` are those with fewer than ten
    occurrences.
    """

    kind = "texts"
    rows = (("different labels", "num_labels"), ("time steps needed", "max_required_steps"))

    def __init__(self, charset: Charset) -> None:
        """Keep the characters that can be read."""
        self._charset = charset

    def describe(self) -> dict[str, Any]:
        """Return the charset."""
        return {"charset": self._charset.characters}

    def count(self, labels: Sequence[str]) -> dict[str, Any]:
        """Count lengths and characters."""
        characters = Counter("".join(labels))
        lengths = Counter(map(len, labels))
        rare = sorted(
            ((n, character) for character, n in characters.items() if n < _RARE_BELOW), key=lambda one: one[0]
        )
        return {
            "num_labels": len(set(labels)),
            "lengths": {str(length): lengths[length] for length in sorted(lengths)},
            "max_required_steps": max(map(required_steps, labels)),
            "characters": dict(characters.most_common()),
            "rare_characters": {character: n for n, character in rare},
        }

    @staticmethod
    def render(name: str, cells: Mapping[str, Any]) -> list[str]:
        """Write label lengths as bars, then the characters by frequency."""
        lines = ["", f"{name}: label lengths", *_draw_bars(cells["lengths"].items(), least_cells=3)]
        lines += ["", f"{name}: {len(cells['characters'])} characters by frequency", *_wrap(cells["characters"])]
        if cells["rare_characters"]:
            lines += [f"  fewer than {_RARE_BELOW} times: {' '.join(map(_show, cells['rare_characters']))}"]
        return lines


class Tokens(Labels):
    """Each label is a formula, tokens with spaces between them.

    `rare_tokens` are those with fewer than ten occurrences, `faults` labels whose structure is not sound, such as braces that
    do not match: they are counted and left as they are.
    """

    kind = "tokens"
    rows = (
        ("different labels", "num_labels"),
        ("tokens a label", "num_tokens"),
        ("unsound labels", "faults"),
    )

    def __init__(self, tokens: TokenSet) -> None:
        """Keep the tokens that can be read."""
        self._tokens = tokens

    def describe(self) -> dict[str, Any]:
        """Return the tokens."""
        return {"tokens": list(self._tokens.tokens)}

    def count(self, labels: Sequence[str]) -> dict[str, Any]:
        """Count lengths and tokens, and look at the structure of each different label."""
        counted = Counter(labels)
        lists = {
            label: label.split() for label in counted
        }  # other white space than single spaces is for training to refuse
        tokens: Counter[str] = Counter()
        lengths: Counter[int] = Counter()
        for label, n in counted.items():
            lengths[len(lists[label])] += n
            for token in lists[label]:
                tokens[token] += n
        found = {label: find_fault(lists[label]) for label in counted}
        rare = sorted(((n, token) for token, n in tokens.items() if n < _RARE_BELOW), key=lambda one: one[0])
        return {
            "num_labels": len(counted),
            "num_tokens": compute_percentiles(sorted(lengths.elements())),
            "lengths": {str(length): lengths[length] for length in sorted(lengths)},
            "tokens": dict(tokens.most_common()),
            "rare_tokens": {token: n for n, token in rare},
            "missing_tokens": [token for token in self._tokens.tokens if not tokens[token]],
            "faults": [{"label": label, "fault": fault} for label, fault in found.items() if fault],
        }

    @staticmethod
    def render(name: str, cells: Mapping[str, Any]) -> list[str]:
        """Write label lengths as bars, many of them in groups, then the tokens by frequency."""
        lines = ["", f"{name}: tokens a label", *_draw_bars(group_lengths(cells["lengths"]), least_cells=3)]
        lines += ["", f"{name}: {len(cells['tokens'])} tokens by frequency", *_wrap(cells["tokens"], per_line=8)]
        if cells["rare_tokens"]:
            lines += [f"  fewer than {_RARE_BELOW} times: {' '.join(map(make_printable, cells['rare_tokens']))}"]
        return lines

    @staticmethod
    def list_remarks(name: str, cells: Mapping[str, Any]) -> list[str]:
        """Name tokens that no label holds, and labels whose structure is not sound."""
        remarks = []
        if missing := [make_printable(token) for token in cells["missing_tokens"]]:
            remarks.append(f"{name}: no label holds {len(missing)} token(s): {name_some(missing)}")
        for one in cells["faults"][:NUM_NAMED]:
            remarks.append(f"{name}: {quote(one['label'])} is not sound: {make_printable(one['fault'])}")
        if len(cells["faults"]) > NUM_NAMED:
            remarks.append(f"{name}: {len(cells['faults']) - NUM_NAMED:,} more unsound labels; --json lists them all")
        return remarks


class Classes(Labels):
    """Each label is one of several classes.

    `images_per_class` is over all classes, those without an image in the split included.
    """

    kind = "classes"
    rows = (
        ("classes", "num_classes"),
        ("classes without image", "missing_classes"),
        ("images per class", "images_per_class"),
    )

    def __init__(self, classes: Iterable[str]) -> None:
        """Keep the classes in their order."""
        self._classes = tuple(classes)

    def describe(self) -> dict[str, Any]:
        """Return the classes."""
        return {"classes": list(self._classes)}

    def count(self, labels: Sequence[str]) -> dict[str, Any]:
        """Count the images of each class."""
        counts = Counter(labels)
        return {
            "num_classes": len(counts),
            "missing_classes": [name for name in self._classes if not counts[name]],
            "images_per_class": compute_percentiles([counts[name] for name in self._classes]),
            "class_counts": {name: counts[name] for name in self._classes},
        }

    @staticmethod
    def render(name: str, cells: Mapping[str, Any]) -> list[str]:
        """Write a bar a class, or those of the largest and the smallest where there are many."""
        counts = [(_cut(label), n) for label, n in cells["class_counts"].items()]
        if len(counts) <= _MOST_BARS:
            return ["", f"{name}: images per class", *_draw_bars(counts)]
        ordered = sorted(counts, key=lambda one: -one[1])
        bars = _draw_bars([*ordered[:_NUM_ENDS], *ordered[-_NUM_ENDS:]])
        title = f"{name}: images per class, the {_NUM_ENDS} largest and the {_NUM_ENDS} smallest of {len(counts):,}"
        return ["", title, *bars[:_NUM_ENDS], "  ...", *bars[_NUM_ENDS:]]

    @staticmethod
    def list_remarks(name: str, cells: Mapping[str, Any]) -> list[str]:
        """Name classes without an image."""
        missing = [make_printable(label) for label in cells["missing_classes"]]
        return [f"{name}: no image of {len(missing)} class(es): {name_some(missing)}"] if missing else []


KINDS: dict[str, type[Labels]] = {Texts.kind: Texts, Tokens.kind: Tokens, Classes.kind: Classes}


def make_text_labels(units: Units) -> Labels:
    """Return what is counted of labels that are made of characters, or of tokens."""
    return Texts(units) if isinstance(units, Charset) else Tokens(units)


def group_lengths(lengths: Mapping[str, int]) -> list[tuple[str, int]]:
    """Join neighbouring lengths where there would be too many bars: `1`, or `11-20`; each with its number of labels."""
    longest = max(map(int, lengths))
    width = next(width for width in _GROUP_WIDTHS if longest <= width * _MOST_BARS)
    if width == 1:
        return list(lengths.items())
    groups: Counter[int] = Counter()
    for length, n in lengths.items():
        groups[max(int(length) - 1, 0) // width] += n
    return [(f"{group * width + 1}-{(group + 1) * width}", groups[group]) for group in range(max(groups) + 1)]


def compute_percentiles(values: ArrayLike) -> dict[str, float]:
    """Compute what is smallest, in the middle and largest, and the two between, rounded to hundredths."""
    shares = np.percentile(np.asarray(values), _PERCENTILES)
    return {f"p{percent}": round(float(share), 2) for percent, share in zip(_PERCENTILES, shares, strict=True)}


def name_some(names: Sequence[str]) -> str:
    """Name the first of a list and the number of the others."""
    more = f" and {len(names) - NUM_NAMED} more" if len(names) > NUM_NAMED else ""
    return f"{', '.join(names[:NUM_NAMED])}{more}"


def _draw_bars(counts: Iterable[tuple[str, int]], least_cells: int = 0) -> list[str]:
    """Draw counts as bars of at most 40 signs; whatever occurs has at least one. Numbers stand to the right, names to the left."""
    rows = list(counts)
    largest = max(n for _, n in rows)
    width, cells = len(str(largest)), max(least_cells, *(cell_len(name) for name, _ in rows))
    numeric = all(name.isdecimal() for name, _ in rows)
    return [
        f"  {name.rjust(cells) if numeric else set_cell_size(name, cells)}  {n:>{width}}  "
        f"{'#' * max(min(n, 1), round(40 * n / largest))}".rstrip()
        for name, n in rows
    ]


def _cut(name: str) -> str:
    """Write a class so that it fits before its bar."""
    shown = make_printable(name)
    return shown if cell_len(shown) <= _MOST_NAME_CELLS else f"{set_cell_size(shown, _MOST_NAME_CELLS - 3)}..."


def _wrap(characters: Mapping[str, int], per_line: int = 10) -> list[str]:
    cells = [f"{_show(character)} {count}" for character, count in characters.items()]
    width = max(map(cell_len, cells))  # a Chinese character is two columns wide
    rows = [cells[start : start + per_line] for start in range(0, len(cells), per_line)]
    return ["  " + "  ".join(set_cell_size(cell, width) for cell in row).rstrip() for row in rows]


def _show(character: str) -> str:
    """Write a character so that it can be seen: those without ink by their code point."""
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"
