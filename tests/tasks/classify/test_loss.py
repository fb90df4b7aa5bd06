"""The classifier's loss, against its definition written out and against torch's."""

import math

import pytest
import torch
from torch.nn import functional

from saccade.tasks.classify.loss import compute_cross_entropy

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
ONES = torch.ones(2)


def test_hand_worked() -> None:
    """Softmax of (2, 0, -1) is (0.8438, 0.1142, 0.0420); of zeros a third each."""
    labels = torch.tensor([0, 2])
    plain = compute_cross_entropy(LOGITS, labels, labels, ONES)
    assert float(plain) == pytest.approx((0.169846 + math.log(3)) / 2, abs=1e-5)
    mixed = compute_cross_entropy(LOGITS, labels, torch.tensor([1, 0]), torch.tensor([0.75, 0.5]))
    assert float(mixed) == pytest.approx((0.75 * 0.169846 + 0.25 * 2.169846 + math.log(3)) / 2, abs=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_mixed_and_smoothed_targets_are_those_that_torch_takes_written_out(smoothing: float) -> None:
    torch.manual_seed(0)
    logits = torch.randn(5, 7)
    labels, partners, shares = torch.randint(7, (5,)), torch.randint(7, (5,)), torch.rand(5)
    targets = shares[:, None] * functional.one_hot(labels, 7) + (1 - shares)[:, None] * functional.one_hot(partners, 7)
    wanted = functional.cross_entropy(logits, targets, label_smoothing=smoothing)
    torch.testing.assert_close(compute_cross_entropy(logits, labels, partners, shares, smoothing), wanted)


def test_half_precision_is_summed_in_fp32() -> None:
    labels = torch.tensor([0, 2])
    loss = compute_cross_entropy(LOGITS.bfloat16(), labels, labels, ONES, 0.1)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, compute_cross_entropy(LOGITS, labels, labels, ONES, 0.1))
