"""From images to predictions: CTC logits decoded, units written one after the other, or all positions read off at once."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, assert_never, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from saccade.recipes.tables import read as tables
from saccade.recipes.tables import sequence as sequence_tables
from saccade.records.predictions import ReadPrediction
from saccade.tasks.read.data import ReadBatch
from saccade.tasks.read.loss import AnyVocabulary, make_sequences
from saccade.tasks.read.parallel_loss import decode_parallel
from saccade.tasks.read.reader import EncodedReader, EncoderDecoder
from saccade.tasks.read.search import Hypothesis, Reader, search_beam, search_greedy
from saccade.text.ctc import decode_greedy, decode_prefix_beam
from saccade.text.grammar import Grammar, GrammarRules
from saccade.text.sequence_vocabulary import SequenceVocabulary
from saccade.text.vocabulary import Vocabulary

Decoder = Callable[[nn.Module, ReadBatch], list[ReadPrediction]]


def build_decoder(model: tables.ReadModel, table: tables.Decode, vocabulary: AnyVocabulary) -> Decoder:
    """Return what reads a batch with a network in eval mode."""
    match model:
        case tables.Crnn():
            assert isinstance(vocabulary, Vocabulary)
            return lambda network, batch: decode_logits(network(batch.images)[0], vocabulary, table)
        case sequence_tables.AttentionReader() | sequence_tables.Aster() | sequence_tables.Satrn():
            assert isinstance(vocabulary, SequenceVocabulary)
            return _build_search(table, vocabulary, model.max_length)
        case sequence_tables.Srn() | sequence_tables.Cstr():
            return _build_parallel(vocabulary)
        case _:
            assert_never(model)


def decode_logits(logits: Float[Tensor, "B T V"], vocabulary: Vocabulary, table: tables.Decode) -> list[ReadPrediction]:
    """Return what CTC read in each image, with the confidence of the text and of each character."""
    log_probabilities = logits.float().log_softmax(dim=2).cpu().numpy()
    match table:
        case tables.Greedy():
            decoded = decode_greedy(log_probabilities, vocabulary.blank_id)
        case tables.PrefixBeam():
            decoded = decode_prefix_beam(log_probabilities, table.beam_width, vocabulary.blank_id)
        case sequence_tables.BeamSearch():
            raise ValueError("beam search goes from unit to unit, which CTC does not")
        case _:
            assert_never(table)
    return [ReadPrediction(vocabulary.decode(one.tokens), one.confidence, one.character_confidences) for one in decoded]


def _build_search(table: tables.Decode, vocabulary: SequenceVocabulary, max_length: int) -> Decoder:
    """Return greedy or beam search, and beside it, where the truth is known, how much of it is right when the truth stands before."""
    find = choose_search(table, vocabulary, max_length)

    def search(network: nn.Module, batch: ReadBatch) -> list[ReadPrediction]:
        reader = cast(EncoderDecoder, network)
        with torch.no_grad():
            memory = reader.encode(batch.images)
        found = find(EncodedReader(reader), memory)
        forced = _compare_forced(reader, memory, batch, max_length)
        return [describe_hypothesis(one, vocabulary, accuracy) for one, accuracy in zip(found, forced, strict=True)]

    return search


def choose_search(
    table: tables.Decode, vocabulary: SequenceVocabulary, max_length: int
) -> Callable[[Reader, Any], list[Hypothesis]]:
    """Return what finds a text in each image of what the reader's `init` takes."""
    match table:
        case tables.Greedy():
            return partial(search_greedy, max_length=max_length)
        case sequence_tables.BeamSearch():
            rules = table.grammar
            has_rules = rules != sequence_tables.GrammarTable()
            return partial(
                search_beam,
                width=table.beam_width,
                max_length=max_length,
                length_normalisation=table.normalise_length,
                grammar=Grammar(vocabulary, GrammarRules(**rules.model_dump())) if has_rules else None,
            )
        case tables.PrefixBeam():
            raise ValueError("prefix beam search sums the paths of CTC, of which there are none here")
        case _:
            assert_never(table)


def describe_hypothesis(
    found: Hypothesis, vocabulary: SequenceVocabulary, forced_accuracy: float | None = None
) -> ReadPrediction:
    """Return what was found as a prediction."""
    confidences = tuple(math.exp(value) for value in found.token_log_probabilities)
    text = vocabulary.decode(found.tokens)
    return ReadPrediction(text, math.exp(found.log_probability), confidences, forced_accuracy=forced_accuracy)


@torch.no_grad()
def _compare_forced(reader: Any, memory: Tensor, batch: ReadBatch, max_length: int) -> list[float | None]:
    """Return the share of each text's units and its end that are right where the truth stands before each.

    None without a truth, and where it is longer than what the reader can write.
    """
    if not any(batch.texts):
        return [None] * len(batch)
    inputs, targets = make_sequences(batch.tokens[:, :max_length], batch.lengths.clamp(max=max_length))
    counts = targets != SequenceVocabulary.pad_id
    logits: Tensor = reader.decoder(memory, inputs)
    right = ((logits.argmax(dim=2) == targets) & counts).sum(dim=1) / counts.sum(dim=1)
    lengths = batch.lengths.tolist()
    return [value if 0 < length <= max_length else None for value, length in zip(right.tolist(), lengths, strict=True)]


def _build_parallel(vocabulary: AnyVocabulary) -> Decoder:
    never = (SequenceVocabulary.pad_id, SequenceVocabulary.bos_id)

    def read_off(network: nn.Module, batch: ReadBatch) -> list[ReadPrediction]:
        found = decode_parallel(network(batch.images)[0], eos_id=SequenceVocabulary.eos_id, never_ids=never)
        return [ReadPrediction(vocabulary.decode(one.tokens), one.confidence, one.token_confidences) for one in found]

    return read_off
