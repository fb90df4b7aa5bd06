"""labels.json of docTR: what is read, and one line for what is not its labels."""

import json
from pathlib import Path

import pytest

from saccade.data.formats.sources import read_source
from saccade.errors import InputError
from saccade.recipes.tables.data import DoctrSource


def read(folder: Path, content: str | bytes, path: str = "labels.json") -> list[tuple[str, str]]:
    (folder / "labels.json").write_bytes(content.encode() if isinstance(content, str) else content)
    return [(entry.id, entry.label) for entry in read_source(DoctrSource(path=path), folder).entries]


@pytest.mark.parametrize("path", ["labels.json", "."])
def test_names_and_texts_in_file_order(tmp_path: Path, path: str) -> None:
    content = '{"b 1.jpg": "서울12가", "./sub/나.png": "A\\tB \\"x\\"", "a.jpg": ""}'
    assert read(tmp_path, content, path) == [("b 1.jpg", "서울12가"), ("sub/나.png", 'A\tB "x"'), ("a.jpg", "")]


def test_images_lie_beside_or_in_images(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.jpg").touch()
    (tmp_path / "labels.json").write_text('{"a.jpg": "A"}')
    assert read_source(DoctrSource(path="."), tmp_path).entries[0].path == tmp_path / "images/a.jpg"
    (tmp_path / "a.jpg").touch()
    assert read_source(DoctrSource(path="."), tmp_path).entries[0].path == tmp_path / "a.jpg"


def test_a_name_that_occurs_twice_is_seen_twice(tmp_path: Path) -> None:
    assert read(tmp_path, '{"a.jpg": "A", "a.jpg": "B"}') == [("a.jpg", "A"), ("a.jpg", "B")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a.jpg": "A",\n"b.jpg" "B"}', "labels.json:2: not JSON (Expecting ':' delimiter)"),
        ('["a.jpg"]', "holds a list, where docTR's labels are one object"),
        ("{}", "holds an empty object"),
        ('{"a.jpg": 7, "b.jpg": null}', "the label of 'a.jpg' is no text (and 1 more); correct it"),
        (
            '{"a.jpg": {"polygons": [], "img_hash": "x"}}',
            "'a.jpg' has polygons: these are docTR's labels for detection",
        ),
        ('{"": "A"}', "an empty file name"),
        ("[" * 100_000, "not JSON that holds labels"),
        (f'{{"a": {"9" * 5000}}}', "not JSON that holds labels"),
        ('{"a.jpg": "Ä"}'.encode("latin-1"), "labels.json:1: not UTF-8"),
        ("", "the label file is empty"),
    ],
)
def test_a_file_that_is_not_as_it_should_be(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, content)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels\.json: no such label file"):
        read_source(DoctrSource(path="."), tmp_path)


def test_it_reads_what_json_wrote(tmp_path: Path) -> None:
    labels = {"a.jpg": "皖A", "b.jpg": "서울 가"}
    assert read(tmp_path, json.dumps(labels)) == list(labels.items())
