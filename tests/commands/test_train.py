"""`saccade train` beside the training itself, which the tests of the engine hold to account."""

import json
import re
import subprocess
import sys

import pytest

from saccade.cli import run
from saccade.commands.train import _write_duration
from tests.tiny_reader import make_data, train


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_finished_run_is_not_gone_on_with(tmp_path, options, capsys):
    folder = train(make_data(tmp_path))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert run(["train", "--resume", str(folder), *options]) == 0
    captured = capsys.readouterr()
    assert captured.err == (
        f"{folder} has finished, nothing is left to train; measure it with: saccade evaluate {folder}; to train longer, start "
        "a new run from its weights: [start] weights\n"
    )
    if options:
        assert [one["folder"] for one in json.loads(captured.out)["runs"]] == [str(folder)]
    else:
        assert captured.out == f"{folder}\n"
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_data_that_are_not_there_are_said_before_pytorch_is_loaded(tmp_path):
    (tmp_path / "recipe.toml").write_text(
        'task = "classify"\n[[data.train]]\nformat = "folder"\npath = "."\n[[data.val]]\nformat = "folder"\npath = "./valid"\n'
    )
    code = "import sys; sys.modules['torch'] = None; from saccade.cli import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "train", str(tmp_path / "recipe.toml"), "--data-root", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    message = f"saccade: {tmp_path}/valid: no such folder; correct `path` of the source, or the data root\n"
    assert (ended.returncode, ended.stderr) == (2, message)


@pytest.mark.parametrize("options", [("--resume", ""), ("",), ("recipe.toml", "--data-root", "")])
def test_an_empty_path_is_not_the_working_folder(options, capsys):
    assert run(["train", *options]) == 2
    assert "it is empty; name a file or folder" in capsys.readouterr().err


def test_an_estimate_trains_nothing(tmp_path, capsys):
    folder = make_data(tmp_path)
    arguments = ["train", str(folder / "recipe.toml"), "--runs", str(folder / "runs"), "--device", "cpu", "--estimate"]
    assert run(arguments) == 0
    assert re.fullmatch(
        r"about [\d.]+ (s|min|h) for 1 epoch on this machine, as busy as it is now\n", capsys.readouterr().out
    )
    assert run([*arguments, "--seeds", "0,1", "--set", "train.epochs=3"]) == 0
    assert re.search(r" for 3 epochs .*; 2 seeds: [\d.]+ (s|min|h)\n$", capsys.readouterr().out)
    assert run([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["seconds"] > 0 and document["num_seeds"] == 1
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.1, "1 s"), (89.4, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (1e5, "27.8 h")],
)
def test_an_estimate_has_no_more_digits_than_it_knows(seconds, said):
    assert _write_duration(seconds) == said


def test_a_run_that_goes_on_has_no_estimate(tmp_path, capsys):
    assert run(["train", "--resume", str(tmp_path), "--estimate"]) == 2
    assert "leave the other options out" in capsys.readouterr().err
