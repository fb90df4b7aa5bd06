"""The classifier's networks: any of timm's by name, a stem for small images, and one clear line for what cannot be."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from saccade.errors import InputError
from saccade.nn.normalise import Normalise, NormaliseImage
from saccade.recipes.tables.classify import ClassifyPreprocessingTable, SmallStem, TimmModel
from saccade.tasks.classify.models import Classifier, build_model
from tests.tasks.classify.classes import make_preprocessing


def build(architecture: str, num_classes: int = 7, size_px: int = 32, **more: Any) -> Classifier:
    colour = more.pop("colour", "rgb")
    table = ClassifyPreprocessingTable(height_px=size_px, width_px=size_px, colour=colour)
    return build_model(TimmModel(architecture=architecture, **more), make_preprocessing(table), num_classes)


def count_macs(model: nn.Module, size_px: int = 32) -> float:
    """Return the multiply-adds of one image."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, 3, size_px, size_px, dtype=torch.uint8))
    return counter.get_total_flops() / 2


@pytest.mark.parametrize(
    ("stem", "giga_macs"),
    [
        (SmallStem(), 1.298),
        (SmallStem(last_stage_stride=1), 1.990),
        (SmallStem(last_stage_stride=1, shortcut="average"), 1.990),
    ],
)
def test_resnet50_for_small_images_costs_what_is_said_of_it(stem: SmallStem, giga_macs: float) -> None:
    counted = count_macs(build("resnet50", 100, stem=stem)) / 1e9
    print(f"resnet50, {stem}: {counted:.3f} GMAC")
    assert counted == pytest.approx(giga_macs, abs=5e-4)


@pytest.mark.parametrize(
    ("architecture", "shortcut"),
    [
        ("test_resnet", "published"),
        ("resnetaa34d", "published"),
        ("resnetblur18", "average"),
        ("seresnext26t_32x4d", "published"),
    ],
)
def test_small_stem_keeps_the_image_and_its_last_stage(architecture: str, shortcut: Any) -> None:
    """32 px through stages of stride 1, 2, 2 and 1 or 2 leaves 8 or 4."""
    images = torch.zeros(1, 3, 32, 32)
    for stride, left in ((2, 4), (1, 8)):
        stem = SmallStem(last_stage_stride=stride, shortcut=shortcut)  # type: ignore[arg-type]
        backbone: Any = build(architecture, stem=stem).backbone.eval()
        first = backbone.conv1
        assert (first.kernel_size, first.stride, first.padding) == ((3, 3), (1, 1), (1, 1))
        assert isinstance(backbone.maxpool, nn.Identity)
        assert backbone.forward_features(images).shape[2:] == (left, left)


def test_average_shortcut_is_an_average_before_the_convolution() -> None:
    published: Any = build("resnet18", stem=SmallStem())
    average: Any = build("resnet18", stem=SmallStem(shortcut="average"))
    assert published.backbone.layer2[0].downsample[0].stride == (2, 2)
    pool, convolution, _ = average.backbone.layer2[0].downsample
    assert isinstance(pool, nn.AvgPool2d) and convolution.stride == (1, 1)


@pytest.mark.parametrize(
    "architecture", ["test_resnet", "test_vit", "test_convnext", "mobilenetv3_small_050", "resnet10t"]
)
def test_the_head_is_called_head_whatever_the_network(architecture: str) -> None:
    torch.manual_seed(0)
    model = build(architecture).eval()
    assert isinstance(model.head, nn.Linear) and model.head.out_features == 7
    assert {name.split(".")[0] for name, _ in model.named_parameters()} == {"backbone", "head"}
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    logits = model(images)
    assert logits.shape == (2, 7)
    # the same network put together again by timm's own names gives the same
    whole: Any = model.backbone
    whole.set_submodule(whole.default_cfg["classifier"], model.head)
    torch.testing.assert_close(whole(model.normalise(images)), logits)


@pytest.mark.parametrize("architecture", ["ese_vovnet19b_slim_dw", "hrnet_w18_small", "poolformer_s12"])
def test_networks_that_list_what_they_do_not_know_are_built(architecture: str) -> None:
    assert build(architecture).eval()(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).shape == (2, 7)


def test_two_classifiers_that_are_averaged_stay_in_the_network() -> None:
    model = build("deit_tiny_distilled_patch16_224").eval()
    assert isinstance(model.head, nn.Identity)
    assert model(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).shape == (2, 7)


@pytest.mark.parametrize(("contrast", "kind"), [("fixed", Normalise), ("per_image", NormaliseImage)])
def test_the_first_layer_normalises_bytes_of_either_colour(contrast: Any, kind: type[nn.Module]) -> None:
    for colour, channels in (("grey", 1), ("rgb", 3)):
        table = ClassifyPreprocessingTable(height_px=32, width_px=32, contrast=contrast, colour=colour)  # type: ignore[arg-type]
        model = build_model(TimmModel(architecture="test_resnet"), make_preprocessing(table), 7).eval()
        assert isinstance(model.normalise, kind)
        images = torch.arange(256, dtype=torch.uint8).repeat(4).view(1, 1, 32, 32).expand(1, channels, 32, 32)
        normalised = model.normalise(images)
        assert normalised.shape == images.shape and abs(float(normalised.mean())) < 1e-5
        assert model(images).shape == (1, 7)


def test_images_in_either_layout_give_the_same() -> None:
    torch.manual_seed(0)
    model = build("test_resnet").eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(model(images), model(images.contiguous(memory_format=torch.channels_last)))


def test_dropout_and_stochastic_depth_draw_in_training_only() -> None:
    torch.manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    for setting in ("dropout", "stochastic_depth"):
        model = build("resnet10t", **{setting: 0.5})
        for module in model.modules():  # timm begins each residual branch at nothing, where skipping it shows nothing
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
                nn.init.ones_(module.weight)
        assert not torch.equal(model(images), model(images))
        assert torch.equal(model.eval()(images), model(images))


@pytest.mark.parametrize(
    ("architecture", "more", "message"),
    [
        ("resnet5", {}, r'model\.architecture: timm has no network "resnet5"; nearest: .*resnet5'),
        ("resnet50.a1_in1k", {}, r'names trained weights.* write "resnet50"'),
        ("hf-hub:timm/resnet50", {}, r'timm has no network "hf-hub:timm/resnet50"; nearest: '),
        ("test_convnext", {"stem": SmallStem()}, r'model\.stem: "small" is for timm\'s ResNet family'),
        ("test_vit", {"stem": SmallStem(shortcut="average")}, r"to which test_vit does not belong"),
        (
            "vgg11",
            {"stochastic_depth": 0.1},
            r"model\.stochastic_depth: timm's vgg11 has no such setting; leave it out",
        ),
        (
            "hrnet_w18_small",
            {"stochastic_depth": 0.1},
            r"model\.stochastic_depth: timm's hrnet_w18_small has no such setting; leave it out",
        ),
        *(
            (name, {"stem": SmallStem(shortcut="average")}, rf"model\.stem\.shortcut: .* {name} average as published")
            for name in ("resnet18d", "resnet10t", "seresnext26t_32x4d")
        ),
        ("test_vit", {"size_px": 24}, r"model\.architecture: test_vit cannot .* 24 x 24 px"),
        ("inception_v3", {}, r"inception_v3 cannot take images of 32 x 32 px .*; raise preprocessing\.height_px"),
    ],
)
def test_what_timm_cannot_do_is_one_line(architecture: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        build(architecture, **more)
    assert "\n" not in str(caught.value)
