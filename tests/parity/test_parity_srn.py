"""SRN: what the same network must give however it is run, and that it learns, which the series' port of it could not.

That port took its softmax over the heads, kept its 23 layer norms where no optimiser and no checkpoint saw them, dropped out in
evaluation, and had 64 visual tokens for 254 positions.
"""

import inspect
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from saccade.nn.residual_grid import ResidualGrid
from saccade.nn.srn import Srn, SrnSizes, TransformerUnit
from saccade.tasks.read.parallel_loss import ParallelLoss, SrnWeights, compute_srn_loss
from tests.parity import by_heart

IMAGE_SIZE_PX = (16, 32)
# as many units as published, so as many layer norms: 2 * 2 + 1 and twice 2 * 4 + 1
PUBLISHED_UNITS = SrnSizes(width=16, num_heads=2, feed_forward_size=16, dropout=0.1)
NUM_LAYER_NORMS = 23


def build(sizes: SrnSizes = PUBLISHED_UNITS) -> Srn:
    torch.manual_seed(0)
    return Srn(
        ResidualGrid(1, (8, 16), (1, 1), ((2, 2), (1, 1))),
        IMAGE_SIZE_PX,
        num_classes=by_heart.NUM_CLASSES,
        num_positions=by_heart.NUM_POSITIONS,
        boundary_id=by_heart.BOS_ID,
        sizes=sizes,
    )


def compute_loss(logits: tuple[Tensor, ...], targets: Tensor) -> ParallelLoss:
    return compute_srn_loss(logits, targets, SrnWeights(), eos_id=by_heart.EOS_ID, pad_id=by_heart.PAD_ID)


@pytest.fixture(scope="module", params=[False, True], ids=["argmax", "soft"])
def learned(request: pytest.FixtureRequest) -> nn.Module:
    torch.set_num_threads(1)
    sizes = SrnSizes(32, 4, 32, num_visual_units=1, num_semantic_units=1, dropout=0.0, soft_embedding=request.param)
    return by_heart.learn(build(sizes), IMAGE_SIZE_PX, compute_loss, num_steps=100)


@pytest.fixture
def images() -> Tensor:
    return by_heart.make_images(IMAGE_SIZE_PX)


def test_learns_eight_images_by_heart(learned: nn.Module, images: Tensor) -> None:
    assert by_heart.read(learned, images) == by_heart.make_texts()


def test_bf16_reads_what_fp32_reads(learned: nn.Module, images: Tensor) -> None:
    by_heart.check_bf16_agrees(learned, images)


def test_one_image_alone_reads_as_among_eight(learned: nn.Module, images: Tensor) -> None:
    by_heart.check_one_alone(learned, images)


def test_no_target_enters(images: Tensor) -> None:
    """It is given images alone, in training as in evaluation."""
    model = build()
    assert list(inspect.signature(model.forward).parameters) == ["images"]
    for mode in (model.train(), model.eval()):
        assert [part.shape for part in mode(images)] == [(8, by_heart.NUM_POSITIONS, by_heart.NUM_CLASSES)] * 3


def test_every_layer_norm_is_trained_and_saved(images: Tensor) -> None:
    model = build().train()
    norms = {name: module for name, module in model.named_modules() if isinstance(module, nn.LayerNorm)}
    assert len(norms) == NUM_LAYER_NORMS
    before = {name: norm.weight.clone() for name, norm in norms.items()}
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    compute_loss(model(images), by_heart.make_targets(by_heart.make_texts())).total.backward()
    optimizer.step()
    state = model.state_dict()
    for name, norm in norms.items():
        assert not torch.equal(norm.weight, before[name]), name
        assert torch.equal(state[f"{name}.weight"], norm.weight)


def test_a_saved_network_reads_the_same(images: Tensor, tmp_path: Path) -> None:
    """Positions, queries and running statistics are in the file: a network with other numbers becomes this one."""
    model, other = build(), build()
    for weight in other.parameters():
        nn.init.normal_(weight)
    model(images)  # in training: moves the running statistics
    by_heart.save_and_load(model.eval(), other, tmp_path / "model.safetensors")
    with torch.no_grad():
        assert torch.equal(model(images)[0], other(images)[0])


def test_everything_moves_with_the_network(images: Tensor) -> None:
    """Nothing of it stays behind in another precision, or on another device: there are no tables beside weights and buffers."""
    model = build().double()
    assert {logits.dtype for logits in model(images.double())} == {torch.float64}
    moved = build().to("meta")
    assert {logits.device.type for logits in moved(images.to("meta"))} == {"meta"}


@torch.no_grad()
def test_dropout_acts_in_training_alone(images: Tensor) -> None:
    model = build()
    model.backbone.eval()
    assert not torch.equal(model(images)[0], model(images)[0])
    model.eval()
    assert torch.equal(model(images)[0], model(images)[0])


@torch.no_grad()
def test_every_position_spends_its_attention_once(images: Tensor) -> None:
    """Over the cells of the map, not over heads or positions."""
    model = build().eval()
    memory = model.visual.encode(model.backbone(images))
    weights = model.visual.compute_weights(memory)
    assert weights.shape == (8, by_heart.NUM_POSITIONS, 32)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(8, by_heart.NUM_POSITIONS))
    units = [module for module in model.modules() if isinstance(module, TransformerUnit)]
    assert len(units) == 2 + 4 + 4
    mask = torch.ones(1, 32, 32, dtype=torch.bool).tril()
    for unit in units:
        keys, _ = unit.attention.project_memory(memory)
        rows = unit.attention.compute_weights(memory, keys, mask)
        torch.testing.assert_close(rows.sum(dim=3), torch.ones(8, 2, 32))
        assert not rows.masked_select(~mask.unsqueeze(1)).any()


@torch.no_grad()
@pytest.mark.parametrize("changed", range(by_heart.NUM_POSITIONS))
def test_the_streams_see_one_side_each_and_never_the_position_itself(changed: int) -> None:
    semantic = build().eval().semantic
    words = torch.randn(2, by_heart.NUM_POSITIONS, 16)
    others = words.clone()
    others[:, changed] += 1.0
    positions = torch.arange(by_heart.NUM_POSITIONS)
    forwards = (semantic.read_forwards(words) != semantic.read_forwards(others)).any(dim=2)
    backwards = (semantic.read_backwards(words) != semantic.read_backwards(others)).any(dim=2)
    assert torch.equal(forwards, (positions > changed).expand(2, -1))
    assert torch.equal(backwards, (positions < changed).expand(2, -1))


def test_other_image_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="images are 16 x 40 px, and this network is built for 16 x 32 px"):
        build()(torch.zeros(1, 1, 16, 40))


def test_fewer_visual_tokens_than_positions_are_refused() -> None:
    """The series' own numbers: 32 x 128 px at an eighth are 64 cells for 254 positions."""
    with pytest.raises(ValueError, match=r"4 x 16 = 64 visual tokens are fewer than the 254 positions"):
        Srn(
            ResidualGrid(1, (4, 4, 4), (1, 1, 1), ((1, 1), (2, 2), (2, 2))),
            (32, 128),
            num_classes=245,
            num_positions=254,
            boundary_id=1,
            sizes=PUBLISHED_UNITS,
        )
