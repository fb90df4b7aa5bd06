"""Sinusoids that tell the places of a feature map apart, by row and by column.

The tables are buffers: they move with the module and are saved. Two ways to add them: projected, rows in one half of a
vector and columns in the other (the formulas series), or weighed by gates that look at the whole image (SATRN, Lee et
al. 2020, section 3.2.2), so that an upright and a lying text may weigh rows and columns differently.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.positional import make_sinusoids


def make_grid_sinusoids(num_rows: int, num_columns: int, size: int) -> Float[Tensor, "M D"]:
    """Return a vector a cell, row by row: sinusoids of its row in the first half of the vector, of its column in the second."""
    rows = make_sinusoids(num_rows, size // 2).unsqueeze(1).expand(-1, num_columns, -1)
    columns = make_sinusoids(num_columns, size - size // 2).unsqueeze(0).expand(num_rows, -1, -1)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)  # (rows, columns, D) -> (M, D)


class PositionTables(nn.Module):
    """One sinusoid a row and one a column."""

    rows: Tensor
    columns: Tensor

    def __init__(self, size: int, *, max_rows: int, max_columns: int) -> None:
        """Make the tables; `size` is the length of a sinusoid."""
        super().__init__()
        self.register_buffer("rows", make_sinusoids(max_rows, size))
        self.register_buffer("columns", make_sinusoids(max_columns, size))

    def forward(self, rows: int, columns: int) -> tuple[Float[Tensor, "H D"], Float[Tensor, "W D"]]:
        """Return the sinusoids of the first rows and columns.

        Raises:
            ValueError: there are more of either than the tables have.
        """
        if rows > len(self.rows) or columns > len(self.columns):
            raise ValueError(
                f"{rows} rows and {columns} columns of features are beyond the {len(self.rows)} x {len(self.columns)} "
                "positions that this encoder was built for: images are too large"
            )
        return self.rows[:rows], self.columns[:columns]


class Positional2d(nn.Module):
    """Adds its row, projected, to the first half of each vector, and its column to the second."""

    def __init__(self, size: int, *, max_rows: int = 64, max_columns: int = 128, dropout: float = 0.0) -> None:
        """Build tables and projections.

        Args:
            size: Length of a vector, even.
            max_rows: Rows of the largest map.
            max_columns: Columns of the largest map.
            dropout: Share of the sums dropped in training.

        Raises:
            ValueError: the size is odd.
        """
        super().__init__()
        if size % 2:
            raise ValueError(f"vectors of {size} values have no two halves, one for rows and one for columns")
        self.tables = PositionTables(size // 2, max_rows=max_rows, max_columns=max_columns)
        self.row = nn.Linear(size // 2, size // 2)
        self.column = nn.Linear(size // 2, size // 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, vectors: Float[Tensor, "B M D"], rows: int, columns: int) -> Float[Tensor, "B M D"]:
        """Return the vectors of a map, which come row by row, with their positions."""
        row_table, column_table = self.tables(rows, columns)
        by_row = self.row(row_table).unsqueeze(1).expand(-1, columns, -1)
        by_column = self.column(column_table).unsqueeze(0).expand(rows, -1, -1)
        positions = torch.cat([by_row, by_column], dim=2).flatten(0, 1)  # (rows, columns, D) -> (M, D)
        placed: Tensor = self.dropout(vectors + positions)
        return placed


class AdaptivePositional2d(nn.Module):
    """Adds row and column sinusoids, each value of them times a gate in [0, 1] read off the mean of the image's vectors."""

    def __init__(
        self,
        size: int,
        *,
        max_rows: int = 64,
        max_columns: int = 128,
        dropout: float = 0.0,
        gate_size: int | None = None,
    ) -> None:
        """Build tables and gates.

        Args:
            size: Length of a vector.
            max_rows: Rows of the largest map.
            max_columns: Columns of the largest map.
            dropout: Share of the gates' inner layer and of the sums dropped in training.
            gate_size: Length of the gates' inner layer; default: half the size, as the paper's authors have it.
        """
        super().__init__()
        inner = size // 2 if gate_size is None else gate_size
        self.tables = PositionTables(size, max_rows=max_rows, max_columns=max_columns)
        self.gates = nn.Sequential(
            nn.Linear(size, inner), nn.ReLU(), nn.Dropout(dropout), nn.Linear(inner, 2 * size), nn.Sigmoid()
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, vectors: Float[Tensor, "B M D"], rows: int, columns: int) -> Float[Tensor, "B M D"]:
        """Return the vectors of a map, which come row by row, with their positions."""
        row_table, column_table = self.tables(rows, columns)
        row_gates, column_gates = self.gates(vectors.mean(1)).chunk(2, dim=1)
        by_row = (row_gates.unsqueeze(1) * row_table).unsqueeze(2)  # (B, rows, 1, D)
        by_column = (column_gates.unsqueeze(1) * column_table).unsqueeze(1)  # (B, 1, columns, D)
        placed: Tensor = self.dropout(vectors + (by_row + by_column).flatten(1, 2))
        return placed
