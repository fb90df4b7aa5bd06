"""What every encoder of `saccade.nn.encoding.Encoder` must stand."""

from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn


def count(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def check_encoder(encoder: nn.Module, sizes_px: Iterable[tuple[int, int]], *, too_small_px: tuple[int, int]) -> None:
    """Check shapes, a refusal, gradients, independence of the batch, and that nothing stays behind; images are grey."""
    for size_px in sizes_px:
        check_shape(encoder.eval(), size_px)
    check_refusal(encoder, too_small_px, "too small")
    check_state(encoder)
    check_batch(encoder, size_px)
    check_gradients(encoder, size_px)


def check_shape(encoder: nn.Module, size_px: tuple[int, int]) -> None:
    rows, columns = encoder.shape(*size_px)
    with torch.no_grad():
        memory = encoder(torch.randn(1, 1, *size_px))
    assert memory.shape == (1, rows * columns, encoder.out_size), size_px


def check_refusal(encoder: nn.Module, size_px: tuple[int, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        encoder.shape(*size_px)
    with pytest.raises(ValueError, match=words):
        encoder(torch.zeros(1, 1, *size_px))


def check_state(encoder: nn.Module) -> None:
    """A tensor that is neither parameter nor buffer, or a module in a plain list, stays where it was made and is not saved."""
    for name, module in encoder.named_modules():
        for key, value in vars(module).items():
            held = value if isinstance(value, list | tuple) else [value]
            is_own = key.startswith("_")  # torch's, which moves and saves what they hold
            assert is_own or not any(isinstance(one, Tensor | nn.Module) for one in held), f"{name}.{key}"
    assert {name for name, _ in encoder.named_buffers()} <= encoder.state_dict().keys()


@torch.no_grad()
def check_batch(encoder: nn.Module, size_px: tuple[int, int]) -> None:
    images = torch.randn(3, 1, *size_px)
    encoder.train()
    for _ in range(3):  # running statistics of batch norms away from where they begin
        encoder(images)
    encoder.eval()
    together = encoder(images)
    for index in range(3):
        torch.testing.assert_close(encoder(images[index : index + 1])[0], together[index], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(encoder(images), together)


def check_gradients(encoder: nn.Module, size_px: tuple[int, int]) -> None:
    with torch.no_grad():  # what begins at zero hides the weights behind it for a step
        for weight in encoder.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.01)
    memory = encoder.train()(torch.randn(2, 1, *size_px))
    (memory * torch.randn_like(memory)).sum().backward()
    silent = [
        name for name, weight in encoder.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert silent == []
