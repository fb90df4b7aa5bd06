"""The parts of CSTR, each against numbers worked out by hand or in another way."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from saccade.nn.cbam import Cbam, CbamBlock
from saccade.nn.cstr import Cstr, CstrBackbone, CstrSizes, Pooled, PositionWise, SemanticPyramid, describe_capacity
from saccade.nn.non_local import NonLocal

TINY = CstrSizes(4, (1, 1, 1, 1, 1), pyramid_channels=16, cbam_reduction=4)


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    torch.manual_seed(0)


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.fixture(scope="module")
def published() -> Cstr:
    with torch.device("meta"):
        return Cstr(1, (48, 192), num_classes=37, num_positions=26, sizes=CstrSizes(), head=Pooled()).eval()


def test_published_presets_have_the_stated_weights(published: Cstr) -> None:
    """The series counted 230.6 million with its 301 positions of 244 classes, each a linear layer over 512 numbers."""
    assert count(published) == 193_424_254
    assert count(published.backbone) + 301 * 244 * (512 + 1) == 230_607_520


def test_published_levels_have_the_published_sizes(published: Cstr) -> None:
    backbone = published.backbone
    quarter = backbone.at_quarter(backbone.at_half(backbone.stem(torch.zeros(1, 1, 48, 192, device="meta"))))
    eighth = backbone.at_eighth(quarter)
    top = backbone.at_top(eighth)
    levels = quarter, eighth, top, backbone.context(backbone.pyramid(quarter, eighth, top))
    assert [tuple(level.shape[1:]) for level in levels] == [(384, 12, 48), (768, 6, 24), (768, 2, 22), (512, 12, 48)]


@pytest.mark.parametrize(
    ("size", "stem_stride", "shape"),
    [((32, 24), 1, (8, 6)), ((35, 50), 1, (8, 12)), ((63, 47), 2, (8, 6)), ((64, 256), 2, (8, 32))],
)
def test_the_backbone_says_the_shape_that_it_gives(
    size: tuple[int, int], stem_stride: int, shape: tuple[int, int]
) -> None:
    """Down to the smallest image that leaves one cell at the top; a stem that strides halves everything behind it."""
    backbone = CstrBackbone(1, replace(TINY, stem_stride=stem_stride)).eval()
    assert backbone.shape(*size) == shape
    assert backbone(torch.zeros(1, 1, *size)).shape == (1, 16, *shape)


@pytest.mark.parametrize(
    ("size", "stem_stride", "least"),
    [((31, 192), 1, "32 x 24"), ((48, 23), 1, "32 x 24"), ((62, 192), 2, "63 x 47"), ((64, 46), 2, "63 x 47")],
)
def test_images_that_leave_nothing_at_the_top_are_refused(size: tuple[int, int], stem_stride: int, least: str) -> None:
    with pytest.raises(
        ValueError, match=f"images of {size[0]} x {size[1]} px are too small for CSTR: {least} px at least"
    ):
        CstrBackbone(1, replace(TINY, stem_stride=stem_stride)).shape(*size)


def test_a_pooled_vector_is_measured_in_bits_a_number() -> None:
    """The published 26 positions of 37 classes take a quarter of a bit of each number; a formula of 254 tokens takes four."""
    published, formula = describe_capacity(26, 37, 512), describe_capacity(254, 245, 512)
    assert published.bits_needed == pytest.approx(26 * math.log2(37))
    assert published.bits_a_number == pytest.approx(0.2645, abs=1e-4)
    assert not published.is_overfull
    assert str(formula) == (
        "254 positions of 245 classes are up to 2016 bits in one vector of 512 numbers, 3.94 bits a number"
    )
    assert formula.is_overfull
    assert not describe_capacity(16, 2, 16).is_overfull  # exactly one bit a number
    assert describe_capacity(17, 2, 16).is_overfull


def test_an_overfull_pooled_head_is_refused_unless_allowed() -> None:
    sizes = {"num_classes": 16, "num_positions": 5, "sizes": TINY}
    with pytest.raises(
        ValueError, match=r"up to 20 bits in one vector of 16 numbers, 1.25 bits a number, more than 1:"
    ):
        Cstr(1, (32, 24), head=Pooled(), **sizes)
    Cstr(1, (32, 24), head=Pooled(allow_overfull=True), **sizes)
    Cstr(1, (32, 24), head=PositionWise(2), **sizes)


def test_heads_must_divide_the_vectors() -> None:
    with pytest.raises(ValueError, match="16 channels of the pyramid cannot be divided among 3 heads"):
        Cstr(1, (32, 24), num_classes=9, num_positions=3, sizes=TINY, head=PositionWise(3))


@torch.no_grad()
def test_a_pooled_head_is_a_linear_layer_a_position_over_the_mean_of_the_map() -> None:
    model = Cstr(1, (32, 24), num_classes=5, num_positions=3, sizes=TINY, head=Pooled()).eval()
    images = torch.randn(2, 1, 32, 24)
    pooled = nn.functional.adaptive_avg_pool2d(model.backbone(images), 1).flatten(1)
    for position in range(3):
        rows = slice(5 * position, 5 * position + 5)
        expected = nn.functional.linear(pooled, model.classifier.weight[rows], model.classifier.bias[rows])
        torch.testing.assert_close(model(images)[0][:, position], expected)


@torch.no_grad()
def test_a_cell_gathers_from_all_cells_and_keeps_itself() -> None:
    """Cell by cell with plain loops: rows and columns do not change places, and the features stay in the sum."""
    block = NonLocal(6)
    for weight in block.parameters():
        nn.init.normal_(weight)
    features = torch.randn(2, 6, 3, 5)
    keys, values = block.pool(block.key(features)), block.pool(block.value(features))
    outputs = block(features)
    table = block.compute_weights(features)
    for image, row, column in ((0, 0, 0), (0, 2, 1), (1, 1, 4)):
        query = block.query(features)[image, :, row, column]
        cells = [(y, x) for y in range(2) for x in range(3)]
        scores = torch.stack([query @ keys[image, :, y, x] for y, x in cells]) / 3**0.5
        weights = scores.exp() / scores.exp().sum()
        gathered = sum(weight * values[image, :, y, x] for weight, (y, x) in zip(weights, cells, strict=True))
        expected = features[image, :, row, column] + block.out.weight[:, :, 0, 0] @ gathered + block.out.bias
        torch.testing.assert_close(outputs[image, :, row, column], expected)
        torch.testing.assert_close(table[image, 5 * row + column], weights)


@torch.no_grad()
def test_a_new_non_local_block_changes_nothing() -> None:
    features = torch.randn(1, 4, 1, 3)
    assert torch.equal(NonLocal(4)(features), features)


@torch.no_grad()
def test_cbam_weighs_channels_then_cells() -> None:
    """Gates of half and of a quarter: an eighth of everything is left."""
    gates = Cbam(8, 4).eval()
    for weight in gates.parameters():
        nn.init.zeros_(weight)
    features = torch.randn(2, 8, 3, 4)
    torch.testing.assert_close(gates(features), features / 4)
    gates.channel_gate[2].bias[0] = 20.0  # open for one channel
    gates.cell_gate[1].bias[0] = math.log(1 / 3)
    expected = features / 8
    expected[:, 0] *= 2
    torch.testing.assert_close(gates(features), expected)


@torch.no_grad()
def test_the_shortcut_is_not_weighed() -> None:
    block = CbamBlock(4, 4, 2).eval()
    nn.init.zeros_(block.layers[1][1].weight)
    features = torch.randn(1, 4, 3, 3)
    torch.testing.assert_close(block(features), features.relu())


@torch.no_grad()
def test_every_level_of_the_pyramid_reaches_the_map() -> None:
    pyramid = SemanticPyramid((2, 3, 4), 5).eval()
    levels = [torch.randn(1, 2, 8, 6), torch.randn(1, 3, 4, 3), torch.randn(1, 4, 1, 1)]
    outputs = pyramid(*levels)
    assert outputs.shape == (1, 5, 8, 6)
    for number in range(3):
        changed = [level + 1 if place == number else level for place, level in enumerate(levels)]
        assert not torch.allclose(pyramid(*changed), outputs)
