"""Networks of the read task, built from their tables."""

import math
from typing import assert_never

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from saccade.data.preprocess import Preprocessing
from saccade.nn.light_resnet import LightResNet
from saccade.nn.normalise import build_normalise
from saccade.nn.sequence import BiLstm
from saccade.recipes.tables import read as tables


class Crnn(nn.Module):
    """Backbone, neck and CTC head (Shi, Bai & Yao 2017): uint8 images in, logits a time step out."""

    def __init__(self, table: tables.Crnn, preprocessing: Preprocessing, num_classes: int) -> None:
        """Build the network for `num_classes` outputs, the blank (id 0) included."""
        super().__init__()
        backbone = table.backbone
        self.normalise = build_normalise(preprocessing.mean, preprocessing.std)
        self.backbone = LightResNet(
            1 if preprocessing.colour == "grey" else 3,
            preprocessing.height_px,
            stem_channels=backbone.stem_channels,
            channels=backbone.channels,
            num_blocks=backbone.num_blocks,
            width=backbone.column_size,
        )
        self.dropout = nn.Dropout(table.dropout)
        neck_size = backbone.column_size
        match table.neck:
            case tables.BiLstm():
                self.neck: nn.Module = BiLstm(neck_size, table.neck.hidden_size, table.neck.num_layers)
                neck_size = 2 * table.neck.hidden_size
            case tables.NoNeck():
                self.neck = nn.Identity()
            case _:
                assert_never(table.neck)
        self.head = _build_head(neck_size, num_classes, table.head.blank_bias)
        self.auxiliary_head: nn.Module | None = None
        if table.head.auxiliary_weight:
            self.auxiliary_head = _build_head(backbone.column_size, num_classes, table.head.blank_bias)

    def forward(self, images: UInt8[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B T V"], ...]:
        """Return logits of every class at every time step; in training those of the auxiliary head too, where there is one."""
        columns = self.backbone(self.normalise(images)).squeeze(2).transpose(1, 2)  # (B, D, 1, T) -> (B, T, D)
        columns = self.dropout(columns)
        logits = self.head(self.dropout(self.neck(columns)))
        if self.auxiliary_head is None or not self.training:
            return (logits,)
        return logits, self.auxiliary_head(columns)


def _build_head(in_size: int, num_classes: int, blank_bias: float) -> nn.Linear:
    head = nn.Linear(in_size, num_classes)
    with torch.no_grad():
        head.bias.zero_()
        head.bias[0] = blank_bias
    return head


def build_model(table: tables.ReadModel, preprocessing: Preprocessing, num_classes: int) -> nn.Module:
    """Build the network that a recipe names."""
    match table:
        case tables.Crnn():
            return Crnn(table, preprocessing, num_classes)
        case _:
            assert_never(table)


def count_steps(table: tables.ReadModel, width_px: int) -> int:
    """Return the time steps T that images of a width give."""
    match table:
        case tables.Crnn():
            return math.ceil(width_px / 2 / 2)  # the first stage halves an odd width up
        case _:
            assert_never(table)
