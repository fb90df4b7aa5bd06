"""Where the random numbers of batch augmentation come from: the seed of the step, a stream a stage, all rows at once.

Path: what the step knows (`Draws`) -> a generator a stage -> NumPy arrays of all rows of the global batch, which the stage
cuts to the rows at hand. They are drawn on the host, so that they are the same on every device, and so that which rows need
which operation is known without asking the device.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor


class Stage(IntEnum):
    """What draws; each has a stream among these of its own, so switching one on leaves the others' draws as they were."""

    CROP = 0
    FLIP = 1
    JITTER = 2
    POLICY = 3
    ERASING = 4
    MIX = 5


@dataclass(frozen=True)
class Draws:
    """Which rows of which step are augmented.

    `seed` is that of the step, in [0, 2**64); `rows` are the rows of the global batch of `num_rows` that are at hand;
    `done_fraction` is the share of all steps that are done, in [0, 1].
    """

    seed: int
    epoch: int
    rows: slice
    num_rows: int
    done_fraction: float

    def make_generator(self, stage: Stage) -> np.random.Generator:
        """Return the generator of a stage; every call begins its stream anew."""
        return np.random.Generator(np.random.Philox(key=np.array([self.seed, stage], np.uint64)))


def send(array: np.ndarray, device: torch.device) -> Tensor:
    """Return the array as a tensor on the device, without waiting for the device."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    # only a copy out of pinned memory is queued; any other waits until the device has come to it
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
