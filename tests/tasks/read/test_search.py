"""Greedy and beam search over readers whose probabilities are a table: every text can be listed and its best is known."""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from saccade.tasks.read.search import Hypothesis, search_beam, search_greedy
from saccade.text.charset import Charset
from saccade.text.grammar import Grammar, GrammarRules
from saccade.text.sequence_vocabulary import SequenceVocabulary

EOS, A, B = 2, 3, 4


@dataclass
class TableState:
    """Number of each image, and the text of each beam."""

    rows: Tensor
    texts: Tensor

    def select(self, beams: Tensor) -> None:
        self.texts = self.texts.gather(1, beams.unsqueeze(2).expand(-1, -1, self.texts.shape[2]))

    def keep(self, images: Tensor) -> None:
        self.rows, self.texts = self.rows[images], self.texts[images]


@dataclass
class TableReader:
    """Probabilities of the next token by image, position and last token: (images, positions, V, V)."""

    probabilities: Tensor
    asked: list[tuple[int, ...]] = field(default_factory=list)

    def init(self, images: Any) -> TableState:
        return TableState(torch.arange(len(images)), torch.empty(len(images), 1, 0, dtype=torch.int64))

    def step(self, state: Any, tokens: Tensor) -> Tensor:
        self.asked.append(tuple(tokens.shape))
        state.texts = torch.cat([state.texts, tokens.unsqueeze(2)], dim=2)
        position = min(state.texts.shape[2], self.probabilities.shape[1]) - 1
        return self.probabilities[state.rows.unsqueeze(1), position, tokens].log()


def make_table(num_images: int, num_positions: int, num_classes: int = 6) -> Tensor:
    logits = 2 * torch.randn(
        num_images, num_positions, num_classes, num_classes, generator=torch.Generator().manual_seed(3)
    )
    logits[..., :2] = float("-inf")
    return logits.softmax(dim=3)


def list_texts(table: Tensor, max_length: int) -> dict[tuple[int, ...], float]:
    """Log-probability of every text that ends within the longest length."""
    found = {}
    for length in range(max_length + 1):
        for text in itertools.product(range(3, table.shape[2]), repeat=length):
            path = (1, *text, EOS)
            found[text] = sum(
                math.log(table[position, before, after])
                for position, (before, after) in enumerate(itertools.pairwise(path))
            )
    return found


GARDEN = torch.zeros(1, 1, 5, 5)
"""After the begin 0.6 for a; a text of a ends with 0.3, one of b with 0.9."""
GARDEN[0, 0, 1, [A, B]] = torch.tensor([0.6, 0.4])
GARDEN[0, 0, A, [EOS, A, B]] = torch.tensor([0.3, 0.4, 0.3])
GARDEN[0, 0, B, [EOS, A, B]] = torch.tensor([0.9, 0.05, 0.05])
IMAGE = torch.zeros(1, 1, 1, 1)


def test_greedy_by_hand() -> None:
    (found,) = search_greedy(TableReader(GARDEN), IMAGE, 3)
    assert (found.tokens, found.is_complete) == ((A, A, A), False)
    assert found.token_log_probabilities == pytest.approx([math.log(p) for p in (0.6, 0.4, 0.4)])
    assert found.log_probability == pytest.approx(math.log(0.6 * 0.4 * 0.4))
    assert found.compute_score(True) == pytest.approx(math.log(0.6 * 0.4 * 0.4) / 3)


def test_two_beams_find_what_greedy_misses() -> None:
    (found,) = search_beam(TableReader(GARDEN), IMAGE, 2, 3)
    assert (found.tokens, found.is_complete) == ((B,), True)
    assert found.log_probability == pytest.approx(math.log(0.4 * 0.9))
    assert found.token_log_probabilities == pytest.approx([math.log(0.4)])
    assert found.compute_score(True) == pytest.approx(math.log(0.4 * 0.9) / 2)
    assert found.compute_score(False) == found.log_probability


def test_a_text_of_the_longest_length_can_be_complete() -> None:
    table = torch.zeros(1, 3, 5, 5)
    table[0, 0, 1, A] = table[0, 1, A, A] = table[0, 2, A, EOS] = 1
    for found in (search_greedy(TableReader(table), IMAGE, 2), search_beam(TableReader(table), IMAGE, 3, 2)):
        assert found == [Hypothesis((A, A), 0.0, (0.0, 0.0), True)]
    for found in (search_greedy(TableReader(table), IMAGE, 1), search_beam(TableReader(table), IMAGE, 3, 1)):
        assert found == [Hypothesis((A,), 0.0, (0.0,), False)]


@pytest.mark.parametrize("length_normalisation", [True, False])
def test_enough_beams_find_the_best_of_all_texts(length_normalisation: bool) -> None:
    """Three positions of three units and the end: 40 texts; the last position ends for certain."""
    table = make_table(12, 4)
    table[:, 3] = 0
    table[:, 3, :, EOS] = 1
    found = search_beam(TableReader(table), torch.zeros(12, 1), 64, 3, length_normalisation)
    for image, one in enumerate(found):
        texts = list_texts(table[image], 3)
        scores = {text: value / (len(text) + 1) if length_normalisation else value for text, value in texts.items()}
        best = max(scores, key=lambda text: scores[text])
        assert one.tokens == best
        assert one.log_probability == pytest.approx(texts[best], abs=1e-5)
        assert one.compute_score(length_normalisation) == pytest.approx(scores[best], abs=1e-5)


def test_more_beams_find_no_worse() -> None:
    table = make_table(30, 9)
    scores = [
        sum(one.log_probability for one in search_beam(TableReader(table), torch.zeros(30, 1), width, 8, False))
        for width in (1, 2, 4, 16)
    ]
    assert scores == sorted(scores) and scores[-1] > scores[0] + 1


@pytest.mark.parametrize("max_length", [1, 3, 12])
@pytest.mark.parametrize("length_normalisation", [True, False])
def test_one_beam_is_greedy(max_length: int, length_normalisation: bool) -> None:
    images = torch.zeros(40, 1)
    reader = TableReader(make_table(40, 13))
    greedy = search_greedy(reader, images, max_length)
    beam = search_beam(reader, images, 1, max_length, length_normalisation)
    for one, other in zip(greedy, beam, strict=True):
        assert one.tokens == other.tokens and one.is_complete == other.is_complete
        assert one.token_log_probabilities == other.token_log_probabilities
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_an_image_alone_reads_as_among_others(width: int) -> None:
    """Images that end early leave, beams change columns and fall away; none of it shows in a text."""
    table = make_table(40, 13)
    together = search_beam(TableReader(table), torch.zeros(40, 1), width, 12)
    alone = [search_beam(TableReader(one), torch.zeros(1, 1), width, 12)[0] for one in table.split(1)]
    assert together == alone
    for one, probabilities in zip(together, table, strict=True):
        path = (1, *one.tokens, EOS)
        steps = [math.log(probabilities[place, a, b]) for place, (a, b) in enumerate(itertools.pairwise(path))]
        assert one.token_log_probabilities == pytest.approx(steps[: len(one.tokens)], abs=1e-5)
        assert one.log_probability == pytest.approx(sum(steps[: len(one.tokens) + one.is_complete]), abs=1e-4)


def test_the_search_ends_with_the_last_text() -> None:
    table = torch.zeros(1, 1, 5, 5)
    table[0, 0, :, EOS] = 1
    for reader in (TableReader(table.expand(8, 1, 5, 5)), TableReader(table.expand(8, 1, 5, 5))):
        assert search_greedy(reader, torch.zeros(8, 1), 200) == [Hypothesis((), 0.0, (), True)] * 8
        assert search_beam(reader, torch.zeros(8, 1), 5, 200) == [Hypothesis((), 0.0, (), True)] * 8
        assert reader.asked == [(8, 1), (8, 1)]


def test_it_stops_when_nothing_can_become_better() -> None:
    """An end of 0.9 at once; the other beam could at best keep its 0.1: as a sum it is beaten, as a mean of eight it is not."""
    table = torch.zeros(1, 1, 5, 5)
    table[0, 0, 1, [EOS, A]] = torch.tensor([0.9, 0.1])
    table[0, 0, A, A] = 1
    as_sum, as_mean, as_long_mean = TableReader(table), TableReader(table), TableReader(table)
    search_beam(as_sum, IMAGE, 2, 7, length_normalisation=False)
    assert as_sum.asked == [(1, 1)]
    (found,) = search_beam(as_mean, IMAGE, 2, 7)  # ln 0.1 / 8 = -0.29 < ln 0.9 = -0.11
    assert found.tokens == () and as_mean.asked == [(1, 1)]
    (found,) = search_beam(as_long_mean, IMAGE, 2, 30)  # ln 0.1 / 31 = -0.07
    assert found.tokens == (A,) * 30 and as_long_mean.asked == [(1, 1)] * 31


@pytest.mark.parametrize("max_length", [1, 7, 8, 20])
def test_looking_seldom_which_images_are_done_changes_no_text(max_length: int) -> None:
    """What a text that has ended goes on to say meanwhile is not read."""
    table = make_table(16, 4)
    often, seldom = TableReader(table), TableReader(table)
    found = search_greedy(often, torch.zeros(16, 1), max_length)
    assert search_greedy(seldom, torch.zeros(16, 1), max_length, looks_every_steps=8) == found
    assert {shape for shape in seldom.asked[:8]} == {(16, 1)}
    assert max_length < 8 or {shape for shape in often.asked[:8]} > {(16, 1)}
    assert max_length < 20 or (seldom.asked[8][0] < 16 and {one.is_complete for one in found} == {True, False})


def test_images_leave_and_beams_fall_away() -> None:
    """Image 0 ends at once, image 1 after three tokens, image 2 never; of four beams no more are asked than there are texts."""
    table = torch.zeros(3, 1, 5, 5)
    table[0, 0, :, EOS] = 1
    table[1:, 0, :, A] = 1
    table = table.repeat(1, 6, 1, 1)
    table[1, 3, A] = torch.tensor([0, 0, 1.0, 0, 0])
    greedy, beam = TableReader(table), TableReader(table)
    lengths = [len(one.tokens) for one in search_greedy(greedy, torch.zeros(3, 1), 5)]
    assert lengths == [0, 3, 5]
    assert greedy.asked == [(3, 1), (2, 1), (2, 1), (2, 1), (1, 1), (1, 1)]
    assert [len(one.tokens) for one in search_beam(beam, torch.zeros(3, 1), 4, 5)] == [0, 3, 5]
    assert beam.asked == greedy.asked


VOCABULARY = SequenceVocabulary(Charset("ab"))
assert VOCABULARY.encode("ab") == (A, B)


@pytest.mark.parametrize("width", [None, 1, 3])
def test_a_grammar_forbids_what_the_reader_prefers(width: int | None) -> None:
    """At most two of a kind in a row, where the reader knows nothing but a."""
    grammar = Grammar(VOCABULARY, GrammarRules(max_repeats=2))
    table = torch.zeros(2, 1, 5, 5)
    table[:, 0, :, [EOS, A, B]] = torch.tensor([0.01, 0.97, 0.02])
    reader, images = TableReader(table), torch.zeros(2, 1)
    greedy = search_greedy(reader, images, 8, grammar)
    found = greedy if width is None else search_beam(reader, images, width, 8, grammar=grammar)
    assert found[0].tokens == found[1].tokens == (A, A, B, A, A, B, A, A)
    assert found[0].token_log_probabilities[:3] == pytest.approx([math.log(p) for p in (0.97, 0.97, 0.02)])


@pytest.mark.parametrize("width", [1, 4])
def test_beams_keep_their_places_in_the_grammar(width: int) -> None:
    """Random readers over many images: no text breaks the rule, and many would without it."""
    grammar = Grammar(SequenceVocabulary(Charset("abc")), GrammarRules(max_repeats=1))
    table = make_table(40, 13)
    table[:, :, [3, 4, 5], [3, 4, 5]] += 0.5
    free = search_beam(TableReader(table), torch.zeros(40, 1), width, 12)
    bound = search_beam(TableReader(table), torch.zeros(40, 1), width, 12, grammar=grammar)
    assert not any(a == b for one in bound for a, b in itertools.pairwise(one.tokens))
    assert sum(any(a == b for a, b in itertools.pairwise(one.tokens)) for one in free) > 20
