"""Lists of formulas: what is read from the files beside each other, and what is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.data.formats import formula_list
from saccade.data.formats.entry import Entry, SourceListing
from saccade.data.formats.sources import read_source
from saccade.data.formats.targets import write_target
from saccade.data.pool import read_pool
from saccade.data.splits import load_split
from saccade.errors import InputError
from saccade.recipes.tables.data import FormulaListSource, Keep

FRACTION = r"\frac { 1 } { 2 }"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three formulas, of which the last is handwritten and harder."""
    (tmp_path / "images").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (20, 40, 3), np.uint8)
        (tmp_path / f"images/{number}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    (tmp_path / "gt.txt").write_text(f"0.png\tx ^ {{ 2 }}\n1.png\t{FRACTION}\n2.png\ta \\ b\n")
    (tmp_path / "tokens.txt").write_text("\n".join(["x", "^", "{", "}", "1", "2", r"\frac", "a", "b", "\\"]) + "\n")
    (tmp_path / "source.txt").write_text("0.png\t0\n1.png\t0\n2.png\t1\n")
    (tmp_path / "level.txt").write_text("0.png\t1\n1.png\t2\n2.png\t5\n")
    return tmp_path


def read(folder: Path, path: str = "gt.txt", **keys: str) -> SourceListing:
    return read_source(FormulaListSource(path=path, **keys), folder)


def refuse(folder: Path, *parts: str, **keys: str) -> None:
    with pytest.raises(InputError) as caught:
        read(folder, **keys)
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("path", [".", "gt.txt"])
def test_tokens_sources_and_levels(folder: Path, path: str) -> None:
    entries = read(folder, path).entries
    assert [entry.label for entry in entries] == ["x ^ { 2 }", FRACTION, "a \\ b"]
    assert [entry.source for entry in entries] == ["printed", "printed", "handwritten"]
    assert [entry.level for entry in entries] == ["1", "2", "5"]
    assert [entry.path for entry in entries] == [folder / "images" / f"{number}.png" for number in range(3)]
    assert entries[1].location == f"{folder / 'gt.txt'}:2"


def test_the_source_of_an_image_reaches_the_split(folder: Path) -> None:
    for name, expected in ((None, ["printed", "printed", "handwritten"]), ("all of them", ["all of them"] * 3)):
        split = load_split("train", (FormulaListSource(path=".", name=name),), folder)
        assert [entry.source for entry in split.entries] == expected
        assert [entry.level for entry in split.entries] == ["1", "2", "5"]


def test_without_the_files_beside_it_nothing_is_known(folder: Path) -> None:
    for name in ("tokens.txt", "source.txt", "level.txt"):
        (folder / name).unlink()
    assert {(entry.source, entry.level) for entry in read(folder).entries} == {(None, None)}


def test_other_spaces_are_put_right_and_counted(folder: Path) -> None:
    (folder / "gt.txt").write_text("0.png\tx  ^ { 2 } \r\n1.png\tx\r\n")
    listing = read(folder)
    assert [entry.label for entry in listing.entries] == ["x ^ { 2 }", "x"]
    assert listing.notes["labels_with_other_spaces"] == 1
    assert listing.notes["windows_line_ends"] == 2


def test_images_that_only_one_file_names_are_counted(folder: Path) -> None:
    (folder / "source.txt").write_text("0.png\t0\ngone.png\t1\n")
    listing = read(folder)
    assert [entry.source for entry in listing.entries] == ["printed", None, None]
    assert listing.notes == {"images_without_source": 2, "sources_of_no_image": 1}


def test_files_of_other_names(folder: Path) -> None:
    (folder / "kinds.txt").write_text("0.png\t1\n")
    (folder / "hard.txt").write_text("0.png\t4\n")
    entry = read(folder, sources="kinds.txt", levels="hard.txt").entries[0]
    assert (entry.source, entry.level) == ("handwritten", "4")


def test_a_token_outside_the_list(folder: Path) -> None:
    (folder / "gt.txt").write_text("0.png\tx\n1.png\tx + y\n2.png\ty\n")
    refuse(
        folder,
        "gt.txt:2: label 'x + y' holds '+', which is not in",
        "tokens.txt (and 1 more)",
        "add the token to the list",
    )
    (folder / "more.txt").write_text("x\ny\n+\n")
    assert len(read(folder, tokens="more.txt").entries) == 3


@pytest.mark.parametrize("listed", ["x\n^\nx\n", "x\n\n^\n", "x\na b\n", "\n", ""])
def test_a_list_of_tokens_with_duplicates_or_empty_lines(folder: Path, listed: str) -> None:
    (folder / "tokens.txt").write_text(listed)
    refuse(folder, "tokens.txt")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("source.txt", "0.png\t2\n", "source.txt:1: '2' is no source: those are 0, 1; correct the line"),
        ("level.txt", "0.png\t0\n", "level.txt:1: '0' is no level: those are 1, 2, 3, 4, 5; correct the line"),
        ("level.txt", "0.png\t1\n0.png\t2\n", "level.txt:2: '0.png' has another level above; correct the line"),
        ("level.txt", "0.png 1\n", "level.txt:1: no tab"),
        ("gt.txt", "", "the label file is empty"),
        ("gt.txt", "0.png\tx\ty\n", "gt.txt:1: 2 tabs"),
    ],
)
def test_what_is_refused(folder: Path, name: str, text: str, says: str) -> None:
    (folder / name).write_text(text)
    refuse(folder, says)


def test_a_file_that_the_source_names_must_be_there(folder: Path) -> None:
    for key in ("tokens", "sources", "levels"):
        refuse(folder, "gone.txt", **{key: "gone.txt"})
    refuse(folder, "nowhere: no such folder", images="nowhere")


@pytest.mark.parametrize("label", ["", " "])
def test_an_empty_formula_is_an_error_unless_it_is_filtered(folder: Path, label: str) -> None:
    (folder / "gt.txt").write_text(f"0.png\t{label}\n1.png\tx\n")
    with pytest.raises(InputError, match=r"gt.txt:1: empty label; give it one, or leave .* keep = { labelled = true }"):
        read_pool("train", (FormulaListSource(path="."),), folder)
    pool = read_pool("train", (FormulaListSource(path=".", keep=Keep(labelled=True)),), folder)
    assert [example.entry.id for example in pool.examples] == ["1.png"]


def test_tiny_and_very_wide_images(folder: Path) -> None:
    for name, shape in (("0.png", (1, 1)), ("1.png", (20, 10_000))):
        (folder / "images" / name).write_bytes(cv2.imencode(".png", np.zeros(shape, np.uint8))[1].tobytes())
    with pytest.raises(InputError, match=r"0.png: is only 1 x 1 px; repair or remove it"):
        load_split("train", (FormulaListSource(path="."),), folder)
    split = load_split("train", (FormulaListSource(path=".", keep=Keep(readable=True)),), folder)
    assert split.sizes_px[0] == (20, 10_000)
    assert split.dropped == {"unreadable": ["0.png"]}


def test_what_is_written_is_read_again(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    out = tmp_path_factory.mktemp("out")
    written = read(folder).entries
    write_target("formula_list", out, written)
    assert (out / "gt.txt").read_bytes() == (folder / "gt.txt").read_bytes()
    assert (out / "tokens.txt").read_text().split("\n") == ["1", "2", "\\", r"\frac", "^", "a", "b", "x", "{", "}", ""]
    for first, second in zip(written, read(out).entries, strict=True):
        assert (first.id, first.label, first.source, first.level) == (
            second.id,
            second.label,
            second.source,
            second.level,
        )


def test_nothing_is_written_of_what_nobody_knows(tmp_path: Path) -> None:
    entries = [Entry("a.png", "x", "", None), Entry("b.png", "y", "", None, source="somewhere", level="3")]
    formula_list.write(tmp_path, ["a.png", "b.png"], entries)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gt.txt", "level.txt", "tokens.txt"]
    assert (tmp_path / "level.txt").read_text() == "b.png\t3\n"


def test_a_label_that_is_no_list_of_tokens_is_not_written(tmp_path: Path) -> None:
    image = cv2.imencode(".png", np.zeros((4, 4), np.uint8))[1].tobytes()
    for label in ("a  b", "a\tb"):
        out = tmp_path / repr(label)
        out.mkdir()
        with pytest.raises(InputError):
            write_target("formula_list", out, [Entry("a.png", label, "", None, read=lambda: image)])
