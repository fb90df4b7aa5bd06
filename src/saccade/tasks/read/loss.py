"""The CTC loss (Graves et al. 2006)."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional


def compute_ctc_loss(
    logits: Float[Tensor, "B T V"], tokens: Int64[Tensor, "B L"], lengths: Int64[Tensor, " B"], blank_id: int
) -> Float[Tensor, ""]:
    """Return the negative log-likelihood of the texts in nats a character, the mean over images.

    An untrained reader is near T / L * ln V. Computed in fp32. A text that does not fit into T steps gives infinity: such labels are
    refused before training, never zeroed here.
    """
    log_probabilities = functional.log_softmax(logits.float(), dim=2).transpose(0, 1)  # (B, T, V) -> (T, B, V)
    steps = torch.full_like(lengths, logits.shape[1])
    return functional.ctc_loss(log_probabilities, tokens, steps, lengths, blank=blank_id)
