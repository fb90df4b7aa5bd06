"""Formats of other programs where a command line, `saccade new` or a recipe names them."""

import json
from pathlib import Path

import pytest

from saccade.cli import run
from saccade.commands.data_sources import split_name
from saccade.recipes.loader import load
from tests.tiny_reader import LABELS, make_data

TARGETS = ["paddleocr", "dtrb", "doctr", "csv", "lmdb", "formula_list"]
FORMATS = {"dtrb": "tsv"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(make_data(tmp_path))
    return tmp_path


def write(target: str, capsys: pytest.CaptureFixture[str], out: str = "out") -> None:
    if target == "lmdb":
        pytest.importorskip("lmdb")
    assert run(["data", "convert", "labels.tsv", "--to", target, "--out", out]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("tsv:a:b.tsv", ("tsv", "a:b.tsv")),
        ("dtrb:gt.txt", ("tsv", "gt.txt")),
        ("fast_plate_ocr:a.csv", ("csv", "a.csv")),
        ("lmdb:", (None, "lmdb:")),
        ("recipe.toml", (None, "recipe.toml")),
        ("c:/x", (None, "c:/x")),
    ],
)
def test_format_and_path(source: str, expected: tuple[str | None, str]) -> None:
    assert split_name(source) == expected


@pytest.mark.parametrize("target", TARGETS)
def test_new_writes_a_recipe_for_each(folder: Path, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(target, capsys)
    assert run(["new", "out", "--out", "new.toml"]) == 0
    source = load(folder / "new.toml").recipe.data.train[0]
    assert source.format == {**FORMATS, "paddleocr": "tsv"}.get(target, target)  # without lists of images they are one
    assert run(["data", "stats", "new.toml", "--json"]) == 0
    splits = json.loads(capsys.readouterr().out.partition("\n")[2])["splits"]
    assert sum(split["count"] for split in splits.values()) >= len(LABELS)


@pytest.mark.parametrize("target", TARGETS)
def test_stats_and_data_take_each(folder: Path, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(target, capsys)
    path = {"paddleocr": "out/rec_gt.txt", "dtrb": "out/gt.txt", "csv": "out/annotations.csv"}.get(target, "out")
    assert run(["data", "stats", f"{target}:{path}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"]["all"]["count"] == len(LABELS)
    name = FORMATS.get(target, target)
    loaded = load(folder / "recipe.toml", data=[f"{name}:{path}"])
    assert loaded.recipe.data.train[0].format == name


@pytest.mark.parametrize("workers", ["thread", "process"])
def test_training_reads_an_lmdb_as_it_goes(folder: Path, workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("lmdb", capsys)
    settings = {"data.residency": "lazy", "data.workers": workers, "data.num_workers": 1}
    settings |= {"augment.text_line.noise_probability": 0.5}
    changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    arguments = [
        "train",
        "recipe.toml",
        "--data",
        "lmdb:out",
        "--data",
        "val=lmdb:out",
        "--runs",
        "runs",
        "--device",
        "cpu",
    ]
    assert run([*arguments, *changes]) == 0
    data = json.loads((Path(capsys.readouterr().out.strip()) / "data.json").read_text())
    assert data["splits"]["train"]["count"] == len(LABELS)


def test_an_empty_delimiter_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(text.replace('format = "tsv"', 'format = "paddleocr"\ndelimiter = ""', 1))
    assert run(["recipe", "show", "recipe.toml"]) == 2
    assert '"data.train[0].delimiter": nothing cannot stand between file and text' in capsys.readouterr().err
