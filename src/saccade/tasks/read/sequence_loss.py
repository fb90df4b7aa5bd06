"""What readers that write one token after the other are trained by: cross-entropy, a teacher's probabilities, closed brackets.

Every loss is a mean over the positions whose target is no padding, in nats where it is an entropy, computed in fp32.
What stands at padding, and how much padding there is, changes no value.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

BRACKETS = (("{", "}"), ("(", ")"), ("[", "]"), ("\\{", "\\}"), ("\\left", "\\right"))
"""Opening and closing tokens, one pair a kind."""

Kinds = Sequence[tuple[int, int]]


def compute_token_loss(
    logits: Float[Tensor, "B L V"], targets: Int64[Tensor, "B L"], pad_id: int, *, label_smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """Return the cross-entropy a token.

    Args:
        logits: Any finite values at padding.
        targets: Ids; `pad_id` behind each text.
        pad_id: Id of padding.
        label_smoothing: Share of the target's probability that all V classes share (Szegedy et al. 2016), in [0, 1).
    """
    losses = functional.cross_entropy(
        logits.float().transpose(1, 2),  # (B, L, V) -> (B, V, L)
        targets,
        ignore_index=pad_id,
        label_smoothing=label_smoothing,
        reduction="none",
    )
    return _average(losses, targets != pad_id)


def compute_distillation_loss(
    logits: Float[Tensor, "B L V"],
    teacher_logits: Float[Tensor, "B L V"],
    targets: Int64[Tensor, "B L"],
    pad_id: int,
    *,
    temperature: float,
) -> Float[Tensor, ""]:
    """Return how far the teacher's probabilities are from the reader's, a token (Hinton et al. 2015).

    That is T^2 KL(teacher || reader), both softened by T. The whole loss is a share of it and the rest of
    `compute_token_loss`: alpha T^2 KL + (1 - alpha) CE; the formulas series had alpha = 0.1 and T = 10.

    Args:
        logits: Of the reader.
        teacher_logits: Of the teacher, same classes in the same order; no gradient goes there.
        targets: Ids; `pad_id` behind each text.
        pad_id: Id of padding.
        temperature: T, above 0.
    """
    counts = targets != pad_id
    soft, told = (
        functional.log_softmax(values.float() / temperature, dim=2) for values in (logits, teacher_logits.detach())
    )
    divergence = (told.exp() * (told - soft)).sum(dim=2)
    return temperature**2 * _average(divergence, counts)


def find_bracket_kinds(units: Sequence[str], first_id: int) -> tuple[tuple[int, int], ...]:
    """Return the id that opens and the one that closes, a kind of `BRACKETS` whose both tokens are there.

    Args:
        units: What is read, in the order of their ids.
        first_id: Id of the first unit.
    """
    ids = {unit: number for number, unit in enumerate(units, first_id)}
    return tuple((ids[a], ids[b]) for a, b in BRACKETS if a in ids and b in ids)


def compute_bracket_penalty(
    logits: Float[Tensor, "B L V"], targets: Int64[Tensor, "B L"], pad_id: int, kinds: Kinds
) -> Float[Tensor, ""]:
    """Return the share of expected brackets that do not close or were not opened, in [0, 1].

    The formulas series took 1 - matched pairs / all pairs of the best tokens: a choice, which has no gradient, so their
    0.8 CE + 0.2 penalty taught nothing but 0.8 CE. Here the count of a bracket at a position is its probability. Along
    the text the opened less the closed ones are summed up, for each kind: how far this falls below 0 is closed and
    was never opened; what is left of the sum at the end, above that, was never closed. Where every token is certain the
    two are equal. The share is of all brackets that are expected, at least one, and counted as given: otherwise
    more brackets, well matched, would be worth writing. A kind that the truth itself does not balance, as in `[ 0 , 1 )`,
    counts for nothing in that text.

    Args:
        logits: Any finite values at padding.
        targets: Ids; `pad_id` behind each text.
        pad_id: Id of padding.
        kinds: The id that opens and the one that closes, of each kind.

    Returns:
        A mean over texts, each of which counts by its positions, as it does in the cross-entropy.
    """
    counts = targets != pad_id
    probabilities = functional.softmax(logits.float(), dim=2)
    unmatched = logits.new_zeros(len(logits), dtype=torch.float32)
    brackets = torch.zeros_like(unmatched)
    for opening, closing in kinds:
        true_opened, true_closed = ((targets == one).float() * counts for one in (opening, closing))
        is_balanced = _count_unmatched(true_opened, true_closed) == 0
        opened, closed = (probabilities[..., one] * counts for one in (opening, closing))
        unmatched = unmatched + is_balanced * _count_unmatched(opened, closed)
        brackets = brackets + is_balanced * (opened + closed).sum(dim=1)
    shares = unmatched / brackets.detach().clamp(min=1)
    lengths = counts.sum(dim=1)
    return (shares * lengths).sum() / lengths.sum().clamp(min=1)


def _count_unmatched(opened: Float[Tensor, "B L"], closed: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
    balance = (opened - closed).cumsum(dim=1)
    never_opened = (-balance).amax(dim=1).clamp(min=0)
    return 2 * never_opened + balance[:, -1]  # never closed: what is left at the end and stands above the deepest fall


def _average(values: Float[Tensor, "B L"], counts: Bool[Tensor, "B L"]) -> Float[Tensor, ""]:
    """Return the mean where it counts, 0 where nothing does."""
    return values.masked_fill(~counts, 0).sum() / counts.sum().clamp(min=1)
