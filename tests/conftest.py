"""What every test runs under: shape checks in saccade, few PyTorch threads, no display, repeatable examples."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

import jaxtyping
import pytest
from hypothesis import settings

import tests.shape_checks  # noqa: F401  the hook looks the checker up by this name

# Before any import of saccade: calls in this process are checked against their annotations, `Float[Tensor, "B T V"]`
# too. Production runs without, and so does a process that a test starts (torch.compile does not mix with the checks).
_shape_checks = jaxtyping.install_import_hook("saccade", "tests.shape_checks.check")

settings.register_profile("saccade", deadline=None, derandomize=True, database=None)
settings.load_profile("saccade")

# One each where several processes share the cores: PyTorch's threads spin while they wait.
NUM_TORCH_THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for `data_root` as realdata, so that `make test` never depends on data."""
    for item in items:
        if "data_root" in getattr(item, "fixturenames", ()):
            item.add_marker("realdata")


@pytest.fixture(autouse=True)
def _few_threads() -> None:
    """Bound PyTorch's threads where PyTorch is in use already; tests without it do not pay for its import."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != NUM_TORCH_THREADS:
        torch.set_num_threads(NUM_TORCH_THREADS)


@pytest.fixture(autouse=True)
def _no_data_root(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Hide the machine's data root from tests that are not marked realdata."""
    if request.node.get_closest_marker("realdata") is None:
        monkeypatch.delenv("SACCADE_DATA", raising=False)


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    """Close what a test drew: matplotlib keeps every open figure."""
    yield
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real image sets, $SACCADE_DATA; the test is skipped without it."""
    named = os.environ.get("SACCADE_DATA")
    if not named:
        pytest.skip("real data: set SACCADE_DATA to the folder that holds the sets")
    root = Path(named).resolve()
    if not root.is_dir():
        pytest.fail(f"SACCADE_DATA names {root}, which is not a folder")
    return root


@pytest.fixture(scope="session")
def real_set(data_root: Path) -> Callable[[str], Path]:
    """Return the folder of a real image set by its name; the test is skipped where that set is not laid out."""

    def find(name: str) -> Path:
        if not (data_root / name).is_dir():
            pytest.skip(f"real data: no {name} under $SACCADE_DATA")
        return data_root / name

    return find
