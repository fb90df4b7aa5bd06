"""What torchrun tells each rank, what is said where that is broken, and which number format a device gets."""

from pathlib import Path

import pytest
import torch

from saccade.engine import device
from saccade.engine.device import Ranks, choose_precision, read_number, read_ranks
from saccade.errors import InputError
from saccade.recipes.tables.training import TrainTable
from saccade.records.reader import read_run
from tests.contract.tasks import make_task
from tests.engine.runs import train

WHOLE = {"WORLD_SIZE": "4", "RANK": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*WHOLE, "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


def test_alone_without_torchrun_and_with_one_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_ranks() == Ranks() and read_ranks().is_first
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert read_ranks() == Ranks()


def test_a_place_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)
    assert read_ranks() == Ranks(2, 4) and not read_ranks().is_first


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"RANK": None}, "WORLD_SIZE=4, but RANK is not set; start the ranks with torchrun"),
        ({"RANK": None, "MASTER_ADDR": ""}, "RANK, MASTER_ADDR is not set"),
        ({"RANK": "4"}, "RANK=4, but WORLD_SIZE=4"),
        ({"RANK": "-1"}, "RANK='-1' is no whole number"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE='two' is no whole number"),
    ],
    ids=str,
)
def test_broken_variables_are_one_line(
    broken: dict[str, str | None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (WHOLE | broken).items():
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=said):
        read_ranks()


def test_a_number_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_number("LOCAL_RANK", 0) == 0
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert read_number("LOCAL_RANK", 0) == 3


@pytest.mark.parametrize(("has_instructions", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_only_where_the_processor_computes_it_and_the_record_says_which(
    has_instructions: bool, chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_computes_bf16", lambda: has_instructions)
    task = make_task("shapes", train=TrainTable(epochs=1, batch_size=32, precision="auto"))
    recorded = read_run(train(task, tmp_path)).recipe
    assert recorded["train"].get("precision", "fp32") == chosen


@pytest.mark.parametrize("asked", ["fp32", "bf16", "fp16"])
def test_a_format_that_is_named_is_taken(asked: str) -> None:
    assert choose_precision(asked, torch.device("cpu")) == asked
