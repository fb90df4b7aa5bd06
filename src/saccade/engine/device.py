"""Where training runs: device, number format and ranks. Sets nothing by being imported."""

import importlib
import os
import resource
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
import torch.distributed as dist

from saccade.data.residency import read_free_memory
from saccade.errors import InputError

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the record."""
        return self.rank == 0


@contextmanager
def joined_ranks(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that torchrun started, and part again at the end; alone where it started none."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks()
        return
    # DDP imports this module when it is first built, and its functions keep the group of that moment as a default argument:
    # imported later, the group's threads would outlive it, and one that needs the interpreter while that ends aborts the process.
    importlib.import_module("torch.distributed.nn")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def choose_device(requested: str = "auto") -> torch.device:
    """Return the device to train on: the first accelerator, else the CPU.

    Raises:
        InputError: a device is asked for that is not there.
    """
    if requested == "auto":
        requested = "cuda" if torch.cuda.is_available() else "cpu"
    if requested == "cuda" and torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if requested == "mps" and torch.backends.mps.is_available():
        return torch.device("mps")
    if requested == "cpu":
        return torch.device("cpu")
    raise InputError(f'--device {requested}: this machine has no such device; "auto" takes what there is')


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """Return the context of a forward pass in this number format."""
    return torch.autocast(device.type, dtype=_DTYPES.get(precision), enabled=precision in _DTYPES)


def use_one_opencv_thread() -> None:
    """Keep OpenCV from competing with torch for the cores: lines of text are too small for its threads."""
    cv2.setNumThreads(1)


def describe_device(device: torch.device) -> dict[str, object]:
    """Return what the record keeps of the device."""
    described: dict[str, object] = {"type": device.type, "torch_threads": torch.get_num_threads()}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        described |= {"name": properties.name, "memory_bytes": properties.total_memory, "cuda": torch.version.cuda}
    return described


def read_free_device_memory(device: torch.device) -> int:
    """Return the free bytes of the device, the host's for a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return read_free_memory()


def read_used_memory(device: torch.device) -> int:
    """Return the bytes that this process holds now: on the accelerator, or resident on the host."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: bytes, and the peak rather than the present
