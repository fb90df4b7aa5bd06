"""Networks of the read task, built from their tables."""

import math
from typing import assert_never

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from saccade.data.preprocess import Preprocessing
from saccade.errors import InputError
from saccade.nn.light_resnet import LightResNet
from saccade.nn.mobilenet_v3 import MobileNetV3
from saccade.nn.normalise import build_normalise
from saccade.nn.resnet_vd import ResNetVd
from saccade.nn.sequence import BiLstm
from saccade.recipes.tables import neck as necks
from saccade.recipes.tables import read as tables
from saccade.recipes.tables import sequence as sequence_tables
from saccade.tasks.read.sequence_models import build_parallel_reader, build_sequence_reader
from saccade.text.sequence_vocabulary import SequenceVocabulary
from saccade.text.units import Units
from saccade.text.vocabulary import Vocabulary


class Crnn(nn.Module):
    """Backbone, neck and CTC head (Shi, Bai & Yao 2017): uint8 images in, logits a time step out."""

    def __init__(self, table: tables.Crnn, preprocessing: Preprocessing, num_classes: int) -> None:
        """Build the network for `num_classes` outputs, the blank (id 0) included."""
        super().__init__()
        self.normalise = build_normalise(preprocessing.mean, preprocessing.std)
        self.backbone = _build_backbone(
            table.backbone, 1 if preprocessing.colour == "grey" else 3, preprocessing.height_px
        )
        self.dropout = nn.Dropout(table.dropout)
        column_size = neck_size = self.backbone.out_size
        match table.neck:
            case necks.BiLstm():
                self.neck: nn.Module = BiLstm(neck_size, table.neck.hidden_size, table.neck.num_layers)
                neck_size = 2 * table.neck.hidden_size
            case necks.NoNeck():
                self.neck = nn.Identity()
            case _:
                assert_never(table.neck)
        self.head = _build_head(table.head, neck_size, num_classes)
        self.auxiliary_head: nn.Module | None = None
        if table.head.auxiliary_weight:
            self.auxiliary_head = _build_head(table.head, column_size, num_classes)

    def forward(self, images: UInt8[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B T V"], ...]:
        """Return logits of every class at every time step; in training those of the auxiliary head too, where there is one."""
        columns = self.backbone(self.normalise(images)).squeeze(2).transpose(1, 2)  # (B, D, 1, T) -> (B, T, D)
        columns = self.dropout(columns)
        logits = self.head(self.dropout(self.neck(columns)))
        if self.auxiliary_head is None or not self.training:
            return (logits,)
        return logits, self.auxiliary_head(columns)


def _build_backbone(table: tables.Backbone, in_channels: int, height_px: int) -> LightResNet | ResNetVd | MobileNetV3:
    match table:
        case tables.LightResNet():
            return LightResNet(
                in_channels,
                height_px,
                stem_channels=table.stem_channels,
                channels=table.channels,
                num_blocks=table.num_blocks,
                width=table.column_size,
            )
        case tables.ResNetVd():
            return ResNetVd(in_channels, table.num_layers, squeeze_excite=table.squeeze_excite)
        case tables.MobileNetV3():
            return MobileNetV3(in_channels, table.size, scale=table.scale, squeeze_excite=table.squeeze_excite)
        case _:
            assert_never(table)


def _build_head(table: tables.CtcHead, in_size: int, num_classes: int) -> nn.Module:
    last = nn.Linear(table.mid_size or in_size, num_classes)
    with torch.no_grad():
        last.bias.zero_()
        last.bias[0] = table.blank_bias
    return last if table.mid_size is None else nn.Sequential(nn.Linear(in_size, table.mid_size), last)


def build_model(table: tables.ReadModel, preprocessing: Preprocessing, num_classes: int) -> nn.Module:
    """Build the network that a recipe names.

    Raises:
        InputError: images of this size are too small for it, or its texts too long.
    """
    try:
        match table:
            case tables.Crnn():
                return Crnn(table, preprocessing, num_classes)
            case sequence_tables.AttentionReader() | sequence_tables.Aster() | sequence_tables.Satrn():
                return build_sequence_reader(table, preprocessing, num_classes)
            case sequence_tables.Srn() | sequence_tables.Cstr():
                return build_parallel_reader(table, preprocessing, num_classes)
            case _:
                assert_never(table)
    except ValueError as error:
        raise InputError(f"model ({table.name}) and preprocessing: {error}") from None


def build_vocabulary(table: tables.ReadModel, units: Units) -> Vocabulary | SequenceVocabulary:
    """Return how a model numbers what it reads: CTC has a blank, all others a beginning and an end."""
    return Vocabulary(units) if isinstance(table, tables.Crnn) else SequenceVocabulary(units)


def count_steps(table: tables.Crnn, width_px: int) -> int:
    """Return the time steps T that images of a width give."""
    half = math.ceil(width_px / 2)
    match table.backbone:
        case tables.LightResNet():
            return math.ceil(half / 2)  # its first stage halves an odd width up
        case tables.ResNetVd() | tables.MobileNetV3():
            return half // 2  # the last max-pool drops an odd column
        case _:
            assert_never(table.backbone)
