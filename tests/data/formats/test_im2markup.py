"""Lists of im2markup: both forms of their lines, and numbers of formulas that there are not."""

from pathlib import Path

import pytest

from saccade.data.formats.entry import SourceListing
from saccade.data.formats.sources import read_source
from saccade.errors import InputError
from saccade.recipes.tables.data import Im2markupSource

FORMULAS = ["x ^ { 2 }", r"\frac { 1 } { 2 }", "a + b"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "formulas.lst").write_text("\n".join(FORMULAS) + "\n")
    (tmp_path / "train.lst").write_text("2 60ee748793 basic\n0 a/66667cee5b basic\n")
    return tmp_path


def read(folder: Path, **keys: str | bool) -> SourceListing:
    return read_source(Im2markupSource.model_validate({"path": "train.lst", **keys}), folder)


def refuse(folder: Path, *parts: str, **keys: str) -> None:
    with pytest.raises(InputError) as caught:
        read(folder, **keys)
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_numbers_name_formulas_from_0_on(folder: Path) -> None:
    entries = read(folder).entries
    assert [(entry.id, entry.label) for entry in entries] == [
        ("60ee748793.png", "a + b"),
        ("a/66667cee5b.png", "x ^ { 2 }"),
    ]
    assert entries[1].location == f"{folder / 'train.lst'}:2"
    assert entries[1].path == folder / "a/66667cee5b.png"


def test_the_other_form_has_the_image_first(folder: Path) -> None:
    (folder / "train.lst").write_text("one.jpg 1\n\ntwo.PNG 2\n")
    listing = read(folder)
    assert [(entry.id, entry.label) for entry in listing.entries] == [
        ("one.jpg", FORMULAS[1]),
        ("two.PNG", FORMULAS[2]),
    ]
    assert listing.notes == {"blank_lines": 1}


def test_suffix_images_and_formulas_of_other_names(folder: Path) -> None:
    (folder / "formulas.lst").rename(folder / "im2latex_formulas.lst")
    (folder / "pictures").mkdir()
    entry = read(folder, formulas="im2latex_formulas.lst", images="pictures", suffix=".jpg").entries[0]
    assert entry.path == folder / "pictures/60ee748793.jpg"
    assert read(folder, formulas="im2latex_formulas.lst", suffix="").entries[0].id == "60ee748793"


def test_a_carriage_return_alone_ends_no_line(folder: Path) -> None:
    (folder / "formulas.lst").write_bytes(b"x\r y\r\nz\n")
    (folder / "train.lst").write_text("0 a basic\n1 b basic\n")
    listing = read(folder)
    assert [entry.label for entry in listing.entries] == ["x y", "z"]
    assert listing.notes["labels_with_other_spaces"] == 1


def test_formulas_as_they_were_written_become_tokens(folder: Path) -> None:
    (folder / "formulas.lst").write_text("x^2+\\frac12\n")
    (folder / "train.lst").write_text("0 a basic\n")
    assert read(folder).entries[0].label == "x^2+\\frac12"
    assert read(folder, normalise=True).entries[0].label == r"x ^ { 2 } + \frac { 1 } { 2 }"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("3 a basic", "train.lst:1: there is no formula 3: "),
        ("99999999999999999999 a basic", "is no number of a formula"),
        ("-1 a basic", "train.lst:1: '-1' is no number of a formula; correct the line"),
        ("x a basic", "train.lst:1: 'x' is no number of a formula"),
        ("7", "train.lst:1: '7' is neither <line> <image> <kind> nor <image> <line>"),
        ("1 a b c", "is neither"),
    ],
)
def test_what_is_refused(folder: Path, line: str, says: str) -> None:
    (folder / "train.lst").write_text(f"{line}\n0 b basic\n")
    refuse(folder, says)


def test_how_many_formulas_there_are_is_said(folder: Path) -> None:
    (folder / "train.lst").write_text("3 a basic\n4 b basic\n")
    refuse(folder, "formulas.lst has 0 to 2 (and 1 more); correct the line")


def test_missing_files(folder: Path) -> None:
    refuse(folder, "gone.lst: no such label file", formulas="gone.lst")
    refuse(folder, "no such folder", images="gone")


def test_an_empty_formula_has_the_empty_label(folder: Path) -> None:
    (folder / "formulas.lst").write_text("x\n\ny\n")
    (folder / "train.lst").write_text("1 a basic\n2 b basic\n")
    assert [entry.label for entry in read(folder).entries] == ["", "y"]
