"""What a run ran in: command, code, versions, machine, as git and the operating system tell; imports no framework."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

_MAX_PATCH_BYTES = 2**20
_GIT_TIMEOUT_SECONDS = 20
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_NUM_THREADS")


def collect_environment(*, command: Sequence[str], seed: int, device: Mapping[str, object]) -> dict[str, object]:
    """Return the content of `environment.json`.

    Args:
        command: The command line that started the run.
        seed: The run's seed.
        device: What the engine says about the device, its threads and its precision; kept as it is.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "seed": seed,
        "git": _describe_git(),
        "python": platform.python_version(),
        "packages": _list_packages(),
        "platform": platform.platform(),
        "cpu": {
            "model": _read_cpu_model(),
            "num_cores": os.cpu_count(),
            "num_usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "thread_variables": {name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ},
        },
        "device": dict(device),
    }


def _describe_git() -> dict[str, object] | None:
    """Return revision and uncommitted changes of the current folder; None where there is no git or no commit."""
    revision = _run_git("rev-parse", "HEAD")
    patch = _run_git("diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv")
    untracked = _run_git("ls-files", "--others", "--exclude-standard", "-z", ":/")
    if revision is None or patch is None or untracked is None:
        return None
    return {
        "revision": revision.decode("ascii").strip(),
        "patch": patch[:_MAX_PATCH_BYTES].decode("utf-8", "replace"),
        "patch_bytes": len(patch),
        "patch_truncated": len(patch) > _MAX_PATCH_BYTES,
        "num_untracked_files": untracked.count(b"\0"),
    }


def _run_git(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments], capture_output=True, timeout=_GIT_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # git is not installed, or the work tree is too large to be worth the wait
    return done.stdout if done.returncode == 0 else None


def _list_packages() -> dict[str, str]:
    found = {dist.name.lower(): dist.version for dist in importlib.metadata.distributions()}
    return dict(sorted(found.items()))


def _read_cpu_model() -> str:
    """Return the processor's name; Linux on x86 says more than `platform` does."""
    description = Path("/proc/cpuinfo")
    if description.exists():
        for line in description.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
