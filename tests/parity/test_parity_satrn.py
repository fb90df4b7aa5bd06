"""The SATRN reader (2-D self-attention, transformer decoder): every promise of `checks.py`, in the forms of series and authors.

And the fault of the series: a cache of outputs, which `check_steps_are_the_known_pass` must not let through.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from saccade.nn.dense_net import DenseBlockSizes, DenseEncoder
from saccade.nn.positional_2d import AdaptivePositional2d, Positional2d
from saccade.nn.satrn import EncoderLayers, SatrnEncoder, ShallowEncoder
from saccade.nn.transformer_decoder import TransformerDecoder, TransformerDecoderOptions
from saccade.tasks.read.reader import EncoderDecoder
from tests.parity import checks

DECODER = TransformerDecoderOptions(
    hidden_size=16, filter_size=24, num_layers=2, num_heads=2, num_positions=checks.NUM_POSITIONS, dropout=0.1
)
SERIES = replace(DECODER, last_relu=True, attention_scale=0.25, num_extra_rows=1, memory_queries="inputs")
AUTHORS = replace(DECODER, norm="pre", last_relu=True, tied_embedding=True)
VARIANTS = {
    "series": SERIES,
    "series_with_published_queries": replace(SERIES, memory_queries="attended"),
    "authors": AUTHORS,
    "light": DECODER,
}
IMAGES = checks.make_images(32, 48)


def build_encoder(form: str) -> SatrnEncoder:
    layers = EncoderLayers(num_layers=2, num_heads=2, head_size=6, filter_size=20, dropout=0.1)
    if form == "authors":
        layers = replace(layers, feed_forward="separable", norm="pre")
        positional = AdaptivePositional2d(12, max_rows=8, max_columns=12, dropout=0.1)
        return SatrnEncoder(ShallowEncoder(1, (6, 12)), positional, layers)
    backbone = DenseEncoder(1, 12, stem_channels=6, blocks=DenseBlockSizes(depth=2, growth=4))
    return SatrnEncoder(backbone, Positional2d(12, max_rows=8, max_columns=12, dropout=0.1), layers)


def build(form: str, options: TransformerDecoderOptions) -> EncoderDecoder:
    return checks.make_reader(
        lambda: build_encoder(form), lambda size: TransformerDecoder(checks.NUM_CLASSES, size, options), IMAGES
    )


@pytest.fixture(scope="module", params=VARIANTS)
def reader(request: pytest.FixtureRequest) -> EncoderDecoder:
    return build(request.param, VARIANTS[request.param])


@pytest.mark.parametrize("check", checks.CHECKS)
def test_parity(check: Callable[..., None], reader: EncoderDecoder) -> None:
    check(reader, IMAGES)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_cache_of_the_series_is_found(variant: str) -> None:
    faulty = build(variant, replace(VARIANTS[variant], cache="outputs"))
    with pytest.raises(AssertionError, match="not close"):
        checks.check_steps_are_the_known_pass(faulty, IMAGES)
    checks.check_later_tokens_change_nothing_earlier(faulty, IMAGES)  # the pass over a known text knows of no cache


def test_the_whole_preset_of_the_series_has_its_parameters() -> None:
    """128 x 128 px, grey, 245 classes."""
    layers = EncoderLayers(num_layers=6, num_heads=8, head_size=37, filter_size=600, scale=296**-0.5, dropout=0.1)
    options = replace(SERIES, hidden_size=128, filter_size=512, num_layers=3, num_heads=8, num_positions=500)
    with torch.device("meta"):
        encoder = SatrnEncoder(DenseEncoder(1, 300), Positional2d(300), layers)
        reader = EncoderDecoder(encoder, TransformerDecoder(245, 300, options), torch.nn.Identity())
    assert sum(weight.numel() for weight in reader.parameters()) == 6_864_057
