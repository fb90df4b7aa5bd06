"""What lets the columns of a line see each other."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class BiLstm(nn.Module):
    """Bidirectional LSTM over columns, computed in fp32: its recurrence loses more to bf16 than it gains."""

    def __init__(self, in_size: int, hidden_size: int, num_layers: int) -> None:
        """Build the layers."""
        super().__init__()
        self.lstm = nn.LSTM(in_size, hidden_size, num_layers, bidirectional=True, batch_first=True)
        self.out_size = 2 * hidden_size

    def forward(self, columns: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D2"]:
        """Return columns that know their neighbours."""
        with torch.autocast(columns.device.type, enabled=False):
            outputs: Tensor = self.lstm(columns.float())[0]
        return outputs
