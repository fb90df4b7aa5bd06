"""Metrics from stored predictions without PyTorch, and from predictions made now."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from saccade.cli import run
from saccade.commands.evaluate import _write_share
from saccade.records.reader import read_run


@pytest.fixture
def copied(trained, tmp_path):
    """Copy the run: the stored predictions may be changed."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def evaluate(capsys, *arguments):
    capsys.readouterr()
    assert run(["evaluate", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_json_is_the_content_of_metrics_json(copied, capsys):
    before = (copied / "metrics.json").read_bytes()
    document = json.loads(evaluate(capsys, copied, "--json"))
    assert document == json.loads(before)
    assert (copied / "metrics.json").read_bytes() == before
    assert document["splits"]["val"]["exact_match"]["n"] == 4


def test_metrics_follow_the_predictions_without_pytorch(copied):
    record = read_run(copied)
    from saccade.records.writer import RunWriter

    with RunWriter.resume(copied) as writer:
        writer.write_predictions("val", [row | {"prediction": row["target"]} for row in record.predictions("val")])
    program = (
        "import sys\nsys.modules.update(dict.fromkeys(('torch', 'torchvision', 'timm')))\n"
        "from saccade.cli import run\nsys.exit(run(sys.argv[1:]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "evaluate", str(copied), "--json"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["splits"]["val"]["exact_match"]["value"] == 1
    assert read_run(copied).metrics == json.loads(ended.stdout)


def test_a_split_without_predictions_is_predicted_and_stored(copied, capsys):
    document = json.loads(evaluate(capsys, copied, "--split", "train", "--json"))
    assert sorted(document["splits"]) == ["train", "val"]
    assert len(read_run(copied).predictions("train")) == 8


def test_other_images_are_predicted_and_not_stored(copied, trained, capsys):
    labels = trained.parents[3] / "val.tsv"
    assert labels.is_file()
    document = json.loads(evaluate(capsys, copied, "--data", f"tsv:{labels}", "--json"))
    stored = read_run(copied).metrics["splits"]["val"]
    assert document["splits"][f"tsv:{labels}"] == stored
    assert read_run(copied).splits() == ["val"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("val=tsv:x", '--data "val=tsv:x": expected FORMAT:PATH without a split'),
        ("zip:x", '--data "zip:x": unknown format "zip"'),
        ("x", '--data "x": expected FORMAT:PATH, e.g. folder:photos or tsv:labels.tsv'),
        (".", '--data ".": expected FORMAT:PATH, e.g. folder:.'),
    ],
)
def test_what_names_no_data_is_repeated_as_it_was_written(copied, data, message, capsys):
    assert run(["evaluate", str(copied), "--data", data]) == 2
    assert message in capsys.readouterr().err


def test_an_empty_path_is_not_the_working_folder(copied, capsys, monkeypatch):
    monkeypatch.chdir(copied)
    assert run(["evaluate", ""]) == 2
    assert "Invalid value for 'RUN': it is empty; name a file or folder" in capsys.readouterr().err


def test_predictions_repeat_those_of_training(copied, capsys):
    before = read_run(copied).predictions("val")
    (copied / "predictions" / "val.jsonl.gz").unlink()
    evaluate(capsys, copied)
    assert read_run(copied).predictions("val") == before


def test_the_tables(copied, capsys):
    shown = evaluate(capsys, copied)
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0].startswith(str(copied))
    assert "val 4 images" in lines
    assert "metric value 95 % interval" in lines
    assert "characters images exact_match cer" in lines
    assert "exact_match while it trained" in lines
    assert any(line.startswith("training images, best epoch, augmented as in training ") for line in lines)
    assert any(line.startswith("validation images, median of 1 validation ") for line in lines)
    assert "\x1b" not in shown
    assert evaluate(capsys, copied, "--split", "val") == shown


def test_named_sources_are_shown_apart(copied, capsys):
    rows = read_run(copied).predictions("val")
    named = [
        row | {"prediction": row["target"], "source": "uz" if number else "cn\n"} for number, row in enumerate(rows)
    ]
    named[0]["prediction"] += "X"
    from saccade.records.writer import RunWriter

    with RunWriter.resume(copied) as writer:
        writer.write_predictions("val", named)
    lines = [" ".join(line.split()) for line in evaluate(capsys, copied).splitlines()]
    at = lines.index("source images exact_match 95 % interval cer")
    assert lines[at + 1].split()[-6:-4] == ["1", "0.00"]
    assert lines[at + 2].startswith("uz 3 1.00 0.44 to 1.00 0.00")


def test_labels_outside_the_charset_are_said(copied, trained, tmp_path, capsys):
    data = trained.parents[3]
    shutil.copy(data / "0.png", tmp_path / "0.png")
    (tmp_path / "other.tsv").write_text("0.png\tAB1Ж\n", encoding="utf-8")
    capsys.readouterr()
    assert run(["evaluate", str(copied), "--data", f"tsv:{tmp_path / 'other.tsv'}", "--json"]) == 0
    captured = capsys.readouterr()
    assert "1 labels hold characters outside the charset; they count as wrong" in captured.err
    assert json.loads(captured.out)


@pytest.mark.parametrize(
    ("num_images", "shown"), [(4, "0.67"), (20, "0.67"), (101, "0.667"), (5000, "0.6667"), (10**6, "0.6667")]
)
def test_no_more_digits_than_images_can_tell_apart(num_images, shown):
    assert _write_share(2 / 3, num_images) == shown
