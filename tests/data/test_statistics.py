"""Statistics of hand-made splits, and their text."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from saccade.data.formats.entry import Entry
from saccade.data.label_statistics import Classes, Texts, Tokens, group_lengths, make_text_labels
from saccade.data.splits import Split
from saccade.data.statistics import _list_remarks, compute_statistics, list_remarks, render_text
from saccade.text.charset import Charset
from saccade.text.token_set import TokenSet


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


def count_texts() -> dict[str, Any]:
    train = make_split(
        "train",
        [("a", "AAB", "h1"), ("b", "AAB", "h1"), ("c", "皖 1", "h2"), ("d", "皖 7", "h2")],
        dropped={"too_short": ["x", "y"]},
    )
    val = make_split("val", [("v", "AB", "h1")])
    return compute_statistics([train, val], Texts(Charset("AB皖 17")), overlap={"val_in_train": 1})


VOCABULARY = ("x", "^", "{", "}", "1", "2", r"\frac", "a", "b", r"\\", r"\alpha")
FORMULAS = ["x ^ { 2 }", "x ^ { 2 }", r"\frac { 1 } { 2", r"a \\ b"]


def count_tokens(sources: tuple[str | None, ...] = (None, None, None, None)) -> dict[str, Any]:
    split = make_split("train", [(str(index), label, f"h{index}") for index, label in enumerate(FORMULAS)])
    entries = zip(split.entries, sources, "1122", strict=True)
    split = replace(
        split, entries=tuple(replace(entry, source=source, level=level) for entry, source, level in entries)
    )
    val = make_split("val", [("v", "x", "h9")])
    return compute_statistics([split, val], Tokens(TokenSet(VOCABULARY)))


def count_classes(counts: dict[str, int], *names: str) -> dict[str, Any]:
    rows = [(f"{label}/{index}", label, f"{label}/{index}") for label, n in counts.items() for index in range(n)]
    return compute_statistics([make_split("all", rows)], Classes(names or counts))


def test_counts() -> None:
    statistics = count_texts()
    train = statistics["splits"]["train"]
    assert statistics["labels"] == "texts"
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
    for statistics in (count_texts(), count_tokens(), count_classes({"cat": 2, "dog": 1})):
        assert json.loads(json.dumps(statistics)) == statistics


def test_counts_of_tokens() -> None:
    statistics = count_tokens()
    assert statistics["labels"] == "tokens"
    assert statistics["tokens"] == sorted(VOCABULARY)
    train = statistics["splits"]["train"]
    assert (train["count"], train["num_labels"]) == (4, 3)
    assert train["lengths"] == {"3": 1, "5": 2, "6": 1}
    assert [train["num_tokens"][key] for key in ("p0", "p50", "p100")] == [3, 5, 6]
    assert train["tokens"] == {"{": 4, "2": 3, "}": 3, "x": 2, "^": 2, r"\frac": 1, "1": 1, "a": 1, r"\\": 1, "b": 1}
    assert train["rare_tokens"] == train["tokens"]
    assert train["missing_tokens"] == [r"\alpha"]
    assert [one["label"] for one in train["faults"]] == [r"\frac { 1 } { 2"]
    assert "never closed" in train["faults"][0]["fault"]


def test_rare_means_fewer_than_ten_times() -> None:
    rows = [(str(index), "x y" if index else "x y y", f"h{index}") for index in range(9)]
    cells = compute_statistics([make_split("all", rows)], Tokens(TokenSet(("x", "y"))))["splits"]["all"]
    assert (cells["tokens"], cells["rare_tokens"]) == ({"y": 10, "x": 9}, {"x": 9})


def test_tokens_as_text() -> None:
    text = re.sub(" +", " ", render_text(count_tokens()))
    for part in (
        "tokens a label 3 .. 5 .. 6 1 .. 1 .. 1",
        "train: 10 tokens by frequency",
        r"train: no label holds 1 token(s): \alpha",
        r"is not sound: token 5: { is never closed",
        " 5 2 ########################################",
    ):
        assert part in text


def test_sources_and_levels_are_counted_where_they_are_known() -> None:
    splits = count_tokens(("printed", "handwritten", "handwritten", None))["splits"]
    assert splits["train"]["sources"] == {"": 1, "handwritten": 2, "printed": 1}
    assert splits["train"]["levels"] == {"1": 2, "2": 2}
    assert splits["val"]["sources"] == {}
    text = render_text(count_tokens(("printed", "handwritten", "handwritten", None)))
    for line in ("handwritten  2 (50.0%)", "not known    1 (25.0%)", "2      2 (50.0%)"):
        assert line in text
    assert "source" not in render_text(count_texts())


def test_many_lengths_are_joined() -> None:
    assert group_lengths({"1": 4, "30": 1}) == [("1", 4), ("30", 1)]
    grouped = group_lengths({"1": 4, "2": 1, "3": 1, "31": 5})
    assert grouped[:2] == [("1-2", 5), ("3-4", 1)]
    assert (len(grouped), grouped[-1]) == (16, ("31-32", 5))
    assert group_lengths({"10000": 1})[-1] == ("9501-10000", 1)


def test_labels_are_counted_by_what_they_are_made_of() -> None:
    assert isinstance(make_text_labels(Charset("ab")), Texts)
    assert isinstance(make_text_labels(TokenSet(("a", "b"))), Tokens)


@pytest.mark.parametrize(
    ("note", "count", "said"),
    [
        ("other_files", 1, "1 file passed over: hidden, or no image"),
        ("runs", 1, "1 training run passed over"),
        ("other_files", 2000, "2,000 files passed over: hidden, or no image"),
        ("labels_with_other_spaces", 1, "1 label with other spaces"),
    ],
)
def test_one_of_a_kind_is_no_plural(note: str, count: int, said: str) -> None:
    split = {"notes": {note: count}, "dropped": {}, "conflicts": []}
    assert _list_remarks("train", split)[0] == f"train: {said}"


def test_remarks_are_those_below_the_text() -> None:
    for statistics in (count_texts(), count_tokens()):
        remarks = list_remarks(statistics)
        assert remarks
        assert render_text(statistics).endswith("\n\n" + "\n".join(remarks))


def test_images_that_are_another_sources_part_are_no_loss() -> None:
    train = make_split("train", [("a", "AB", "h1")], dropped={"other_hash": ["x", "y"]})
    lines = render_text(compute_statistics([train], Texts(Charset("AB")))).splitlines()
    assert "train: 2 image(s) are outside keep.hash_from and keep.hash_below, by their content" in lines
    assert "dropped 0" in [" ".join(line.split()) for line in lines]


def test_text_says_whatever_needs_a_look() -> None:
    text = render_text(count_texts())
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


def test_text_says_that_splits_share_nothing() -> None:
    statistics = count_texts()
    assert "no image is in two splits" not in render_text(statistics)
    apart = render_text(statistics | {"overlap": {"val_in_train": 0}})
    assert "no image is in two splits" in apart
    assert "also in" not in apart
    assert "two splits" not in render_text(statistics | {"overlap": {}})


def test_an_endless_label_is_cut() -> None:
    train = make_split("train", [("a", "A" * 10**5, "h1"), ("b", "B", "h1")])
    text = render_text(compute_statistics([train], Texts(Charset("AB"))))
    assert f"a = '{'A' * 60}'... (100,000 characters), b = 'B'" in text


def test_counts_of_classes() -> None:
    statistics = count_classes({"cat": 4, "dog": 1}, "eel", "dog", "cat")
    assert statistics["labels"] == "classes"
    assert statistics["classes"] == ["eel", "dog", "cat"]
    counted = statistics["splits"]["all"]
    assert counted["num_classes"] == 2
    assert counted["missing_classes"] == ["eel"]
    assert counted["class_counts"] == {"eel": 0, "dog": 1, "cat": 4}
    assert [counted["images_per_class"][key] for key in ("p0", "p50", "p100")] == [0, 1, 4]
    assert not {"lengths", "characters", "charset"} & {*counted, *statistics}


def test_classes_as_text() -> None:
    lines = render_text(count_classes({"cat": 40, "dog": 10, "a\nb": 1}, "eel", "dog", "cat", "a\nb")).splitlines()
    for line in (
        "images per class          0 .. 5.5 .. 40",
        "classes without image                  1",
        "  eel    0",
        f"  dog   10  {'#' * 10}",
        f"  cat   40  {'#' * 40}",
        "  a\\nb   1  #",
        "all: no image of 1 class(es): eel",
    ):
        assert line in lines


def test_of_many_classes_the_largest_and_the_smallest_are_shown() -> None:
    def list_bars(num_classes: int) -> list[str]:
        lines = render_text(
            count_classes({f"class{index:02d}": index + 1 for index in range(num_classes)})
        ).splitlines()
        return [line.split()[0] for line in lines[1:] if line.startswith("  ")]

    assert list_bars(30) == [f"class{index:02d}" for index in range(30)]
    largest, smallest = (
        [f"class{index:02d}" for index in numbers] for numbers in (range(30, 20, -1), range(9, -1, -1))
    )
    assert list_bars(31) == [*largest, "...", *smallest]


def test_one_image_under_two_classes_is_a_conflict() -> None:
    rows = [(f"{label}/{index}", label, f"h{index}") for index in range(7) for label in ("cat", "dog")]
    statistics = compute_statistics([make_split("all", rows)], Classes(("cat", "dog")))
    assert statistics["splits"]["all"]["conflicts"][0] == {"cat/0": "cat", "dog/0": "dog"}
    assert statistics["splits"]["all"]["num_duplicates"] == 7
    text = render_text(statistics)
    assert "all: the same image under different labels: cat/4 = 'cat', dog/4 = 'dog'" in text
    assert "cat/5" not in text
    assert "all: 2 more of these" in text
