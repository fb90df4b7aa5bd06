"""Shapes, ranges and number formats of the blocks."""

import pytest
import torch

from saccade.nn.light_resnet import LightResNet
from saccade.nn.normalise import Normalise, NormaliseImage
from saccade.nn.sequence import BiLstm


@pytest.mark.parametrize(("height", "width"), [(8, 32), (48, 160), (26, 94)])
@pytest.mark.parametrize("channels", [(4,), (4, 6, 8)])
def test_columns_are_a_quarter_of_the_width(height: int, width: int, channels: tuple[int, ...]) -> None:
    net = LightResNet(1, height, stem_channels=4, channels=channels, num_blocks=[1] * len(channels), width=12)
    assert net(torch.randn(2, 1, height, width)).shape == (2, 12, 1, -(-width // 4))


def test_a_column_sees_its_own_place() -> None:
    """Moving ink by four pixels moves the answer by one column."""
    torch.manual_seed(0)
    net = LightResNet(1, 8, stem_channels=4, channels=(4,), num_blocks=(1,), width=6).eval()
    image = torch.zeros(1, 1, 8, 96)
    image[..., 44:50] = 1
    columns, moved = net(image), net(image.roll(4, 3))
    torch.testing.assert_close(moved[..., 2:-2], columns.roll(1, 3)[..., 2:-2])


def test_fixed_normalisation_maps_black_and_white() -> None:
    layer = Normalise((0.5, 0.25, 0.0), (0.5, 0.25, 1.0))
    images = torch.stack([torch.zeros(3, 2, 2), torch.full((3, 2, 2), 255)]).to(torch.uint8)
    wanted = torch.tensor([[-1.0, -1.0, 0.0], [1.0, 3.0, 1.0]])[:, :, None, None].expand(2, 3, 2, 2)
    torch.testing.assert_close(layer(images), wanted)
    assert layer.state_dict() == {}


def test_contrast_per_image_drops_light_and_keeps_empty_images_quiet() -> None:
    torch.manual_seed(0)
    image = torch.randint(0, 100, (1, 1, 16, 16), dtype=torch.uint8)
    layer = NormaliseImage()
    once, brighter = layer(image), layer(image + 100)
    torch.testing.assert_close(once, brighter, rtol=1e-4, atol=1e-4)
    assert once.mean().abs() < 1e-5 and 0.7 < once.std() < 1
    flat = layer(torch.full((1, 1, 16, 16), 7, dtype=torch.uint8))
    assert flat.abs().max() == 0
    pair = layer(torch.cat([image, torch.zeros_like(image)]))
    torch.testing.assert_close(pair[:1], once)


def test_the_recurrence_stays_in_fp32() -> None:
    neck = BiLstm(6, 4, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        columns = neck(torch.randn(2, 5, 6, dtype=torch.bfloat16))
    assert columns.shape == (2, 5, 8) and columns.dtype == torch.float32 and neck.out_size == 8
