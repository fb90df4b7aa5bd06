"""ResNet-vd for lines of text: as many weights as timm's network of the same form, one row of columns."""

import pytest
import timm
import torch

from saccade.nn.resnet_vd import ResNetVd


def count(net: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("num_layers", [18, 34])
def test_has_the_weights_of_the_published_network(num_layers: int) -> None:
    """The form for lines projects the shortcut of its very first block too: a 1x1 convolution of 64 channels and its norm."""
    published = timm.create_model(f"resnet{num_layers}d", num_classes=0, in_chans=3)
    assert count(ResNetVd(3, num_layers, squeeze_excite=False)) == count(published) + 64 * 64 + 2 * 64


@pytest.mark.parametrize(("height", "width", "num_steps"), [(32, 100, 25), (32, 320, 80), (48, 160, 40), (18, 62, 15)])
def test_one_row_of_columns_is_left(height: int, width: int, num_steps: int) -> None:
    net = ResNetVd(1, 18, squeeze_excite=False).eval()
    assert net(torch.randn(1, 1, height, width)).shape == (1, 512, 1, num_steps)


def test_squeeze_excite_is_there_where_it_is_asked_for() -> None:
    """Each of the eight blocks squeezes C channels to C / 16 and back."""
    plain, excited = (count(ResNetVd(1, 18, squeeze_excite=on)) for on in (False, True))
    assert excited - plain == sum(2 * (2 * c * (c // 16) + c + c // 16) for c in (64, 128, 256, 512))


def test_shortcuts_average_before_they_project() -> None:
    """A block whose convolutions are silent gives the average of two rows, of one colour through a norm that does nothing."""
    block = ResNetVd(1, 18, squeeze_excite=False).eval().stages[2]
    for silent in (block.first, block.second):
        torch.nn.init.zeros_(silent[0].weight)
    features = torch.rand(1, 64, 4, 3)
    projected = torch.nn.functional.conv2d(
        (features[:, :, ::2] + features[:, :, 1::2]) / 2, block.shortcut[1][0].weight
    )
    torch.testing.assert_close(block(features), projected.relu(), rtol=1e-4, atol=1e-5)
