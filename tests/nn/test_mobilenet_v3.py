"""MobileNetV3 for lines of text: as many weights as torchvision's but for squeeze-excite, one row of columns."""

import pytest
import torch
from torchvision.models import mobilenet_v3_large, mobilenet_v3_small
from torchvision.ops.misc import SqueezeExcitation

from saccade.nn.mobilenet_v3 import ROWS, MobileNetV3, Size, scale_channels


def count(net: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize(("size", "build"), [("large", mobilenet_v3_large), ("small", mobilenet_v3_small)])
def test_has_the_weights_of_the_published_network(size: Size, build: object) -> None:
    """The form for lines widens in its first block too, from 16 channels to 16: a 1x1 convolution and its norm."""
    features = build(weights=None).features  # type: ignore[operator]
    gates = sum(count(module) for module in features.modules() if isinstance(module, SqueezeExcitation))
    ours = MobileNetV3(3, size, scale=1.0, squeeze_excite=False)
    assert count(ours) == count(features) - gates + 16 * 16 + 2 * 16


@pytest.mark.parametrize("size", ["large", "small"])
def test_squeeze_excite_stands_where_the_table_says(size: Size) -> None:
    plain, excited = (count(MobileNetV3(1, size, scale=0.5, squeeze_excite=on)) for on in (False, True))
    widths = [scale_channels(row.expanded, 0.5) for row in ROWS[size] if row.has_excite]
    assert len(widths) == {"large": 8, "small": 9}[size]
    assert excited - plain == sum(2 * c * (c // 4) + c // 4 + c for c in widths)


@pytest.mark.parametrize("size", ["large", "small"])
@pytest.mark.parametrize(("height", "width", "num_steps"), [(32, 100, 25), (32, 320, 80), (48, 160, 40), (18, 62, 15)])
def test_one_row_of_columns_is_left(size: Size, height: int, width: int, num_steps: int) -> None:
    net = MobileNetV3(1, size, scale=0.35, squeeze_excite=True).eval()
    assert net(torch.randn(1, 1, height, width)).shape == (1, net.out_size, 1, num_steps)


@pytest.mark.parametrize(
    ("channels", "scale", "wanted"),
    [(16, 1.0, 16), (16, 0.35, 8), (40, 0.5, 24), (24, 0.5, 16), (72, 0.75, 56), (88, 1.25, 112)],
)
def test_widths_are_multiples_of_eight(channels: int, scale: float, wanted: int) -> None:
    """40 * 0.5 = 20 lies between 16 and 24: up; 24 * 0.5 = 12 too; 72 * 0.75 = 54; 88 * 1.25 = 110."""
    assert scale_channels(channels, scale) == wanted
