"""The dense network: the series' number of weights, an eighth of the image, deformable layers where they are asked for."""

import torch

from saccade.nn.deformable import DeformableConv
from saccade.nn.dense_net import DenseBlockSizes, DenseEncoder
from tests.nn.encoder_checks import check_encoder, count


def test_has_the_weights_of_the_series() -> None:
    """Counted in bcaitech1/p4-fr-connectnet: DeepCNN300 of branches main and hoseong, grey images, 300 channels out."""
    with torch.device("meta"):
        plain, deformable = DenseEncoder(1, 300), DenseEncoder(1, 300, num_deformable=3)
    assert count(plain) == 1_518_912
    assert count(deformable) == 1_553_958
    assert plain.shape(128, 128) == (16, 16) and plain.shape(128, 256) == (16, 32)


def test_is_an_encoder() -> None:
    torch.manual_seed(0)
    blocks = DenseBlockSizes(depth=2, growth=3, dropout=0.1)
    encoder = DenseEncoder(1, 6, stem_channels=4, blocks=blocks, num_deformable=1)
    check_encoder(encoder, [(7, 15), (21, 40), (24, 33), (16, 31)], too_small_px=(40, 6))


def test_the_last_layers_of_the_second_block_are_deformable() -> None:
    encoder = DenseEncoder(1, 6, stem_channels=4, blocks=DenseBlockSizes(3, 2), num_deformable=2)
    where = [name for name, module in encoder.named_modules() if isinstance(module, DeformableConv)]
    assert where == ["second.1.grow.2", "second.2.grow.2"]


def test_a_layer_keeps_its_input_and_adds_to_it() -> None:
    encoder = DenseEncoder(1, 6, stem_channels=4, blocks=DenseBlockSizes(2, 3)).eval()
    features = torch.randn(1, 4, 5, 5)
    grown = encoder.first(features)
    assert grown.shape == (1, 4 + 2 * 3, 5, 5)
    torch.testing.assert_close(grown[:, :4], features)


def test_dropout_is_off_in_evaluation() -> None:
    torch.manual_seed(0)
    layer = DenseEncoder(1, 6, stem_channels=4, blocks=DenseBlockSizes(1, 3, 0.5)).first[0]
    features = torch.randn(2, 4, 6, 6)
    dropped = layer(features)[:, 4:]
    assert (dropped == 0).float().mean() > 0.3
    assert (layer.eval()(features)[:, 4:] == 0).float().mean() < 0.1
