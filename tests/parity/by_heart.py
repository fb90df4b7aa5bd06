"""Eight random images with random texts, and a training that must end with all of them known by heart.

Token 0 is padding, 1 begins, 2 ends, ten units follow. Texts have 0 to 6 tokens, so that one fills all but the last of seven positions.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from saccade.tasks.read.parallel_loss import ParallelLoss, decode_parallel

PAD_ID, BOS_ID, EOS_ID = 0, 1, 2
NUM_CLASSES, NUM_POSITIONS = 13, 7
LENGTHS = (0, 1, 2, 3, 4, 5, 6, 6)

Logits = tuple[Tensor, ...]


def make_images(image_size_px: tuple[int, int]) -> Tensor:
    return torch.randn(len(LENGTHS), 1, *image_size_px, generator=torch.Generator().manual_seed(7))


def make_texts() -> list[tuple[int, ...]]:
    draws = torch.randint(3, NUM_CLASSES, (len(LENGTHS), max(LENGTHS)), generator=torch.Generator().manual_seed(8))
    return [tuple(row[:length].tolist()) for row, length in zip(draws, LENGTHS, strict=True)]


def make_targets(texts: list[tuple[int, ...]]) -> Tensor:
    targets = torch.full((len(texts), NUM_POSITIONS), PAD_ID)
    for row, text in zip(targets, texts, strict=True):
        row[: len(text) + 1] = torch.tensor((*text, EOS_ID))
    return targets


def read(model: nn.Module, images: Tensor) -> list[tuple[int, ...]]:
    model.eval()
    with torch.no_grad():
        decoded = decode_parallel(model(images)[0], eos_id=EOS_ID, never_ids=(PAD_ID, BOS_ID))
    return [text.tokens for text in decoded]


def learn(
    model: nn.Module,
    image_size_px: tuple[int, int],
    compute_loss: Callable[[Logits, Tensor], ParallelLoss],
    *,
    num_steps: int,
    learning_rate: float = 1e-2,
) -> nn.Module:
    images, targets = make_images(image_size_px), make_targets(make_texts())
    optimizer = torch.optim.Adam(model.parameters(), learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, num_steps)
    model.train()
    for _ in range(num_steps):
        optimizer.zero_grad()
        compute_loss(model(images), targets).total.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def save_and_load(model: nn.Module, fresh: nn.Module, path: Path) -> None:
    save_file(model.state_dict(), path)
    fresh.load_state_dict(load_file(path), strict=True)
    fresh.eval()


def check_bf16_agrees(model: nn.Module, images: Tensor) -> None:
    """The same tokens in bf16 wherever fp32 prefers its own by more than 0.1, and that somewhere."""
    with torch.no_grad():
        exact = model(images)[0]
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model(images)[0]
    first, second = exact.topk(2, dim=2).values.unbind(2)
    sure = first - second > 0.1
    assert sure.any()
    assert not torch.equal(exact, rounded.float())
    assert torch.equal(exact.argmax(2)[sure], rounded.argmax(2)[sure])


@torch.no_grad()
def check_one_alone(model: nn.Module, images: Tensor) -> None:
    """One image alone reads as among eight."""
    alone = torch.cat([model(image.unsqueeze(0))[0] for image in images])
    torch.testing.assert_close(alone, model(images)[0], rtol=0, atol=1e-4)
