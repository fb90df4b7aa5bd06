"""Backbone and LSTM: the series' counts of weights, rows read one after the other, rectification in front."""

import torch

from saccade.nn.aster_resnet import AsterResNet
from saccade.nn.attention_cnn import AttentionCnn
from saccade.nn.recurrent_encoder import RecurrentEncoder
from saccade.nn.tps import TpsRectifier
from tests.nn.encoder_checks import check_encoder, count


def make_resnet() -> AsterResNet:
    return AsterResNet(1, stem_channels=4, channels=(4, 4, 6), num_blocks=(1, 1, 1))


def make_rectifier() -> TpsRectifier:
    return TpsRectifier(1, (16, 44), channels=(2, 2, 3, 3, 4, 4))


def test_the_attention_encoder_of_the_series_has_8_844_588_weights() -> None:
    """8.845 million; with the 539,509 of its decoder for 245 classes the 9.384 million of the whole."""
    with torch.device("meta"):
        encoder = RecurrentEncoder(AttentionCnn(1, num_deformable=3))
    assert count(encoder) == 8_844_588 and encoder.out_size == 512
    assert encoder.shape(128, 128) == (7, 33)


def test_the_aster_encoder_of_the_series_has_16_397_014_weights() -> None:
    with torch.device("meta"):
        encoder = RecurrentEncoder(AsterResNet(1, deformable=True))
    assert count(encoder) == 16_397_014 and encoder.out_size == 512
    assert encoder.shape(80, 320) == (3, 80)


def test_is_an_encoder() -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(make_resnet(), hidden_size=3, num_layers=2)
    assert encoder.out_size == 6
    check_encoder(encoder, [(8, 9), (17, 33)], too_small_px=(0, 4))


def test_without_an_lstm_the_memory_is_the_backbone_s() -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(make_resnet(), num_layers=0).eval()
    images = torch.randn(1, 1, 17, 33)
    torch.testing.assert_close(encoder(images), encoder.backbone(images))
    assert encoder.out_size == 6


def test_is_an_encoder_behind_a_rectifier() -> None:
    """Whatever the image's size, the memory is that of a rectified one."""
    torch.manual_seed(0)
    encoder = RecurrentEncoder(make_resnet(), hidden_size=3, rectifier=make_rectifier()).eval()
    images = torch.rand(4, 1, 37, 21)
    assert encoder.shape(37, 21) == (2, 11) and encoder(images).shape == (4, 22, 6)
    assert encoder.rectify(images).shape == (4, 1, 16, 44)
    for weight in encoder.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    memory = encoder.train()(images)
    (memory * torch.randn_like(memory)).sum().backward()
    assert [name for name, weight in encoder.named_parameters() if not weight.grad.abs().sum() > 0] == []


def test_rows_are_read_one_after_the_other() -> None:
    """A single layer that runs forward: the last vector of a row reaches the first of the next, and no earlier one."""
    torch.manual_seed(0)
    encoder = RecurrentEncoder(make_resnet(), hidden_size=3, num_layers=1).eval()
    vectors = torch.randn(1, 6, 6)
    changed = vectors.clone()
    changed[0, 2] += 1
    differs = (encoder.lstm(vectors) - encoder.lstm(changed)).abs()[0] > 1e-7
    assert differs[:, :3].any(1).tolist() == [False, False, True, True, True, True]
    assert differs[:, 3:].any(1).tolist() == [True, True, True, False, False, False]
