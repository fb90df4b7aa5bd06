"""Which part of the file names reads like a label: not a constant, a running number, a hash, nor what other folders repeat."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

_LEAST_MATCHING = 0.9
"""Share of the names that a pattern must match, and of the parts found that must count up to be running numbers."""
_MIN_SHARE = 0.5
_MOST_GAPS = 3
"""Running numbers span less than so many times their count."""


def find_pattern(images: Sequence[Path], *, may_repeat: bool = False) -> tuple[str, str] | None:
    """Return the pattern whose parts of the file names read like labels, and in words where it looks; None where none do.

    Args:
        images: Their paths.
        may_repeat: Names that stand in several folders can still be labels.
    """
    if not may_repeat and _are_repeated(images):
        return None
    stems = [path.stem for path in images]
    for pattern, words in _PATTERNS:
        matches = [re.search(pattern, stem) for stem in stems]
        found = [(image, match["text"]) for image, match in zip(images, matches, strict=True) if match]
        if len(found) < max(_LEAST_MATCHING * len(stems), 1) or not _read_like_labels(found, len(stems)):
            continue
        if sum(image.parent.name == text for image, text in found) >= _MIN_SHARE * len(found):
            return None  # the folders say the same more plainly
        return pattern, words
    return None


#: Tried in this order; the first whose parts read like labels is taken.
_PATTERNS = (
    (r"^(?P<text>[^_]+)_", "before the first _"),
    (r"^[^_]*_(?P<text>.+)$", "after the first _"),
    (r"^\d+[-. ](?P<text>.+)$", "after a number"),
    (r"^(?P<text>.+?)[-. ]\(?\d+\)?$", "before a number"),
    (r"^(?P<text>[^_]+)$", "the whole name"),
)
_HASH = re.compile(r"[0-9a-f]{6,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COUNTER = re.compile(r"([^\W\d_]*)[-_ ]?(\d+)")


def _are_repeated(images: Sequence[Path]) -> bool:
    """Tell whether most names stand in several folders: 0001.jpg of each class says nothing of the image."""
    places: defaultdict[str, set[Path]] = defaultdict(set)
    for image in images:
        places[image.stem].add(image.parent)
    return sum(len(places[image.stem]) > 1 for image in images) > _MIN_SHARE * len(images)


def _read_like_labels(found: Sequence[tuple[Path, str]], num_images: int) -> bool:
    texts = [text for _, text in found]
    if len(set(texts)) < 2 and num_images > 1:
        return False
    looks_hashed = all(_HASH.fullmatch(text) for text in texts) and any(
        character in "abcdef" for text in texts for character in text
    )
    return not looks_hashed and not _count_up(texts) and not _count_up_in_folders(found)


def _count_up(texts: Sequence[str]) -> bool:
    """Tell `img001, img002, ...` from plates: one word, or none, before numbers that leave few gaps; odd ones out are few."""
    parts = [match for text in texts if (match := _COUNTER.fullmatch(text))]
    ((word, count),) = Counter(match[1] for match in parts).most_common(1) or [("", 0)]
    if count < max(_LEAST_MATCHING * len(texts), 1):
        return False
    numbers = {int(match[2]) for match in parts if match[1] == word}
    return max(numbers) - min(numbers) < _MOST_GAPS * len(numbers)


def _count_up_in_folders(found: Sequence[tuple[Path, str]]) -> bool:
    """Tell whether most images lie in folders each of which counts by itself, under any word."""
    folders: defaultdict[Path, list[str]] = defaultdict(list)
    for image, text in found:
        folders[image.parent].append(text)
    counted = sum(len(texts) for texts in folders.values() if len(set(texts)) > 1 and _count_up(texts))
    return len(folders) > 1 and counted > _MIN_SHARE * len(found)
