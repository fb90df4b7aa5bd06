"""What is written in each format is what was read, and nothing leaves its folder."""

import json
import unicodedata
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest

from saccade.data.formats import tsv
from saccade.data.formats.discover import discover
from saccade.data.formats.entry import Entry
from saccade.data.formats.sources import read_source
from saccade.data.formats.targets import Target, read_bytes, write_target
from saccade.errors import InputError
from saccade.recipes.tables.data import SyntheticPlatesSource

LABELS = ["서울12가3456", "皖A·88888", "a b  c", "-1", 'say "A,B"', "NA", "é", "나", "[1]", "#x", "0"]
NAMES = [
    "a b.png",
    "sub/나.png",
    "sub/sub/皖.png",
    "x,y.png",
    "[1].png",
    "-.png",
    "#.png",
    "Ä.PNG",
    "7",
    "'.png",
    "é.png",
]


def make_png(seed: int) -> bytes:
    return cv2.imencode(".png", np.random.default_rng(seed).integers(0, 255, (6, 9, 3), np.uint8))[1].tobytes()


def make_entries(folder: Path, names: list[str] = NAMES, labels: list[str] = LABELS) -> list[Entry]:
    entries = []
    for number, (name, label) in enumerate(zip(names, labels, strict=True)):
        path = folder / "images" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_png(number))
        entries.append(Entry(name, label, str(path), path))
    return entries


def write(target: Target, folder: Path, entries: list[Entry]) -> Path:
    folder.mkdir()
    write_target(target, folder, entries)
    return folder


def skip_without(target: Target) -> None:
    if target == "lmdb":
        pytest.importorskip("lmdb")


@pytest.mark.parametrize("target", get_args(Target))
def test_round_trip(target: Target, tmp_path: Path) -> None:
    skip_without(target)
    labels = [" ".join(label.split()) for label in LABELS] if target == "formula_list" else LABELS
    out = write(target, tmp_path / "out", make_entries(tmp_path, labels=labels))
    found = discover(out).sources["train"]  # as `saccade new` finds it
    read = read_source(found, Path("/")).entries
    assert [entry.label for entry in read] == labels
    assert [read_bytes(entry) for entry in read] == [make_png(number) for number in range(len(LABELS))]


@pytest.mark.parametrize("target", get_args(Target))
def test_files_and_names_are_those_that_each_program_wants(target: Target, tmp_path: Path) -> None:
    skip_without(target)
    out = write(target, tmp_path / "out", make_entries(tmp_path, ["a.png"], ["A,B"]))
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    labels = {
        "tsv": ("labels.tsv", "images/a.png\tA,B\n"),
        "csv": ("annotations.csv", 'image_path,plate_text\nimages/a.png,"A,B"\n'),
        "paddleocr": ("rec_gt.txt", "images/a.png\tA,B\n"),
        "dtrb": ("gt.txt", "images/a.png\tA,B\n"),
        "doctr": ("labels.json", '{\n  "a.png": "A,B"\n}\n'),
        "formula_list": ("gt.txt", "a.png\tA,B\n"),
    }
    if target == "lmdb":
        assert files == ["data.mdb"]
        return
    name, text = labels[target]
    assert sorted(files) == sorted([name, "images/a.png", *(["tokens.txt"] if target == "formula_list" else [])])
    assert (out / name).read_bytes().decode() == text


@pytest.mark.parametrize("target", ["tsv", "paddleocr", "dtrb"])
@pytest.mark.parametrize("text", ["A\tB", "A\nB", "A\rB", "A\0B"])
def test_a_tab_or_line_end_is_refused_with_the_cure(target: Target, text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a tab or line end; write CSV instead"):
        write(target, tmp_path / "out", make_entries(tmp_path, ["a.png"], [text]))


@pytest.mark.parametrize("text", ["A\rB", "A\0B"])
def test_csv_refuses_a_carriage_return(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a carriage return or NUL; write doctr or lmdb"):
        write("csv", tmp_path / "out", make_entries(tmp_path, ["a.png"], [text]))


@pytest.mark.parametrize(
    ("target", "text"), [("csv", "A\tB"), ("csv", "A\nB"), ("doctr", "A\tB\r\n"), ("lmdb", "\t\0")]
)
def test_the_other_formats_hold_them(target: Target, text: str, tmp_path: Path) -> None:
    skip_without(target)
    out = write(target, tmp_path / "out", make_entries(tmp_path, ["a.png"], [text]))
    assert read_source(discover(out).sources["train"], Path("/")).entries[0].label == text


def test_a_text_that_does_not_come_back_is_an_error(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "é")
    with pytest.raises(InputError, match=r"0\.png: 'images/a\.png' with text '.+' comes back from this format as 'é';"):
        write("csv", tmp_path / "out", make_entries(tmp_path, ["a.png"], [decomposed]))


def test_names_stay_in_the_folder_and_differ(tmp_path: Path) -> None:
    names = ["/etc/a.png", "../../a.png", "etc/a.png", "..", "000000001", "a.txt"]
    entries = make_entries(tmp_path, names, list("ABCDEF"))
    (tmp_path / "out").mkdir()
    written = write_target("tsv", tmp_path / "out", entries)
    lines, _ = tsv.read_lines(tmp_path / "out/labels.tsv")
    assert [line.name.removeprefix("images/") for line in lines] == [
        "etc/a.png",
        "a.png",
        "etc/a-2.png",
        "image.png",
        "000000001.png",
        "a.txt.png",
    ]
    assert written.names == tuple(line.name for line in lines)
    assert written.num_encoded == 0
    assert {path.name for path in tmp_path.iterdir()} == {"images", "out"}


def test_a_name_that_the_folder_was_part_of_keeps_it_once(tmp_path: Path) -> None:
    names = ["images/a.png", "images/images/b.png", "a.png", "images"]
    entries = make_entries(tmp_path, names, list("ABCD"))
    prefixes: dict[Target, str] = {"tsv": "images/", "doctr": ""}
    for target, before in prefixes.items():
        out = tmp_path / target
        out.mkdir()
        written = write_target(target, out, entries)
        assert written.names == tuple(f"{before}{name}" for name in ("a.png", "images/b.png", "a-2.png", "images.png"))


@pytest.mark.parametrize(
    ("suffix", "kept"), [(".jpg", ".jpg"), (".bmp", ".bmp"), (".webp", ".webp"), (".tiff", ".tif")]
)
def test_an_image_without_a_suffix_gets_the_one_of_its_kind(suffix: str, kept: str, tmp_path: Path) -> None:
    content = cv2.imencode(suffix, np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    entry = Entry("000000001", "A", "here", None, read=lambda: content)
    out = write("doctr", tmp_path / "out", [entry])
    assert json.loads((out / "labels.json").read_text()) == {f"000000001{kept}": "A"}
    assert (out / f"images/000000001{kept}").read_bytes() == content


def test_drawn_images_become_png(tmp_path: Path) -> None:
    entries = read_source(SyntheticPlatesSource(num_images=3), tmp_path).entries
    (tmp_path / "out").mkdir()
    written = write_target("csv", tmp_path / "out", entries)
    assert (len(written.names), written.num_encoded) == (3, 3)
    read = read_source(discover(tmp_path / "out").sources["train"], Path("/")).entries
    for drawn, stored in zip(entries, read, strict=True):
        assert drawn.draw is not None
        assert stored.path is not None
        np.testing.assert_array_equal(cv2.imread(str(stored.path), cv2.IMREAD_COLOR_RGB), drawn.draw())
