"""`saccade train` beside the training itself, which the tests of the engine hold to account."""

import json

import pytest

from saccade.cli import run
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
