"""The transformer decoder: size of the series' preset, both ways in, its state, its variants."""

from dataclasses import replace

import pytest
import torch

from saccade.nn.transformer_decoder import TransformerDecoder, TransformerDecoderOptions

SERIES = TransformerDecoderOptions(
    hidden_size=128,
    filter_size=512,
    num_layers=3,
    num_heads=8,
    num_positions=500,
    dropout=0.1,
    last_relu=True,
    attention_scale=128**-0.5,
    num_extra_rows=1,
    memory_queries="inputs",
)
TINY = TransformerDecoderOptions(hidden_size=16, filter_size=24, num_layers=2, num_heads=2, num_positions=80)


def build(options: TransformerDecoderOptions = TINY, seed: int = 0) -> TransformerDecoder:
    torch.manual_seed(seed)
    return TransformerDecoder(9, 12, options).eval()


def step_through(decoder: TransformerDecoder, memory: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    state = decoder.init(memory)
    return torch.cat([decoder.step(state, tokens) for tokens in inputs.split(1, dim=1)], dim=1)


def test_the_series_preset_has_its_parameters() -> None:
    """245 classes: 246 rows of 128; layers of 66,048 + 110,080 + 131,712 + 768; a classifier of 31,605."""
    decoder = TransformerDecoder(245, 300, SERIES)
    assert sum(weight.numel() for weight in decoder.parameters()) == 246 * 128 + 3 * 308_608 + 31_605 == 988_917


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"norm": "pre"},
        {"last_relu": True},
        {"attention_scale": 0.1},
        {"tied_embedding": True},
        {"memory_queries": "inputs"},
        {"norm": "pre", "memory_queries": "inputs"},
    ],
    ids=str,
)
def test_steps_are_the_pass_over_a_known_text(changes: dict[str, object]) -> None:
    """65 tokens: the cache grows twice."""
    decoder = build(replace(TINY, **changes))  # type: ignore[arg-type]
    memory, inputs = torch.randn(3, 7, 12), torch.randint(9, (3, 65))
    logits = decoder(memory, inputs)
    torch.testing.assert_close(step_through(decoder, memory, inputs), logits, rtol=1e-4, atol=1e-4)
    assert (logits - build()(memory, inputs)).abs().max() > 0.01 or not changes


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_the_faulty_cache_is_another_network(norm: str) -> None:
    decoder = build(replace(TINY, cache="outputs", norm=norm))  # type: ignore[arg-type]
    memory, inputs = torch.randn(3, 7, 12), torch.randint(9, (3, 6))
    differences = (step_through(decoder, memory, inputs) - decoder(memory, inputs)).abs().amax(dim=(0, 2))
    assert differences[0] < 1e-5  # the first token has no past
    assert differences[1:].min() > 1e-3


def test_beams_are_texts_of_their_own_over_one_memory() -> None:
    """Beams move, multiply and fall away, in the same column or another; each answers as its text alone would."""
    decoder = build()
    memory = torch.randn(2, 7, 12)
    texts = torch.ones(2, 1, 1, dtype=torch.int64)
    state = decoder.init(memory)
    logits = decoder.step(state, texts[:, :, -1])
    moves = [
        [[0, 0, 0], [0, 0, 0]],
        [[0, 2, 1], [0, 1, 2]],
        [[0, 1, 2], [0, 1, 2]],
        [[2, 2, 0], [1, 1, 1]],
        [[0, 1, 2], [0, 1, 2]],
        [[1, 0, 2], [2, 2, 1]],
        [[2, 1, 0], [0, 0, 1]],
        [[0, 2], [1, 0]],
        [[1], [1]],
    ]
    for number, move in enumerate(moves):
        beams = torch.tensor(move)
        tokens = torch.arange(beams.numel()).view(beams.shape).add(number) % 9
        texts = torch.cat([texts.gather(1, beams.unsqueeze(2).expand(-1, -1, texts.shape[2])), tokens.unsqueeze(2)], 2)
        state.select(beams)
        logits = decoder.step(state, tokens)
        for beam in range(beams.shape[1]):
            alone = decoder(memory, texts[:, beam])[:, -1]
            torch.testing.assert_close(logits[:, beam], alone, rtol=1e-4, atol=1e-4)
    state.keep(torch.tensor([1]))
    logits = decoder.step(state, torch.tensor([[5]]))
    text = torch.cat([texts[1:, 0], torch.tensor([[5]])], dim=1)
    torch.testing.assert_close(logits[:, 0], decoder(memory[1:], text)[:, -1], rtol=1e-4, atol=1e-4)


def test_memory_grows_with_live_beams_only() -> None:
    """Layers x (keys and values) x heads x head = 2 x 2 x 16 floats a position, 32 positions at a time."""
    decoder = build()
    state = decoder.init(torch.randn(4, 7, 12))
    of_memory, of_a_beam = 4 * 2 * 2 * 16 * 7 * 4, 2 * 2 * 16 * 32 * 4
    assert state.num_bytes == of_memory
    decoder.step(state, torch.ones(4, 1, dtype=torch.int64))
    assert state.num_bytes == of_memory + 4 * of_a_beam
    state.select(torch.zeros(4, 5, dtype=torch.int64))
    assert state.num_bytes == of_memory + 20 * of_a_beam
    state.select(torch.zeros(4, 2, dtype=torch.int64))
    state.keep(torch.tensor([0, 3]))
    assert state.num_bytes == of_memory // 2 + 4 * of_a_beam


def test_texts_longer_than_the_table_are_refused() -> None:
    decoder = build(replace(TINY, num_positions=2))
    memory, inputs = torch.randn(1, 3, 12), torch.ones(1, 3, dtype=torch.int64)
    with pytest.raises(ValueError, match="position 2 is beyond the 2 of the table"):
        decoder(memory, inputs)
    with pytest.raises(ValueError, match="position 2 is beyond the 2 of the table"):
        step_through(decoder, memory, inputs)


def test_a_tied_embedding_is_one_table() -> None:
    decoder = build(replace(TINY, tied_embedding=True))
    assert decoder.classifier.weight is decoder.embedding.weight
    assert 0.15 < float(decoder.embedding.weight.detach().std()) < 0.35  # 16 ** -0.5 = 0.25
    with pytest.raises(ValueError, match="no other"):
        build(replace(TINY, tied_embedding=True, num_extra_rows=1))


def test_attention_is_that_of_the_last_layer() -> None:
    """A memory of which one place alone answers the last layer's queries draws all of its attention."""
    decoder = build()
    inputs = torch.randint(9, (2, 5))
    weights = decoder.compute_attention(torch.randn(2, 7, 12), inputs)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(2, 5))
    torch.nn.init.zeros_(decoder.layers[-1].memory_attention.query.weight)
    torch.testing.assert_close(decoder.compute_attention(torch.zeros(2, 7, 12), inputs), torch.full((2, 5, 7), 1 / 7))


def test_dropout_works_in_training_alone() -> None:
    decoder = build(replace(TINY, dropout=0.5))
    memory, inputs = torch.randn(2, 7, 12), torch.randint(9, (2, 5))
    torch.testing.assert_close(decoder(memory, inputs), decoder(memory, inputs), rtol=0, atol=0)
    decoder.train()
    assert (decoder(memory, inputs) - decoder(memory, inputs)).abs().max() > 0.01
