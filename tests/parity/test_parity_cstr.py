"""CSTR, both heads: what the same network must give however it is run, and that it learns.

The series' run of it read 0 whatever the network did, since its accuracy never compared equal; and its 301 classifiers shared one vector
of 512 numbers. Its variant took the softmax of the non-local blocks without a dimension, mixed channels up with cells, left out
the shortcut, and cut its logits at zero.
"""

import inspect
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from saccade.nn.cstr import Cstr, CstrSizes, Pooled, PositionWise
from saccade.nn.non_local import NonLocal
from saccade.tasks.read.parallel_loss import ParallelLoss, compute_parallel_loss
from tests.parity import by_heart

IMAGE_SIZE_PX = (32, 24)
HEADS = [PositionWise(num_heads=2), Pooled(allow_overfull=True)]
NAMES = ["position_wise", "pooled"]


def build(head: PositionWise | Pooled, dropout: float = 0.1) -> Cstr:
    torch.manual_seed(0)
    return Cstr(
        1,
        IMAGE_SIZE_PX,
        num_classes=by_heart.NUM_CLASSES,
        num_positions=by_heart.NUM_POSITIONS,
        sizes=CstrSizes(4, (1, 1, 1, 0, 0), pyramid_channels=24, cbam_reduction=4, dropout=dropout),
        head=head,
    )


def compute_loss(logits: tuple[Tensor, ...], targets: Tensor) -> ParallelLoss:
    (read,) = logits
    return compute_parallel_loss(read, targets, eos_id=by_heart.EOS_ID, pad_id=by_heart.PAD_ID, label_smoothing=0.1)


@pytest.fixture(scope="module", params=HEADS, ids=NAMES)
def learned(request: pytest.FixtureRequest) -> nn.Module:
    torch.set_num_threads(1)
    return by_heart.learn(build(request.param, dropout=0.0), IMAGE_SIZE_PX, compute_loss, num_steps=80)


@pytest.fixture(params=HEADS, ids=NAMES)
def model(request: pytest.FixtureRequest) -> Cstr:
    return build(request.param)


@pytest.fixture
def images() -> Tensor:
    return by_heart.make_images(IMAGE_SIZE_PX)


def test_learns_eight_images_by_heart(learned: nn.Module, images: Tensor) -> None:
    assert by_heart.read(learned, images) == by_heart.make_texts()


def test_bf16_reads_what_fp32_reads(learned: nn.Module, images: Tensor) -> None:
    by_heart.check_bf16_agrees(learned, images)


def test_one_image_alone_reads_as_among_eight(learned: nn.Module, images: Tensor) -> None:
    by_heart.check_one_alone(learned, images)


@torch.no_grad()
def test_logits_are_not_cut_at_zero(learned: nn.Module, images: Tensor) -> None:
    """Behind a ReLU no class could be told to be unlikely."""
    (logits,) = learned(images)
    assert (logits < -1).any()
    assert (logits > 1).any()


def test_no_target_enters(model: Cstr, images: Tensor) -> None:
    assert list(inspect.signature(model.forward).parameters) == ["images"]
    for mode in (True, False):
        (logits,) = model.train(mode)(images)
        assert logits.shape == (8, by_heart.NUM_POSITIONS, by_heart.NUM_CLASSES)


def test_every_norm_is_trained_and_saved(model: Cstr, images: Tensor) -> None:
    norms = {n: m for n, m in model.train().named_modules() if isinstance(m, nn.LayerNorm | nn.BatchNorm2d)}
    assert sum(isinstance(norm, nn.LayerNorm) for norm in norms.values()) == (2 if model.pooling else 0)
    before = {name: norm.weight.clone() for name, norm in norms.items()}
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    compute_loss(model(images), by_heart.make_targets(by_heart.make_texts())).total.backward()
    optimizer.step()
    state = model.state_dict()
    for name, norm in norms.items():
        assert not torch.equal(norm.weight, before[name]), name
        assert torch.equal(state[f"{name}.weight"], norm.weight)


def test_a_saved_network_reads_the_same(model: Cstr, images: Tensor, tmp_path: Path) -> None:
    other = build(HEADS[0] if model.pooling else HEADS[1])
    for weight in other.parameters():
        nn.init.normal_(weight)
    model.train()(images)  # moves the running statistics
    by_heart.save_and_load(model.eval(), other, tmp_path / "model.safetensors")
    with torch.no_grad():
        assert torch.equal(model(images)[0], other(images)[0])


def test_everything_moves_with_the_network(model: Cstr, images: Tensor) -> None:
    assert model.double()(images.double())[0].dtype == torch.float64
    assert model.to("meta")(images.to("meta"))[0].device.type == "meta"


@torch.no_grad()
def test_dropout_acts_in_training_alone(model: Cstr, images: Tensor) -> None:
    model.train().backbone.eval()
    assert not torch.equal(model(images)[0], model(images)[0])
    model.eval()
    assert torch.equal(model(images)[0], model(images)[0])


@torch.no_grad()
def test_attention_rows_sum_to_one(images: Tensor) -> None:
    model = build(HEADS[0]).eval()
    assert model.pooling is not None
    features = model.backbone(images)
    assert features.shape == (8, 24, *model.backbone.shape(*IMAGE_SIZE_PX))
    torch.testing.assert_close(
        model.pooling.compute_weights(features).sum(dim=3), torch.ones(8, 2, by_heart.NUM_POSITIONS)
    )
    blocks = [module for module in model.modules() if isinstance(module, NonLocal)]
    assert len(blocks) == 4
    rows = model.backbone.context.compute_weights(features)
    assert rows.shape == (8, 8 * 6, 4 * 3)
    torch.testing.assert_close(rows.sum(dim=2), torch.ones(8, 8 * 6))


def test_other_image_sizes_are_refused(model: Cstr) -> None:
    with pytest.raises(ValueError, match="images are 32 x 40 px, and this network is built for 32 x 24 px"):
        model(torch.zeros(1, 1, 32, 40))


@torch.no_grad()
def test_each_position_has_its_own_vector_and_a_pooled_head_has_one(images: Tensor) -> None:
    """With the same classifier at every position, position-wise logits still differ; pooled ones would all be one."""
    apart, together = build(HEADS[0]).eval(), build(HEADS[1]).eval()
    logits = apart(images)[0]
    assert (logits[:, 0] - logits[:, 1]).abs().max() > 0.01
    together.classifier.weight.copy_(
        together.classifier.weight[: by_heart.NUM_CLASSES].repeat(by_heart.NUM_POSITIONS, 1)
    )
    together.classifier.bias.zero_()
    logits = together(images)[0]
    torch.testing.assert_close(logits, logits[:, :1].expand_as(logits))
