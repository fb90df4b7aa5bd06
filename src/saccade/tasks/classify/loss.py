"""Cross-entropy with label smoothing (Szegedy et al. 2016) over targets that may be two classes in shares."""

from jaxtyping import Float, Int64
from torch import Tensor


def compute_cross_entropy(
    logits: Float[Tensor, "B K"],
    labels: Int64[Tensor, " B"],
    partner_labels: Int64[Tensor, " B"],
    shares: Float[Tensor, " B"],
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Return the mean over images of the cross-entropy in nats.

    An image's target is `shares` of its label, the rest its partner's; of that, `label_smoothing` is spread evenly over
    all K classes. An untrained network is near ln K. Computed in fp32; the target is never written out as a row of K.
    """
    log_probabilities = logits.float().log_softmax(dim=1)
    own = log_probabilities.gather(1, labels[:, None]).squeeze(1)
    partner = log_probabilities.gather(1, partner_labels[:, None]).squeeze(1)
    of_targets = (shares * own + (1 - shares) * partner).mean()
    if not label_smoothing:
        return -of_targets
    return -(1 - label_smoothing) * of_targets - label_smoothing * log_probabilities.mean()
