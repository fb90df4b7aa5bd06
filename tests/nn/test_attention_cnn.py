"""The convolutions of the Attention baseline."""

import pytest
import torch

from saccade.nn.attention_cnn import AttentionCnn
from saccade.nn.deformable import DeformableConv
from tests.nn.encoder_checks import check_encoder, count


def test_has_the_weights_of_the_series() -> None:
    """Counted in bcaitech1/p4-fr-connectnet without the LSTM: branch bcc0830, and main, where three layers are deformable."""
    with torch.device("meta"):
        plain, deformable = AttentionCnn(1), AttentionCnn(1, num_deformable=3)
    assert count(plain) == 5_551_360
    assert count(deformable) == 8_844_588 - 3_153_920
    assert plain.shape(128, 128) == (7, 33)


@pytest.mark.parametrize("num_deformable", [0, 3])
def test_is_an_encoder(num_deformable: int) -> None:
    torch.manual_seed(0)
    encoder = AttentionCnn(1, channels=(2, 3, 4, 4, 5, 5, 6), num_deformable=num_deformable)
    check_encoder(encoder, [(32, 4), (47, 23), (64, 33), (35, 19)], too_small_px=(31, 40))


@pytest.mark.parametrize("size_px", [(31, 40), (40, 3)])
def test_one_pixel_less_is_too_small(size_px: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="too small"):
        AttentionCnn(1, channels=(2,) * 7).shape(*size_px)


def test_the_last_layers_are_deformable() -> None:
    encoder = AttentionCnn(1, channels=(2,) * 7, num_deformable=2)
    kinds = [module for module in encoder.layers if isinstance(module, DeformableConv | torch.nn.Conv2d)]
    assert [isinstance(kind, DeformableConv) for kind in kinds] == [False] * 5 + [True] * 2


def test_other_than_seven_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="6 layers, where the network has 7"):
        AttentionCnn(1, channels=(2,) * 6)
