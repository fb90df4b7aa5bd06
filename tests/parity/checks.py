"""What every reader that writes one token after the other must keep to, however it is built: one function a promise.

Readers are as they are built, with random weights, but for what makes them tell the images apart, as a trained one does:
batch norm has the statistics of the images, and the memory is stretched to what differs between them.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from saccade.nn.attention_decoder import AttentionDecoder
from saccade.nn.encoding import Encoder
from saccade.nn.normalise import NormaliseImage
from saccade.nn.transformer_decoder import TransformerDecoder
from saccade.tasks.read.reader import EncoderDecoder
from saccade.tasks.read.search import search_beam, search_greedy

PAD, BOS, NUM_CLASSES = 0, 1, 17
MAX_LENGTH = 12
NUM_POSITIONS = 20


def make_images(height_px: int, width_px: int) -> Tensor:
    """Eight images of strokes in different places."""
    generator = torch.Generator().manual_seed(5)
    images = torch.full((8, 1, height_px, width_px), 255, dtype=torch.uint8)
    for image in images:
        for _ in range(6):
            row, column = (int(torch.randint(size - 6, (1,), generator=generator)) for size in (height_px, width_px))
            tall = bool(torch.randint(2, (1,), generator=generator))
            image[0, row : row + (6 if tall else 2), column : column + (2 if tall else 6)] = 0
    return images


def make_inputs() -> Tensor:
    inputs = torch.randint(3, NUM_CLASSES, (8, MAX_LENGTH), generator=torch.Generator().manual_seed(6))
    inputs[:, 0] = BOS
    return inputs


class Stretched(nn.Module):
    """An encoder whose memory has mean 0 and deviation 2 over the images that it is built with."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, encoder: Encoder, images: Tensor) -> None:
        super().__init__()
        self.encoder, self.out_size, self.shape = encoder, encoder.out_size, encoder.shape
        memory = encoder(images)
        self.register_buffer("mean", memory.mean(dim=0))
        self.register_buffer("deviation", memory.std(dim=0) + 1e-3)

    def forward(self, images: Tensor) -> Tensor:
        memory: Tensor = 2 * (self.encoder(images) - self.mean) / self.deviation
        return memory


@torch.no_grad()
def make_reader(
    build_encoder: Callable[[], Encoder],
    build_decoder: Callable[[int], TransformerDecoder | AttentionDecoder],
    images: Tensor,
) -> EncoderDecoder:
    """Build a reader; the decoder is built for the encoder's `out_size`."""
    torch.manual_seed(0)
    encoder, normalise = build_encoder(), NormaliseImage()
    assert isinstance(encoder, nn.Module)
    encoder.eval()
    for module in encoder.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None  # the mean over batches, of which there is one
            module.train()
    encoder(normalise(images))
    decoder = build_decoder(encoder.out_size)
    nn.init.normal_(decoder.classifier.weight)  # margins like those of a trained reader
    return EncoderDecoder(Stretched(encoder.eval(), normalise(images)), decoder, normalise).eval()


@torch.no_grad()
def check_steps_are_the_known_pass(reader: EncoderDecoder, images: Tensor) -> None:
    """On the text that it writes, the logits of each step are those of one pass over that text."""
    state = reader.decoder.init(reader.encode(images))
    tokens, logits = [torch.full((len(images), 1), BOS)], []
    for _ in range(MAX_LENGTH):
        logits.append(reader.decoder.step(state, tokens[-1]))
        tokens.append((logits[-1] + reader.never).argmax(dim=2))
    known = reader(images, torch.cat(tokens[:-1], dim=1))
    torch.testing.assert_close(torch.cat(logits, dim=1), known, rtol=0, atol=1e-4)


@torch.no_grad()
def check_later_tokens_change_nothing_earlier(reader: EncoderDecoder, images: Tensor) -> None:
    inputs = make_inputs()
    logits = reader(images, inputs)
    for place in (1, 4, MAX_LENGTH - 1):
        changed = inputs.clone()
        changed[:, place] = 3 + (inputs[:, place] - 2) % (NUM_CLASSES - 3)
        others = reader(images, changed)
        torch.testing.assert_close(others[:, :place], logits[:, :place], rtol=0, atol=1e-5)
        assert (others[:, place] - logits[:, place]).abs().amax(dim=1).min() > 1e-3


@torch.no_grad()
def check_padding_changes_nothing(reader: EncoderDecoder, images: Tensor) -> None:
    """Nor does what stands behind a text, whatever it is."""
    inputs = make_inputs()[:, :5]
    logits = reader(images, inputs)
    for filling in (PAD, 7):
        padded = nn.functional.pad(inputs, (0, 9), value=filling)
        torch.testing.assert_close(reader(images, padded)[:, :5], logits, rtol=0, atol=1e-4)


def check_one_beam_is_greedy(reader: EncoderDecoder, images: Tensor) -> None:
    greedy = search_greedy(reader, images, MAX_LENGTH)
    beam = search_beam(reader, images, 1, MAX_LENGTH)
    assert [one.tokens for one in beam] == [one.tokens for one in greedy]
    assert len({one.tokens for one in greedy}) > 1  # images are told apart
    for one, other in zip(greedy, beam, strict=True):
        assert abs(one.log_probability - other.log_probability) < 1e-4


def check_one_image_is_eight(reader: EncoderDecoder, images: Tensor) -> None:
    for width in (1, 3):
        together = search_beam(reader, images, width, MAX_LENGTH)
        alone = [search_beam(reader, image.unsqueeze(0), width, MAX_LENGTH)[0] for image in images]
        assert [one.tokens for one in together] == [one.tokens for one in alone]
        for one, other in zip(together, alone, strict=True):
            assert abs(one.log_probability - other.log_probability) < 1e-4
    with torch.no_grad():
        inputs = make_inputs()
        rows = [reader(images[row : row + 1], inputs[row : row + 1]) for row in range(len(images))]
        torch.testing.assert_close(torch.cat(rows), reader(images, inputs), rtol=0, atol=1e-4)


def check_tables_move_and_are_saved(reader: EncoderDecoder, images: Tensor) -> None:
    """Every tensor of every module is a weight or a buffer, every table is in the state, and a state makes the reader."""
    moved = {id(tensor) for tensor in (*reader.parameters(), *reader.buffers())}
    for name, module in reader.named_modules():
        loose = [key for key, value in vars(module).items() if isinstance(value, Tensor) and id(value) not in moved]
        assert not loose, f"{name}: {loose}"
    tables = [name for name, _ in reader.named_buffers() if name.endswith(("table", "tables.rows", "tables.columns"))]
    assert set(tables) <= set(reader.state_dict())
    assert bool(tables) == any(
        "ositional" in type(module).__name__ or "Tps" in type(module).__name__ for module in reader.modules()
    )
    doubled = reader.double()
    assert all(doubled.get_buffer(name).dtype == torch.float64 for name in tables)
    reader.float()


@torch.no_grad()
def check_attention_is_a_distribution(reader: EncoderDecoder, images: Tensor) -> None:
    inputs = make_inputs()
    weights = reader.compute_attention(images, inputs)
    rows, columns = reader.encoder.shape(*images.shape[2:])
    assert weights.shape == (*inputs.shape, rows * columns) and weights.min() >= 0
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(inputs.shape), rtol=0, atol=1e-5)
    assert (weights[0] - weights[1]).abs().max() > 1e-4  # it looks at its own image


@torch.no_grad()
def check_bf16_reads_the_same(reader: EncoderDecoder, images: Tensor) -> None:
    """The same token wherever fp32 prefers its own by more than 0.1, in the pass over a known text and step by step.

    The encoder is not stretched here: that would stretch what bf16 rounds.
    """
    reader, inputs = EncoderDecoder(reader.encoder.encoder, reader.decoder, reader.normalise).eval(), make_inputs()
    exact = reader(images, inputs)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = reader(images, inputs)
        state = reader.init(images)
        steps = torch.cat([reader.step(state, tokens) for tokens in inputs.split(1, dim=1)], dim=1)
    first, second = exact.topk(2, dim=2).values.unbind(2)
    is_sure = first - second > 0.1
    assert is_sure.float().mean() > 0.3
    assert not torch.equal(exact, rounded.float())
    assert torch.equal(exact.argmax(dim=2)[is_sure], rounded.argmax(dim=2)[is_sure])
    first, second = (exact + reader.never).topk(2, dim=2).values.unbind(2)
    is_sure = first - second > 0.1
    assert torch.equal((exact + reader.never).argmax(dim=2)[is_sure], steps.argmax(dim=2)[is_sure])


CHECKS = [
    check_steps_are_the_known_pass,
    check_later_tokens_change_nothing_earlier,
    check_padding_changes_nothing,
    check_one_beam_is_greedy,
    check_one_image_is_eight,
    check_tables_move_and_are_saved,
    check_attention_is_a_distribution,
    check_bf16_reads_the_same,
]
