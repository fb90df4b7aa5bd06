"""Checkpoints on disk: whole or absent, whatever ends the process, and readable by nothing but data."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from saccade.engine import checkpoint
from saccade.engine.checkpoint import (
    find_checkpoint,
    load_state,
    load_tensors,
    load_weights,
    read_contract,
    save_checkpoint,
)
from saccade.errors import InputError


class KilledError(BaseException):
    """Stands for SIGKILL: nothing after it runs, not even what handles errors."""


def save(folder: Path, step: int) -> None:
    save_checkpoint(folder, {"model": {"weight": torch.full((3,), float(step))}}, {"step": step}, "{}")


def save_and_die(folder: Path, step: int, number: int) -> bool:
    """Save, but end before the file operation of this number; return whether there were fewer."""
    left = number

    def dying(operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError
            return operation(*arguments, **options)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (checkpoint, "save_file"),
            (checkpoint, "_flush"),
            (checkpoint.os, "rename"),
            (checkpoint.shutil, "rmtree"),
        ):
            patch.setattr(owner, name, dying(getattr(owner, name)))
        try:
            save(folder, step)
        except KilledError:
            return False
    return True


def read_step(folder: Path) -> int:
    """Return the step of the newest whole checkpoint, having compared its parts."""
    found = find_checkpoint(folder)
    assert found is not None
    step = int(load_state(found)["step"])
    assert load_tensors(found / "model.safetensors")["weight"].tolist() == [step] * 3
    return step


def test_killed_at_any_two_moments_a_whole_checkpoint_is_left(tmp_path: Path) -> None:
    """And never an older one than before: what was whole stays until something newer is."""
    cases = 0
    for first in range(30):
        for second in range(30):
            folder = tmp_path / f"{first}-{second}" / "last"
            save(folder, 1)
            first_ended = save_and_die(folder, 2, first)
            before = read_step(folder)
            assert before == 2 if first_ended else before in (1, 2)
            second_ended = save_and_die(folder, 3, second)
            assert read_step(folder) == 3 if second_ended else read_step(folder) in (before, 3)
            save(folder, 4)
            assert read_step(folder) == 4 and [path.name for path in folder.parent.iterdir()] == ["last"]
            cases += 1
            if second_ended:
                break
        if first_ended:
            break
    assert cases > 30


def test_killed_before_the_first_checkpoint_there_is_none(tmp_path: Path) -> None:
    save_and_die(tmp_path / "last", 1, 2)
    assert find_checkpoint(tmp_path / "last") is None
    save(tmp_path / "last", 1)
    assert read_step(tmp_path / "last") == 1


def test_full_disk_is_one_line_and_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "last", 1)

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", fail)
    with pytest.raises(InputError, match=r"cannot write the checkpoint .*No space left.*; free space") as error:
        save(tmp_path / "last", 2)
    assert "\n" not in str(error.value)
    assert read_step(tmp_path / "last") == 1 and [path.name for path in tmp_path.iterdir()] == ["last"]


def test_damaged_files_name_themselves(tmp_path: Path) -> None:
    save(tmp_path / "last", 1)
    (tmp_path / "last" / "model.safetensors").write_bytes(b"not tensors")
    (tmp_path / "last" / "state.json").write_text("{")
    for read, name in ((load_tensors, "model.safetensors"), (read_contract, "model.safetensors")):
        with pytest.raises(InputError, match=name):
            read(tmp_path / "last" / name)
    with pytest.raises(InputError, match=r"state.json"):
        load_state(tmp_path / "last")


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    def write(tensors: dict[str, torch.Tensor]) -> Path:
        save_checkpoint(tmp_path / "last", {"model": tensors}, {}, json.dumps({"charset": "AB"}))
        return tmp_path / "last" / "model.safetensors"

    model = torch.nn.Sequential(torch.nn.Linear(2, 3))
    good = {name: tensor + 1 for name, tensor in model.state_dict().items()}
    contract = {"charset": "AB"}
    assert load_weights(model, write(good), contract=contract) == []
    assert model.state_dict()["0.bias"].equal(good["0.bias"])
    with pytest.raises(InputError, match=r'"0.bias" is missing; .*start.allow = \["0"\]'):
        load_weights(model, write({"0.weight": good["0.weight"]}), contract=contract)
    with pytest.raises(InputError, match=r'"0.weight" is float32 \[2, 2\], in the model float32 \[3, 2\]'):
        load_weights(model, write(good | {"0.weight": torch.zeros(2, 2)}), contract=contract)
    with pytest.raises(InputError, match=r'"0.bias" is float16 \[3\], in the model float32 \[3\]'):
        load_weights(model, write(good | {"0.bias": good["0.bias"].half()}), contract=contract)
    with pytest.raises(InputError, match=r'"1.bias" is not part of the model'):
        load_weights(model, write(good | {"1.bias": torch.zeros(1)}), contract=contract)
    assert load_weights(model, write({"0.weight": good["0.weight"]}), contract=contract, allow=("0",)) == ["0.bias"]
    with pytest.raises(InputError, match=r'start\.allow: neither .* have a module "heda"; there are 0'):
        load_weights(model, write(good), contract=contract, allow=("0", "heda"))


@pytest.mark.parametrize("header", ["[]", "3", "{", "[" * 100_000])
def test_weights_whose_header_holds_no_object_are_refused(header: str, tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "w.safetensors", {"preprocessing": header})
    with pytest.raises(InputError, match="no JSON object; take the file from the run again"):
        read_contract(tmp_path / "w.safetensors")
