"""`saccade data convert` as a person calls it: what it writes and says, and that it leaves nothing half written."""

import errno
import json
import os
import signal
import sys
from pathlib import Path
from typing import get_args

import pytest

from saccade.cli import run
from saccade.data.formats import targets
from saccade.data.formats.discover import discover
from saccade.data.formats.sources import read_source
from saccade.data.formats.targets import Target, read_bytes
from tests.tiny_reader import LABELS, draw, make_data


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(make_data(tmp_path))
    return tmp_path


def list_files(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.lstat().st_size for path in folder.rglob("*")}


def refuse(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    before = list_files(Path.cwd())
    assert run(["data", "convert", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = captured.err.splitlines()[-1]
    assert line.startswith("saccade: ")
    assert list_files(Path.cwd()) == before
    return line


def convert(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["data", "convert", *arguments]) == 0, capsys.readouterr().err
    return str(capsys.readouterr().out)


def read(path: Path) -> list[tuple[str, bytes]]:
    return [(e.label, read_bytes(e)) for e in read_source(discover(path).sources["train"], Path("/")).entries]


def test_from_format_to_format(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lmdb")
    wanted, before = read(folder / "labels.tsv"), "labels.tsv"
    for number, target in enumerate((*get_args(Target), *get_args(Target)[1::2])):
        out = f"{number}-{target}"
        convert(capsys, before, "--to", target, "--out", out)
        assert read(folder / out) == wanted
        before = out


def test_what_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("images").mkdir()
    with Path("labels.tsv").open("a") as file:
        file.write("gone.png\tAB\n0.png\tCD\n3.png\t\n\n")
    Path("labels.tsv").write_text(Path("labels.tsv").read_text().replace("1.png", "images/../1.png"))
    assert convert(capsys, "tsv:labels.tsv", "--to", "doctr", "--out", "out").splitlines() == [
        "out: 8 of 11 images written as doctr",
        "  images: 8 copied as they are, 0 encoded as PNG",
        "  names: 1 changed, such as images/../1.png to 1.png",
        "  dropped: 1, no text: 3.png",
        "  dropped: 1, the name was there before: 0.png",
        "  dropped: 1, no such image: gone.png",
        "  noticed: 2 names with different texts",
        "  noticed: 1 blank line",
    ]


def test_an_image_that_is_there_and_cannot_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.png").write_text("no image")
    Path("a.tsv").write_text("0.png\tA\nbad.png\tB\n")
    Path("b.tsv").write_text("gone.png\tA\n1.png\tB\n")
    said = convert(capsys, "tsv:a.tsv", "tsv:b.tsv", "--to", "tsv", "--out", "out").splitlines()
    assert "  dropped: 1, the image cannot be read: 0/bad.png" in said
    assert "  dropped: 1, no such image: 1/gone.png" in said


NAMED = ("tsv", "csv", "paddleocr", "dtrb", "doctr", "formula_list")


def read_names(path: Path) -> list[str]:
    return [entry.id for entry in read_source(discover(path).sources["train"], Path("/")).entries]


@pytest.mark.parametrize("target", NAMED)
@pytest.mark.parametrize("other", NAMED)
def test_names_are_the_same_there_and_back(
    folder: Path, target: str, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change of names is said each time, and no name grows."""
    before, seen = folder / "labels.tsv", [[f"{number}.png" for number in range(8)]]
    for number, form in enumerate((target, other, target, other, target)):
        said = convert(capsys, str(before), "--to", form, "--out", f"{number}")
        before = folder / f"{number}"
        seen.append(read_names(before))
        old, new = seen[-2][0], seen[-1][0]
        assert ("names:" in said) == (old != new)
        assert old == new or f"names: 8 changed, such as {old} to {new}\n" in f"{said}\n"
    assert seen[1] == seen[3] == seen[5]
    assert seen[2] == seen[4]
    assert {names[7] for names in seen} <= {"7.png", "images/7.png"}


def test_lmdb_loses_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lmdb")
    said = convert(capsys, "tsv:labels.tsv", "--to", "lmdb", "--out", "out")
    assert "  names: 8 changed, such as 0.png to 000000001\n  lost: names of images, which lmdb does not hold" in said
    again = convert(capsys, "lmdb:out", "--to", "lmdb", "--out", "again")
    assert "names" not in again


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("labels.tsv").write_text("0.png\tAB\ngone.png\tC\n")
    report = json.loads(convert(capsys, "labels.tsv", "--to", "csv", "--out", "out", "--json"))
    assert report == {
        "out": "out",
        "format": "csv",
        "splits": {
            "all": {
                "read": 2,
                "written": 1,
                "encoded": 0,
                "renamed": 1,
                "first_renamed": ["0.png", "images/0.png"],
                "dropped": {"missing": ["gone.png"]},
                "notes": {},
                "unequal_weights": False,
                "lost": [],
            }
        },
    }


def test_sources_and_levels_are_kept_or_their_loss_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("gt.txt").write_text("0.png\ta b\n1.png\tc\n")
    Path("level.txt").write_text("0.png\t1\n1.png\t3\n")
    Path("source.txt").write_text("0.png\t0\n1.png\t1\n")
    assert "lost" not in convert(capsys, "formula_list:gt.txt", "--to", "formula_list", "--out", "out")
    for name in ("gt.txt", "level.txt", "source.txt"):
        assert Path("out", name).read_text() == Path(name).read_text()
    said = convert(capsys, "out", "--to", "tsv", "--out", "again")  # found as `saccade new` finds it
    assert "lost: source and level of images, which tsv does not hold" in said
    assert Path("again/labels.tsv").read_text() == "images/0.png\ta b\nimages/1.png\tc\n"


def test_formulas_of_pen_strokes_become_images(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("ink").mkdir()
    ink = '<ink><annotation type="truth">$x^2$</annotation><trace>0 0, 9 9</trace></ink>'
    Path("ink/a.inkml").write_text(ink)
    Path("ink/b.inkml").write_text(ink.replace("truth", "note"))
    said = convert(capsys, "ink", "--to", "formula_list", "--out", "out")
    assert "1 of 2 images written as formula_list\n  images: 0 copied as they are, 1 encoded as PNG" in said
    assert "dropped: 1, no text: b.inkml" in said
    assert Path("out/gt.txt").read_text() == "a.inkml.png\tx ^ 2\n"


def test_several_label_files_become_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.txt").write_text("0.png\tA\n")
    Path("b.txt").write_text('["1.png", "2.png"]\tB\n')
    said = convert(capsys, "paddleocr:a.txt", "paddleocr:b.txt", "--to", "paddleocr", "--out", "out")
    assert (folder / "out/rec_gt.txt").read_text() == ("images/0/0.png\tA\nimages/1/1.png\tB\nimages/1/2.png\tB\n")
    assert "names: 3 changed, such as 0.png to images/0/0.png" in said
    assert "noticed: 2 images in lists" in said
    assert "lost: weights" in said


def test_the_splits_of_a_recipe_get_a_folder_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = convert(capsys, "recipe.toml", "--to", "csv", "--out", "out")
    assert "out/train: 8 of 8 images" in said
    assert "out/val: 4 of 4 images" in said
    found = discover(folder / "out")
    assert [label for label, _ in read(folder / "out/val")] == list(LABELS[:4])
    assert set(found.sources) == {"train", "val"}
    convert(capsys, "out", "--to", "doctr", "--out", "again")
    assert read(folder / "again/val") == read(folder / "out/val")


def test_drawn_plates_are_encoded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("recipe.toml").write_text('task = "read"\n[[data.train]]\nformat = "synthetic_plates"\nnum_images = 20\n')
    said = convert(capsys, "recipe.toml", "--to", "dtrb", "--out", "out")
    assert "out/train: 18 of 18 images written as dtrb\n  images: 0 copied as they are, 18 encoded as PNG" in said


@pytest.mark.parametrize("name", ["dtrb", "fast_plate_ocr"])
def test_other_programs_files_under_their_own_names(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("labels").write_text({"dtrb": "0.png\tA\n", "fast_plate_ocr": "image_path,plate_text\n0.png,A\n"}[name])
    convert(capsys, f"{name}:labels", "--to", "tsv", "--out", "out")
    assert (folder / "out/labels.tsv").read_text() == "images/0.png\tA\n"


def test_what_is_there_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("link").symlink_to("nowhere")
    for out in ("out", "link", "labels.tsv"):
        line = refuse(capsys, "tsv:labels.tsv", "--to", "csv", "--out", out)
        assert f"--out {out}: is there already and stays as it is" in line


def test_a_text_that_the_format_cannot_hold(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("labels.json").write_text('{"0.png": "A", "1.png": "A\\tB"}')
    line = refuse(capsys, "doctr:labels.json", "--to", "paddleocr", "--out", "out")
    assert line.startswith("saccade: labels.json: 1.png: ")
    assert "'A\\tB' holds a tab or line end; write CSV instead" in line
    convert(capsys, "doctr:labels.json", "--to", "csv", "--out", "out")
    Path("x.csv").write_text('image_path,plate_text\n0.png,A\n1.png," lead"\n')
    line = refuse(capsys, "csv:x.csv", "--to", "formula_list", "--out", "again")
    assert line.startswith("saccade: x.csv:3: '1.png' with label ' lead' holds white space other than")
    Path("x.csv").write_text('image_path,plate_text\n\n0.png,"A\nB"\n')
    line = refuse(capsys, "csv:x.csv", "--to", "tsv", "--out", "again")
    assert line.startswith("saccade: x.csv:3: 'images/0.png' with text 'A\\nB' holds a tab or line end")


def test_other_columns_are_for_a_recipe(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.csv").write_text("file,text\n0.png,A\n")
    line = refuse(capsys, "csv:x.csv", "--to", "tsv", "--out", "out")
    assert "write a recipe whose source says it as `image_column`" in line


def test_no_error_names_the_draft(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lmdb")
    monkeypatch.setitem(sys.modules, "lmdb", None)
    line = refuse(capsys, "tsv:labels.tsv", "--to", "lmdb", "--out", "out")
    assert line.startswith('saccade: out: format "lmdb" needs the package lmdb')


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tsv:gone.tsv"], "gone.tsv: no such label file"),
        (["gone"], "gone: no such folder or label file"),
        (["tsv:labels.tsv", "labels.tsv"], "labels.tsv: several sources are joined only where each says its format"),
        (["lmdb:."], "holds no data.mdb"),
        (["tsv:empty.tsv"], "empty.tsv: the label file is empty"),
        (["tsv:bad.tsv"], "with keep.readable no image is left"),
    ],
)
def test_bad_input(folder: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.tsv").touch()
    Path("bad.tsv").write_text("gone.png\tA\n")
    assert says in refuse(capsys, *arguments, "--to", "csv", "--out", "out")


def test_a_place_that_cannot_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refuse(capsys, "tsv:labels.tsv", "--to", "csv", "--out", "gone/deep/out")
    says = "(No such file or directory); make the folder gone, or choose another place"
    assert line == f"saccade: --out gone/deep/out: cannot be written {says}"


@pytest.mark.parametrize("target", ["csv", "lmdb"])
def test_a_full_disk(
    folder: Path, target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*{"csv": (Path, "write_bytes"), "lmdb": (targets.lmdb, "_put")}[target], fill)
    line = refuse(capsys, "tsv:labels.tsv", "--to", target, "--out", "out")
    assert "--out out: cannot be written (No space left on device)" in line


def test_a_signal_in_the_middle_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(folder / "9.png", "AB", 9)
    before, calls = list_files(folder), []

    def read_and_stop(entry: object) -> bytes:
        calls.append(list_files(folder))
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return read_bytes(entry)  # type: ignore[arg-type]

    monkeypatch.setattr(targets, "read_bytes", read_and_stop)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        run(["data", "convert", "tsv:labels.tsv", "--to", "csv", "--out", "out"])
    assert stopped.value.code == 143
    assert calls[2] != before
    assert list_files(folder) == before
    assert signal.getsignal(signal.SIGTERM) is handler
