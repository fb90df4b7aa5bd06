"""The encoder of SATRN: the series' number of weights, both forms, every kind of feed-forward."""

import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from saccade.nn.dense_net import DenseBlockSizes, DenseEncoder
from saccade.nn.positional_2d import AdaptivePositional2d, Positional2d
from saccade.nn.satrn import EncoderLayers, FeedForward, SatrnEncoder, SatrnLayer, ShallowEncoder
from tests.nn.encoder_checks import check_encoder, check_refusal, count

SERIES = EncoderLayers(num_layers=6, num_heads=8, head_size=37, filter_size=600, scale=296**-0.5, dropout=0.1)
AUTHORS = EncoderLayers(
    num_layers=12, num_heads=8, head_size=64, filter_size=2048, feed_forward="separable", norm="pre", dropout=0.1
)
TINY = EncoderLayers(num_layers=2, num_heads=2, head_size=3, filter_size=10, dropout=0.1)


def test_the_series_encoder_has_its_5_875_140_weights() -> None:
    """Counted in bcaitech1/p4-fr-connectnet; with the 988,917 of its decoder for 245 classes they are the 6,864,057 of the whole."""
    with torch.device("meta"):
        encoder = SatrnEncoder(DenseEncoder(1, 300), Positional2d(300), SERIES)
    assert count(encoder) == 5_875_140
    assert count(encoder.backbone) == 1_518_912
    assert count(encoder.positional) == 2 * (150 * 150 + 150)
    assert count(encoder.layers) == 4_310_928
    assert encoder.shape(128, 128) == (16, 16) and encoder.out_size == 300


def test_locality_costs_what_its_convolutions_hold() -> None:
    """The series' 3x3 layer has 3,962,088 weights with the biases that its norms take away: 600, 600 and 300, left out here."""
    layers = replace(SERIES, feed_forward="convolution")
    with torch.device("meta"):
        full, separable = SatrnLayer(300, layers), SatrnLayer(300, replace(layers, feed_forward="separable"))
    assert count(full) == 3_962_088 - 600 - 600 - 300
    assert count(full) - count(separable) == 600 * 600 * 9 - 600 * 9


def test_the_authors_form() -> None:
    with torch.device("meta"):
        encoder = SatrnEncoder(ShallowEncoder(1), AdaptivePositional2d(512), AUTHORS)
    assert encoder.shape(32, 100) == (8, 25) and encoder.out_size == 512
    assert count(encoder.positional) == 512 * 256 + 256 + 256 * 1024 + 1024
    assert isinstance(encoder.norm, nn.LayerNorm)


@pytest.mark.parametrize("feed_forward", ["linear", "convolution", "separable"])
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_is_an_encoder(feed_forward: FeedForward, norm: str) -> None:
    torch.manual_seed(0)
    layers = EncoderLayers(2, 2, 3, 10, feed_forward, norm, dropout=0.1)  # type: ignore[arg-type]
    positional = {"post": Positional2d, "pre": AdaptivePositional2d}[norm](8, max_rows=6, max_columns=9, dropout=0.1)
    encoder = SatrnEncoder(ShallowEncoder(1, (4, 8)), positional, layers)
    check_encoder(encoder, [(9, 8), (16, 35), (25, 27)], too_small_px=(3, 40))
    check_refusal(encoder, (28, 12), "too large")
    check_refusal(encoder, (12, 40), "too large")


def test_a_dense_backbone_and_no_layers_are_encoders_too() -> None:
    torch.manual_seed(0)
    backbone = DenseEncoder(1, 8, stem_channels=4, blocks=DenseBlockSizes(1, 2))
    check_encoder(SatrnEncoder(backbone, Positional2d(8), replace(TINY, num_layers=0)), [(17, 33)], too_small_px=(5, 5))


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_norms_stand_where_they_are_asked_for(norm: str) -> None:
    """Without what the parts add, norms behind leave normed vectors and norms in front leave the vectors alone."""
    layer = SatrnLayer(8, replace(TINY, norm=norm)).eval()  # type: ignore[arg-type]
    for silent in (layer.attention.out, layer.feed_forward[3]):
        nn.init.zeros_(silent.weight)
        nn.init.zeros_(silent.bias)
    vectors = 3 + 2 * torch.randn(1, 6, 8)
    wanted = nn.functional.layer_norm(vectors, (8,)) if norm == "post" else vectors
    torch.testing.assert_close(layer(vectors, 2), wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("feed_forward", "reach"), [("linear", 0), ("convolution", 1), ("separable", 1)])
def test_local_feed_forward_sees_its_neighbours_alone(feed_forward: FeedForward, reach: int) -> None:
    """Rows and columns are not mixed up: what changes around a changed vector is a square of the map."""
    torch.manual_seed(0)
    layer = SatrnLayer(8, replace(TINY, feed_forward=feed_forward)).eval()
    nn.init.zeros_(layer.attention.out.weight)
    vectors = torch.randn(1, 5 * 7, 8)
    changed = vectors.clone()
    changed[0, 2 * 7 + 4] += torch.randn(8)
    differs = (layer(vectors, 5) - layer(changed, 5)).abs().amax(2).unflatten(1, (5, 7))[0] > 1e-6
    wanted = {
        (row, column)
        for row, column in itertools.product(range(5), range(7))
        if abs(row - 2) <= reach and abs(column - 4) <= reach
    }
    assert {(row, column) for row, column in differs.nonzero().tolist()} == wanted


def test_the_scale_softens_attention() -> None:
    torch.manual_seed(0)
    sharp, soft = SatrnLayer(8, replace(TINY, scale=10.0)).eval(), SatrnLayer(8, replace(TINY, scale=0.0)).eval()
    soft.load_state_dict(sharp.state_dict())
    vectors = torch.randn(1, 6, 8)
    even = soft._attend(vectors)
    torch.testing.assert_close(even, even[:, :1].expand(-1, 6, -1))
    assert (sharp._attend(vectors) - even).abs().max() > 1e-2
