"""Label files of PaddleOCR: lists of images, the folder they are relative to, and what their writer refuses."""

from pathlib import Path

import pytest

from saccade.data.formats import paddleocr
from saccade.data.formats.sources import read_source
from saccade.errors import InputError
from saccade.recipes.tables.data import PaddleocrSource


def write_labels(folder: Path, text: str) -> PaddleocrSource:
    (folder / "rec_gt.txt").write_text(text, encoding="utf-8", newline="")
    return PaddleocrSource(path="rec_gt.txt")


def test_each_image_of_a_list_is_an_entry_with_its_share(tmp_path: Path) -> None:
    text = 'train/1.jpg\t서울12가\n["train/2.jpg", "train/2 b.jpg", "./train/2c.jpg", "나.jpg"]\t皖A 1\n'
    source = write_labels(tmp_path, text).model_copy(update={"weight": 2.0})
    listing = read_source(source, tmp_path)
    assert [(entry.id, entry.label, entry.weight) for entry in listing.entries] == [
        ("train/1.jpg", "서울12가", 2.0),
        ("train/2.jpg", "皖A 1", 0.5),
        ("train/2 b.jpg", "皖A 1", 0.5),
        ("train/2c.jpg", "皖A 1", 0.5),
        ("나.jpg", "皖A 1", 0.5),
    ]
    assert {entry.location for entry in listing.entries[1:]} == {f"{tmp_path}/rec_gt.txt:2"}
    assert listing.notes == {"images_in_lists": 4}


@pytest.mark.parametrize("name", ["[1].jpg", "[]", '["a.jpg", 3]', '[""]', "[" * 9000, '{"a": 1}'])
def test_what_is_no_list_of_names_is_a_name(tmp_path: Path, name: str) -> None:
    assert [entry.id for entry in read_source(write_labels(tmp_path, f"{name}\tA\n"), tmp_path).entries] == [name]


def test_names_are_relative_to_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    source = write_labels(tmp_path, "train/1.jpg\tA\n").model_copy(update={"images": "data"})
    assert read_source(source, tmp_path).entries[0].path == tmp_path / "data/train/1.jpg"


def test_another_delimiter(tmp_path: Path) -> None:
    source = write_labels(tmp_path, "1.jpg A\n2.jpg\tB\n").model_copy(update={"delimiter": " "})
    with pytest.raises(InputError, match=r"rec_gt\.txt:2: no ' ', where file<TAB>text has one ' '; correct the line"):
        read_source(source, tmp_path)
    (tmp_path / "rec_gt.txt").write_text("1.jpg A\n")
    assert [(entry.id, entry.label) for entry in read_source(source, tmp_path).entries] == [("1.jpg", "A")]


def test_a_text_with_a_tab_is_refused_where_paddleocr_would_cut_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rec_gt\.txt:1: 2 tabs"):
        read_source(write_labels(tmp_path, "1.jpg\tA\tB\n"), tmp_path)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "rec_gt.txt"
    with pytest.raises(InputError, match="holds a tab or line end; write CSV instead"):
        paddleocr.write(path, [("a.jpg", "A\tB")])
    with pytest.raises(InputError, match=r"would take '\[\"a\.jpg\"\]' for a list of images; rename"):
        paddleocr.write(path, [('["a.jpg"]', "A")])
    assert not path.exists()
