"""Recipe files written for one test."""

from collections.abc import Callable
from pathlib import Path

import pytest

BASE = """\
task = "read"
[train]
epochs = 30
[optimizer]
name = "adamw"
learning_rate = 3e-3
beta2 = 0.99
[schedule]
name = "cosine"
warmup_epochs = 2
[[data.train]]
format = "tsv"
path = "set/train.tsv"
"""

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _no_data_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SACCADE_DATA", raising=False)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return a function that writes a recipe into the current folder and returns its relative path."""
    monkeypatch.chdir(tmp_path)

    def write_recipe(name: str, text: str, *, base: bool = False) -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(BASE + text if base else text, encoding="utf-8")
        return path

    return write_recipe


@pytest.fixture
def write_child(write: Write) -> Callable[[str], Path]:
    """Return a function that writes a child of BASE (`base.toml`) and returns its path, `child.toml`."""

    def write_pair(text: str) -> Path:
        write("base.toml", BASE)
        return write("child.toml", f'extends = "base.toml"\nhypothesis = "It helps."\n{text}')

    return write_pair
