"""The tables of the classify task: preprocessing, classes, network, augmentation on the device, loss."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, model_validator

from saccade.recipes.tables.base import Table
from saccade.recipes.tables.read import PreprocessingTable

Share = Annotated[float, Field(gt=0, le=1)]


class ClassifyPreprocessingTable(PreprocessingTable):
    """`[preprocessing]` of the classify task: a small square in colour unless it says otherwise."""

    height_px: int = Field(default=32, ge=8, le=1024)
    """Height of the model's input."""
    width_px: int = Field(default=32, ge=8, le=1024)
    """Width of the model's input."""
    colour: Literal["grey", "rgb"] = "rgb"
    """Channels of the model's input."""


class ClassesTable(Table):
    """`[classes]`: what can be answered."""

    names: tuple[str, ...] | None = Field(default=None, min_length=2, max_length=100_000)
    """The classes, in the order of the model's outputs; default: the labels of the training images, sorted."""

    @model_validator(mode="after")
    def _names_differ(self) -> "ClassesTable":
        counts = Counter(self.names or ())
        repeated = next((name for name, count in counts.items() if count > 1), None)
        if repeated is not None:
            raise ValueError(f'names: "{repeated}" is listed twice; each class once')
        if not all(name.strip() for name in counts):
            raise ValueError("names: one of them is empty; take it off the list")
        return self


class PublishedStem(Table):
    """The first layers as their authors published them: for photographs, a 224 px image is divided by 4 at once."""

    name: Literal["published"] = "published"


class SmallStem(Table):
    """The first layers for small images: one 3x3 convolution of stride 1 and no pool. For timm's ResNet family only."""

    name: Literal["small"] = "small"
    last_stage_stride: Literal[1, 2] = 2
    """Stride of the last stage; 1 keeps twice the height and width there."""
    shortcut: Literal["published", "average"] = "published"
    """How a shortcut halves the image: as published, or by averaging before its 1x1 convolution (ResNet-D, He et al. 2019), where
    the published one does not."""


class TimmModel(Table):
    """A network of timm by its name, with fresh weights."""

    name: Literal["timm"] = "timm"
    architecture: str = "resnet18"
    """Its name in timm, such as resnet50; `timm.list_models()` lists them."""
    stem: Annotated[PublishedStem | SmallStem, Field(discriminator="name")] = PublishedStem()
    """How the image enters."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the features dropped before the head."""
    stochastic_depth: float = Field(default=0.0, ge=0, lt=1)
    """How often the last residual block is skipped in training; earlier ones less, in proportion (Huang et al. 2016)."""


ClassifyModel = TimmModel


class RandomFlip(Table):
    """Left and right change places."""

    name: Literal["random"] = "random"
    probability: float = Field(default=0.5, gt=0, le=1)
    """How often."""


class AlternatingFlip(Table):
    """Each image is flipped in every second epoch, half of them in the first: no view comes twice in a row (Jordan 2024)."""

    name: Literal["alternating"] = "alternating"


class NoFlip(Table):
    """Images are never flipped."""

    name: Literal["none"] = "none"


class ColourJitter(Table):
    """`[augment.jitter]`: each strength s draws a factor from [1 - s, 1 + s], in a random order of the four, as torchvision does."""

    brightness: float = Field(default=0.0, ge=0, le=1)
    """Strength of the change of brightness."""
    contrast: float = Field(default=0.0, ge=0, le=1)
    """Strength of the change of contrast."""
    saturation: float = Field(default=0.0, ge=0, le=1)
    """Strength of the change of saturation."""
    hue: float = Field(default=0.0, ge=0, le=0.5)
    """Largest turn of the hue, either way, in turns."""


class NoPolicy(Table):
    """No policy."""

    name: Literal["none"] = "none"


class AutoAugment(Table):
    """One of 25 learned pairs of operations an image (Cubuk et al. 2019)."""

    name: Literal["auto_augment"] = "auto_augment"
    policy: Literal["original", "cifar"] = "original"
    """Learned on ImageNet (original, as strong as timm's of that name) or on CIFAR-10 (cifar, as strong as torchvision's)."""


class RandAugment(Table):
    """`num_operations` random operations of one magnitude (Cubuk et al. 2020)."""

    name: Literal["rand_augment"] = "rand_augment"
    num_operations: int = Field(default=2, ge=1, le=8)
    """Operations one after the other."""
    magnitude: int = Field(default=9, ge=0, le=30)
    """Strength of each, of 30."""


class TrivialAugment(Table):
    """One random operation of random magnitude (Mueller & Hutter 2021, wide); images of any size move by up to 32 px."""

    name: Literal["trivial_augment"] = "trivial_augment"


class NoErasing(Table):
    """Nothing is erased."""

    name: Literal["none"] = "none"


class RandomErasing(Table):
    """A rectangle is filled with the middle grey (Zhong et al. 2020)."""

    name: Literal["random_erasing"] = "random_erasing"
    probability: float = Field(default=0.25, gt=0, le=1)
    """How often."""
    min_area_fraction: Share = 0.02
    """Smallest area, as a share of the image."""
    max_area_fraction: float = Field(default=1 / 3, gt=0, le=0.9)
    """Largest area, as a share of the image; hardly any rectangle of more than 0.9 would fit."""

    @model_validator(mode="after")
    def _areas_in_order(self) -> "RandomErasing":
        if self.min_area_fraction > self.max_area_fraction:
            raise ValueError(
                f"min_area_fraction {self.min_area_fraction:g} is above max_area_fraction {self.max_area_fraction:g}"
            )
        return self


class Cutout(Table):
    """A square around a random point is filled with the middle grey, cut off at the border (DeVries & Taylor 2017)."""

    name: Literal["cutout"] = "cutout"
    size_px: int = Field(default=16, ge=1, le=1024)
    """Side of the square; no longer than that of the model's input."""


class NoMix(Table):
    """Images stay apart."""

    name: Literal["none"] = "none"


class MixTable(Table):
    """What every way of mixing has."""

    probability: float = Field(default=1.0, gt=0, le=1)
    """How often two images are mixed."""
    until_fraction: float = Field(default=1.0, gt=0, le=1)
    """Share of all steps after which images stay apart, so that training ends on whole ones."""


class MixUp(MixTable):
    """Two images are blended and so are their labels (Zhang et al. 2018)."""

    name: Literal["mixup"] = "mixup"
    alpha: float = Field(default=1.0, gt=0)
    """The share is drawn from Beta(alpha, alpha)."""


class CutMix(MixTable):
    """A rectangle of one image is put into another, and labels share by area (Yun et al. 2019)."""

    name: Literal["cutmix"] = "cutmix"
    alpha: float = Field(default=1.0, gt=0)
    """The area is drawn from Beta(alpha, alpha)."""


class MixUpCutMix(MixTable):
    """Either of the two, drawn for each pair of images."""

    name: Literal["mixup_cutmix"] = "mixup_cutmix"
    mixup_alpha: float = Field(default=1.0, gt=0)
    """The share of MixUp is drawn from Beta(alpha, alpha)."""
    cutmix_alpha: float = Field(default=1.0, gt=0)
    """The area of CutMix is drawn from Beta(alpha, alpha)."""
    switch_probability: float = Field(default=0.5, gt=0, lt=1)
    """How often it is CutMix that mixes."""


class ClassifyAugment(Table):
    """`[augment]` of the classify task: whole batches on the device, drawn for each image, in the order of these keys."""

    crop_padding_px: int = Field(default=0, ge=0, le=64)
    """The image is padded with the middle grey by this much on each side and cut back to its size at a random place; less than
    half the shorter side of the model's input."""
    flip: Annotated[NoFlip | RandomFlip | AlternatingFlip, Field(discriminator="name")] = NoFlip()
    """Left and right."""
    jitter: ColourJitter = ColourJitter()
    """Colours."""
    policy: Annotated[NoPolicy | AutoAugment | RandAugment | TrivialAugment, Field(discriminator="name")] = NoPolicy()
    """Named sets of operations."""
    erasing: Annotated[NoErasing | RandomErasing | Cutout, Field(discriminator="name")] = NoErasing()
    """Hiding a part."""
    mix: Annotated[NoMix | MixUp | CutMix | MixUpCutMix, Field(discriminator="name")] = NoMix()
    """Two images in one."""


class ClassifyLossTable(Table):
    """`[loss]`: cross-entropy."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target that is spread evenly over all classes."""
