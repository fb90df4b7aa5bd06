"""From logits to predictions."""

from typing import assert_never

from jaxtyping import Float
from torch import Tensor

from saccade.recipes.tables.read import Decode, Greedy, PrefixBeam
from saccade.records.predictions import ReadPrediction
from saccade.text.ctc import decode_greedy, decode_prefix_beam
from saccade.text.vocabulary import Vocabulary


def decode_logits(logits: Float[Tensor, "B T V"], vocabulary: Vocabulary, table: Decode) -> list[ReadPrediction]:
    """Return what was read in each image, with the confidence of the text and of each character."""
    log_probabilities = logits.float().log_softmax(dim=2).cpu().numpy()
    match table:
        case Greedy():
            decoded = decode_greedy(log_probabilities, vocabulary.blank_id)
        case PrefixBeam():
            decoded = decode_prefix_beam(log_probabilities, table.beam_width, vocabulary.blank_id)
        case _:
            assert_never(table)
    return [ReadPrediction(vocabulary.decode(one.tokens), one.confidence, one.character_confidences) for one in decoded]
