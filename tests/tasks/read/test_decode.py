"""Decoding through a whole reader: images are encoded once for all that is asked of them, and what the truth is compared with."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from saccade.recipes.tables.read import Greedy
from saccade.recipes.tables.sequence import AttentionReader, BeamSearch, Satrn
from saccade.tasks.read.data import ReadBatch
from saccade.tasks.read.decode import build_decoder
from saccade.tasks.read.search import search_beam, search_greedy
from saccade.text.charset import Charset
from saccade.text.sequence_vocabulary import SequenceVocabulary
from tests.tasks.read.test_reader import NUM_CLASSES, build

VOCABULARY = SequenceVocabulary(Charset("abcdefgh"))
TEXTS = ("abc", "", "hh", "f")


@pytest.fixture
def batch() -> ReadBatch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (4, 1, 16, 32), dtype=torch.uint8, generator=generator)
    tokens = torch.zeros(4, 3, dtype=torch.int64)
    for row, text in enumerate(TEXTS):
        tokens[row, : len(text)] = torch.tensor(VOCABULARY.encode(text), dtype=torch.int64)
    lengths = torch.tensor([len(text) for text in TEXTS])
    return ReadBatch(tuple("0123"), images, tokens, lengths, TEXTS, (None,) * 4, (None,) * 4, (None,) * 4)


@pytest.mark.parametrize("kind", ["transformer", "attention"])
@pytest.mark.parametrize("table", [Greedy(), BeamSearch(beam_width=3)], ids=["greedy", "beam"])
@torch.no_grad()
def test_images_are_encoded_once(kind: str, table: Any, batch: ReadBatch) -> None:
    """The texts are those that a search finds by itself, the comparison is that of the pass over the known texts."""
    assert len(VOCABULARY) == NUM_CLASSES
    reader, seen = build(kind).eval(), []
    reader.encoder.register_forward_hook(lambda module, given, memory: seen.append(len(memory)))  # type: ignore[attr-defined]
    model = Satrn(max_length=6) if kind == "transformer" else AttentionReader(max_length=6)
    found = build_decoder(model, table, VOCABULARY)(reader, batch)
    assert seen == [4]
    beam = isinstance(table, BeamSearch)
    alone = search_beam(reader, batch.images, 3, 6) if beam else search_greedy(reader, batch.images, 6)
    assert [one.text for one in found] == [VOCABULARY.decode(one.tokens) for one in alone]
    shares = []
    for row, text in enumerate(TEXTS):
        wanted = [*VOCABULARY.encode(text), SequenceVocabulary.eos_id]
        inputs = torch.tensor([[SequenceVocabulary.bos_id, *wanted[:-1]]])
        said = reader(batch.images[row : row + 1], inputs)[0].argmax(dim=1).tolist()
        shares.append(sum(a == b for a, b in zip(said, wanted, strict=True)) / len(wanted) if text else None)
    assert [one.forced_accuracy for one in found] == pytest.approx(shares)


@pytest.mark.parametrize("kind", ["transformer", "attention"])
@torch.no_grad()
def test_a_truth_that_cannot_be_written_is_not_compared(kind: str, batch: ReadBatch) -> None:
    """Somebody's own labels may be longer than what a reader writes; the others are compared as without them."""
    table = Satrn if kind == "transformer" else AttentionReader
    found = build_decoder(table(max_length=2), Greedy(), VOCABULARY)(build(kind, num_positions=3).eval(), batch)
    longer = build_decoder(table(max_length=6), Greedy(), VOCABULARY)(build(kind).eval(), batch)
    assert [one.forced_accuracy for one in found[:2]] == [None, None]  # three letters, and no truth
    assert [one.forced_accuracy for one in found[2:]] == [one.forced_accuracy for one in longer[2:]]


@torch.no_grad()
def test_without_a_truth_nothing_is_compared(batch: ReadBatch) -> None:
    reader, passes = build().eval(), []
    reader.decoder.register_forward_pre_hook(lambda module, given: passes.append(given))
    unlabelled = ReadBatch(
        batch.ids, batch.images, torch.zeros(4, 1, dtype=torch.int64), torch.zeros(4, dtype=torch.int64), ("",) * 4,
        (None,) * 4, (None,) * 4, (None,) * 4,
    )  # fmt: skip
    found = build_decoder(Satrn(max_length=6), Greedy(), VOCABULARY)(reader, unlabelled)
    assert [one.forced_accuracy for one in found] == [None] * 4
    assert passes == []


@pytest.mark.parametrize("kind", ["transformer", "attention"])
def test_writing_alone_in_training_waits_for_no_device(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which rows do is known on the CPU; of what lies on the device no value is read, which this one has none of."""
    monkeypatch.setattr(torch, "autocast", lambda device, enabled: nullcontext())  # which it does not know either
    reader = build(kind)
    images = torch.zeros(4, 1, 16, 32, dtype=torch.uint8, device="meta")
    inputs = torch.ones(4, 5, dtype=torch.int64, device="meta")
    forced = torch.tensor([True, False, True, False])
    logits: Tensor = reader.to("meta")(images, inputs, forced)
    assert logits.shape == (4, 5, NUM_CLASSES)
