"""The residual network of ASTER: published counts of weights and places."""

import pytest
import torch

from saccade.nn.aster_resnet import AsterResNet
from saccade.nn.deformable import DeformableConv
from tests.nn.encoder_checks import check_encoder, count


def test_has_the_weights_of_the_series() -> None:
    """Counted in bcaitech1/p4-fr-connectnet (its 16,397,014 hold an LSTM of 3,153,920), grey, last stage deformable."""
    with torch.device("meta"):
        assert count(AsterResNet(1, deformable=True)) == 16_397_014 - 3_153_920


@pytest.mark.parametrize(
    ("size_px", "shape"), [((80, 320), (3, 80)), ((128, 128), (4, 32)), ((64, 256), (2, 64)), ((32, 100), (1, 25))]
)
def test_places_of_the_series_and_of_a_line(size_px: tuple[int, int], shape: tuple[int, int]) -> None:
    """240, 128 and 128 vectors as in the series; a line of 32 px is one row, as in the paper."""
    with torch.device("meta"):
        assert AsterResNet(1).shape(*size_px) == shape


@pytest.mark.parametrize("deformable", [False, True])
@pytest.mark.parametrize("channels", [(4, 4, 6), (2, 3, 4, 5, 6), (5,)])
def test_is_an_encoder(channels: tuple[int, ...], deformable: bool) -> None:
    torch.manual_seed(0)
    encoder = AsterResNet(1, stem_channels=4, channels=channels, num_blocks=[1] * len(channels), deformable=deformable)
    check_encoder(encoder, [(1, 1), (33, 20), (31, 41), (64, 13)], too_small_px=(0, 8))


def test_the_last_stage_alone_is_deformable() -> None:
    encoder = AsterResNet(1, stem_channels=4, channels=(4, 6), num_blocks=(1, 2), deformable=True)
    where = [name for name, module in encoder.named_modules() if isinstance(module, DeformableConv)]
    assert where == ["stages.1.second.0", "stages.2.second.0"]


def test_offsets_begin_at_zero() -> None:
    """The series' own network draws them at random, in the loop that initialises every convolution."""
    encoder = AsterResNet(1, stem_channels=4, channels=(4,), num_blocks=(1,), deformable=True)
    assert encoder.stages[0].second[0].offsets.weight.abs().sum() == 0


def test_few_channels_in_channels_last_are_trained() -> None:
    """As single-channel images are, for all that PyTorch can tell."""
    net = AsterResNet(1, stem_channels=4, channels=(4, 4, 6, 6, 8), num_blocks=(1, 1, 1, 1, 1))
    images = torch.randn(4, 1, 48, 48).to(memory_format=torch.channels_last)
    net(images).sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in net.parameters())
