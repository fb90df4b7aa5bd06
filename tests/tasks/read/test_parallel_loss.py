"""Losses and decoding of parallel readers, worked out by hand."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from saccade.tasks.read.parallel_loss import (
    ParallelLoss,
    SrnWeights,
    compute_parallel_loss,
    compute_srn_loss,
    decode_parallel,
)

PAD, BOS, EOS = 0, 1, 2


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    torch.manual_seed(0)


def compute(logits: Tensor, targets: list[list[int]], **options: object) -> ParallelLoss:
    return compute_parallel_loss(logits, torch.tensor(targets), eos_id=EOS, pad_id=PAD, **options)


def test_the_mean_is_over_the_tokens_and_one_end_a_text() -> None:
    """Two texts of 1 and 3 tokens count 2 + 4 positions; equal logits of 6 classes cost ln 6 each."""
    loss = compute(torch.zeros(2, 5, 6), [[3, EOS, PAD, PAD, PAD], [4, 5, 3, EOS, PAD]])
    assert loss.num_counted == 6
    assert loss.total.item() == pytest.approx(math.log(6))
    assert list(loss.parts) == ["cross_entropy"]


def test_positions_weigh_the_same_whatever_text_they_are_of() -> None:
    logits = torch.randn(2, 4, 6)
    targets = [[3, EOS, PAD, PAD], [4, 5, 3, EOS]]
    negative = -logits.log_softmax(dim=2)
    counted = [
        negative[0, 0, 3],
        negative[0, 1, EOS],
        *(negative[1, place, token] for place, token in enumerate(targets[1])),
    ]
    assert compute(logits, targets).total.item() == pytest.approx(sum(value.item() for value in counted) / 6)


@pytest.mark.parametrize("behind", [[PAD, PAD], [EOS, EOS], [3, 4]])
def test_nothing_behind_the_first_end_counts(behind: list[int]) -> None:
    logits = torch.randn(1, 4, 6, requires_grad=True)
    loss = compute(logits, [[3, EOS, *behind]])
    loss.total.backward()
    assert loss.num_counted == 2
    assert logits.grad is not None
    assert logits.grad[0, 2:].abs().sum() == 0
    assert (logits.grad[0, :2].abs().sum(dim=1) > 0).all()


def test_positions_behind_the_end_can_be_told_to_say_it_again() -> None:
    """Also those that the padding does not reach."""
    logits = torch.randn(1, 4, 6)
    loss = compute(logits, [[3, EOS, PAD]], after_end="end")
    assert loss.num_counted == 4
    expected = functional.cross_entropy(logits[0], torch.tensor([3, EOS, EOS, EOS]))
    torch.testing.assert_close(loss.total, expected)


def test_padding_to_any_length_changes_nothing() -> None:
    logits = torch.randn(1, 3, 6)
    losses = [compute(logits, [[3, EOS, *[PAD] * extra]], label_smoothing=0.1).total for extra in (0, 1, 4)]
    assert losses[0] == losses[1] == losses[2]


def test_smoothing_is_spread_over_the_positions_that_count_alone() -> None:
    """At each: 0.9 of the target's and 0.1 of the mean of all classes. A wild ignored position must not move it."""
    logits = torch.randn(1, 4, 6)
    negative = -logits.log_softmax(dim=2)[0]
    expected = (
        sum(0.9 * negative[place, token] + 0.1 * negative[place].mean() for place, token in ((0, 3), (1, EOS))) / 2
    )
    logits[0, 2:] = 100 * torch.randn(2, 6)
    torch.testing.assert_close(compute(logits, [[3, EOS, PAD, PAD]], label_smoothing=0.1).total, expected)


def test_an_empty_text_is_its_end() -> None:
    loss = compute(torch.zeros(1, 2, 6), [[EOS, PAD]])
    assert loss.num_counted == 1


@pytest.mark.parametrize("after_end", ["ignored", "end"])
def test_a_text_that_does_not_fit_is_refused(after_end: str) -> None:
    with pytest.raises(ValueError, match="a text of 4 tokens with its end does not fit into 3 positions"):
        compute(torch.zeros(1, 3, 6), [[3, 4, 5, EOS, PAD]], after_end=after_end)


def test_a_batch_without_a_target_costs_nothing() -> None:
    assert compute(torch.randn(1, 2, 6), [[PAD, PAD]]).total == 0


def test_the_loss_is_computed_in_full_precision() -> None:
    loss = compute(torch.zeros(1, 2, 6, dtype=torch.bfloat16), [[3, EOS]])
    assert loss.total.dtype == torch.float32
    assert loss.total.item() == pytest.approx(math.log(6), abs=1e-6)


@pytest.mark.parametrize(
    ("weights", "expected"), [(SrnWeights(), (1, 2, 0.15)), (SrnWeights(3, 1, 0.15), (3, 1, 0.15))]
)
def test_the_three_losses_of_srn_have_their_weights(weights: SrnWeights, expected: tuple[float, ...]) -> None:
    """Logits come as fused, visual, semantic; weights are written word (visual), vsfd (fused), gsrm (semantic)."""
    targets = torch.tensor([[3, EOS, PAD], [4, 5, EOS]])
    fused, visual, semantic = torch.randn(3, 2, 3, 6)
    loss = compute_srn_loss((fused, visual, semantic), targets, weights, eos_id=EOS, pad_id=PAD, label_smoothing=0.1)
    each = {
        name: compute_parallel_loss(part, targets, eos_id=EOS, pad_id=PAD, label_smoothing=0.1).total
        for name, part in (("word", visual), ("vsfd", fused), ("gsrm", semantic))
    }
    assert loss.num_counted == 5
    assert loss.parts == each
    torch.testing.assert_close(
        loss.total, expected[0] * each["word"] + expected[1] * each["vsfd"] + expected[2] * each["gsrm"]
    )


def make_logits(*rows: list[int]) -> Tensor:
    """Probability one half for the token that each position names, the rest shared by the other five."""
    table = torch.full((len(rows), len(rows[0]), 6), 0.1)
    return table.scatter(2, torch.tensor(rows).unsqueeze(2), 0.5).log()


def test_a_text_ends_at_the_first_end() -> None:
    (text,) = decode_parallel(make_logits([3, 4, EOS, 5, EOS]), eos_id=EOS)
    assert text.tokens == (3, 4)
    assert text.token_confidences == pytest.approx((0.5, 0.5))
    assert text.confidence == pytest.approx(0.5**3)


def test_a_text_without_an_end_keeps_its_last_token() -> None:
    (text,) = decode_parallel(make_logits([3, 4, 5]), eos_id=EOS)
    assert text.tokens == (3, 4, 5)
    assert text.confidence == pytest.approx(0.5**3)


def test_an_empty_text_has_the_confidence_of_its_end() -> None:
    (text,) = decode_parallel(make_logits([EOS, 4]), eos_id=EOS)
    assert (text.tokens, text.token_confidences) == ((), ())
    assert text.confidence == pytest.approx(0.5)


def test_what_stands_in_no_text_takes_no_part() -> None:
    """Without padding (0.5) and begin (0.1) there is 0.4 left: the others have a quarter each, but for the one raised."""
    logits = make_logits([PAD, 4])
    logits[0, 0, 5] = math.log(0.2)
    (text,) = decode_parallel(logits, eos_id=EOS, never_ids=(PAD, BOS))
    assert text.tokens == (5, 4)
    assert text.token_confidences == pytest.approx((0.2 / 0.5, 0.5 / 0.8))


def test_images_are_read_in_their_order_and_do_not_mix() -> None:
    rows = ([3, EOS, 4], [EOS, 5, 5], [4, 5, 3])
    assert [text.tokens for text in decode_parallel(make_logits(*rows), eos_id=EOS)] == [(3,), (), (4, 5, 3)]
