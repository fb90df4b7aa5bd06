"""The loss and the decoding of readers that write all positions of a text at once: SRN and CSTR.

A text of n tokens fills positions 0..n-1 and its end token position n; what stands behind the first end token means nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

AfterEnd = Literal["ignored", "end"]


@dataclass(frozen=True)
class SrnWeights:
    """What the three losses of SRN count. Published: 1, 2, 0.15 (PaddleOCR, the default) and 3, 1, 0.15 (OpenOCR).

    Attributes:
        word: Of the visual part (PVAM).
        vsfd: Of the fused logits, which are read.
        gsrm: Of the semantic reasoning.
    """

    word: float = 1.0
    vsfd: float = 2.0
    gsrm: float = 0.15


@dataclass(frozen=True)
class ParallelLoss:
    """A loss that is a mean over the positions that count.

    Attributes:
        total: The parts, each times its weight, in nats a position.
        num_counted: Positions that count.
        parts: Each cross-entropy by itself, unweighted.
    """

    total: Float[Tensor, ""]
    num_counted: Int64[Tensor, ""]
    parts: Mapping[str, Tensor]


@dataclass(frozen=True)
class ParallelText:
    """A text that was read.

    Attributes:
        tokens: Ids, without the end token.
        confidence: Product of the probabilities of its tokens and of the end token, where there is one.
        token_confidences: One a token.
    """

    tokens: tuple[int, ...]
    confidence: float
    token_confidences: tuple[float, ...]


def compute_parallel_loss(
    logits: Float[Tensor, "B L V"],
    targets: Int64[Tensor, "B L2"],
    *,
    eos_id: int,
    pad_id: int,
    label_smoothing: float = 0.0,
    after_end: AfterEnd = "ignored",
) -> ParallelLoss:
    """Return the cross-entropy of CSTR: the sum over the positions that count, over their number.

    Args:
        logits: Of every position.
        targets: Tokens and the end token, padded to any length.
        eos_id: The end token.
        pad_id: Padding; never counts.
        label_smoothing: Share of the target's probability given to all classes alike, at the positions that count alone.
        after_end: Whether positions behind the first end token are ignored, or are to say the end token again.

    Raises:
        ValueError: a text and its end token are longer than the logits.
    """
    aligned = _align(targets, logits.shape[1], eos_id, pad_id, after_end)
    mean = _compute_mean(logits, aligned, pad_id, label_smoothing)
    return ParallelLoss(mean, (aligned != pad_id).sum(), {"cross_entropy": mean})


def compute_srn_loss(
    logits: Sequence[Float[Tensor, "B L V"]],
    targets: Int64[Tensor, "B L2"],
    weights: SrnWeights,
    *,
    eos_id: int,
    pad_id: int,
    label_smoothing: float = 0.0,
) -> ParallelLoss:
    """Return the three losses of SRN, weighted; positions behind the end token are ignored.

    Args:
        logits: Fused, visual, semantic: what the network returns in training.
        targets: Tokens and the end token, padded to any length.
        weights: What each of them counts.
        eos_id: The end token.
        pad_id: Padding; never counts.
        label_smoothing: Share of the target's probability given to all classes alike, at the positions that count alone.

    Raises:
        ValueError: there are not three logits, or a text and its end token are longer than they are.
    """
    fused, visual, semantic = logits
    aligned = _align(targets, fused.shape[1], eos_id, pad_id, "ignored")
    parts = {
        name: _compute_mean(part, aligned, pad_id, label_smoothing)
        for name, part in (("vsfd", fused), ("word", visual), ("gsrm", semantic))
    }
    total = weights.word * parts["word"] + weights.vsfd * parts["vsfd"] + weights.gsrm * parts["gsrm"]
    return ParallelLoss(total, (aligned != pad_id).sum(), parts)


def decode_parallel(
    logits: Float[Tensor, "B L V"], *, eos_id: int, never_ids: Collection[int] = ()
) -> list[ParallelText]:
    """Return the most probable token of each position, up to the first end token; without one, of all positions.

    Args:
        logits: Of every position.
        eos_id: The end token.
        never_ids: Tokens that stand in no text, such as padding: they take no part in the probabilities.
    """
    logits = logits.float()
    if never_ids:
        logits = logits.index_fill(2, torch.tensor(sorted(never_ids), device=logits.device), float("-inf"))
    confidences, tokens = (table.tolist() for table in logits.softmax(dim=2).max(dim=2))
    return [_cut(row, values, eos_id) for row, values in zip(tokens, confidences, strict=True)]


def _cut(tokens: list[int], confidences: list[float], eos_id: int) -> ParallelText:
    length = tokens.index(eos_id) if eos_id in tokens else len(tokens)
    confidence = 1.0
    for value in confidences[: length + 1]:  # the end token's too
        confidence *= value
    return ParallelText(tuple(tokens[:length]), confidence, tuple(confidences[:length]))


def _align(
    targets: Int64[Tensor, "B L2"], num_positions: int, eos_id: int, pad_id: int, after_end: AfterEnd
) -> Int64[Tensor, "B L"]:
    """Return a target for each position; `pad_id` where none counts."""
    ended = _find_after_end(targets, eos_id)
    cleaned = targets.masked_fill(ended, pad_id)
    if targets.shape[1] > num_positions and (cleaned[:, num_positions:] != pad_id).any():
        longest = int((cleaned != pad_id).sum(dim=1).max())
        raise ValueError(f"a text of {longest} tokens with its end does not fit into {num_positions} positions")
    missing = max(num_positions - targets.shape[1], 0)
    aligned = functional.pad(cleaned, (0, missing), value=pad_id)[:, :num_positions]
    if after_end == "end":
        aligned = aligned.masked_fill(_find_after_end(aligned, eos_id), eos_id)
    return aligned


def _find_after_end(targets: Int64[Tensor, "B L"], eos_id: int) -> Bool[Tensor, "B L"]:
    """Return where an earlier position holds the end token."""
    is_end = targets == eos_id
    return (is_end.cumsum(dim=1) - is_end.long()) > 0


def _compute_mean(
    logits: Float[Tensor, "B L V"], aligned: Int64[Tensor, "B L"], pad_id: int, label_smoothing: float
) -> Float[Tensor, ""]:
    # summed and divided here: PyTorch's own mean over ignored targets alone is not a number
    total = functional.cross_entropy(
        logits.float().flatten(0, 1),  # (B, L, V) -> (B * L, V)
        aligned.flatten(),
        ignore_index=pad_id,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    return total / (aligned != pad_id).sum().clamp(min=1)
