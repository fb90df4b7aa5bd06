"""Aida's JSON lists: tokens by rules, images where the archive has them, and files that hold something else."""

import json
from pathlib import Path
from typing import Any

import pytest

from saccade.data.formats.aida import apply_rules, read_rules
from saccade.data.formats.entry import SourceListing
from saccade.data.formats.sources import read_source
from saccade.errors import InputError
from saccade.recipes.tables.data import AidaSource

TOKENS = ["\\lim_", "{", "w", "\\to", "\\infty", "}", "\\frac", "{", "1", "}", "{", "w", "}"]


def make_record(name: str, tokens: Any) -> dict[str, Any]:
    return {
        "latex": "",
        "uuid": name,
        "filename": f"{name}.jpg",
        "image_data": {"full_latex_chars": tokens, "width": 9},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for batch, records in (
        ("batch_1", [make_record("a", TOKENS)]),
        ("batch_2", [make_record("b", ["x", "+", "-", "1"])]),
    ):
        (tmp_path / batch / "JSON").mkdir(parents=True)
        (tmp_path / batch / "background_images").mkdir()
        (tmp_path / batch / "JSON/data.json").write_text(json.dumps(records))
    return tmp_path


def read(folder: Path, path: str = ".", **keys: str) -> SourceListing:
    return read_source(AidaSource(path=path, **keys), folder)


def refuse(folder: Path, *parts: str, **keys: str) -> None:
    with pytest.raises(InputError) as caught:
        read(folder, **keys)
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_batches_with_their_images(folder: Path) -> None:
    first, second = read(folder).entries
    assert (first.id, first.label) == ("a.jpg", r"\lim _ { w \to \infty } \frac { 1 } { w }")
    assert first.path == folder / "batch_1/background_images/a.jpg"
    assert (second.label, second.path) == ("x + - 1", folder / "batch_2/background_images/b.jpg")
    assert second.location == f"{folder / 'batch_2/JSON/data.json'}: image 0"
    assert [entry.id for entry in read(folder, "batch_2/JSON/data.json").entries] == ["b.jpg"]
    assert read(folder, images="batch_1").entries[1].path == folder / "batch_1/b.jpg"


def test_images_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps([make_record("a", ["x"])]))
    assert read(tmp_path, "data.json").entries[0].path == tmp_path / "a.jpg"


def test_rules_of_ones_own(folder: Path) -> None:
    (folder / "rules.toml").write_text("[tokens]\n'\\lim_' = '\\lim'\n'\\frac' = ''\n'+ -' = '-'\n")
    labels = [entry.label for entry in read(folder, rules="rules.toml").entries]
    assert labels == [r"\lim { w \to \infty } { 1 } { w }", "x - 1"]


def test_the_longest_rule_that_fits_counts() -> None:
    rules = {("a",): ("1",), ("a", "b"): ("2", "3"), ("b", "b", "b"): ()}
    assert apply_rules(["a", "b", "b", "a", "c", "b", "b", "b"], rules) == ["2", "3", "b", "1", "c"]
    assert apply_rules(["a"], {}) == ["a"]


def test_the_rules_of_the_package() -> None:
    assert read_rules(None)["\\lim_",] == ("\\lim", "_")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tokens = 1\n", "holds something else than [tokens] with texts"),
        ("[tokens]\na = 1\n", "holds something else than [tokens] with texts"),
        ("[tokens]\na = 'b'\n[more]\n", "holds something else than [tokens] with texts"),
        ("[tokens]\n' ' = 'b'\n", "a rule for no token at all"),
        ("[tokens\n", "rules.toml: not TOML"),
    ],
)
def test_rules_that_are_none(folder: Path, text: str, says: str) -> None:
    (folder / "rules.toml").write_text(text)
    refuse(folder, says, rules="rules.toml")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{}", "data.json: holds a dict, where Aida's files are lists of images"),
        ("[1]", "data.json: image 0: has no `filename`"),
        ('[{"filename": "a.jpg"}]', "image 0: 'a.jpg' has no list of tokens `image_data.full_latex_chars`; correct it"),
        (json.dumps([make_record("a", "x")]), "'a.jpg' has no list of tokens"),
        (json.dumps([make_record("a", [1])]), "'a.jpg' has no list of tokens"),
        ("[1,", "data.json:1: not JSON"),
        ("[" * 100_000, "data.json: not JSON that holds images"),
    ],
)
def test_what_is_refused(folder: Path, content: str, says: str) -> None:
    (folder / "batch_1/JSON/data.json").write_text(content)
    refuse(folder, says)


def test_missing_files(folder: Path) -> None:
    refuse(folder, "gone: no such folder", path="gone")
    refuse(folder, "holds no .json file", path="batch_1/background_images")
    refuse(folder, "gone: no such folder", images="gone")
    refuse(folder, "gone.toml", rules="gone.toml")
