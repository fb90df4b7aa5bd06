"""Sinusoids that tell positions apart (Vaswani et al. 2017, 3.5). The tables are buffers: they move with the module and are saved."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def make_sinusoids(num_positions: int, size: int) -> Float[Tensor, "L D"]:
    """Return a row a position: sine and cosine in turn, of wave lengths from 2 pi to 10000 * 2 pi."""
    positions = torch.arange(num_positions, dtype=torch.float32).unsqueeze(1)
    exponents = torch.arange(size).div(2, rounding_mode="floor") * 2 / size
    angles = positions * 10000.0**-exponents
    return torch.where(torch.arange(size) % 2 == 0, angles.sin(), angles.cos())


class Positional1d(nn.Module):
    """Adds the sinusoid of its position to each vector."""

    table: Tensor

    def __init__(self, num_positions: int, size: int) -> None:
        """Make the table."""
        super().__init__()
        self.register_buffer("table", make_sinusoids(num_positions, size))

    def forward(self, vectors: Float[Tensor, "B L D"], first: int = 0) -> Float[Tensor, "B L D"]:
        """Return the vectors with their positions, which count from `first`.

        Raises:
            ValueError: there are more positions than the table has.
        """
        last = first + vectors.shape[1]
        if last > len(self.table):
            raise ValueError(f"position {last - 1} is beyond the {len(self.table)} of the table")
        return vectors + self.table[first:last]
