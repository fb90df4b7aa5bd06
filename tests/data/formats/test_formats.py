"""Every format in, two of them out: what is read, what is counted, and what one line says about a bad file."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from saccade.data.formats import csv, tsv
from saccade.data.formats.sources import read_source
from saccade.errors import InputError
from saccade.recipes.tables.data import (
    CsvSource,
    FilenameSource,
    FolderSource,
    SourceTable,
    SyntheticPlatesSource,
    TsvSource,
)


def read_tsv(folder: Path, content: bytes | str) -> dict[str, str]:
    (folder / "train.tsv").write_bytes(content.encode() if isinstance(content, str) else content)
    return {entry.id: entry.label for entry in read_source(TsvSource(path="train.tsv"), folder).entries}


def notes_of(folder: Path, content: bytes | str) -> dict[str, int]:
    read_tsv(folder, content)
    return read_source(TsvSource(path="train.tsv"), folder).notes


def refuse(folder: Path, source: SourceTable, *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        read_source(source, folder)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_tsv_entries(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "train.tsv").write_text("a b.jpg\tAB 1\n./sub/나.JPG\t서울12가\nc.png\t\n", encoding="utf-8")
    listing = read_source(TsvSource(path="train.tsv", images="pictures", weight=2.0), tmp_path)
    assert [(entry.id, entry.label) for entry in listing.entries] == [
        ("a b.jpg", "AB 1"),
        ("sub/나.JPG", "서울12가"),
        ("c.png", ""),
    ]
    assert listing.entries[1].path == tmp_path / "pictures/sub/나.JPG"
    assert listing.entries[1].location == f"{tmp_path}/train.tsv:2"
    assert {entry.weight for entry in listing.entries} == {2.0}
    assert listing.notes == {}


def test_absolute_paths_stay_absolute(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg")
    (tmp_path / "train.tsv").write_text("a.jpg\tA\n")
    source = TsvSource(path=str(tmp_path / "train.tsv"), images=str(tmp_path / "images"))
    assert read_source(source, Path("/elsewhere")).entries[0].path == tmp_path / "images/a.jpg"


def test_decomposed_labels_are_composed_and_counted(tmp_path: Path) -> None:
    content = f"a.jpg\t{unicodedata.normalize('NFD', '서울12가')}\nb.jpg\t皖A\n"
    assert read_tsv(tmp_path, content) == {"a.jpg": "서울12가", "b.jpg": "皖A"}
    assert notes_of(tmp_path, content) == {"decomposed_labels": 1}


def test_windows_line_ends_and_a_mark_never_reach_labels_or_names(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfa.jpg\tAB\r\nb.jpg\tCD\r\n"
    assert read_tsv(tmp_path, content) == {"a.jpg": "AB", "b.jpg": "CD"}
    assert notes_of(tmp_path, content) == {"windows_line_ends": 2, "byte_order_mark": 1}


def test_separators_of_other_scripts_do_not_end_a_line(tmp_path: Path) -> None:
    assert read_tsv(tmp_path, "a.jpg\tA\u2028B\x0cC\n") == {"a.jpg": "A\u2028B\x0cC"}


def test_blank_lines_and_outer_spaces_are_counted(tmp_path: Path) -> None:
    content = "a.jpg\tA \n\n  \nb.jpg\tB"
    assert read_tsv(tmp_path, content) == {"a.jpg": "A ", "b.jpg": "B"}
    assert notes_of(tmp_path, content) == {"blank_lines": 2, "labels_with_outer_spaces": 1}


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("a.jpg\tA\nb.jpg B\nc.jpg C\n", ["train.tsv:2: no tab", "(and 1 more)"]),
        ("a.jpg\tA\tB\n", ["train.tsv:1: 2 tabs"]),
        ("\tA\n", ["train.tsv:1: no file name"]),
        ("", ["train.tsv: the label file is empty"]),
        ("\n \n", ["train.tsv: the label file is empty"]),
        ("a.jpg\tA\n".encode("utf-16"), ["train.tsv: not UTF-8 but probably UTF-16", "save it as UTF-8"]),
        ("a.jpg\tA\n".encode("utf-16-le"), ["train.tsv: not UTF-8 but probably UTF-16"]),
        ("a.jpg\tA\nb.jpg\tÄ\n".encode("latin-1"), ["train.tsv:2: not UTF-8 (byte 14", "save it as UTF-8"]),
        ("a.jpg\t서울\n".encode("cp949"), ["train.tsv:1: not UTF-8 (byte 6", "save it as UTF-8"]),
    ],
)
def test_a_label_file_that_is_not_as_it_should_be(tmp_path: Path, content: bytes | str, parts: list[str]) -> None:
    (tmp_path / "train.tsv").write_bytes(content.encode() if isinstance(content, str) else content)
    refuse(tmp_path, TsvSource(path="train.tsv"), *parts)


@pytest.mark.parametrize("make_source", [TsvSource, CsvSource])
def test_what_is_missing_is_named(tmp_path: Path, make_source: type[TsvSource] | type[CsvSource]) -> None:
    refuse(tmp_path, make_source(path="gone.tsv"), "gone.tsv: no such label file", "data root")
    refuse(tmp_path, make_source(path="."), "cannot be read")
    content = {TsvSource: "1.jpg\tA\n", CsvSource: "image_path,plate_text\n"}[make_source]
    (tmp_path / "train.tsv").write_text(content, encoding="utf-8")
    refuse(tmp_path, make_source(path="train.tsv", images="gone"), "gone: no such folder", "`images`")
    refuse(tmp_path, make_source(path="train.tsv", images="train.tsv"), "is a file, not a folder")


def test_csv_reads_its_two_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'text,extra,file\r\n"A,1",x,a.jpg\r\n,y,b.jpg\r\n')
    source = CsvSource(path="a.csv", image_column="file", text_column="text")
    listing = read_source(source, tmp_path)
    assert [(entry.id, entry.label) for entry in listing.entries] == [("a.jpg", "A,1"), ("b.jpg", "")]
    assert listing.entries[0].location.endswith("a.csv:2")
    assert listing.notes == {"windows_line_ends": 3, "columns_not_read": 1}


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (
            "image_paths,plate_text\na,b\n",
            ["a.csv: no column 'image_path'", "did you mean 'image_paths'", "image_column"],
        ),
        ("image_path,x\na,b\n", ["no column 'plate_text'", "text_column"]),
        ("image_path,plate_text\na.jpg\n,B\n", ["a.csv:2: too few cells", "(and 1 more)"]),
        ("image_path,plate_text\na.jpg,A,B\n", ["a.csv:2: too many cells", "double quotes"]),
        ('image_path,plate_text\na.jpg,"A\n', ["a.csv:", "not CSV"]),
    ],
)
def test_a_csv_that_is_not_as_it_should_be(tmp_path: Path, content: str, parts: list[str]) -> None:
    (tmp_path / "a.csv").write_text(content)
    refuse(tmp_path, CsvSource(path="a.csv"), *parts)


def test_labels_in_file_names(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "서울12가")
    touch(tmp_path, "AB1_0.jpg", "sub/CD2_7.PNG", f"{decomposed}_1.bmp", "notes.txt", ".hidden.jpg", "_x.jpg")
    listing = read_source(FilenameSource(path="."), tmp_path)
    labels = {entry.id: entry.label for entry in listing.entries}
    assert labels == {"AB1_0.jpg": "AB1", "sub/CD2_7.PNG": "CD2", f"{decomposed}_1.bmp": "서울12가", "_x.jpg": ""}
    assert listing.notes == {"decomposed_labels": 1, "other_files": 2}
    hangul = read_source(FilenameSource(path=".", pattern="(?P<text>[가-힣0-9]{3,})"), tmp_path)
    assert "서울12가" in {entry.label for entry in hangul.entries}


def test_folders_are_labels(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.jpg", "dog/1.JPEG", "dog/more.txt")
    listing = read_source(FolderSource(path="."), tmp_path)
    assert [(entry.id, entry.label) for entry in listing.entries] == [("cat/1.jpg", "cat"), ("dog/1.JPEG", "dog")]
    assert listing.notes == {"other_files": 1}
    touch(tmp_path, "astray.jpg")
    refuse(tmp_path, FolderSource(path="."), "astray.jpg: lies in no label folder", "move it into one")


@pytest.mark.parametrize("make_source", [FilenameSource, FolderSource])
def test_a_folder_without_images(tmp_path: Path, make_source: type[FilenameSource] | type[FolderSource]) -> None:
    refuse(tmp_path, make_source(path="gone"), "gone: no such folder")
    touch(tmp_path, "readme.txt")
    refuse(tmp_path, make_source(path="."), "holds no image", ".png")


def test_synthetic_plates_are_the_same_each_time(tmp_path: Path) -> None:
    source = SyntheticPlatesSource(num_images=4, seed=3, two_line_fraction=0.5)
    first, second = read_source(source, tmp_path).entries, read_source(source, tmp_path).entries
    assert [(entry.id, entry.label, entry.num_lines) for entry in first] == [
        (entry.id, entry.label, entry.num_lines) for entry in second
    ]
    assert first[0].id == "plate-000000"
    for one, other in zip(first, second, strict=True):
        assert one.draw is not None
        assert other.draw is not None
        np.testing.assert_array_equal(one.draw(), other.draw())


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rows = [("a b.jpg", "서울12가"), ("sub/b.jpg", "皖A 1")]
    tsv.write(tmp_path / "train.tsv", rows)
    csv.write(tmp_path / "train.csv", [*rows, ("c.jpg", 'say "A,B"')])
    for source, expected in (
        (TsvSource(path="train.tsv"), rows),
        (CsvSource(path="train.csv"), [*rows, ("c.jpg", 'say "A,B"')]),
    ):
        assert [(entry.id, entry.label) for entry in read_source(source, tmp_path).entries] == expected


def test_tsv_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="write CSV instead"):
        tsv.write(tmp_path / "train.tsv", [("a.jpg", "A\tB")])
    assert not (tmp_path / "train.tsv").exists()
