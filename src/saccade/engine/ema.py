"""The moving average of the weights."""

import copy

import torch
from torch import nn


class MovingAverage:
    """A second model whose weights follow the first one's.

    average = d * average + (1 - d) * weights with d = min(decay, (1 + step) / (10 + step)), so that it forgets the start.
    Buffers (running statistics) are copied. Without synchronisation: one fused operation a step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start from the model's weights."""
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Follow the weights after step number `step` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)
        for average, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            average.copy_(buffer)
