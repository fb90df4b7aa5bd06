"""Losses of token readers: values by hand, padding that changes none, and a bracket penalty that has a gradient."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from saccade.tasks.read.sequence_loss import (
    compute_bracket_penalty,
    compute_distillation_loss,
    compute_token_loss,
    find_bracket_kinds,
)

PAD, BOS, EOS = 0, 1, 2
UNITS = ("(", ")", "[", "x", "{", "}")
IDS = {unit: number for number, unit in enumerate(UNITS, 3)}
KINDS = find_bracket_kinds(UNITS, 3)
V = 3 + len(UNITS)


def encode(*texts: str) -> Tensor:
    """Return ids [B, L] with an end behind each text."""
    rows = [[IDS[unit] for unit in text] + [EOS] for text in texts]
    length = max(map(len, rows))
    return torch.tensor([row + [PAD] * (length - len(row)) for row in rows])


def be_sure(targets: Tensor) -> Tensor:
    """Return logits that are certain of these ids."""
    return torch.nn.functional.one_hot(targets, V).float() * 200


def make_logits(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, V, generator=torch.Generator().manual_seed(seed))


def penalise(said: str, truth: str | None = None) -> float:
    length = max(len(said), len(truth or said)) + 1
    truth = ("x" * len(said)) if truth is None else truth
    logits = torch.zeros(1, length, V)
    logits[:, : len(said) + 1] = be_sure(encode(said))
    targets = torch.zeros(1, length, dtype=torch.long)
    targets[:, : len(truth) + 1] = encode(truth)
    return float(compute_bracket_penalty(logits, targets, PAD, KINDS))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "token": lambda logits, targets: compute_token_loss(logits, targets, PAD),
    "smoothed": lambda logits, targets: compute_token_loss(logits, targets, PAD, label_smoothing=0.2),
    "distilled": lambda logits, targets: compute_distillation_loss(
        logits, make_logits(*targets.shape, seed=9) + logits.detach() * 0, targets, PAD, temperature=4.0
    ),
    "brackets": lambda logits, targets: compute_bracket_penalty(logits, targets, PAD, KINDS),
}


def test_cross_entropy_by_hand() -> None:
    """Two tokens of probability 1/2 and 1/4, the others alike; the mean of ln 2 and ln 4, padding not counted."""
    logits = torch.zeros(1, 3, V)
    logits[0, 0, 3] = math.log(V - 1)  # 1/2: as much as all others together
    logits[0, 1, 2] = math.log((V - 1) / 3)  # 1/4
    logits[0, 2, 5] = 50.0
    targets = torch.tensor([[3, EOS, PAD]])
    assert float(compute_token_loss(logits, targets, PAD)) == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_label_smoothing_by_hand() -> None:
    """Even logits cost ln V whatever is spread; one certain token costs a tenth of the mean distance to all others."""
    targets = torch.tensor([[3, EOS, PAD, PAD]])
    even = torch.zeros(1, 4, V)
    assert float(compute_token_loss(even, targets, PAD, label_smoothing=0.1)) == pytest.approx(math.log(V))
    sure = compute_token_loss(be_sure(targets), targets, PAD, label_smoothing=0.1)
    assert float(sure) == pytest.approx(0.1 * 200 * (V - 1) / V)


def test_distillation_by_hand() -> None:
    """Softened by 2, a teacher's 9:1 becomes 3:1; against an even reader that is T^2 (ln 2 - entropy)."""
    teacher = torch.full((1, 2, 2), 0.0)
    teacher[0, 0] = torch.tensor([math.log(9.0), 0.0])
    teacher[0, 1] = torch.tensor([99.0, 0.0])
    loss = compute_distillation_loss(torch.zeros(1, 2, 2), teacher, torch.tensor([[1, 0]]), 0, temperature=2.0)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert float(loss) == pytest.approx(4 * (math.log(2) - entropy))
    assert float(compute_distillation_loss(teacher, teacher, torch.tensor([[1, 1]]), 0, temperature=2.0)) == 0


def test_a_teacher_gets_no_gradient() -> None:
    logits, teacher = (make_logits(2, 4, seed=seed).requires_grad_() for seed in (0, 1))
    compute_distillation_loss(logits, teacher, encode("x(x", "x"), PAD, temperature=2.0).backward()
    assert teacher.grad is None and logits.grad is not None and logits.grad.abs().sum() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_padding_never_changes_a_value(name: str) -> None:
    """Neither what stands there, nor how much of it there is, nor its gradient."""
    targets = encode("{(x)}", "x{")
    logits = make_logits(*targets.shape)
    value = LOSSES[name](logits, targets)
    other = torch.where((targets == PAD)[..., None], make_logits(*targets.shape, seed=5) * 30, logits)
    if name != "distilled":
        longer = torch.nn.functional.pad(targets, (0, 4), value=PAD)
        wide = torch.cat([other, make_logits(2, 4, seed=6)], dim=1)
        torch.testing.assert_close(LOSSES[name](wide, longer), value)
    logits.requires_grad_()
    LOSSES[name](logits, targets).backward()
    assert logits.grad is not None and (logits.grad[targets == PAD] == 0).all() and logits.grad.abs().sum() > 0
    changed = LOSSES[name](other, targets)
    if name != "distilled":  # whose teacher was drawn for these logits
        torch.testing.assert_close(changed, value)


def test_a_teachers_padding_changes_nothing() -> None:
    targets, logits, teacher = encode("{(x)}", "x{"), make_logits(2, 6), make_logits(2, 6, seed=1)
    other = torch.where((targets == PAD)[..., None], teacher * 7 + 3, teacher)
    values = [compute_distillation_loss(logits, told, targets, PAD, temperature=3.0) for told in (teacher, other)]
    assert values[0] == values[1]
    longer = torch.nn.functional.pad(targets, (0, 3), value=PAD)
    wide = [torch.cat([part, make_logits(2, 3, seed=8)], dim=1) for part in (logits, other)]
    torch.testing.assert_close(compute_distillation_loss(*wide, longer, PAD, temperature=3.0), values[0])


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "distilled"])  # its teacher is drawn by shape
def test_ignored_positions_are_not_averaged_over(name: str) -> None:
    """The mean over a batch is that of its texts, each weighted by its own positions."""
    targets = encode("{(x)}{", "x{")
    logits = make_logits(*targets.shape)
    alone = [
        LOSSES[name](logits[row : row + 1, :length], targets[row : row + 1, :length])
        for row, length in ((0, 7), (1, 3))
    ]
    torch.testing.assert_close(LOSSES[name](logits, targets), (7 * alone[0] + 3 * alone[1]) / 10)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("{x}", 0.0),
        ("(x){x}", 0.0),
        ("{x", 1.0),
        ("x}", 1.0),
        ("}{", 1.0),  # as many of each, but the wrong way round
        ("{x}}", 1 / 3),
        ("{{x}", 1 / 3),
        ("({x})(", 1 / 5),
        ("xx", 0.0),
        ("{(x})", 0.0),  # each kind is counted by itself
    ],
)
def test_certain_brackets_are_counted_as_they_are(text: str, share: float) -> None:
    assert penalise(text) == pytest.approx(share, abs=1e-6)


def test_what_the_truth_leaves_open_is_no_fault() -> None:
    """`[` has no partner among the units; `(` has, and stays open in the truth."""
    assert len(KINDS) == 2
    assert penalise("[x)", "[x)") == 0
    assert penalise("(xx", "(x)") == 1


def test_brackets_behind_the_end_of_the_truth_do_not_count() -> None:
    assert penalise("{x}}}}", "{x}") == pytest.approx(1 / 3)  # the end stands where the first surplus one is


def test_uncertain_brackets_are_counted_by_their_probability_and_have_a_gradient() -> None:
    """`{ x ?`, the last closing with probability 0.6: 0.4 of it stay open, of 1.6 brackets."""
    targets = encode("{x}")
    logits = be_sure(targets)
    logits[0, 2] = 0.0
    logits[0, 2, [IDS["}"], IDS["x"]]] = torch.tensor([100 + math.log(0.6), 100 + math.log(0.4)])
    logits.requires_grad_()
    penalty = compute_bracket_penalty(logits, targets, PAD, KINDS)
    assert float(penalty.detach()) == pytest.approx(0.4 / 1.6, abs=1e-5)
    penalty.backward()
    assert logits.grad is not None
    assert logits.grad[0, 2, IDS["}"]] < 0 < logits.grad[0, 2, IDS["x"]]


def test_kinds_are_those_whose_both_tokens_are_there() -> None:
    assert find_bracket_kinds(("\\left", "\\right", "{"), 3) == ((3, 4),)
    assert find_bracket_kinds(("x",), 3) == ()
    assert float(compute_bracket_penalty(make_logits(1, 2), encode("x"), PAD, ())) == 0


def test_a_batch_of_padding_alone_costs_nothing() -> None:
    targets = torch.zeros(2, 3, dtype=torch.long)
    assert [float(loss(make_logits(2, 3), targets)) for loss in LOSSES.values()] == [0, 0, 0, 0]
