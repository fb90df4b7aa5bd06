"""What each kind of reader minimises: CTC, cross-entropy of the next unit, or of all positions at once."""

from collections.abc import Callable
from typing import assert_never

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from saccade.recipes.tables import read as tables
from saccade.recipes.tables import sequence as sequence_tables
from saccade.recipes.tables.sequence import SequenceLossTable
from saccade.tasks.base import LossOutput, Progress
from saccade.tasks.read.data import ReadBatch
from saccade.tasks.read.parallel_loss import SrnWeights, compute_parallel_loss, compute_srn_loss
from saccade.tasks.read.sequence_loss import (
    compute_bracket_penalty,
    compute_distillation_loss,
    compute_token_loss,
    find_bracket_kinds,
)
from saccade.tasks.read.teacher import ask_teacher
from saccade.tasks.read.teacher_forcing import compute_forcing_ratio, draw_forced
from saccade.text.sequence_vocabulary import SequenceVocabulary
from saccade.text.vocabulary import Vocabulary

AnyVocabulary = Vocabulary | SequenceVocabulary
Loss = Callable[[nn.Module, ReadBatch, Progress], LossOutput]


def build_loss(table: tables.ReadModel, vocabulary: AnyVocabulary, teacher: nn.Module | None = None) -> Loss:
    """Return the loss of a model; it calls `model(...)` exactly once. `teacher` is whom `[model.loss.distillation]` names."""
    match table:
        case tables.Crnn():
            return _build_ctc_loss(table.head.auxiliary_weight, vocabulary)
        case sequence_tables.AttentionReader() | sequence_tables.Aster() | sequence_tables.Satrn():
            return _build_sequence_loss(table.loss, vocabulary, teacher)
        case sequence_tables.Srn():
            return _build_srn_loss(table.loss, vocabulary)
        case sequence_tables.Cstr():
            return _build_cstr_loss(table.loss, vocabulary)
        case _:
            assert_never(table)


def compute_ctc_loss(
    logits: Float[Tensor, "B T V"], tokens: Int64[Tensor, "B L"], lengths: Int64[Tensor, " B"], blank_id: int
) -> Float[Tensor, ""]:
    """Return the negative log-likelihood of the texts in nats a character, the mean over images (Graves et al. 2006).

    An untrained reader is near T / L * ln V. Computed in fp32. A text that does not fit into T steps gives infinity: such labels are
    refused before training, never zeroed here.
    """
    log_probabilities = functional.log_softmax(logits.float(), dim=2).transpose(0, 1)  # (B, T, V) -> (T, B, V)
    steps = torch.full_like(lengths, logits.shape[1])
    return functional.ctc_loss(log_probabilities, tokens, steps, lengths, blank=blank_id)


def make_sequences(
    tokens: Int64[Tensor, "B L"], lengths: Int64[Tensor, " B"]
) -> tuple[Int64[Tensor, "B L2"], Int64[Tensor, "B L2"]]:
    """Return what stands before each unit, the begin first, and each unit, the end last; both padded, one longer than the texts."""
    inputs = functional.pad(tokens, (1, 0), value=SequenceVocabulary.bos_id)
    targets = functional.pad(tokens, (0, 1), value=SequenceVocabulary.pad_id)
    return inputs, targets.scatter(1, lengths.unsqueeze(1), SequenceVocabulary.eos_id)


def _build_ctc_loss(auxiliary_weight: float, vocabulary: AnyVocabulary) -> Loss:
    assert isinstance(vocabulary, Vocabulary)

    def compute(model: nn.Module, batch: ReadBatch, progress: Progress) -> LossOutput:
        logits, *auxiliary = model(batch.images)
        loss = compute_ctc_loss(logits, batch.tokens, batch.lengths, vocabulary.blank_id)
        parts = {"ctc": loss} if auxiliary else {}
        for other in auxiliary:
            loss = loss + auxiliary_weight * compute_ctc_loss(other, batch.tokens, batch.lengths, vocabulary.blank_id)
        return LossOutput(loss, float(len(batch)), parts)

    return compute


def _build_sequence_loss(table: SequenceLossTable, vocabulary: AnyVocabulary, teacher: nn.Module | None) -> Loss:
    pad_id = SequenceVocabulary.pad_id
    kinds = find_bracket_kinds(vocabulary.units.units, SequenceVocabulary.first_unit_id)

    def compute(model: nn.Module, batch: ReadBatch, progress: Progress) -> LossOutput:
        ratio = compute_forcing_ratio(table.teacher_forcing, progress)
        forced = None if ratio == 1 else draw_forced(progress, ratio)
        inputs, targets = make_sequences(batch.tokens, batch.lengths)
        logits = model(batch.images, inputs, forced)
        loss = compute_token_loss(logits, targets, pad_id, label_smoothing=table.label_smoothing)
        parts, units = {}, loss
        if table.distillation is not None and teacher is not None:
            share, told = table.distillation.weight, ask_teacher(teacher, batch.images, inputs)
            parts["teacher"] = compute_distillation_loss(
                logits, told, targets, pad_id, temperature=table.distillation.temperature
            )
            loss = (1 - share) * units + share * parts["teacher"]
        if table.brace_penalty > 0:
            parts["brackets"] = compute_bracket_penalty(logits, targets, pad_id, kinds)
            loss = loss + table.brace_penalty * parts["brackets"]
        parts = {"units": units, **parts} if parts else {}
        return LossOutput(loss, _count_positions(batch, vocabulary), parts)

    return compute


def _build_srn_loss(table: sequence_tables.SrnLossTable, vocabulary: AnyVocabulary) -> Loss:
    weights = SrnWeights(word=table.visual_weight, vsfd=table.fused_weight, gsrm=table.semantic_weight)

    def compute(model: nn.Module, batch: ReadBatch, progress: Progress) -> LossOutput:
        _, targets = make_sequences(batch.tokens, batch.lengths)
        loss = compute_srn_loss(
            model(batch.images),
            targets,
            weights,
            eos_id=SequenceVocabulary.eos_id,
            pad_id=SequenceVocabulary.pad_id,
            label_smoothing=table.label_smoothing,
        )
        return LossOutput(loss.total, _count_positions(batch, vocabulary), loss.parts)

    return compute


def _build_cstr_loss(table: sequence_tables.ParallelLossTable, vocabulary: AnyVocabulary) -> Loss:
    def compute(model: nn.Module, batch: ReadBatch, progress: Progress) -> LossOutput:
        _, targets = make_sequences(batch.tokens, batch.lengths)
        (logits,) = model(batch.images)
        loss = compute_parallel_loss(
            logits,
            targets,
            eos_id=SequenceVocabulary.eos_id,
            pad_id=SequenceVocabulary.pad_id,
            label_smoothing=table.label_smoothing,
        )
        return LossOutput(loss.total, _count_positions(batch, vocabulary), {})

    return compute


def _count_positions(batch: ReadBatch, vocabulary: AnyVocabulary) -> float:
    """Count the units of a batch and their ends, from the texts: what lies on a device would have to be waited for."""
    return float(sum(len(vocabulary.units.split(text)) + 1 for text in batch.texts))
