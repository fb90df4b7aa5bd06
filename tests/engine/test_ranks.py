"""Two processes train as one: same draws, same weights, and they end together."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from saccade.records.reader import read_run
from tests.engine.rank_worker import make_task
from tests.engine.runs import read_tensors, rows_without_times, train

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def train_with_two(runs: Path, kind: str = "") -> Path:
    runs.mkdir(exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "tests.engine.rank_worker",
        str(runs),
        kind,
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its ranks too, which would wait for each other for ever
    assert process.returncode == 0, said[-3000:]
    (status,) = runs.rglob("status.json")
    return status.parent


@pytest.mark.parametrize("kinds", [("",), ("stop", "resume")], ids=["whole", "resumed"])
def test_two_ranks_train_as_one_also_after_a_stop(kinds: tuple[str, ...], tmp_path: Path) -> None:
    for kind in kinds:
        shared = train_with_two(tmp_path / "two", kind)
    alone = train(make_task(), tmp_path / "one")
    assert len(list((tmp_path / "two").glob("StoppedError-*"))) == (0 if kinds == ("",) else 2)
    ours, theirs = read_tensors(shared), read_tensors(alone)
    assert ours.keys() == theirs.keys()
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in ours) < 1e-5
    for one, other in zip(rows_without_times(read_run(shared)), rows_without_times(read_run(alone)), strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-6) if "event" not in one else one == other
    assert read_run(shared).status["state"] == "finished"
    assert read_run(shared).environment["ranks"] == 2


def test_a_bad_loss_on_one_rank_ends_both(tmp_path: Path) -> None:
    folder = train_with_two(tmp_path / "two", "bad")
    assert {path.name for path in (tmp_path / "two").glob("*-[01]")} == {"RunFailedError-0", "RunFailedError-1"}
    assert read_run(folder).status["state"] == "failed"
