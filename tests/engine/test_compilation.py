"""torch.compile: before the clock, without a trace, the same run after a stop, and a run where it cannot work."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from saccade.records.reader import read_run

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def work(runs: Path, kind: str, **environment: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.engine.compile_worker", str(runs), kind]
    variables = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads((runs / "found.json").read_text())
    return found


def test_compiling_leaves_nothing_behind_but_the_code(tmp_path: Path) -> None:
    """Two sizes of batches, hence two of micro-batches: 8 and 4."""
    found = work(tmp_path, "alone")
    assert found == {
        "said": ["compile_seconds"],
        "graphs": 2,
        "weights": True,
        "gradients": True,
        "draws": True,
        "position": True,
    }


def test_no_step_compiles_and_a_stopped_run_ends_the_same(tmp_path: Path) -> None:
    graphs = work(tmp_path, "resume")["graphs"]
    assert len(graphs) == 1 + 6 and set(graphs) == {2}


def test_where_it_fails_the_run_is_trained_uncompiled_and_says_so(tmp_path: Path) -> None:
    work(tmp_path, "failed", CXX="no-compiler-here", TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "cache"))
    (status,) = tmp_path.rglob("status.json")
    run = read_run(status.parent)
    start = run.history()[0]
    assert "compile_seconds" not in start and "no-compiler-here" in start["compile_failed"]
    assert "\n" not in start["compile_failed"]
    assert run.status["state"] == "finished"
