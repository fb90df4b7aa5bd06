"""Two processes train as one: same draws, same weights, and they end together."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch.distributed as dist

from saccade.engine.device import Ranks
from saccade.engine.ranks import _watch_neighbours
from saccade.records.reader import read_run
from tests.engine.rank_worker import make_task
from tests.engine.runs import read_tensors, rows_without_times, train

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def train_with_two(runs: Path, kind: str = "", *, status: int = 0) -> list[Path]:
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
        _, said = process.communicate(timeout=600)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its ranks too, which would wait for each other for ever
    assert process.returncode == status, said[-3000:]
    return [path.parent for path in sorted(runs.rglob("status.json"))]


@pytest.mark.parametrize("kinds", [("",), ("stop", "resume")], ids=["whole", "resumed"])
def test_two_ranks_train_as_one_also_after_a_stop(kinds: tuple[str, ...], tmp_path: Path) -> None:
    for kind in kinds:
        (shared,) = train_with_two(tmp_path / "two", kind)
    alone = train(make_task(), tmp_path / "one")
    assert len(list((tmp_path / "two").glob("StoppedError-*"))) == (0 if kinds == ("",) else 2)
    ours, theirs = read_tensors(shared), read_tensors(alone)
    assert ours.keys() == theirs.keys()
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in ours) < 1e-5
    for one, other in zip(rows_without_times(read_run(shared)), rows_without_times(read_run(alone)), strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-6) if "event" not in one else one == other
    assert read_run(shared).status["state"] == "finished"
    assert read_run(shared).environment["ranks"] == 2
    start = read_run(shared).history()[0]
    assert (start["num_ranks"], start["batch_size_per_rank"], start["num_synchronised_norms"]) == (2, 4, 0)


def test_a_bad_loss_on_one_rank_ends_both(tmp_path: Path) -> None:
    (folder,) = train_with_two(tmp_path / "two", "bad")
    assert {path.name for path in (tmp_path / "two").glob("*-[01]")} == {"RunFailedError-0", "RunFailedError-1"}
    assert read_run(folder).status["state"] == "failed"


def test_norms_and_weights_train_as_on_one_rank(tmp_path: Path) -> None:
    """Twenty steps with GroupNorm, batches of 15 and 7, and a loss whose weight differs between the ranks."""
    (shared,) = train_with_two(tmp_path / "two", "norm")
    alone = train(make_task("norm"), tmp_path / "one")
    ours, theirs = read_tensors(shared), read_tensors(alone)
    weights = [name for name in ours if name.startswith("model:")]
    assert any("backbone.1" in name for name in weights)
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in weights) < 1e-5
    rows = [row for row in read_run(shared).history() if "event" not in row]
    assert rows[-1]["step"] == 20
    assert rows[-1]["loss"] == pytest.approx(read_run(alone).history()[-3]["loss"], abs=1e-5)


def test_two_seeds_in_one_launch(tmp_path: Path) -> None:
    first, second = train_with_two(tmp_path / "two", "seeds")
    assert [read_run(folder).environment["seed"] for folder in (first, second)] == [0, 1]
    assert {read_run(folder).status["state"] for folder in (first, second)} == {"finished"}


@pytest.mark.parametrize("victim", [1, 0])
def test_a_killed_rank_ends_the_other_with_the_cause(victim: int, tmp_path: Path) -> None:
    """Also where it was the one that writes the record."""
    (folder,) = train_with_two(tmp_path / "two", f"kill{victim}", status=1)
    told = (tmp_path / "two" / f"RankLostError-{1 - victim}").read_text()
    assert told.startswith("a rank died or no longer answers (") and "\n" not in told
    status = read_run(folder).status
    assert (status["state"], status["cause"]) == ("failed", told)
    assert [row["step"] for row in read_run(folder).history() if "event" not in row][-1] >= 5


def test_a_rank_that_hangs_for_a_dead_one_is_ended(tmp_path: Path) -> None:
    """Its main thread never comes back, as where a GPU waits for another: torchrun's signal does not reach it."""
    (folder,) = train_with_two(tmp_path / "two", "hang1", status=1)
    status = read_run(folder).status
    assert (status["state"], status["cause"]) == ("failed", "rank 1 died; the last lines of the others may say why")


def test_who_watches_neighbours_never_waits_for_their_word() -> None:
    """Where the other said nothing: waiting for it would keep the store from the main thread."""
    apart = threading.Event()
    thread = threading.Thread(target=_watch_neighbours, args=(Ranks(0, 2, dist.HashStore()), apart), daemon=True)
    thread.start()
    apart.set()
    thread.join(60)
    assert not thread.is_alive()


def test_what_ended_one_rank_is_what_the_record_says(tmp_path: Path) -> None:
    (folder,) = train_with_two(tmp_path / "two", "image")
    assert (tmp_path / "two" / "InputError-1").exists()
    cause = "rank 1 ended: images/broken.png: is truncated; remove it"
    assert read_run(folder).status["cause"] == (tmp_path / "two" / "RankLostError-0").read_text() == cause


def test_synchronised_norms_without_gpus_are_bad_input(tmp_path: Path) -> None:
    assert train_with_two(tmp_path / "two", "sync") == []
    for rank in (0, 1):
        assert "train.sync_batch_norm: ranks without GPUs" in (tmp_path / "two" / f"InputError-{rank}").read_text()


def test_two_ranks_compile_without_waiting_for_each_other(tmp_path: Path) -> None:
    (folder,) = train_with_two(tmp_path / "two", "compile")
    run = read_run(folder)
    assert run.status["state"] == "finished" and run.history()[0]["compile_seconds"] > 0
