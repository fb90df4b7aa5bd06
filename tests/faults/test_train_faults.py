"""`saccade train` in a process of its own, and what can end it: signals, kills, a full disk, a second writer."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from saccade.engine.checkpoint import find_checkpoint, load_state
from saccade.records.reader import read_run
from tests.engine.runs import assert_same_run, read_tensors

pytestmark = pytest.mark.slow

MAIN = "import sys; from saccade.cli import main; main()"
RECIPE = """\
task = "read"
[data]
train = [{ format = "synthetic_plates", num_images = 24, seed = 1, difficulty = 0.0 }]
val = [{ format = "synthetic_plates", num_images = 8, seed = 2, difficulty = 0.0 }]
[text]
charset = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
[train]
epochs = 120
batch_size = 8
log_every_steps = 1
validate_every_epochs = 4
checkpoint_every_steps = 5
ema_decay = 0.9
[preprocessing]
height_px = 16
width_px = 64
[model]
dropout = 0.1
backbone = { stem_channels = 4, channels = [8], num_blocks = [1], column_size = 16 }
neck = { hidden_size = 8 }
[augment.text_line]
perspective_probability = 0.5
"""


def start(folder: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, "train", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def start_run(folder: Path) -> subprocess.Popen[str]:
    (folder / "recipe.toml").write_text(RECIPE)
    return start(folder, "recipe.toml", "--runs", "runs")


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def find_run(folder: Path) -> Path | None:
    return next((path.parent for path in folder.rglob("status.json")), None)


def wait_until(condition: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    for _ in range(30_000):
        ended = process.poll()  # asked first, so that what it did last is seen
        if found := condition():
            return found
        assert ended is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def count_rows(folder: Path) -> int:
    run = find_run(folder)
    history = run / "history.jsonl" if run is not None else folder / "none"
    return history.read_bytes().count(b"\n") if history.exists() else 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    status, out, err = end(start_run(folder))
    assert status == 0, err
    run = find_run(folder)
    assert run is not None and out.strip().endswith(run.name)
    return run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_run_goes_on(number: signal.Signals, whole: Path, tmp_path: Path) -> None:
    process = start_run(tmp_path)
    wait_until(lambda: count_rows(tmp_path) > 12, process)
    process.send_signal(number)
    status, out, err = end(process)
    run = find_run(tmp_path)
    assert status == 75 and out == "" and run is not None, err
    assert err.splitlines()[-1].startswith("saccade: stopped at step ")
    assert "Traceback" not in err
    assert read_run(run).status["state"] == "stopped"
    status, out, err = end(start(tmp_path, "--resume", str(run)))
    assert status == 0 and out.strip() == str(run), err
    assert_same_run(run, whole)


def test_killed_again_and_again_it_still_ends_the_same(whole: Path, tmp_path: Path) -> None:
    rng = random.Random(0)
    process, num_kills = start_run(tmp_path), 0
    wait_until(lambda: count_rows(tmp_path) > 4, process)
    while num_kills < 6:
        time.sleep(rng.uniform(0, 0.15))
        process.kill()
        end(process)
        num_kills += 1
        run = find_run(tmp_path)
        assert run is not None
        steps = [row["step"] for row in read_run(run).history() if "event" not in row]
        assert steps == sorted(set(steps))
        checkpoint = find_checkpoint(run / "checkpoints" / "last")
        assert checkpoint is not None
        assert steps[-1] - load_state(checkpoint)["position"]["step"] <= 5 + 1
        process = start(tmp_path, "--resume", str(run))
        rows = count_rows(tmp_path)
        if wait_until(lambda: count_rows(tmp_path) > rows + 3 or read_run(run).status["state"] == "finished", process):  # noqa: B023
            continue
    status, _, err = end(process)
    assert status == 0, err
    assert_same_run(run, whole)


def test_two_processes_cannot_write_one_run(tmp_path: Path) -> None:
    process = start_run(tmp_path)
    wait_until(lambda: count_rows(tmp_path) > 4, process)
    process.send_signal(signal.SIGSTOP)  # it lives, and keeps the run while the other comes
    run = find_run(tmp_path)
    status, out, err = end(start(tmp_path, "--resume", str(run)))
    process.kill()
    end(process)
    assert status == 2 and out == "" and len(err.splitlines()) == 1
    assert f"is being written by process {process.pid}" in err


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """A limit on the size of a file stands in for the disk; the model is larger than it."""
    (tmp_path / "recipe.toml").write_text(RECIPE)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))

    status, out, err = end(start(tmp_path, "recipe.toml", "--runs", "runs", preexec_fn=limit))
    said = [line for line in err.splitlines() if line.startswith("saccade:")]
    assert status == 2 and out == "" and "Traceback" not in err
    assert len(said) == 1 and "cannot write the checkpoint" in said[0], err
    run = find_run(tmp_path)
    assert run is not None and read_run(run).status["state"] == "failed"
    assert not list((run / "checkpoints").rglob("*.safetensors"))


def test_a_loss_that_is_not_finite_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    status, out, err = end(start(tmp_path, "recipe.toml", "--runs", "runs", "--set", "optimizer.learning_rate=1e30"))
    run = find_run(tmp_path)
    assert status == 3 and out == "" and run is not None, err
    assert (
        err.splitlines()[-1].startswith("saccade: loss or weights are not finite at step ") and "Traceback" not in err
    )
    assert all(tensor.isfinite().all() for tensor in read_tensors(run).values())
    assert (run / "failure.safetensors").exists()


def start_two_ranks(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    (folder / "recipe.toml").write_text(RECIPE.replace("epochs = 120", "epochs = 400"))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "saccade"]
    return subprocess.Popen(
        [*command, "train", "recipe.toml", "--runs", "runs", "--device", "cpu", *arguments],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def find_rank(folder: Path, rank: int) -> int:
    """Return the process id of a rank by the variables that torchrun gave it."""
    for variables in Path("/proc").glob("[0-9]*/environ"):
        try:
            listed, place = variables.read_bytes().split(b"\0"), os.readlink(variables.parent / "cwd")
        except OSError:
            continue  # it has ended, or is somebody else's
        if f"RANK={rank}".encode() in listed and Path(place) == folder.resolve():
            return int(variables.parent.name)
    raise AssertionError(f"no process of rank {rank}")


def test_a_killed_rank_ends_the_run_with_3(tmp_path: Path) -> None:
    process = start_two_ranks(tmp_path)
    wait_until(lambda: count_rows(tmp_path) > 12, process)
    os.kill(find_rank(tmp_path, 1), signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    run = find_run(tmp_path)
    assert out == "" and run is not None
    assert "exitcode  : 3 " in err, err  # of the rank that was left
    (said,) = [line for line in err.splitlines() if line.startswith("saccade: ")]
    status = read_run(run).status
    assert status["state"] == "failed" and said == f"saccade: {status['cause']}"
    assert status["cause"].startswith("a rank died or no longer answers (")


def test_two_ranks_say_everything_once(tmp_path: Path) -> None:
    """Two seeds in one launch: one record and one line a seed, by the first rank alone."""
    process = start_two_ranks(tmp_path, "--seeds", "0,1", "--set", "train.epochs=4")
    status, out, err = end(process)
    assert status == 0, err
    assert [read_run(tmp_path / line).environment["seed"] for line in out.splitlines()] == [0, 1]
    assert err.count("run      ") == 2


def test_broken_variables_of_the_ranks_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    environment = {name: value for name, value in os.environ.items() if name != "RANK"} | {"WORLD_SIZE": "2"}
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "train", "recipe.toml"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("saccade: WORLD_SIZE=2, but RANK") and len(done.stderr.splitlines()) == 1
    assert find_run(tmp_path) is None
