"""Where decoded examples live while training, chosen by estimate and said in one line; `engine.batches` holds the bytes."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from saccade.errors import InputError

Place = Literal["device", "memory", "lazy"]

_SHARE_OF_FREE = 0.5


@dataclass(frozen=True)
class Residency:
    """A place and why it was chosen."""

    place: Place
    reason: str


def choose_residency(
    requested: Literal["auto", "device", "memory", "lazy"],
    *,
    num_bytes: int,
    device_free_bytes: int,
    host_free_bytes: int,
    fits_device_path: bool,
) -> Residency:
    """Choose where a split lives.

    Args:
        requested: what the recipe says.
        num_bytes: size of all decoded examples.
        device_free_bytes: free memory of the training device (the host's on a CPU).
        host_free_bytes: free memory of the host.
        fits_device_path: whether all images have one size and need no work per image on the CPU.

    Raises:
        InputError: the place asked for cannot hold the data.
    """
    size = f"{num_bytes / 2**20:,.0f} MiB decoded"
    on_device = fits_device_path and num_bytes <= _SHARE_OF_FREE * device_free_bytes
    in_memory = num_bytes <= _SHARE_OF_FREE * host_free_bytes
    match requested:
        case "auto" if on_device:
            return Residency("device", f"{size}, of one size, within half of the free {_gib(device_free_bytes)}")
        case "auto" if in_memory:
            return Residency("memory", f"{size}, within half of the free {_gib(host_free_bytes)}")
        case "auto":
            return Residency(
                "lazy", f"{size} exceeds half of the free {_gib(host_free_bytes)}: images are read at each use"
            )
        case "device" if not fits_device_path:
            raise InputError(
                'data.residency = "device": images differ in size or are augmented one by one on the CPU; use "memory" or "auto"'
            )
        case "device" if num_bytes > device_free_bytes:
            raise InputError(f'data.residency = "device": {size}, but {_gib(device_free_bytes)} are free; use "auto"')
        case "memory" if num_bytes > host_free_bytes:
            raise InputError(
                f'data.residency = "memory": {size}, but {_gib(host_free_bytes)} are free; use "lazy" or "auto"'
            )
        case _:
            return Residency(requested, f"{size}, as the recipe says")


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"


def read_free_memory() -> int:
    """Return the bytes of host memory that can be taken without swapping, control-group limits included.

    Where the system does not say (macOS), half of what is built in counts as free.
    """
    if not Path("/proc/meminfo").exists():
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0]) * 1024
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (text := limit.read_text().strip()) != "max":
        free = min(free, int(text) - int(used.read_text()))
    return max(free, 0)
