"""Deformable convolution: plain at first, then it looks where its offsets point."""

import pytest
import torch
from torch.nn import functional

from saccade.nn.deformable import DeformableConv


@pytest.mark.parametrize("modulated", [False, True])
@pytest.mark.parametrize(("kernel_size", "stride", "bias"), [(3, 1, False), (3, 2, True), (2, 1, False), (5, 2, False)])
def test_begins_as_the_plain_convolution(kernel_size: int, stride: int, bias: bool, modulated: bool) -> None:
    """The stride reaches offsets and samples alike, so that odd sizes agree too."""
    torch.manual_seed(0)
    layer = DeformableConv(4, 6, kernel_size, stride=stride, bias=bias, modulated=modulated)
    features = torch.randn(2, 4, 9, 11)
    padding = kernel_size // 2 if kernel_size % 2 else 0
    wanted = functional.conv2d(features, layer.plain.weight, layer.plain.bias, stride=stride, padding=padding)
    torch.testing.assert_close(layer(features), wanted, rtol=1e-5, atol=1e-5)


def test_an_offset_of_one_pixel_moves_the_picture() -> None:
    """Offsets come as (y, x) for each sample of the kernel: all samples one row further down."""
    torch.manual_seed(0)
    layer = DeformableConv(1, 1, 3)
    with torch.no_grad():
        layer.offsets.bias[0::2] = 1.0
    features = torch.randn(1, 1, 8, 8)
    wanted = functional.conv2d(features, layer.plain.weight, padding=1)
    torch.testing.assert_close(layer(features)[:, :, 1:-2], wanted[:, :, 2:-1], rtol=1e-5, atol=1e-5)


def test_modulation_weighs_the_samples() -> None:
    torch.manual_seed(0)
    layer = DeformableConv(2, 3, 3, modulated=True)
    features = torch.randn(1, 2, 5, 5)
    plain = layer(features)
    with torch.no_grad():
        layer.offsets.bias[18:] = 3**0.5
    torch.testing.assert_close(layer(features), plain * 2 * torch.tensor(3**0.5).sigmoid(), rtol=1e-4, atol=1e-5)


def test_offsets_learn_and_stay_in_fp32() -> None:
    torch.manual_seed(0)
    layer = DeformableConv(2, 3, 3, modulated=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = layer(torch.randn(1, 2, 5, 5).bfloat16())
    assert outputs.dtype == torch.float32
    outputs.square().sum().backward()
    assert layer.offsets.weight.grad is not None
    assert (layer.offsets.weight.grad.flatten(1).abs().sum(1) > 0).all()
