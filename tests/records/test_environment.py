"""The environment of a run: with git, without git, and without loading any framework."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from saccade.records.environment import collect_environment


def collect() -> dict[str, Any]:
    return collect_environment(command=["saccade", "train", "r.toml"], seed=7, device={"name": "cpu", "num_threads": 2})


def run_git(*arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def work_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    run_git("init")
    (tmp_path / "code.py").write_text("a = 1\n", encoding="utf-8")
    run_git("add", "code.py")
    run_git("commit", "-m", "first")
    return tmp_path


def test_command_seed_device_versions_and_machine_are_there() -> None:
    found = collect()
    assert found["command"] == ["saccade", "train", "r.toml"]
    assert (found["seed"], found["device"]) == (7, {"name": "cpu", "num_threads": 2})
    assert found["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert found["packages"]["numpy"] == version("numpy")
    assert found["cpu"]["model"]
    assert 1 <= found["cpu"]["num_usable_cores"] <= found["cpu"]["num_cores"]
    assert found["started"].endswith("+00:00")
    assert json.loads(json.dumps(found)) == found


def test_a_clean_work_tree_has_a_revision_and_an_empty_patch(work_tree: Path) -> None:
    git = collect()["git"]
    assert len(git["revision"]) == 40
    assert (git["patch"], git["patch_truncated"], git["num_untracked_files"]) == ("", False, 0)


def test_changes_are_kept_as_a_patch_from_any_folder_inside(work_tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work_tree / "code.py").write_text("a = 2  # 가\n", encoding="utf-8")
    (work_tree / "new.py").touch()
    (work_tree / "below").mkdir()
    monkeypatch.chdir(work_tree / "below")
    git = collect()["git"]
    assert "-a = 1\n+a = 2  # 가\n" in git["patch"]
    assert git["num_untracked_files"] == 1


def test_a_patch_that_is_too_long_is_cut_and_says_so(work_tree: Path) -> None:
    (work_tree / "code.py").write_text("b = 12345\n" * 150_000, encoding="utf-8")
    git = collect()["git"]
    assert git["patch_truncated"] is True
    assert len(git["patch"]) == 2**20 < git["patch_bytes"]


def test_outside_git_and_without_git_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert collect()["git"] is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert collect()["git"] is None


def test_only_thread_variables_that_are_set_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    kept = collect()["cpu"]["thread_variables"]
    assert kept["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in kept


def test_no_framework_is_loaded() -> None:
    code = "import sys; from saccade.records.environment import collect_environment as collect\n"
    code += "collect(command=[], seed=0, device={}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ)).returncode == 0
