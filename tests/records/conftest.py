"""A run as the engine starts it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from saccade.records import RunWriter


def write_start(writer: RunWriter) -> None:
    """Write the five files that a run writes once."""
    writer.write_once("recipe.toml", 'task = "read"\nseed = 3\n\n[text]\ncharset = "가京A"\n')
    writer.write_json_once("recipe.diff.json", {"diff": {}, "ancestors": {}})
    writer.write_json_once("environment.json", {"seed": 3})
    writer.write_json_once("data.json", {"train": {"count": 2}})
    writer.write_json_once("preprocessing.json", {"height_px": 48, "charset": "가京A"})


@pytest.fixture
def make_writer(tmp_path: Path) -> Iterator[Callable[[], RunWriter]]:
    """Return a function that makes a new run below `tmp_path/runs`; what it made is closed at the end."""
    made: list[RunWriter] = []

    def make() -> RunWriter:
        runs = tmp_path / "runs"
        made.append(RunWriter.create(runs, series="plates", experiment="exp10", seed=3, recipe_hash="0123456789ab"))
        write_start(made[-1])
        return made[-1]

    yield make
    for writer in made:
        writer.close()


@pytest.fixture
def writer(make_writer: Callable[[], RunWriter]) -> RunWriter:
    """One run that has just started."""
    return make_writer()
