"""The ASTER reader (rectification, residual net, BiLSTM, recurrent decoder): every promise of `checks.py`."""

from collections.abc import Callable

import pytest
import torch

from saccade.nn.aster_resnet import AsterResNet
from saccade.nn.attention_decoder import AttentionDecoder, AttentionDecoderOptions
from saccade.nn.recurrent_encoder import RecurrentEncoder
from saccade.nn.tps import TpsRectifier
from saccade.tasks.read.reader import EncoderDecoder
from tests.parity.checks import CHECKS, NUM_CLASSES, make_images, make_reader

VARIANTS = {"published": (True, False), "series": (False, True), "plain": (False, False)}
"""Whether images are rectified, and whether the last stage is deformable."""


def build_encoder(rectified: bool, deformable: bool) -> RecurrentEncoder:
    backbone = AsterResNet(
        1, stem_channels=4, channels=(4, 4, 6, 6, 8), num_blocks=(1, 1, 1, 1, 1), deformable=deformable
    )
    rectifier = TpsRectifier(1, (32, 48), num_points=6, channels=(2, 2, 2, 2, 4, 4)) if rectified else None
    if rectifier is not None:
        torch.nn.init.normal_(rectifier.localisation.points.weight, std=0.02)  # as training leaves it: images bend
    return RecurrentEncoder(backbone, hidden_size=6, num_layers=2, rectifier=rectifier)


IMAGES = make_images(32, 64)


def build(variant: str) -> EncoderDecoder:
    options = AttentionDecoderOptions(hidden_size=12, embedding_size=6, cell="gru", dropout=0.1)
    return make_reader(
        lambda: build_encoder(*VARIANTS[variant]), lambda size: AttentionDecoder(NUM_CLASSES, size, options), IMAGES
    )


@pytest.fixture(scope="module", params=VARIANTS)
def reader(request: pytest.FixtureRequest) -> EncoderDecoder:
    return build(request.param)


@pytest.mark.parametrize("check", CHECKS)
def test_parity(check: Callable[..., None], reader: EncoderDecoder) -> None:
    check(reader, IMAGES)
