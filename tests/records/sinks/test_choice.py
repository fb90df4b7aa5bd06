"""Which sinks a run goes to."""

from pathlib import Path

import pytest

from saccade.errors import InputError
from saccade.records.sinks import choice
from saccade.records.sinks.choice import choose_sinks, make_sink
from saccade.records.writer import RunWriter


def test_each_is_taken_once_in_order():
    assert choose_sinks([]) == []
    assert choose_sinks(["tensorboard", "wandb", "tensorboard"]) == ["tensorboard", "wandb"]
    assert [make_sink(name).name for name in choice.NAMES] == list(choice.NAMES)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (["mlflow"], "--sink mlflow: there is no such sink; choose wandb, tensorboard or none"),
        (["none", "wandb"], "--sink none stands alone"),
    ],
)
def test_bad_names_are_one_line(named: list[str], said: str):
    with pytest.raises(InputError, match=said):
        choose_sinks(named)


def test_a_resume_goes_on_with_the_sinks_of_before(writer: RunWriter):
    writer.append({"event": "start", "step": 0})
    assert choose_sinks([], resumed=writer.folder) == []
    writer.append({"event": "sink", "step": 0, "sink": "tensorboard", "folder": "tensorboard"})
    writer.append({"event": "sink", "step": 0, "sink": "a sink of a later saccade"})
    assert choose_sinks([], resumed=writer.folder) == ["tensorboard"]
    assert choose_sinks(["wandb"], resumed=writer.folder) == ["wandb", "tensorboard"]
    assert choose_sinks(["none"], resumed=writer.folder) == []


def test_what_is_not_installed_is_said_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """W&B leaves folders of its own name behind, which Python would take for a package."""
    (tmp_path / "saccade_absent").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(choice, "NAMES", ("saccade_absent",))
    with pytest.raises(InputError, match=r"is not installed; install it with pip install 'saccade\[saccade_absent\]'"):
        choose_sinks(["saccade_absent"])
