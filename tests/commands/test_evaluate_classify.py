"""Metrics and pictures of a classifier's run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from matplotlib.font_manager import findfont, fontManager

from saccade.cli import run
from saccade.data import contact_sheet
from saccade.records.reader import read_run
from saccade.records.writer import RunWriter
from tests.tiny_classifier import CLASSES


@pytest.fixture
def copied(trained_classifier, tmp_path):
    """Copy the run: the stored predictions may be changed."""
    return Path(shutil.copytree(trained_classifier, tmp_path / "run"))


def evaluate(capsys, *arguments):
    capsys.readouterr()
    assert run(["evaluate", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_a_test_split_is_predicted_counted_and_drawn(copied, capsys):
    shown = evaluate(capsys, copied, "--split", "test", "--device", "cpu")
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "test 12 images" in lines
    for name in ("top1_accuracy", "top5_accuracy", "nll", "ece"):
        assert any(line.startswith(f"{name} ") for line in lines)
    assert "worst images right 95 % interval taken for" in lines
    assert "top1_accuracy while it trained" in lines
    figures = [copied / "figures" / f"test_{kind}.png" for kind in ("confusion", "calibration", "extremes")]
    assert [line for line in lines if line.endswith(".png")] == [str(path) for path in figures]
    for path in figures:
        assert cv2.imread(str(path)).shape[0] > 300
    rows = read_run(copied).predictions("test")
    assert [row["target"] for row in rows] == [label for label in CLASSES for _ in range(2)]


def test_the_table_says_nothing_twice_and_of_how_many_validations_the_median_is(copied, capsys):
    lines = [" ".join(line.split()) for line in evaluate(capsys, copied).splitlines()]
    assert not [line for line in lines if "averaged" in line or "moving average" in line]
    assert any(line.startswith("validation images, median of 1 validation ") for line in lines)
    row = next(line for line in (copied / "history.jsonl").read_text().splitlines() if '"validation"' in line)
    for more, said in ((6, "all 7 validations"), (5, "the last ten validations")):
        with (copied / "history.jsonl").open("a") as file:
            file.write(f"{row}\n" * more)
        assert f"validation images, median of {said} " in " ".join(evaluate(capsys, copied).split())
    history = (copied / "history.jsonl").read_bytes()
    (copied / "history.jsonl").write_bytes(history + b'{"event": no\n')
    assert "median of the last validations, ten at most " in " ".join(evaluate(capsys, copied).split())
    (copied / "history.jsonl").write_bytes(history)
    metrics = json.loads((copied / "metrics.json").read_text())
    metrics["selection"]["variants"]["best_ema"] = 0.5
    (copied / "metrics.json").write_text(json.dumps(metrics))
    shown = " ".join(evaluate(capsys, copied).split())
    assert "best epoch, weights not averaged" in shown and "best epoch, moving average of the weights 0.50" in shown


def test_json_is_the_content_of_metrics_json_and_draws_nothing(copied, capsys):
    before = (copied / "metrics.json").read_bytes()
    document = json.loads(evaluate(capsys, copied, "--json"))
    assert document == json.loads(before)
    assert (copied / "metrics.json").read_bytes() == before
    assert not (copied / "figures").exists()
    val = document["splits"]["val"]
    assert [row["label"] for row in val["by_class"]] == list(CLASSES)
    assert sum(count for *_, count in val["confusion"]) == val["nll"]["n"] == 6


def rename_class(run_folder, before, after):
    """Rename a class in all that a run stores of it."""
    path = run_folder / "preprocessing.json"
    path.write_text(path.read_text().replace(f'"{before}"', f'"{after}"'))
    rows = read_run(run_folder).predictions("val")
    with RunWriter.resume(run_folder) as writer:
        writer.write_predictions("val", json.loads(json.dumps(rows).replace(f'"{before}"', f'"{after}"')))


def test_pictures_are_drawn_with_fonts_that_were_installed_later(copied, capsys, monkeypatch):
    later = findfont("DejaVu Sans")
    known = [font for font in fontManager.ttflist if font.name != "DejaVu Sans"]
    monkeypatch.setattr(fontManager, "ttflist", known)
    monkeypatch.setattr(contact_sheet, "findSystemFonts", lambda: [later])
    monkeypatch.setattr(contact_sheet, "find_fonts", contact_sheet.find_fonts.__wrapped__)
    evaluate(capsys, copied)
    assert "DejaVu Sans" in {font.name for font in fontManager.ttflist}


def test_a_class_name_that_no_font_has_is_said(copied, capsys, monkeypatch):
    monkeypatch.setattr(contact_sheet, "find_fonts", lambda: (["DejaVu Sans"], frozenset(range(32, 127))))
    assert run(["evaluate", str(copied)]) == 0
    assert "no installed font" not in capsys.readouterr().err
    rename_class(copied, "ape", "고양이")
    assert run(["evaluate", str(copied)]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("saccade: no installed font has 고양이: boxes stand in the pictures; install ")
    assert "fonts-noto-cjk" in line


def test_metrics_and_pictures_need_no_pytorch(copied):
    record = read_run(copied)
    right = [
        row | {"prediction": row["target"], "confidence": 1.0, "top_k": [[row["target"], 1.0]], "target_log_probability": 0.0}
        for row in record.predictions("val")
    ]  # fmt: skip
    with RunWriter.resume(copied) as writer:
        writer.write_predictions("val", right)
    program = (
        "import sys\nsys.modules.update(dict.fromkeys(('torch', 'torchvision', 'timm')))\n"
        "from saccade.cli import run\nsys.exit(run(sys.argv[1:]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "evaluate", str(copied)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    summary = read_run(copied).metrics["splits"]["val"]
    assert (summary["top1_accuracy"]["value"], summary["nll"]["value"], summary["ece"]["value"]) == (1, 0, 0)
    assert (copied / "figures" / "val_extremes.png").is_file()


def test_metrics_do_not_need_the_images(copied, trained_classifier, tmp_path, capsys):
    text = (copied / "recipe.toml").read_text()
    (copied / "recipe.toml").write_text(text.replace(str(trained_classifier.parents[3]), str(tmp_path / "gone")))
    assert run(["evaluate", str(copied)]) == 0
    captured = capsys.readouterr()
    assert "no picture of the worst and best images of val: " in captured.err
    assert captured.out.rstrip().endswith("val_calibration.png")


def test_no_name_is_cut_in_a_narrow_terminal(copied, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    summary = read_run(copied).metrics["splits"]["val"]
    taken_for = {other for target, other, _ in summary["confusion"] if target != other}
    shown = evaluate(capsys, copied)
    assert all(other in shown for other in taken_for) and "\N{HORIZONTAL ELLIPSIS}" not in shown


def test_a_run_without_its_classes_says_so(copied, capsys):
    (copied / "preprocessing.json").write_text("{}")
    assert run(["evaluate", str(copied)]) == 2
    assert "preprocessing.json: lacks its classes; restore it from a copy" in capsys.readouterr().err
