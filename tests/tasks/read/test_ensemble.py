"""Ensembles: means of probabilities, other orders of tokens, images of their own, turned images."""

import math
from typing import Any

import pytest
import torch

from saccade.errors import InputError
from saccade.tasks.read.ensemble import EnsembleNetwork, EnsembleReader, Member, choose_best
from saccade.tasks.read.search import Hypothesis, search_beam, search_greedy
from tests.tasks.read.test_search import TableReader, make_table

OUTPUTS = ("pad", "bos", "eos", "a", "b", "c")
ORDER = [0, 1, 2, 5, 3, 4]


def reorder(table: torch.Tensor) -> torch.Tensor:
    """The same reader with its tokens numbered otherwise: its class n is the first one's class ORDER[n]."""
    return table[:, :, ORDER][..., ORDER]


def test_the_mean_of_probabilities_by_hand() -> None:
    tables = make_table(2, 1), make_table(4, 1)[2:]
    members = [
        Member("first", TableReader(tables[0]), OUTPUTS, weight=3.0),
        Member("second", TableReader(reorder(tables[1])), tuple(OUTPUTS[token] for token in ORDER)),
    ]
    ensemble = EnsembleReader(members)
    images = (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(2, 3, 5, 9, dtype=torch.uint8))
    answers = ensemble.step(ensemble.init(images), torch.tensor([[4], [5]]))
    wanted = [0.75 * tables[0][row, 0, token] + 0.25 * tables[1][row, 0, token] for row, token in ((0, 4), (1, 5))]
    torch.testing.assert_close(answers.exp(), torch.stack(wanted).unsqueeze(1))


@pytest.mark.parametrize("width", [1, 3])
def test_a_reader_and_itself_in_another_order_read_as_one(width: int) -> None:
    table = make_table(20, 9)
    images = torch.zeros(20, 1, 2, 2, dtype=torch.uint8)
    turned = Member("second", TableReader(reorder(table)), tuple(OUTPUTS[token] for token in ORDER))
    ensemble = EnsembleReader([Member("first", TableReader(table), OUTPUTS), turned])
    alone = search_beam(TableReader(table), images, width, 8)
    both = search_beam(ensemble, (images, images), width, 8)
    assert [one.tokens for one in both] == [one.tokens for one in alone]
    assert [one.log_probability for one in both] == pytest.approx([one.log_probability for one in alone], abs=1e-4)
    greedy = search_greedy(ensemble, (images, images), 8)
    assert (width > 1) or [one.tokens for one in greedy] == [one.tokens for one in both]
    unmatched = EnsembleReader([ensemble.members[0], Member("second", turned.reader, OUTPUTS)])
    assert [one.tokens for one in search_beam(unmatched, (images, images), width, 8)] != [one.tokens for one in alone]


def test_members_with_other_tokens_are_refused() -> None:
    reader = TableReader(make_table(1, 1))
    with pytest.raises(InputError) as error:
        EnsembleReader(
            [Member("satrn", reader, OUTPUTS), Member("aster", reader, ("pad", "bos", "eos", "a", "d", "e"))]
        )
    assert str(error.value) == (
        "members of an ensemble read the same tokens: aster lacks 'b', 'c'; satrn lacks 'd', 'e'; "
        "train them with one token list"
    )
    many = Member("satrn", reader, (*OUTPUTS, *(f"t{number}" for number in range(7))))
    with pytest.raises(InputError, match="aster lacks 't0', 't1', 't2', 't3', 't4' and 2 more; train"):
        EnsembleReader([many, Member("aster", reader, OUTPUTS)])
    with pytest.raises(InputError, match="aster: the weight of a member of an ensemble is above 0"):
        EnsembleReader([Member("satrn", reader, OUTPUTS), Member("aster", reader, OUTPUTS, weight=0.0)])


def test_each_member_wants_images_of_the_same_things() -> None:
    reader = TableReader(make_table(3, 1))
    ensemble = EnsembleReader([Member("satrn", reader, OUTPUTS), Member("aster", reader, OUTPUTS)])
    images = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    for given in ((images,), (images, images[:2])):
        with pytest.raises(ValueError, match="images for 2 members: one a member, all of one size"):
            ensemble.init(given)


def test_the_networks_of_members_are_one_module_without_gradients() -> None:
    class Weighted(torch.nn.Linear):
        def init(self, images: Any) -> Any:
            return TableReader(make_table(len(images), 1)).init(images)

        def step(self, state: Any, tokens: torch.Tensor) -> torch.Tensor:
            return self.weight.log_softmax(dim=1)[tokens]

    networks = [Weighted(6, 6), Weighted(6, 6)]
    joined = EnsembleNetwork(
        [Member("first", networks[0], OUTPUTS, weight=3.0), Member("second", networks[1], OUTPUTS)]
    )
    assert list(joined.state_dict()) == ["members.0.weight", "members.0.bias", "members.1.weight", "members.1.bias"]
    images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    answers = joined.step(joined.init((images, images)), torch.tensor([[4], [5]]))
    assert not answers.requires_grad
    mean = 0.75 * networks[0].weight.softmax(dim=1) + 0.25 * networks[1].weight.softmax(dim=1)
    torch.testing.assert_close(answers.exp(), mean[[4, 5]].unsqueeze(1))
    with pytest.raises(TypeError, match="a TableReader has no weights"):
        EnsembleNetwork([Member("first", TableReader(make_table(1, 1)), OUTPUTS)])


def test_the_best_reading_of_each_image() -> None:
    short = Hypothesis((3,), math.log(0.5), (math.log(0.5),), True)
    long = Hypothesis((3, 4, 5), math.log(0.4), (0.0, 0.0, 0.0), True)
    assert choose_best([[short, long], [long, short]]) == [long, long]
    assert choose_best([[short], [long]], length_normalisation=False) == [short]
