"""Readers that write one unit after the other, and those that write all at once, built from their tables."""

from typing import assert_never

from torch import nn

from saccade.data.preprocess import Preprocessing
from saccade.nn import cstr, srn
from saccade.nn.aster_resnet import AsterResNet
from saccade.nn.attention_cnn import AttentionCnn
from saccade.nn.attention_decoder import AttentionDecoder, AttentionDecoderOptions
from saccade.nn.dense_net import DenseBlockSizes, DenseEncoder
from saccade.nn.encoding import Encoder
from saccade.nn.grid_encoder import GridEncoder
from saccade.nn.normalise import build_normalise
from saccade.nn.positional_2d import AdaptivePositional2d, Positional2d
from saccade.nn.recurrent_encoder import RecurrentEncoder
from saccade.nn.residual_grid import ResidualGrid
from saccade.nn.satrn import EncoderLayers, SatrnEncoder, ShallowEncoder
from saccade.nn.tps import TpsRectifier
from saccade.nn.transformer_decoder import TransformerDecoder, TransformerDecoderOptions
from saccade.recipes.tables import neck as necks
from saccade.recipes.tables import sequence as tables
from saccade.tasks.read.reader import EncoderDecoder
from saccade.text.sequence_vocabulary import SequenceVocabulary

_GRID_STRIDES = ((1, 1), (2, 2), (2, 2))


def build_sequence_reader(
    table: tables.AttentionReader | tables.Aster | tables.Satrn, preprocessing: Preprocessing, num_classes: int
) -> EncoderDecoder:
    """Build an encoder and a decoder for images of one size.

    Raises:
        ValueError: the images are too small for the encoder.
    """
    in_channels = _count_channels(preprocessing)
    match table:
        case tables.AttentionReader():
            cnn = AttentionCnn(in_channels, channels=table.channels, num_deformable=table.num_deformable)
            encoder: Encoder = _add_neck(cnn, table.neck)
        case tables.Aster():
            encoder = _build_aster(table, in_channels)
        case tables.Satrn():
            encoder = _build_satrn(table, in_channels, preprocessing)
        case _:
            assert_never(table)
    encoder.shape(preprocessing.height_px, preprocessing.width_px)
    decoder = _build_decoder(table, encoder.out_size, num_classes)
    assert isinstance(encoder, nn.Module)
    return EncoderDecoder(encoder, decoder, build_normalise(preprocessing.mean, preprocessing.std))


def build_parallel_reader(table: tables.Srn | tables.Cstr, preprocessing: Preprocessing, num_classes: int) -> nn.Module:
    """Build a network that gives the logits of all positions at once, for images of one size.

    Raises:
        ValueError: the images are too small, or a text has more positions than the network can tell apart.
    """
    in_channels, size_px = _count_channels(preprocessing), (preprocessing.height_px, preprocessing.width_px)
    network: nn.Module
    match table:
        case tables.Srn():
            network = srn.Srn(
                _build_grid(table.backbone, in_channels),
                size_px,
                num_classes=num_classes,
                num_positions=table.max_length + 1,
                boundary_id=SequenceVocabulary.bos_id,
                sizes=srn.SrnSizes(
                    width=table.hidden_size,
                    num_heads=table.num_heads,
                    feed_forward_size=table.filter_size,
                    num_visual_units=table.num_visual_layers,
                    num_semantic_units=table.num_semantic_layers,
                    dropout=table.dropout,
                ),
            )
        case tables.Cstr():
            network = cstr.Cstr(
                in_channels,
                size_px,
                num_classes=num_classes,
                num_positions=table.max_length + 1,
                sizes=cstr.CstrSizes(
                    base_channels=table.base_channels,
                    num_blocks=table.num_blocks,
                    pyramid_channels=table.hidden_size,
                    dropout=table.dropout,
                    stem_stride=table.stem_stride,
                ),
                head=_choose_head(table.head),
            )
        case _:
            assert_never(table)
    return nn.Sequential(build_normalise(preprocessing.mean, preprocessing.std), network)


def _build_grid(table: tables.ResidualGrid, in_channels: int) -> ResidualGrid:
    return ResidualGrid(in_channels, table.channels, table.num_blocks, _GRID_STRIDES)


def _choose_head(table: tables.PositionWise | tables.Pooled) -> cstr.PositionWise | cstr.Pooled:
    match table:
        case tables.PositionWise():
            return cstr.PositionWise(num_heads=table.num_heads)
        case tables.Pooled():
            return cstr.Pooled(allow_overfull=table.allow_overfull)
        case _:
            assert_never(table)


def _build_aster(table: tables.Aster, in_channels: int) -> RecurrentEncoder:
    backbone = AsterResNet(
        in_channels,
        stem_channels=table.stem_channels,
        channels=table.channels,
        num_blocks=table.num_blocks,
        deformable=table.deformable,
    )
    match table.rectification:
        case tables.Tps():
            straight = table.rectification
            rectifier = TpsRectifier(
                in_channels, (straight.height_px, straight.width_px), num_points=straight.num_points
            )
            return _add_neck(backbone, table.neck, rectifier)
        case tables.NoRectification():
            return _add_neck(backbone, table.neck)
        case _:
            assert_never(table.rectification)


def _add_neck(backbone: Encoder, table: necks.Neck, rectifier: TpsRectifier | None = None) -> RecurrentEncoder:
    match table:
        case necks.BiLstm():
            return RecurrentEncoder(
                backbone, hidden_size=table.hidden_size, num_layers=table.num_layers, rectifier=rectifier
            )
        case necks.NoNeck():
            return RecurrentEncoder(backbone, num_layers=0, rectifier=rectifier)
        case _:
            assert_never(table)


def _build_satrn(table: tables.Satrn, in_channels: int, preprocessing: Preprocessing) -> SatrnEncoder:
    size = table.encoder.hidden_size
    match table.backbone:
        case tables.ResidualGrid():
            backbone: Encoder = GridEncoder(_build_grid(table.backbone, in_channels), size)
        case tables.DenseNet():
            dense = table.backbone
            blocks = DenseBlockSizes(dense.depth, dense.growth, dense.dropout)
            backbone = DenseEncoder(
                in_channels, size, stem_channels=dense.stem_channels, blocks=blocks, num_deformable=dense.num_deformable
            )
        case tables.ShallowCnn():
            backbone = ShallowEncoder(in_channels, (table.backbone.channels, size))
        case _:
            assert_never(table.backbone)
    rows, columns = backbone.shape(preprocessing.height_px, preprocessing.width_px)
    kind = AdaptivePositional2d if table.encoder.positions == "adaptive" else Positional2d
    positional = kind(size, max_rows=rows, max_columns=columns, dropout=table.encoder.dropout)
    return SatrnEncoder(backbone, positional, _make_layers(table.encoder))


def _make_layers(table: tables.TransformerEncoderTable) -> EncoderLayers:
    head_size = table.hidden_size // table.num_heads
    return EncoderLayers(
        num_layers=table.num_layers,
        num_heads=table.num_heads,
        head_size=head_size,
        filter_size=table.filter_size,
        feed_forward=table.feed_forward,
        norm=table.norm,
        scale=_compute_scale(table, head_size),
        dropout=table.dropout,
    )


def _compute_scale(table: tables.TransformerTable, head_size: int) -> float | None:
    return None if table.attention_scale == "head" else (table.num_heads * head_size) ** -0.5


def _build_decoder(
    table: tables.AttentionReader | tables.Aster | tables.Satrn, memory_size: int, num_classes: int
) -> TransformerDecoder | AttentionDecoder:
    decoder = table.decoder
    match decoder:
        case tables.TransformerDecoderTable():
            return TransformerDecoder(
                num_classes,
                memory_size,
                TransformerDecoderOptions(
                    hidden_size=decoder.hidden_size,
                    filter_size=decoder.filter_size,
                    num_layers=decoder.num_layers,
                    num_heads=decoder.num_heads,
                    num_positions=table.max_length + 1,
                    dropout=decoder.dropout,
                    norm=decoder.norm,
                    last_relu=decoder.last_relu,
                    attention_scale=_compute_scale(decoder, decoder.hidden_size // decoder.num_heads),
                ),
            )
        case tables.AttentionDecoderTable():
            options = AttentionDecoderOptions(
                hidden_size=decoder.hidden_size,
                embedding_size=decoder.embedding_size,
                num_layers=decoder.num_layers,
                cell=decoder.cell,
                dropout=decoder.dropout,
            )
            return AttentionDecoder(num_classes, memory_size, options)
        case _:
            assert_never(decoder)


def _count_channels(preprocessing: Preprocessing) -> int:
    return 1 if preprocessing.colour == "grey" else 3
