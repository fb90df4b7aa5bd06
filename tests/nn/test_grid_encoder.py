"""A small residual grid as an encoder."""

import pytest
import torch

from saccade.nn.grid_encoder import GridEncoder
from saccade.nn.residual_grid import ResidualGrid
from tests.nn.encoder_checks import check_encoder

STRIDES = ((1, 1), (2, 2), (2, 2))


def build(*channels: int) -> GridEncoder:
    return GridEncoder(ResidualGrid(1, channels, [1] * len(channels), STRIDES[-len(channels) :]), 5)


@pytest.mark.parametrize("channels", [(4, 6), (4, 4, 6)])
def test_is_an_encoder(channels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    check_encoder(build(*channels), [(1, 1), (9, 8), (30, 41), (17, 33)], too_small_px=(8, 0))


def test_an_eighth_of_the_image_is_left() -> None:
    encoder = build(4, 4, 6)
    assert encoder.shape(64, 256) == (8, 32) and encoder.shape(65, 257) == (9, 33)


def test_a_vector_sees_its_own_place() -> None:
    """Moving ink by eight pixels in either direction moves the answer by one place."""
    torch.manual_seed(0)
    encoder = build(4, 6).eval()
    image = torch.zeros(1, 1, 96, 96)
    image[..., 44:50, 40:52] = 1
    placed = encoder(image).unflatten(1, (12, 12))
    for axis in (1, 2):
        moved = encoder(image.roll(8, axis + 1)).unflatten(1, (12, 12))
        torch.testing.assert_close(moved[:, 2:-2, 2:-2], placed.roll(1, axis)[:, 2:-2, 2:-2])
