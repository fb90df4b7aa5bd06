"""Statistics of hand-made splits, and their text."""

import json
from pathlib import Path

from saccade.data.formats.entry import Entry
from saccade.data.splits import Split, Splits
from saccade.data.statistics import compute_statistics, render_text
from saccade.text.charset import Charset


def make_split(name: str, rows: list[tuple[str, str, str]], **extra: dict[str, list[str]]) -> Split:
    entries = tuple(Entry(identity, label, identity, Path(identity)) for identity, label, _ in rows)
    return Split(
        name=name,
        entries=entries,
        content_hashes=tuple(content for _, _, content in rows),
        sizes_px=tuple((10 * (index + 1), 40) for index in range(len(rows))),
        dropped=extra.get("dropped", {}),
        notes={"decomposed_labels": 2} if name == "train" else {},
        sources=(),
        digest="0" * 64,
    )


def make_splits() -> Splits:
    train = make_split(
        "train",
        [("a", "AAB", "h1"), ("b", "AAB", "h1"), ("c", "皖 1", "h2"), ("d", "皖 7", "h2")],
        dropped={"too_short": ["x", "y"]},
    )
    val = make_split("val", [("v", "AB", "h1")])
    return Splits(train, val, None, Charset("AB皖 17"), {"val_in_train": 1})


def test_counts() -> None:
    statistics = compute_statistics(make_splits())
    train = statistics["splits"]["train"]
    assert train["count"] == 4
    assert train["num_labels"] == 3
    assert train["lengths"] == {"3": 4}
    assert train["max_required_steps"] == 4
    assert train["characters"] == {"A": 4, "B": 2, "皖": 2, " ": 2, "1": 1, "7": 1}
    assert list(train["rare_characters"])[:2] == ["1", "7"]
    assert train["height_px"]["p50"] == 25
    assert train["width_px"]["p100"] == 40
    assert train["aspect"]["p0"] == 1
    assert train["num_duplicates"] == 2
    assert train["duplicates"] == [["a", "b"], ["c", "d"]]
    assert train["conflicts"] == [{"c": "皖 1", "d": "皖 7"}]
    assert statistics["splits"]["val"]["num_duplicates"] == 0
    assert statistics["overlap"] == {"val_in_train": 1}


def test_statistics_are_json() -> None:
    statistics = compute_statistics(make_splits())
    assert json.loads(json.dumps(statistics)) == statistics


def test_text_says_whatever_needs_a_look() -> None:
    text = render_text(compute_statistics(make_splits()))
    for part in (
        "train: dropped 2 (too short): x, y",
        "train: 2 decomposed labels",
        "the same image under different labels: c = '皖 1', d = '皖 7'",
        "1 image(s) of val are also in train",
        "U+0020",
    ):
        assert part in text
    header, images = text.splitlines()[:2]
    assert header.split() == ["train", "val"]
    assert images.split() == ["images", "4", "1"]
    assert len(header) == len(images)
