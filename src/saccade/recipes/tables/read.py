"""The tables of the read task: preprocessing, text, networks, decoding."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, model_validator

from saccade.recipes.tables.base import Table
from saccade.recipes.tables.neck import BiLstm, Neck
from saccade.recipes.tables.sequence import Aster, AttentionReader, BeamSearch, Cstr, Satrn, Srn


class Stretch(Table):
    """Resize to the frame, whatever the shape."""

    name: Literal["stretch"] = "stretch"


class Pad(Table):
    """Keep the shape: resize to fit the frame and fill the rest on the right and below."""

    name: Literal["pad"] = "pad"
    value: int = Field(default=128, ge=0, le=255)
    """Grey level of the filling."""


class PreprocessingTable(Table):
    """`[preprocessing]`: what an image becomes before the model sees it, in training and ever after."""

    height_px: int = Field(default=48, ge=8, le=1024, multiple_of=2)
    """Height of the model's input."""
    width_px: int = Field(default=160, ge=8, le=4096, multiple_of=2)
    """Width of the model's input."""
    colour: Literal["grey", "rgb"] = "grey"
    """Channels of the model's input."""
    contrast: Literal["fixed", "per_image"] = "fixed"
    """What the model's first layer centres and scales by: fixed numbers, or each image's own mean and deviation."""
    fit: Annotated[Stretch | Pad, Field(discriminator="name")] = Stretch()
    """How an image of another shape gets in."""


class ReadPreprocessingTable(PreprocessingTable):
    """`[preprocessing]` of the read task: one line of text, grey unless it says otherwise."""

    two_lines: Literal["ignore", "report", "join"] = "ignore"
    """What becomes of images found to hold two lines of text: nothing is looked for; they are found and reported apart; they are also
    made one line, the lower to the right of the upper."""
    crop_to_ink_margin_fraction: float | None = Field(default=None, ge=0, le=1)
    """Cut images to what is drawn on them, dark on light or light on dark, and so much around it, as a fraction of the drawing's longer
    side; default: not cut."""
    turn_portrait_below: float | None = Field(default=None, gt=0, le=1)
    """Turn images by 90 degrees counter-clockwise whose width divided by their height is below this, after the cut: lines that were
    scanned upright, their beginning at the top; default: none."""


class TextTable(Table):
    """`[text]`: what a text is made of. Labels are brought to NFC before anything else."""

    units: Literal["characters", "tokens"] = "characters"
    """What is read one after the other: characters, or tokens with spaces between them, such as those of LaTeX."""
    charset: str | None = None
    """The characters that can be read, in any order; default: those of the training labels. Only for units = "characters"."""
    tokens: tuple[str, ...] | None = Field(default=None, min_length=1)
    """The tokens that can be read, in any order; default: those of the training labels. Only for units = "tokens"."""

    notation: Literal["none", "latex"] = "none"
    """How texts of tokens are written: of LaTeX, spellings that look the same can be told to be, and structure can be checked. Only for
    units = "tokens"."""

    @model_validator(mode="after")
    def _list_of_its_units(self) -> "TextTable":
        for key, units in (("charset", "characters"), ("tokens", "tokens")):
            if getattr(self, key) is not None and self.units != units:
                raise ValueError(
                    f'{key}: has no effect where units = "{self.units}"; remove it or set units = "{units}"'
                )
        if self.notation != "none" and self.units != "tokens":
            raise ValueError(f'notation: {self.notation} is written in tokens; set units = "tokens"')
        for token in self.tokens or ():
            if token.split() != [token]:
                raise ValueError(f"tokens: {token!r} is empty or holds white space; correct it")
        repeated = [token for token, count in Counter(self.tokens or ()).items() if count > 1]
        if repeated:
            raise ValueError(f"tokens: {repeated[0]!r} stands there twice; remove one of the two")
        return self


class LightResNet(Table):
    """A small residual network for one line of text on a small machine; height and width are divided in steps."""

    name: Literal["light_resnet"] = "light_resnet"
    stem_channels: int = Field(default=32, ge=4, le=512)
    """Channels of the first convolution, which sees each 2x2 block of pixels as one."""
    channels: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(
        default=(48, 96, 160), min_length=1, max_length=5
    )
    """Channels of each stage; every stage halves the height, the first also halves the width."""
    num_blocks: tuple[Annotated[int, Field(ge=1, le=32)], ...] = Field(default=(1, 2, 2), min_length=1, max_length=5)
    """Residual blocks of each stage."""
    column_size: int = Field(default=256, ge=4, le=2048)
    """Length of the vector of each column, made by a convolution over the whole remaining height."""

    @model_validator(mode="after")
    def _one_number_a_stage(self) -> "LightResNet":
        if len(self.channels) != len(self.num_blocks):
            raise ValueError(
                f"channels has {len(self.channels)} stages and num_blocks {len(self.num_blocks)}; give each stage both"
            )
        return self


class ResNetVd(Table):
    """ResNet-vd in the form for lines of text: 1/32 of the height, a quarter of the width; for heights from 18 to 48 px."""

    name: Literal["resnet_vd"] = "resnet_vd"
    num_layers: Literal[18, 34] = 18
    """Convolutions and the last layer, as the literature counts them."""
    squeeze_excite: bool = False
    """Weigh the channels of each block by what all of them say of the whole image (Hu et al. 2018)."""


class MobileNetV3(Table):
    """MobileNetV3 in the form for lines of text: 1/32 of the height, a quarter of the width; for heights from 18 to 48 px."""

    name: Literal["mobilenet_v3"] = "mobilenet_v3"
    size: Literal["large", "small"] = "large"
    """Which of the two published tables."""
    scale: float = Field(default=1.0, ge=0.25, le=2)
    """Factor of every width; published: 0.35, 0.5, 0.75, 1 and 1.25."""
    squeeze_excite: bool = True
    """Weigh channels where the published table does."""


Backbone = Annotated[LightResNet | ResNetVd | MobileNetV3, Field(discriminator="name")]


class CtcHead(Table):
    """A linear layer per time step."""

    blank_bias: float = 0.0
    """Bias of the blank at the start of training; below 0 the reader leaves the answer 'nothing but blanks' sooner."""
    mid_size: int | None = Field(default=None, ge=1, le=4096)
    """Length of a vector between two linear layers; default: one layer."""
    auxiliary_weight: float = Field(default=0.0, ge=0, le=10)
    """Weight of a second CTC loss, in training only, on a head that sees the columns before the neck: it teaches the backbone to read."""


class Crnn(Table):
    """Convolutions, a recurrent neck and CTC (Shi et al. 2017)."""

    name: Literal["crnn"] = "crnn"
    backbone: Backbone = LightResNet()
    """What turns an image into columns."""
    neck: Neck = BiLstm()
    """What lets columns see each other."""
    head: CtcHead = CtcHead()
    """What turns columns into characters."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of each column's values dropped before the neck and before the head."""


TrainedReader = Crnn | AttentionReader | Aster | Satrn | Srn | Cstr
ReadModel = Annotated[TrainedReader, Field(discriminator="name")]


class Greedy(Table):
    """The best class of each time step; of readers that write one unit after the other, the best next one."""

    name: Literal["greedy"] = "greedy"


class PrefixBeam(Table):
    """Sums the paths of each text (Hannun et al. 2014, without a language model); only for model.name = "crnn"."""

    name: Literal["prefix_beam"] = "prefix_beam"
    beam_width: int = Field(default=8, ge=1, le=256)
    """Texts kept from step to step."""


Decode = Annotated[Greedy | PrefixBeam | BeamSearch, Field(discriminator="name")]
