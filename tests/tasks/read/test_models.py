"""The reader's network and its loss."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from saccade.data.preprocess import Preprocessing
from saccade.recipes.tables.neck import BiLstm
from saccade.recipes.tables.read import CtcHead, MobileNetV3, PreprocessingTable, ResNetVd
from saccade.tasks.read.loss import compute_ctc_loss
from saccade.tasks.read.models import build_model, count_steps
from saccade.text.charset import Charset
from tests.contract.tasks import TINY_READER


@pytest.mark.parametrize("width", [32, 94, 160])
@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("backbone", [TINY_READER.backbone, ResNetVd(), MobileNetV3(size="small", scale=0.35)])
def test_time_steps_are_those_that_labels_are_checked_against(width: int, colour: Any, backbone: Any) -> None:
    reader = TINY_READER.model_copy(update={"backbone": backbone})
    table = PreprocessingTable(height_px=32, width_px=width, colour=colour)
    model = build_model(reader, Preprocessing.from_recipe(table, Charset("AB")), 3).eval()
    (logits,) = model(torch.zeros(1, 1 if colour == "grey" else 3, 32, width, dtype=torch.uint8))
    assert logits.shape == (1, count_steps(reader, width), 3)


def test_a_head_of_two_layers_has_no_activation_between() -> None:
    """Two linear layers, as published: together they are linear in the columns."""
    preprocessing = Preprocessing.from_recipe(PreprocessingTable(height_px=16, width_px=32), Charset("AB"))
    table = TINY_READER.model_copy(update={"head": CtcHead(mid_size=2), "neck": BiLstm(hidden_size=4)})
    head: Any = build_model(table, preprocessing, 3).head
    columns = torch.randn(5, 8)
    assert [layer.weight.shape for layer in head] == [(2, 8), (3, 2)]
    torch.testing.assert_close(head(columns) - head(-columns), 2 * (head(columns) - head(torch.zeros(1, 8))))


def test_the_blank_begins_with_its_bias() -> None:
    preprocessing = Preprocessing.from_recipe(PreprocessingTable(height_px=16, width_px=32), Charset("AB"))
    table = TINY_READER.model_copy(update={"head": CtcHead(blank_bias=-2.0), "neck": BiLstm(hidden_size=4)})
    assert build_model(table, preprocessing, 3).head.bias.tolist() == [-2.0, 0.0, 0.0]


def sum_paths(probabilities: Tensor, tokens: list[int]) -> float:
    """Return the probability of a text, path by path."""
    total = 0.0
    for path in itertools.product(range(probabilities.shape[1]), repeat=probabilities.shape[0]):
        collapsed = [token for token, _ in itertools.groupby(path) if token]
        if collapsed == tokens:
            total += math.prod(float(probabilities[step, token]) for step, token in enumerate(path))
    return total


def test_loss_is_the_mean_over_images_of_nats_a_character() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 3)
    texts = [[1, 1], [2]]
    wanted = [-math.log(sum_paths(logits[row].softmax(1), text)) / len(text) for row, text in enumerate(texts)]
    loss = compute_ctc_loss(logits, torch.tensor([[1, 1], [2, 0]]), torch.tensor([2, 1]), 0)
    assert float(loss) == pytest.approx(sum(wanted) / 2, rel=1e-5)
    short = compute_ctc_loss(logits.bfloat16(), torch.tensor([[1, 1], [2, 0]]), torch.tensor([2, 1]), 0)
    assert short.dtype == torch.float32


def test_a_text_that_does_not_fit_is_infinite_not_hidden() -> None:
    loss = compute_ctc_loss(torch.zeros(1, 2, 3), torch.tensor([[1, 1]]), torch.tensor([2]), 0)
    assert float(loss) == math.inf
