"""The recurrent decoder: size of the series' preset, both ways in, its state, where it looks."""

import pytest
import torch

from saccade.nn.attention_decoder import AttentionDecoder, AttentionDecoderOptions

CELLS = [("lstm", 1), ("lstm", 2), ("gru", 1), ("gru", 2)]


def build(cell: str, num_layers: int) -> AttentionDecoder:
    torch.manual_seed(0)
    options = AttentionDecoderOptions(hidden_size=10, embedding_size=6, num_layers=num_layers, cell=cell)  # type: ignore[arg-type]
    return AttentionDecoder(9, 12, options).eval()


def test_the_series_preset_has_its_parameters() -> None:
    """245 classes over a memory of 512: embedding, attention, an LSTM of 640 -> 128, classifier."""
    options = AttentionDecoderOptions(hidden_size=128, embedding_size=128, num_extra_rows=1)
    num_weights = sum(weight.numel() for weight in AttentionDecoder(245, 512, options).parameters())
    attention, lstm = 512 * 128 + (128 * 128 + 128) + 128, 4 * 128 * (640 + 128 + 2)
    assert num_weights == 246 * 128 + attention + lstm + 128 * 245 + 245 == 539_509


@pytest.mark.parametrize(("cell", "num_layers"), CELLS)
def test_beams_are_texts_of_their_own_over_one_memory(cell: str, num_layers: int) -> None:
    decoder = build(cell, num_layers)
    memory = torch.randn(2, 7, 12)
    texts = torch.ones(2, 1, 1, dtype=torch.int64)
    state = decoder.init(memory)
    logits = decoder.step(state, texts[:, :, -1])
    for move in ([[0, 0, 0], [0, 0, 0]], [[2, 0, 2], [0, 1, 2]], [[0, 2], [1, 0]]):
        beams = torch.tensor(move)
        tokens = torch.arange(beams.numel()).view(beams.shape)
        texts = torch.cat([texts.gather(1, beams.unsqueeze(2).expand(-1, -1, texts.shape[2])), tokens.unsqueeze(2)], 2)
        state.select(beams)
        logits = decoder.step(state, tokens)
        for beam in range(beams.shape[1]):
            torch.testing.assert_close(logits[:, beam], decoder(memory, texts[:, beam])[:, -1], rtol=1e-4, atol=1e-4)
    state.keep(torch.tensor([1]))
    assert state.num_bytes == 4 * (7 * 12 + 7 * 10 + (2 if cell == "lstm" else 1) * num_layers * 2 * 10)
    logits = decoder.step(state, torch.tensor([[5, 6]]))
    text = torch.cat([texts[1:, 1], torch.tensor([[6]])], dim=1)
    torch.testing.assert_close(logits[:, 1], decoder(memory[1:], text)[:, -1], rtol=1e-4, atol=1e-4)


def test_a_step_by_hand() -> None:
    """Of two places the second scores w tanh(1) = ln 3 above the first: it is looked at three times as much."""
    decoder = build("gru", 1)
    with torch.no_grad():
        decoder.memory_projection.weight.zero_()[0, 0] = 1
        decoder.hidden_projection.bias.zero_()
        decoder.score.weight.zero_()[0, 0] = torch.tensor(3.0).log() / torch.tensor(1.0).tanh()
    memory = torch.zeros(1, 2, 12)
    memory[0, 1, 0] = 1
    inputs = torch.tensor([[1]])
    torch.testing.assert_close(decoder.compute_attention(memory, inputs), torch.tensor([[[0.25, 0.75]]]))
    gathered = torch.cat([memory[:, 1] * 0.75, decoder.embedding(inputs[0])], dim=1)
    logits = decoder.classifier(decoder.cells[0](gathered, torch.zeros(1, 10)))
    torch.testing.assert_close(decoder(memory, inputs)[:, 0], logits)


def test_the_recurrence_stays_in_fp32() -> None:
    decoder = build("lstm", 1)
    memory, inputs = torch.randn(2, 5, 12), torch.randint(9, (2, 4))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = decoder(memory.bfloat16(), inputs)
    torch.testing.assert_close(logits, decoder(memory.bfloat16().float(), inputs), rtol=0, atol=0)
