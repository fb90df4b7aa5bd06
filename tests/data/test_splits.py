"""Splits: strict by default, filters that count, a validation part that depends on content alone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from saccade.data.splits import Splits, describe_splits, load_split, load_splits
from saccade.data.synthetic.plates import draw_plate
from saccade.errors import InputError
from saccade.recipes.tables.data import DataTable, Keep, SyntheticPlatesSource, TsvSource
from saccade.recipes.tables.read import TextTable
from saccade.records.fingerprint import manifest_digest


def write_image(path: Path, seed: int, size: tuple[int, int] = (8, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def write_source(folder: Path, name: str, labels: Mapping[str, str], first_seed: int = 0) -> None:
    for seed, image in enumerate(labels, start=first_seed):
        write_image(folder / image, seed)
    rows = "".join(f"{image}\t{label}\n" for image, label in labels.items())
    (folder / name).write_text(rows, encoding="utf-8")


def make_labels(count: int, prefix: str = "t") -> dict[str, str]:
    return {f"{prefix}{index:03d}.png": f"A{index % 10}" for index in range(count)}


def load(folder: Path, keep: Keep | None = None, val: bool = False, **options: Any) -> Splits:
    train, val_part = (TsvSource(path=f"{name}.tsv", keep=keep or Keep()) for name in ("train", "val"))
    table = DataTable(root=str(folder), train=(train,), val=(val_part,) if val else ())
    return load_splits(table, **options)


def refuse(folder: Path, *parts: str, **options: Any) -> None:
    with pytest.raises(InputError) as caught:
        load(folder, **options)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_validation_is_taken_by_content(tmp_path: Path) -> None:
    labels = make_labels(40)
    write_source(tmp_path, "train.tsv", labels)
    splits = load(tmp_path)
    assert (len(splits.train.entries), len(splits.val.entries), splits.test) == (36, 4, None)
    val = {entry.id for entry in splits.val.entries}
    assert val.isdisjoint(entry.id for entry in splits.train.entries)
    shuffled = reversed(labels.items())
    (tmp_path / "train.tsv").write_text("".join(f"{image}\t{label}\n" for image, label in shuffled))
    again = load(tmp_path)
    assert {entry.id for entry in again.val.entries} == val
    assert (again.train.digest, again.val.digest) == (splits.train.digest, splits.val.digest)
    assert splits.val_fraction == 0.1


def test_duplicates_stay_together(tmp_path: Path) -> None:
    labels = make_labels(30)
    write_source(tmp_path, "train.tsv", labels)
    for image in labels:
        (tmp_path / f"copy_{image}").write_bytes((tmp_path / image).read_bytes())
    rows = [f"{prefix}{image}\t{label}\n" for prefix in ("", "copy_") for image, label in labels.items()]
    (tmp_path / "train.tsv").write_text("".join(rows))
    splits = load(tmp_path)
    assert len(splits.val.entries) == 6
    assert splits.overlap == {"val_in_train": 0}
    assert {f"copy_{entry.id}" for entry in splits.val.entries if not entry.id.startswith("copy_")} <= {
        entry.id for entry in splits.val.entries
    }


def test_one_image_leaves_nothing_to_train_on(tmp_path: Path) -> None:
    write_source(tmp_path, "train.tsv", make_labels(1))
    refuse(tmp_path, "val_fraction", "[[data.val]]")
    write_source(tmp_path, "train.tsv", make_labels(2))
    assert len(load(tmp_path).val.entries) == 1


def test_overlap_between_given_splits_is_counted(tmp_path: Path) -> None:
    write_source(tmp_path, "train.tsv", make_labels(6))
    write_source(
        tmp_path, "val.tsv", make_labels(3, "v"), first_seed=5
    )  # the first has the content of the last of train
    splits = load(tmp_path, val=True)
    assert splits.overlap == {"val_in_train": 1}
    assert splits.val_fraction is None


def test_sizes_hashes_and_digest_belong_to_the_entries(tmp_path: Path) -> None:
    write_source(tmp_path, "train.tsv", make_labels(3))
    write_image(tmp_path / "t001.png", 99, (10, 30))
    split = load_split("train", (TsvSource(path="train.tsv"),), tmp_path)
    assert split.sizes_px == ((8, 20), (10, 30), (8, 20))
    rows = [(e.id, h, e.label) for e, h in zip(split.entries, split.content_hashes, strict=True)]
    assert split.digest == manifest_digest(rows)


def test_several_sources_share_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_source(tmp_path / name, "train.tsv", make_labels(3), first_seed=ord(name))
    sources = tuple(TsvSource(path=f"{name}/train.tsv", weight=2.0 if name == "b" else 1.0) for name in "ab")
    split = load_split("train", sources, tmp_path)
    assert [entry.id for entry in split.entries][2:4] == ["0/t002.png", "1/t000.png"]
    assert [entry.weight for entry in split.entries] == [1.0] * 3 + [2.0] * 3
    assert [(share.path, share.count) for share in split.sources] == [("a/train.tsv", 3), ("b/train.tsv", 3)]


def spoil_missing(folder: Path) -> None:
    (folder / "t001.png").unlink()


def spoil_content(folder: Path) -> None:
    (folder / "t001.png").write_bytes(b"no image")


def spoil_size(folder: Path) -> None:
    write_image(folder / "t001.png", 0, (1, 1))


def spoil_label(folder: Path) -> None:
    path = folder / "train.tsv"
    path.write_text(path.read_text().replace("t001.png\tA1", "t001.png\t"))


def spoil_name(folder: Path) -> None:
    path = folder / "train.tsv"
    path.write_text(path.read_text() + "t001.png\tA9\n")


@pytest.mark.parametrize(
    ("spoil", "parts", "keep", "reason"),
    [
        (spoil_missing, ["train.tsv:2", "t001.png: no such image"], "readable", "unreadable"),
        (spoil_content, ["train.tsv:2", "t001.png: cannot be decoded"], "readable", "unreadable"),
        (spoil_size, ["train.tsv:2", "t001.png: is only 1 x 1 px"], "readable", "unreadable"),
        (spoil_label, ["train.tsv:2: empty label"], "labelled", "unlabelled"),
        (spoil_name, ["train.tsv:13: the name 't001.png' was there before", "train.tsv:2"], "unique", "repeated_name"),
    ],
)
def test_bad_examples_are_errors_unless_kept_out(
    tmp_path: Path, spoil: Any, parts: list[str], keep: str, reason: str
) -> None:
    write_source(tmp_path, "train.tsv", make_labels(12))
    spoil(tmp_path)
    refuse(tmp_path, *parts, f"keep = {{ {keep} = true }}")
    splits = load(tmp_path, Keep(**{keep: True}))
    assert splits.train.dropped == {reason: ["t001.png"]}
    num_kept = len(splits.train.entries) + len(splits.val.entries)
    assert num_kept == (12 if spoil is spoil_name else 11)


def test_one_line_says_how_many_more(tmp_path: Path) -> None:
    write_source(tmp_path, "train.tsv", make_labels(5))
    for index in range(3):
        (tmp_path / f"t00{index}.png").unlink()
    refuse(tmp_path, "train.tsv:1", "t000.png: no such image", "(and 2 more)")


def test_characters_outside_the_charset(tmp_path: Path) -> None:
    write_source(tmp_path, "train.tsv", make_labels(8))
    refuse(
        tmp_path,
        "train.tsv:3: label 'A2'",
        "'2' (U+0032)",
        "(and 5 more)",
        "[text] charset",
        text=TextTable(charset="A01"),
    )
    splits = load(tmp_path, Keep(in_charset=True), text=TextTable(charset="A01"))
    assert splits.units.characters == "01A"
    assert {entry.label for split in splits.all() for entry in split.entries} == {"A0", "A1"}
    assert sum(len(split.dropped.get("not_in_charset", [])) for split in splits.all()) == 6


def test_validation_labels_must_be_made_of_training_characters(tmp_path: Path) -> None:
    write_source(tmp_path, "train.tsv", make_labels(4))
    write_source(tmp_path, "val.tsv", {"v.png": "A0", "w.png": "서"}, first_seed=50)
    refuse(tmp_path, "val.tsv:2: label '서'", "U+C11C", "in_charset = true", val=True)
    splits = load(tmp_path, Keep(in_charset=True), val=True)
    assert splits.val.dropped == {"not_in_charset": ["w.png"]}
    assert len(load(tmp_path, val=True, text=TextTable(charset="A0123서")).val.entries) == 2


def test_the_charset_holds_what_only_the_taken_validation_part_has(tmp_path: Path) -> None:
    write_source(tmp_path, "train.tsv", {f"{index}.png": chr(ord("a") + index) for index in range(10)})
    assert load(tmp_path).units.characters == "abcdefghij"


def test_labels_must_fit_into_the_time_steps(tmp_path: Path) -> None:
    write_source(tmp_path, "train.tsv", {"a.png": "AAB", "b.png": "ABC", "c.png": "A", "d.png": "B"})
    refuse(tmp_path, "train.tsv:1: label 'AAB' needs 4", "has 3", "width_px", "fits = true", num_steps=3)
    splits = load(tmp_path, Keep(fits=True), num_steps=3)
    assert splits.train.dropped == {"does_not_fit": ["a.png"]}
    assert load(tmp_path, num_steps=4).train.dropped == {}


def test_filters_by_choice_drop_and_count(tmp_path: Path) -> None:
    labels = {"a.png": "A", "b.png": "AB", "c.png": "ABC", "d.png": "ABCD", "e.png": "BA"}
    write_source(tmp_path, "train.tsv", labels)
    splits = load(tmp_path, Keep(min_length=2, max_length=3))
    assert splits.train.dropped == {"too_short": ["a.png"], "too_long": ["d.png"]}
    refuse(
        tmp_path,
        "train.tsv:1: length 1 (and 4 more)",
        "keep.min_length no image is left",
        keep=Keep(min_length=9),
    )


def divide_by_content(folder: Path, names: list[str], at: float) -> Splits:
    """Train on what lies below a place and validate on the rest of the same label file, whose lines are in this order."""
    (folder / "all.tsv").write_text("".join(f"{name}\tAB\n" for name in names), encoding="utf-8")
    low, high = (
        TsvSource(path="all.tsv", images="images", keep=keep) for keep in (Keep(hash_below=at), Keep(hash_from=at))
    )
    return load_splits(DataTable(root=str(folder), train=(low,), val=(high,)))


def test_one_label_file_is_divided_by_content_whatever_its_order(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(60)]
    for number, name in enumerate(names):
        write_image(tmp_path / "images" / name, seed=number)
    splits = divide_by_content(tmp_path, names, 0.8)
    train, val = ({entry.id for entry in split.entries} for split in (splits.train, splits.val))
    assert train | val == set(names)
    assert not train & val
    assert 3 <= len(val) <= 24  # of 60 with probability 0.2: 4.5 deviations down, 4 up
    assert splits.train.dropped == {"other_hash": [name for name in names if name in val]}
    turned = divide_by_content(tmp_path, names[::-1], 0.8)
    assert {entry.id for entry in turned.val.entries} == val
    wider = divide_by_content(tmp_path, names, 0.5)
    assert val < {entry.id for entry in wider.val.entries}


def test_images_of_one_content_stay_on_one_side(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(60)]
    for number, name in enumerate(names):
        write_image(tmp_path / "images" / name, seed=number // 2)
    splits = divide_by_content(tmp_path, names, 0.5)
    assert splits.overlap == {"val_in_train": 0}
    val = {int(entry.id.removesuffix(".png")) for entry in splits.val.entries}
    assert {number ^ 1 for number in val} == val
    assert 0 < len(val) < 60


def test_bounds_that_keep_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"hash_from 0\.8 is not below hash_below 0\.8"):
        Keep(hash_from=0.8, hash_below=0.8)


def test_an_entry_knows_the_name_of_its_source(tmp_path: Path) -> None:
    write_source(tmp_path, "train.tsv", make_labels(3))
    named, bare = TsvSource(path="train.tsv", name="uz"), TsvSource(path="train.tsv")
    splits = load_splits(DataTable(root=str(tmp_path), train=(named, bare), val=(named,)))
    assert [entry.source for entry in splits.train.entries] == ["uz"] * 3 + [None] * 3


@pytest.mark.parametrize(
    ("keep", "left", "dropped"),
    [
        (Keep(), ["a.png", "b.png", "c.png"], {}),
        (Keep(fits=True), ["a.png", "c.png"], {"does_not_fit": ["b.png"]}),
        (Keep(in_charset=True), ["a.png", "b.png"], {"not_in_charset": ["c.png"]}),
    ],
    ids=["everything", "what fits", "what can be read"],
)
def test_one_split_alone_loses_what_its_source_drops_in_training(
    keep: Keep, left: list[str], dropped: dict[str, list[str]], tmp_path: Path
) -> None:
    write_source(tmp_path, "test.tsv", {"a.png": "AB", "b.png": "ABBA", "c.png": "AZ"})
    source, text = TsvSource(path="test.tsv", keep=keep), TextTable(charset="AB")
    split = load_split("test", (source,), tmp_path, text, max_length=3)
    assert [entry.id for entry in split.entries] == left
    assert split.dropped == dropped


def test_lines_of_synthetic_plates_can_be_chosen() -> None:
    source = SyntheticPlatesSource(num_images=8, two_line_fraction=0.5, keep=Keep(num_lines=1))
    split = load_split("train", (source,), Path("."))
    assert {entry.num_lines for entry in split.entries} == {1}
    assert len(split.dropped["other_num_lines"]) == 8 - len(split.entries)


def test_lines_of_photographs_are_counted_where_a_filter_asks(tmp_path: Path) -> None:
    rows = []
    for number, layout in enumerate(("AAA/000", "AAA 000", "AA/0000")):
        plate = draw_plate(1, number, layouts=(layout,), difficulty=0.0)
        cv2.imwrite(str(tmp_path / f"{number}.png"), plate.image[:, :, ::-1])
        rows.append(f"{number}.png\t{plate.text}\n")
    (tmp_path / "labels.tsv").write_text("".join(rows), encoding="utf-8")
    for wanted, kept in ((1, ["1.png"]), (2, ["0.png", "2.png"])):
        source = TsvSource(path=str(tmp_path / "labels.tsv"), keep=Keep(num_lines=wanted))
        split = load_split("train", (source,), tmp_path)
        assert [entry.id for entry in split.entries] == kept
        assert len(split.dropped["other_num_lines"]) == 3 - len(kept)
    everything = load_split("train", (TsvSource(path=str(tmp_path / "labels.tsv")),), tmp_path).entries
    assert [entry.num_lines for entry in everything] == [None] * 3


def test_the_description_is_what_the_record_needs(tmp_path: Path) -> None:
    write_source(tmp_path, "train.tsv", make_labels(12))
    content = (tmp_path / "train.tsv").read_text()
    (tmp_path / "train.tsv").write_bytes(content.replace("\n", "\r\n").encode())
    spoil_missing(tmp_path)
    described = describe_splits(load(tmp_path, Keep(readable=True)))
    train = described["splits"]["train"]
    assert train["count"] == 10
    assert train["dropped"] == {"unreadable": ["t001.png"]}
    assert train["notes"] == {"windows_line_ends": 12}
    assert train["sources"][0] | {"digest": ""} == {
        "format": "tsv",
        "path": "train.tsv",
        "count": 10,
        "digest": "",
        "dropped": {"unreadable": ["t001.png"]},
        "notes": {"windows_line_ends": 12},
    }
    assert described["splits"]["val"]["count"] == 1
    assert described["charset"] == "0123456789A"
    assert described["overlap"] == {"val_in_train": 0}


def test_drawn_plates_stay_in_train(tmp_path: Path) -> None:
    write_source(tmp_path, "train.tsv", make_labels(20))
    drawn = SyntheticPlatesSource(num_images=30)
    splits = load_splits(DataTable(root=str(tmp_path), train=(TsvSource(path="train.tsv"), drawn)))
    assert [entry.path is None for entry in splits.val.entries] == [False, False]
    assert len(splits.train.entries) == 48


def test_images_may_lie_in_their_own_folder(tmp_path: Path) -> None:
    labels = make_labels(10)
    for seed, name in enumerate(labels):
        write_image(tmp_path / "images" / name, seed)
    (tmp_path / "train.tsv").write_text("".join(f"{name}\t{label}\n" for name, label in labels.items()))
    assert {entry.path.parent.name for entry in load(tmp_path).train.entries if entry.path} == {"images"}


@pytest.mark.parametrize("name", ["plates_uz", "plates_cn"])
def test_real_plates_pass(real_set: Callable[[str], Path], name: str) -> None:
    keep = Keep(in_charset=True)
    sources = [TsvSource(path=f"{name}/{part}.tsv", images=f"{name}/images", keep=keep) for part in ("train", "val")]
    splits = load_splits(
        DataTable(root=str(real_set(name).parent), train=(sources[0],), val=(sources[1],)), num_steps=40
    )
    assert splits.train.dropped == {}
    assert len(splits.train.entries) == {"plates_uz": 1870, "plates_cn": 600}[name]
