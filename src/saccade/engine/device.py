"""Where training runs: device, number format and the place among ranks. Sets nothing by being imported."""

import os
import resource
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import torch
from torch.distributed.distributed_c10d import Store

from saccade.data.residency import read_free_memory
from saccade.errors import InputError
from saccade.records.writer import RunWriter

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1
    store: Store | None = field(default=None, repr=False, compare=False)
    """Where the ranks leave each other word; None for one that is alone."""
    writers: list[RunWriter] = field(default_factory=list, repr=False, compare=False)
    """Of the record that this rank writes."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes the record."""
        return self.rank == 0


def read_ranks() -> Ranks:
    """Return this process's place among those that torchrun started; alone where it started none.

    Raises:
        InputError: the variables that torchrun sets are there in part, or hold no numbers.
    """
    size = read_number("WORLD_SIZE", 1)
    if size <= 1:
        return Ranks()
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
    if missing:
        raise InputError(
            f"WORLD_SIZE={size}, but {', '.join(missing)} is not set; start the ranks with torchrun, or unset WORLD_SIZE"
        )
    rank = read_number("RANK", 0)
    if rank >= size:
        raise InputError(f"RANK={rank}, but WORLD_SIZE={size} and ranks count from 0; start the ranks with torchrun")
    return Ranks(rank, size)


def read_number(variable: str, default: int) -> int:
    """Return a whole number, from 0, out of an environment variable.

    Raises:
        InputError: it holds something else.
    """
    text = os.environ.get(variable, str(default))
    if not text.isdecimal():
        raise InputError(
            f"{variable}={text!r} is no whole number; start the ranks with torchrun, which sets it, or unset it"
        )
    return int(text)


def choose_device(requested: str = "auto") -> torch.device:
    """Return the device to train on: the first accelerator, else the CPU.

    Raises:
        InputError: a device is asked for that is not there.
    """
    if requested == "auto":
        requested = "cuda" if torch.cuda.is_available() else "cpu"
    if requested == "cuda" and torch.cuda.is_available():
        number, count = read_number("LOCAL_RANK", 0), torch.cuda.device_count()
        if number >= count:
            raise InputError(f"LOCAL_RANK={number}, but this machine has {count} GPUs; start one rank a GPU")
        return torch.device("cuda", number)
    if requested == "mps" and torch.backends.mps.is_available():
        return torch.device("mps")
    if requested == "cpu":
        return torch.device("cpu")
    raise InputError(f'--device {requested}: this machine has no such device; "auto" takes what there is')


def choose_precision(requested: str, device: torch.device) -> str:
    """Return the number format to train in: bf16 for "auto" where the device has instructions for it, else fp32."""
    if requested != "auto":
        return requested
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device.type == "cpu" and _computes_bf16() else "fp32"


def _computes_bf16() -> bool:
    """Return whether this CPU has bf16 instructions: of AVX-512, of AMX, or of ARM."""
    if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
        return True
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and " bf16 " in f"{cpuinfo.read_text()} ".replace("\n", " \n")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """Return the context of a forward pass in this number format, which is no longer "auto"."""
    return torch.autocast(device.type, dtype=_DTYPES[precision], enabled=precision != "fp32")


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
