"""The parts of SRN, each against numbers worked out by hand or in another way."""

import pytest
import torch
from torch import nn

from saccade.nn.positional import make_sinusoids
from saccade.nn.positional_2d import make_grid_sinusoids
from saccade.nn.residual_grid import GridBackbone, ResidualGrid
from saccade.nn.resnet_fpn import ResNetFpn
from saccade.nn.srn import Fusion, SemanticReasoning, Srn, SrnSizes, VisualAttention

TINY = SrnSizes(width=8, num_heads=2, feed_forward_size=8, num_visual_units=1, num_semantic_units=1, dropout=0.0)


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    torch.manual_seed(0)


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_published_preset_has_the_stated_weights_and_256_visual_tokens() -> None:
    with torch.device("meta"):
        backbone = ResNetFpn(1)
        model = Srn(backbone, (64, 256), num_classes=39, num_positions=26, boundary_id=1, sizes=SrnSizes())
        assert backbone(torch.zeros(1, 1, 64, 256)).shape == (1, 512, 8, 32)
    assert count(backbone) == 39_497_664
    assert count(model) == 56_811_022
    assert model.visual.places.shape == (256, 512)


@pytest.mark.parametrize("size", [(32, 64), (33, 70), (1, 1), (20, 500)])
def test_backbones_say_the_shape_that_they_give(size: tuple[int, int]) -> None:
    strides = ((1, 1), (2, 2), (2, 1))
    for net in (ResidualGrid(1, (4, 6, 8), (1, 2, 1), strides), ResNetFpn(1, (1, 1, 1, 1), 8)):
        assert isinstance(net, GridBackbone)
        assert net.eval()(torch.zeros(1, 1, *size)).shape == (1, net.out_size, *net.shape(*size))


def test_a_grid_has_its_rows_in_one_half_and_its_columns_in_the_other() -> None:
    table = make_grid_sinusoids(3, 4, 8).unflatten(0, (3, 4))
    torch.testing.assert_close(table[2, 1], torch.cat([make_sinusoids(3, 4)[2], make_sinusoids(4, 4)[1]]))
    assert len({tuple(row.tolist()) for row in table.flatten(0, 1)}) == 12


@torch.no_grad()
def test_additive_attention_is_the_formula_of_the_paper() -> None:
    """a(t, m) = softmax over m of w . tanh(Q t + K m), position by position and cell by cell; 40 positions are two chunks."""
    part = VisualAttention(4, (2, 3), 40, TINY).eval()
    features = torch.randn(2, 4, 2, 3)
    memory = part.encode(features)
    outputs = part(features)
    for image in range(2):
        for position in (0, 31, 32, 39):
            query = part.query.weight @ part.orders[position] + part.query.bias
            scores = torch.stack(
                [part.score.weight[0] @ torch.tanh(query + part.key.weight @ cell) for cell in memory[image]]
            )
            weights = scores.exp() / scores.exp().sum()
            torch.testing.assert_close(outputs[image, position], weights @ memory[image])


def make_semantic(*, is_soft: bool = False) -> SemanticReasoning:
    sizes = SrnSizes(8, 2, 8, num_semantic_units=1, dropout=0.0, soft_embedding=is_soft)
    return SemanticReasoning(5, 4, 1, sizes).eval()


@torch.no_grad()
def test_a_sure_mean_of_tokens_is_the_token() -> None:
    tokens = torch.tensor([[3, 4, 2, 0]])
    logits = 50 * nn.functional.one_hot(tokens, 5).float()
    for is_soft in (False, True):
        part = make_semantic(is_soft=is_soft)
        torch.testing.assert_close(part.embed(logits), part.embedding(tokens) * 8**0.5)


def test_only_the_mean_of_tokens_carries_a_gradient_to_the_visual_part() -> None:
    for is_soft in (False, True):
        logits = torch.randn(1, 4, 5, requires_grad=True)
        make_semantic(is_soft=is_soft)(logits)[1].sum().backward()
        assert (logits.grad is not None) == is_soft


@torch.no_grad()
def test_reasoning_is_classified_by_the_embedding_itself() -> None:
    part = make_semantic()
    vectors, logits = part(torch.randn(2, 4, 5))
    torch.testing.assert_close(logits, vectors @ part.embedding.weight.T)


@torch.no_grad()
def test_a_text_of_one_position_is_told_the_boundary_alone() -> None:
    sizes = SrnSizes(8, 2, 8, num_semantic_units=1, dropout=0.0)
    part = SemanticReasoning(5, 1, 1, sizes).eval()
    first, second = (part(50 * nn.functional.one_hot(torch.tensor([[token]]), 5).float())[0] for token in (3, 4))
    assert torch.equal(first, second)


@torch.no_grad()
def test_the_gate_chooses_between_what_was_seen_and_what_was_reasoned() -> None:
    part = Fusion(3, 3)
    nn.init.zeros_(part.gate.weight)
    nn.init.eye_(part.classifier.weight)
    nn.init.zeros_(part.classifier.bias)
    part.gate.bias.copy_(torch.tensor([50.0, -50.0, 0.0]))
    seen, reasoned = torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[4.0, 5.0, 6.0]]])
    torch.testing.assert_close(part(seen, reasoned), torch.tensor([[[1.0, 5.0, 4.5]]]))


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="a width of 8 cannot be divided among 3 heads"):
        Srn(
            ResidualGrid(1, (4,), (1,), ((1, 1),)),
            (8, 8),
            num_classes=5,
            num_positions=4,
            boundary_id=1,
            sizes=SrnSizes(width=8, num_heads=3),
        )
