"""Every script in miniature, in a process of its own, as `make bench` runs it."""

import json
import operator
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.benchmarks.conftest import BENCHMARKS
from tests.benchmarks.fake_peer import write_fake_peer

ROW_KEYS = {"name", "unit", "goal", "ours", "peer", "ratio", "higher_is_better", "holds", "repeats"}
ACCURACIES = {
    "accelerator_crohme", "accelerator_printed_math", "cifar_readings", "formula_learning", "formula_readings", "plates_mixed",
    "plates_readings",
}  # fmt: skip
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("[a-z]*.py"))


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "2", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=600)


def read_result(folder: Path, claim: str) -> Any:
    result = json.loads((folder / f"{claim}.json").read_text(encoding="utf-8"))
    assert result["claim"] == claim
    assert result["settings"]["quick"] is True
    is_plausible = operator.ge if claim in ACCURACIES else operator.gt  # an accuracy may be 0
    for row in result["rows"]:
        assert set(row) >= ROW_KEYS
        assert all(value is None or is_plausible(value, 0) for pair in row["repeats"] for value in pair)
        assert all(pair[0] is not None for pair in row["repeats"])
    return result


def test_every_script_is_a_claim_with_a_docstring() -> None:
    assert {"fit_overhead", "help_time", "loading", "plates_training"} <= set(SCRIPTS)
    for script in SCRIPTS:
        text = (BENCHMARKS / f"{script}.py").read_text(encoding="utf-8")
        assert text.startswith('"""')
        assert "Floor: " in text.split('"""')[1]


def test_the_readme_holds_the_rows_of_every_result() -> None:
    from _table import make_table

    assert make_table() in (BENCHMARKS.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("num_classes", [10, 100])
def test_drawn_images_differ_by_class(num_classes: int, tmp_path: Path) -> None:
    from classification_training import draw_images

    draw_images(tmp_path, 100, num_classes)
    files = [sorted((tmp_path / "train" / f"class{number}").iterdir()) for number in range(num_classes)]
    assert [len(names) for names in files] == [100 // num_classes] * num_classes
    darkest, brightest = (cv2.imread(str(files[number][0])).mean() for number in (0, num_classes - 1))
    assert brightest > darkest + 150


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        "augmentation", "cifar_readings", "compare_report", "fit_overhead", "formula_learning", "formula_readings", "help_time",
        "line_augmentation", "loading", "plates_mixed", "plates_readings",
    ],
)  # fmt: skip
def test_script_in_miniature(script: str, tmp_path: Path) -> None:
    done = run(script, "--quick", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert read_result(tmp_path, script)["rows"]


@pytest.mark.slow
def test_fit_and_the_bare_loop_do_the_same_work(tmp_path: Path) -> None:
    done = run("fit_overhead", "--quick", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    losses = read_result(tmp_path, "fit_overhead")["rows"][0]["loss_of_last_epoch"]
    assert losses["fit"] == pytest.approx(losses["bare"], rel=0.05)  # dropout draws differ


@pytest.mark.slow
def test_plates_training_without_a_peer_says_how_to_get_it() -> None:
    done = run("plates_training")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "git clone https://github.com/clovaai/deep-text-recognition-benchmark" in done.stderr
    quick = run("plates_training", "--quick")
    assert (quick.returncode, quick.stderr) == (0, done.stderr)


@pytest.mark.slow
def test_plates_training_beside_a_fake_peer(tmp_path: Path) -> None:
    peer = write_fake_peer(tmp_path / "peer")
    out = tmp_path / "out"
    options = ("--peer", str(peer), "--rows", "step,outside,formats,to_90", "--seeds", "3", "--out", str(out))
    done = run("plates_training", "--quick", *options)
    assert done.returncode == 0, done.stderr
    result = read_result(out, "plates_training")
    losses = result["rows"][0]["mean_loss"]
    assert losses["ours"] == pytest.approx(losses["theirs"], rel=1e-5)  # same weights, same tensors, same updates
    assert [row["name"].split(":")[0] for row in result["rows"]] == ["step, fp32", *["outside the step"] * 6]
    formats = read_result(out, "plates_training_formats")
    assert [row["name"] for row in formats["rows"]] == ["step, bf16", "step, channels_last", "step, compile"]
    race = read_result(out, "plates_training_to_90")["rows"][0]
    assert (race["seeds"], race["ours_reached"], race["peer_reached"]) == ([3], [True], [True])
    assert race["runs"][0]["peer"]["validations"] == [[1.5, 0.91]]


@pytest.mark.slow
def test_plates_training_with_a_folder_that_is_no_checkout(tmp_path: Path) -> None:
    done = run("plates_training", "--quick", "--peer", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"plates_training: {tmp_path} holds no train.py; git clone "
        "https://github.com/clovaai/deep-text-recognition-benchmark and name that folder"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", ["classify_speed", "train_cifar10", "train_crohme", "train_printed_math", "train_tinyimagenet32"]
)
def test_accelerator_slice_in_miniature(script: str, tmp_path: Path) -> None:
    done = run(f"accelerator/{script}", "--quick", "--device", "cpu", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.glob("accelerator_*.json")
    result = read_result(tmp_path, written.stem)
    assert result["settings"]["accelerator"]["type"] == "cpu"


@pytest.mark.slow
def test_classification_training_beside_a_fake_peer(tmp_path: Path) -> None:
    line = "Train: 0 [{step:>4d}/6 (10%)]  Loss: 2.3 (2.3)  Time: 0.010s, 1600.0/s  (0.5s, 32.0/s)  LR: 0.1  Data: 0.002 (0.1)"
    (tmp_path / "train.py").write_text(
        f"for step in range(6):\n    print({line!r}.format(step=step))\n", encoding="utf-8"
    )
    without = run("classification_training")
    assert (without.returncode, without.stderr.count("\n")) == (2, 1)
    assert "git clone https://github.com/huggingface/pytorch-image-models" in without.stderr
    done = run("classification_training", "--quick", "--peer", str(tmp_path), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    small, large, outside = read_result(tmp_path / "out", "classification_training")["rows"]
    assert (small["peer"], large["peer"]) == (pytest.approx(1600), pytest.approx(1600))
    assert outside["peer"] == pytest.approx(0.002 / 16)
