"""The Attention reader (convolutions, BiLSTM, recurrent decoder): every promise of `checks.py`, every cell."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from saccade.nn.attention_cnn import AttentionCnn
from saccade.nn.attention_decoder import AttentionDecoder, AttentionDecoderOptions
from saccade.nn.recurrent_encoder import RecurrentEncoder
from saccade.tasks.read.reader import EncoderDecoder
from tests.parity.checks import CHECKS, NUM_CLASSES, make_images, make_reader

CHANNELS = (4, 6, 6, 8, 8, 8, 8)
VARIANTS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "lstm"},
    "lstm_2": {"cell": "lstm", "num_layers": 2},
    "gru": {"cell": "gru"},
    "gru_2": {"cell": "gru", "num_layers": 2},
    "deformable": {"num_deformable": 3},
    "convolutions_alone": {"num_lstm_layers": 0},
}


IMAGES = make_images(32, 48)


def build(variant: str) -> EncoderDecoder:
    options = dict(VARIANTS[variant])
    num_deformable, num_lstm_layers = options.pop("num_deformable", 0), options.pop("num_lstm_layers", 2)
    torch.manual_seed(0)
    backbone = AttentionCnn(1, channels=CHANNELS, num_deformable=num_deformable)
    decoder = AttentionDecoderOptions(hidden_size=12, embedding_size=6, dropout=0.1, **options)
    return make_reader(
        lambda: RecurrentEncoder(backbone, hidden_size=6, num_layers=num_lstm_layers),
        lambda size: AttentionDecoder(NUM_CLASSES, size, decoder),
        IMAGES,
    )


@pytest.fixture(scope="module", params=VARIANTS)
def reader(request: pytest.FixtureRequest) -> EncoderDecoder:
    return build(request.param)


@pytest.mark.parametrize("check", CHECKS)
def test_parity(check: Callable[..., None], reader: EncoderDecoder) -> None:
    check(reader, IMAGES)
