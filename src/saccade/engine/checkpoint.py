"""Checkpoints: weights, moving average, optimiser and position, as safetensors and JSON. Loading never executes code.

A checkpoint is a folder. A new one is written beside the old one, flushed, and then put in its place by renames;
`find_checkpoint` knows the two names that a kill between the renames can leave.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from saccade.errors import InputError

_NEW, _OLD = ".new", ".old"
_NUM_NAMED = 3


def save_checkpoint(
    folder: Path, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, object], contract: str
) -> None:
    """Write a checkpoint in place of an older one.

    Args:
        folder: where it will be; an older checkpoint there is replaced only when the new one is whole.
        tensors: file name without extension -> tensors, e.g. "model".
        state: what `state.json` holds.
        contract: JSON text of `preprocessing.json`, kept in the header of each weight file so that a single file is enough to use it.

    Raises:
        InputError: the disk is full or read-only.
    """
    new, old = folder.with_name(folder.name + _NEW), folder.with_name(folder.name + _OLD)
    try:
        _settle(folder)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for name, values in tensors.items():
            path = new / f"{name}.safetensors"
            save_file(
                {key: value.detach().cpu().contiguous() for key, value in values.items()},
                path,
                {"preprocessing": contract},
            )
            _flush(path)
        (new / "state.json").write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        _flush(new / "state.json")
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.rename(folder, old)
        os.rename(new, folder)
        _flush(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(new, ignore_errors=True)
        raise InputError(
            f"{folder}: cannot write the checkpoint ({error}); free space or choose another --runs folder"
        ) from error


def find_checkpoint(folder: Path) -> Path | None:
    """Return where the newest whole checkpoint of this name lies; None where there is none.

    After a kill between the two renames the name itself is missing and the new folder, already flushed, is whole.
    """
    if (folder / "state.json").exists():
        return folder
    for suffix in (_NEW, _OLD):
        candidate = folder.with_name(folder.name + suffix)
        if (candidate / "state.json").exists() and folder.with_name(folder.name + _OLD).exists():
            return candidate
    return None


def _settle(folder: Path) -> None:
    """End what a kill interrupted: the newest whole checkpoint stands under its own name before another is begun."""
    whole = find_checkpoint(folder)
    if whole is not None and whole != folder:
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(whole, folder)


def load_state(checkpoint: Path) -> dict[str, Any]:
    """Return the content of `state.json`.

    Raises:
        InputError: it is missing or damaged.
    """
    path = checkpoint / "state.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable checkpoint ({error}); resume from another run") from error
    if not isinstance(state, dict):
        raise InputError(f"{path}: not a checkpoint's state; resume from another run")
    return state


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file.

    Raises:
        InputError: the file is missing or no safetensors file.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _refuse_file(path, error) from error


def _refuse_file(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path}: cannot be read as weights ({error}); name a .safetensors file, or restore it from a copy"
    )


def read_contract(path: Path) -> dict[str, Any]:
    """Return the preprocessing contract in the header of a weight file; empty where the file was not written by saccade."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise _refuse_file(path, error) from error
    try:
        contract = json.loads(metadata.get("preprocessing", "{}"))
    except (ValueError, RecursionError):
        contract = None
    if not isinstance(contract, dict):
        raise InputError(f"{path}: the preprocessing in its header is no JSON object; take the file from the run again")
    return contract


def load_weights(
    model: nn.Module, path: Path, *, contract: Mapping[str, object], allow: tuple[str, ...] = ()
) -> list[str]:
    """Put the weights of a file into a model.

    Args:
        model: changed in place.
        path: a .safetensors file.
        contract: the model's own preprocessing; a file with another charset or other classes does not fit.
        allow: modules that may be missing, have another shape or other answers; they keep their fresh weights then.

    Returns:
        The names that kept their fresh weights.

    Raises:
        InputError: names, shapes, charsets or classes differ outside `allow`, or neither model nor file has a module of `allow`.
    """
    found, wanted = load_tensors(path), model.state_dict()
    _check_modules(allow, {**found, **wanted})
    others = _find_other_answers(read_contract(path), contract)
    # A head of the same shape would take each answer for another.
    heads = {name.split(".")[0] for name in wanted if name.split(".")[0].endswith("head")} if others else set()
    if others and not (heads and heads <= set(allow)):
        fresh_head = f", or start.allow = {json.dumps(sorted({*heads, *allow}))}" if heads else ""
        raise InputError(f"{path}: was trained with {others}{fresh_head}")
    fresh = []
    for name, tensor in wanted.items():
        may_differ = any(name == module or name.startswith(module + ".") for module in allow)
        fits = name in found and _describe_tensor(found[name]) == _describe_tensor(tensor)
        fits = fits and not (others and may_differ)
        if fits:
            tensor.copy_(found[name])
        elif may_differ:
            fresh.append(name)
        else:
            what = (
                f"is {_describe_tensor(found[name])}, in the model {_describe_tensor(tensor)}"
                if name in found
                else "is missing"
            )
            raise InputError(
                f'{path}: "{name}" {what}; use the recipe it was trained with, or start.allow = ["{name.split(".")[0]}"]'
            )
    unused = sorted(
        name for name in set(found) - set(wanted) if not any(name.startswith(module + ".") for module in allow)
    )
    if unused:
        raise InputError(
            f'{path}: "{unused[0]}" is not part of the model (and {len(unused) - 1} more); use the recipe it was trained with'
        )
    return fresh


def _check_modules(allow: Sequence[str], names: Iterable[str]) -> None:
    for module in allow:
        if not any(name == module or name.startswith(module + ".") for name in names):
            there = ", ".join(sorted({name.split(".")[0] for name in names}))
            raise InputError(
                f'start.allow: neither the model nor the weights have a module "{module}"; there are {there}'
            )


def pack_optimizer(
    optimizer: torch.optim.Optimizer, model: nn.Module
) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """Split an optimiser's state into tensors for a safetensors file and plain values for `state.json`.

    Both go by the name of the weight: its number changes with the decay groups, which another recipe may have.
    """
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    tensors: dict[str, Tensor] = {}
    values: dict[str, dict[str, Any]] = {}
    for parameter, entry in optimizer.state.items():
        for key, value in entry.items():
            if isinstance(value, Tensor):
                tensors[f"{names[parameter]}/{key}"] = value
            else:
                values.setdefault(names[parameter], {})[key] = value
    return tensors, values


def unpack_optimizer(
    optimizer: torch.optim.Optimizer,
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    values: Mapping[str, Mapping[str, Any]],
) -> None:
    """Put a state made by `pack_optimizer` back, in the memory layout of each parameter, as fused kernels want it."""
    weights = dict(model.named_parameters())
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = {parameter: number for number, parameter in enumerate(parameters)}
    state: dict[int, dict[str, Any]] = {numbers[weights[name]]: dict(entry) for name, entry in values.items()}
    for full_name, tensor in tensors.items():
        name, _, key = full_name.rpartition("/")
        parameter = weights.get(name)
        if parameter is None or (tensor.ndim and tensor.shape != parameter.shape):
            raise InputError(
                f'the optimiser state "{full_name}" does not fit the model; start a new run with [start] weights'
            )
        same_shape = tensor.shape == parameter.shape
        value = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor) if same_shape else tensor
        state.setdefault(numbers[parameter], {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _describe_tensor(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _find_other_answers(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """Say how what a file's model answers with differs from ours, and the cure; empty where it does not, or is not known."""
    kinds = (
        ("charset", "another charset", "[text] charset", ""),
        ("tokens", "other tokens", "[text] tokens", ", "),
        ("classes", "other classes", "[classes] names", ", "),
    )
    for key, what, cure, separator in kinds:
        found, wanted = theirs.get(key), ours.get(key)
        if found is not None and found != wanted:
            return f"{what} ({_differ(found, wanted or (), separator)}); set {cure}"
    return ""


def _differ(theirs: Sequence[str], ours: Sequence[str], separator: str) -> str:
    missing, extra = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    if not missing and not extra:
        return "the same in another order"
    return f"it lacks {_join(missing, separator)}, it has {_join(extra, separator)} besides"


def _join(names: Sequence[str], separator: str) -> str:
    """Join characters as they are; of classes name a few."""
    if separator and len(names) > _NUM_NAMED:
        return f"{separator.join(names[:_NUM_NAMED])} and {len(names) - _NUM_NAMED} more"
    return separator.join(names) or "nothing"


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
