"""The reader with a decoder: forced and free rows, what training must not notice, what is never predicted."""

import pytest
import torch
from torch import nn

from saccade.nn.attention_decoder import AttentionDecoder, AttentionDecoderOptions
from saccade.nn.grid_encoder import GridEncoder
from saccade.nn.normalise import Normalise
from saccade.nn.residual_grid import ResidualGrid
from saccade.nn.transformer_decoder import TransformerDecoder, TransformerDecoderOptions
from saccade.tasks.read.reader import EncoderDecoder

NUM_CLASSES, PAD, BOS, EOS = 11, 0, 1, 2


def build(kind: str = "transformer", num_positions: int = 20) -> EncoderDecoder:
    torch.manual_seed(0)
    encoder = GridEncoder(ResidualGrid(1, (4, 6), (1, 1), ((2, 2), (2, 2))), 12)
    decoder: TransformerDecoder | AttentionDecoder = AttentionDecoder(
        NUM_CLASSES, 12, AttentionDecoderOptions(hidden_size=10, embedding_size=6, dropout=0.3)
    )
    if kind == "transformer":
        options = TransformerDecoderOptions(
            hidden_size=16, filter_size=24, num_layers=2, num_heads=2, num_positions=num_positions, dropout=0.3
        )
        decoder = TransformerDecoder(NUM_CLASSES, 12, options)
    return EncoderDecoder(encoder, decoder, Normalise((0.5,), (0.5,)))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(256, (4, 1, 16, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def make_inputs() -> torch.Tensor:
    inputs = torch.randint(3, NUM_CLASSES, (4, 7), generator=torch.Generator().manual_seed(2))
    inputs[:, 0] = BOS
    inputs[1, 5:] = inputs[3, 3:] = PAD
    return inputs


@torch.no_grad()
def write_greedily(reader: EncoderDecoder, images: torch.Tensor, num_tokens: int) -> torch.Tensor:
    """What a row would write, by the pass over a known text alone: no cache, no step."""
    texts = torch.full((len(images), 1), BOS)
    for _ in range(num_tokens):
        logits = reader.decoder(reader.encode(images), texts)[:, -1]
        logits[:, [PAD, BOS]] = float("-inf")
        texts = torch.cat([texts, logits.argmax(dim=1, keepdim=True)], dim=1)
    return texts


@pytest.mark.parametrize("kind", ["transformer", "attention"])
def test_free_rows_see_what_they_would_have_written(kind: str, images: torch.Tensor) -> None:
    reader, inputs = build(kind).eval(), make_inputs()
    own = write_greedily(reader, images, 6)
    seen = inputs.clone()
    seen[0] = own[0]
    seen[1, :5] = own[1, :5]  # behind its end stays padding
    forced = torch.tensor([False, False, True, True])
    torch.testing.assert_close(reader(images, inputs, forced), reader(images, seen), rtol=1e-4, atol=1e-4)
    assert not torch.equal(seen, inputs)
    torch.testing.assert_close(reader(images, inputs, torch.ones(4, dtype=torch.bool)), reader(images, inputs))


@pytest.mark.parametrize("kind", ["transformer", "attention"])
def test_own_predictions_leave_training_as_it_was(kind: str, images: torch.Tensor) -> None:
    """Modes module by module, and the statistics of batch norm after one pass, are those of a pass without own predictions."""
    inputs, forced = make_inputs(), torch.tensor([True, False, True, False])
    reader, other = build(kind).train(), build(kind).train()
    next(iter(reader.decoder.children())).eval()  # somebody froze a part of it
    modes = [module.training for module in reader.modules()]
    reader(images, inputs, forced)
    other(images, inputs)
    assert [module.training for module in reader.modules()] == modes
    assert False in modes and True in modes
    for (name, buffer), (_, wanted) in zip(reader.named_buffers(), other.named_buffers(), strict=True):
        torch.testing.assert_close(buffer, wanted, rtol=0, atol=0, msg=name)


def test_own_predictions_are_made_without_dropout(images: torch.Tensor) -> None:
    reader, inputs = build().train(), make_inputs()
    reader.encoder.eval()
    seen: list[torch.Tensor] = []
    reader.decoder.register_forward_pre_hook(lambda module, given: seen.append(given[1]))
    for _ in range(4):
        reader(images, inputs, torch.zeros(4, dtype=torch.bool))
    assert all(torch.equal(seen[0], other) for other in seen[1:])
    torch.testing.assert_close(seen[0][0], write_greedily(reader.eval(), images, 6)[0])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["transformer", "attention"])
def test_every_weight_learns_from_free_rows(kind: str, precision: str, images: torch.Tensor) -> None:
    """Under autocast too, which keeps the weights that it cast for the own predictions, without a gradient."""
    reader, inputs = build(kind).train(), make_inputs()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        logits = reader(images, inputs, torch.zeros(4, dtype=torch.bool))
    logits.float().log_softmax(2)[:, :3].square().sum().backward()
    without = [name for name, weight in reader.named_parameters() if weight.grad is None or not weight.grad.any()]
    # Keys differ from one another by what their weights give: a bias is the same in all and falls out of the softmax.
    assert [name for name in without if not name.endswith("key.bias")] == []


def test_an_empty_text_has_nothing_to_write(images: torch.Tensor) -> None:
    reader = build().eval()
    inputs = torch.full((4, 1), BOS)
    torch.testing.assert_close(reader(images, inputs, torch.zeros(4, dtype=torch.bool)), reader(images, inputs))


def test_steps_give_log_probabilities_of_what_can_be_written(images: torch.Tensor) -> None:
    reader = build().eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        answers = reader.step(reader.init(images), torch.full((4, 1), BOS))
    assert answers.dtype == torch.float32 and answers.shape == (4, 1, NUM_CLASSES)
    assert (answers[..., [PAD, BOS]] == float("-inf")).all()
    torch.testing.assert_close(answers.exp().sum(dim=2), torch.ones(4, 1))


def test_the_state_holds_weights_alone() -> None:
    """What is never predicted is no weight: a checkpoint does not hold it."""
    reader = build()
    assert not [name for name in reader.state_dict() if "never" in name]
    assert isinstance(reader, nn.Module) and reader.never.tolist().count(float("-inf")) == 2
