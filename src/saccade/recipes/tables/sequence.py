"""Networks of the read task that write tokens one after the other (attention, transformers) or all at once (parallel readers).

They read long texts and formulas, which CTC cannot: its columns go from left to right, and a fraction does not.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from saccade.recipes.tables.base import Table
from saccade.recipes.tables.neck import BiLstm, Neck

Probability = Annotated[float, Field(ge=0, le=1)]


class ConstantForcing(Table):
    """The same share throughout."""

    name: Literal["constant"] = "constant"
    ratio: Probability = 1.0
    """Share of the texts that are learned with the truth before each token; the others with what the model itself wrote."""


class StepForcing(Table):
    """Another share from each milestone on."""

    name: Literal["steps"] = "steps"
    ratio: Probability = 0.5
    """Share before the first milestone."""
    milestone_epochs: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1, max_length=100)
    """Epochs at which the share changes."""
    ratios: tuple[Probability, ...] = Field(min_length=1, max_length=100)
    """Share from each milestone on."""

    @model_validator(mode="after")
    def _one_ratio_a_milestone(self) -> "StepForcing":
        if len(self.ratios) != len(self.milestone_epochs):
            raise ValueError(
                f"milestone_epochs has {len(self.milestone_epochs)} entries and ratios {len(self.ratios)}; give as many"
            )
        if list(self.milestone_epochs) != sorted(set(self.milestone_epochs)):
            raise ValueError("milestone_epochs: must ascend")
        return self


class ArctanForcing(Table):
    """From `start` to `end` along an arctangent: slowly, fast in the middle of training, slowly."""

    name: Literal["arctan"] = "arctan"
    start: Probability = 0.8
    """Share at the start."""
    end: Probability = 0.3
    """Share at the end."""


class ListForcing(Table):
    """One share an epoch; the last goes on."""

    name: Literal["list"] = "list"
    ratios: tuple[Probability, ...] = Field(min_length=1, max_length=1000)
    """Share of each epoch from the first on."""


class AccuracyForcing(Table):
    """One minus a result of the last validation: the better the model writes alone, the less it is told."""

    name: Literal["by_accuracy"] = "by_accuracy"
    metric: Literal["exact_match", "ned", "forced_accuracy"] = "exact_match"
    """Which result."""
    floor: Probability = 0.3
    """Smallest share."""


TeacherForcing = Annotated[
    ConstantForcing | StepForcing | ArctanForcing | ListForcing | AccuracyForcing, Field(discriminator="name")
]


class DistillationTable(Table):
    """`[model.loss.distillation]`: learn from the probabilities of a trained reader too (Hinton et al. 2015)."""

    run: str
    """The teacher's run folder (the best checkpoint), or the folder of an experiment that holds one run; relative to the recipe that says
    it. An attention, aster or satrn that sees the same images and reads the same units."""
    temperature: float = Field(default=2.0, ge=1, le=100)
    """What the logits of both are divided by; the formula series: 10."""
    weight: Probability = 0.5
    """Share of the teacher in the loss, whose part is multiplied by the square of the temperature; the rest is the truth's. The formula
    series: 0.1."""


class SequenceLossTable(Table):
    """`[model.loss]` of readers that write one token after the other: cross-entropy a token, padding never counted."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target's probability spread over all tokens."""
    brace_penalty: float = Field(default=0.0, ge=0, le=10)
    """Weight of a penalty on expected braces and brackets that do not close."""
    teacher_forcing: TeacherForcing = ConstantForcing()
    """How often the truth stands before a token in training."""
    distillation: DistillationTable | None = None
    """A trained reader to learn from; default: none."""


class ResidualGrid(Table):
    """A small residual network for small machines; it keeps a grid of features at an eighth of height and width."""

    name: Literal["residual_grid"] = "residual_grid"
    channels: tuple[Annotated[int, Field(ge=4, le=1024)], ...] = Field(
        default=(32, 64, 128), min_length=3, max_length=3
    )
    """Channels of each of the three stages; each halves height and width."""
    num_blocks: tuple[Annotated[int, Field(ge=1, le=32)], ...] = Field(default=(1, 2, 2), min_length=3, max_length=3)
    """Residual blocks of each stage."""


class DenseNet(Table):
    """Densely connected convolutions (Huang et al. 2017), an eighth of height and width: what the formula series used."""

    name: Literal["dense_net"] = "dense_net"
    depth: int = Field(default=16, ge=1, le=64)
    """Bottlenecks in each of the two blocks."""
    growth: int = Field(default=24, ge=4, le=256)
    """Channels that each adds."""
    stem_channels: int = Field(default=48, ge=4, le=512)
    """Channels of the first convolution."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of the new channels' values dropped in each bottleneck."""
    num_deformable: int = Field(default=0, ge=0, le=64)
    """How many of the last bottlenecks bend their convolution to the image (Dai et al. 2017)."""


class ShallowCnn(Table):
    """Two convolutions, a quarter of height and width (Lee et al. 2020)."""

    name: Literal["shallow_cnn"] = "shallow_cnn"
    channels: int = Field(default=256, ge=4, le=1024)
    """Channels of the first; the second has those of the encoder."""


class TransformerTable(Table):
    """What encoder and decoder of SATRN have both."""

    num_heads: int = Field(default=8, ge=1, le=32)
    """Heads of attention; in a decoder they divide hidden_size."""
    attention_scale: Literal["head", "model"] = "head"
    """What products of queries and keys are divided by the root of: the length of one head's vectors, or of all heads' (the formula
    series), which makes attention softer."""
    norm: Literal["pre", "post"] = "pre"
    """Whether LayerNorm stands before each part (the paper) or after its sum (the formula series)."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share dropped."""


class TransformerEncoderTable(TransformerTable):
    """`[model.encoder]` of SATRN: self-attention over the grid of features."""

    hidden_size: int = Field(default=192, ge=8, le=2048, multiple_of=4)
    """Length of the vector at each place."""
    filter_size: int = Field(default=384, ge=8, le=8192)
    """Length of the vector inside each feed-forward part."""
    num_layers: int = Field(default=2, ge=1, le=24)
    """Layers."""
    positions: Literal["adaptive", "fixed"] = "adaptive"
    """Whether the sinusoids of rows and columns are weighed by what the whole image shows (Lee et al. 2020, 3.2)."""
    feed_forward: Literal["separable", "convolution", "linear"] = "separable"
    """Whether each feed-forward part sees the neighbours too: by a depthwise or a full 3x3 convolution, or not at all."""


class TransformerDecoderTable(TransformerTable):
    """`[model.decoder]` of SATRN (Vaswani et al. 2017)."""

    hidden_size: int = Field(default=192, ge=8, le=2048, multiple_of=2)
    """Length of a token's vector."""
    filter_size: int = Field(default=768, ge=8, le=8192)
    """Length of the vector inside each feed-forward part."""
    num_layers: int = Field(default=3, ge=1, le=24)
    """Layers."""
    last_relu: bool = False
    """A second ReLU behind each feed-forward part, as the code of SATRN and the formula series have it."""

    @model_validator(mode="after")
    def _heads_divide(self) -> "TransformerDecoderTable":
        if self.hidden_size % self.num_heads:
            raise ValueError(f"num_heads: {self.num_heads} do not divide hidden_size {self.hidden_size}")
        return self


class AttentionDecoderTable(Table):
    """`[model.decoder]` of attention readers: a recurrent cell that looks at the image anew before each token (Bahdanau et al. 2015)."""

    cell: Literal["lstm", "gru"] = "lstm"
    """What remembers."""
    hidden_size: int = Field(default=192, ge=4, le=2048)
    """Units of the cell."""
    embedding_size: int = Field(default=128, ge=4, le=2048)
    """Length of a token's vector."""
    num_layers: int = Field(default=1, ge=1, le=2)
    """Cells one above the other."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share dropped."""


class SequenceReaderTable(Table):
    """What every reader has that writes one token after the other."""

    max_length: int = Field(default=64, ge=1, le=1000)
    """Most units of a text; longer labels are refused or left out, longer answers cut."""
    loss: SequenceLossTable = SequenceLossTable()
    """What is minimised."""


class AttentionReader(SequenceReaderTable):
    """Convolutions, a BiLSTM over all places in reading order, attention: the baseline of the formula series."""

    name: Literal["attention"] = "attention"
    channels: tuple[Annotated[int, Field(ge=4, le=1024)], ...] = Field(
        default=(16, 32, 64, 64, 128, 128, 128), min_length=7, max_length=7
    )
    """Channels of the seven convolutions; the series: 64, 128, 256, 256, 512, 512, 512."""
    num_deformable: int = Field(default=0, ge=0, le=4)
    """How many of the last convolutions bend to the image."""
    neck: Neck = BiLstm(hidden_size=96, num_layers=2)
    """What lets the places see each other; the series: two layers of 256."""
    decoder: AttentionDecoderTable = AttentionDecoderTable()
    """What writes."""


class NoRectification(Table):
    """The image as it is."""

    name: Literal["none"] = "none"


class Tps(Table):
    """A thin-plate spline straightens the line first, as a small network sees fit (Shi et al. 2018)."""

    name: Literal["tps"] = "tps"
    num_points: int = Field(default=20, ge=4, le=64, multiple_of=2)
    """Control points, half of them above the line and half below."""
    height_px: int = Field(default=32, ge=16, le=512)
    """Height of the straightened image."""
    width_px: int = Field(default=100, ge=16, le=2048)
    """Width of the straightened image."""


class Aster(SequenceReaderTable):
    """Rectification, a residual network, a BiLSTM and attention (Shi et al. 2018)."""

    name: Literal["aster"] = "aster"
    rectification: Annotated[NoRectification | Tps, Field(discriminator="name")] = NoRectification()
    """What straightens the image; the paper: tps."""
    stem_channels: int = Field(default=32, ge=4, le=512)
    """Channels of the first convolution."""
    channels: tuple[Annotated[int, Field(ge=4, le=1024)], ...] = Field(
        default=(32, 64, 96, 128, 192), min_length=5, max_length=5
    )
    """Channels of the five stages; the paper: 32, 64, 128, 256, 512."""
    num_blocks: tuple[Annotated[int, Field(ge=1, le=32)], ...] = Field(
        default=(1, 1, 2, 2, 1), min_length=5, max_length=5
    )
    """Residual blocks of each; the paper: 3, 4, 6, 6, 3."""
    deformable: bool = False
    """Whether the convolutions of the last stage bend to the image (Dai et al. 2017)."""
    neck: Neck = BiLstm(hidden_size=128)
    """What lets the places see each other; the paper: two layers of 256."""
    decoder: AttentionDecoderTable = AttentionDecoderTable()
    """What writes."""


class Satrn(SequenceReaderTable):
    """Convolutions, self-attention over the grid in two dimensions, a transformer decoder (Lee et al. 2020)."""

    name: Literal["satrn"] = "satrn"
    backbone: Annotated[ResidualGrid | DenseNet | ShallowCnn, Field(discriminator="name")] = ResidualGrid()
    """What turns an image into a grid of features."""
    encoder: TransformerEncoderTable = TransformerEncoderTable()
    """What lets the places see each other."""
    decoder: TransformerDecoderTable = TransformerDecoderTable()
    """What writes."""


class SrnLossTable(Table):
    """`[model.loss]` of SRN: the weighted sum of three cross-entropies (Yu et al. 2020, 3.5)."""

    visual_weight: float = Field(default=1.0, ge=0, le=10)
    """Weight of what is read by sight alone."""
    semantic_weight: float = Field(default=0.15, ge=0, le=10)
    """Weight of what the other tokens alone suggest."""
    fused_weight: float = Field(default=2.0, gt=0, le=10)
    """Weight of both together, which is the answer."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target's probability spread over all tokens."""


class Srn(Table):
    """All tokens at once by sight, then each corrected by all others (Yu et al. 2020)."""

    name: Literal["srn"] = "srn"
    backbone: ResidualGrid = ResidualGrid()
    """What turns an image into a grid of features; the grid needs as many places as a text has units."""
    hidden_size: int = Field(default=192, ge=8, le=2048, multiple_of=8)
    """Length of the vectors; the paper: 512."""
    filter_size: int = Field(default=384, ge=8, le=8192)
    """Length inside the feed-forward parts."""
    num_heads: int = Field(default=8, ge=1, le=32)
    """Heads of attention."""
    num_visual_layers: int = Field(default=2, ge=1, le=12)
    """Transformer units over the grid; the paper: 2."""
    num_semantic_layers: int = Field(default=2, ge=1, le=12)
    """Transformer units of each direction over the tokens; the paper: 4."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share dropped."""
    max_length: int = Field(default=32, ge=1, le=500)
    """Most units of a text."""
    loss: SrnLossTable = SrnLossTable()
    """What is minimised."""


class ParallelLossTable(Table):
    """`[model.loss]` of CSTR: cross-entropy at each place of the text up to its end."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target's probability spread over all tokens."""


class PositionWise(Table):
    """Each place of the text looks at the grid itself."""

    name: Literal["position_wise"] = "position_wise"
    num_heads: int = Field(default=8, ge=1, le=32)
    """Heads of attention; they divide hidden_size."""


class Pooled(Table):
    """The paper's head: one vector, the mean of the grid, tells all places of the text. It cannot hold a long one."""

    name: Literal["pooled"] = "pooled"
    allow_overfull: bool = False
    """Build it even where the vector has too few numbers for so long a text."""


class Cstr(Table):
    """Each place of the text is classified on its own, over a pyramid of features (Cai et al. 2021)."""

    name: Literal["cstr"] = "cstr"
    base_channels: int = Field(default=12, ge=2, le=64)
    """Channels of the first convolution; the stages have 2, 4, 8 and 16 times as many. The paper: 48."""
    stem_stride: Literal[1, 2] = 2
    """Stride of the first convolution: with 2 the pyramid is an eighth of the image, with 1, as in the paper, a quarter at four times the
    cost."""
    num_blocks: tuple[Annotated[int, Field(ge=1, le=32)], ...] = Field(
        default=(1, 2, 2, 1, 1), min_length=5, max_length=5
    )
    """Residual blocks of the five groups; the paper: 1, 4, 7, 5, 3."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of each position's values dropped before its answer."""
    hidden_size: int = Field(default=128, ge=8, le=2048)
    """Length of the vectors of the pyramid; the paper: 512."""
    head: Annotated[PositionWise | Pooled, Field(discriminator="name")] = PositionWise()
    """What turns the pyramid into tokens."""
    max_length: int = Field(default=32, ge=1, le=500)
    """Most units of a text."""
    loss: ParallelLossTable = ParallelLossTable()
    """What is minimised."""


class GrammarTable(Table):
    """`[decode.grammar]`: what may not be written; all off."""

    balanced_braces: bool = False
    """Close no brace that is not open, and leave none open."""
    paired_delimiters: bool = False
    r"""Each `\left` has its `\right`, each `\begin` its `\end`."""
    complete_commands: bool = False
    r"""Commands and scripts have their arguments, as `\frac` has two; needs balanced_braces."""
    no_bad_start: bool = False
    r"""Begin with no `}`, `^`, `_` or `\right`."""
    max_repeats: int | None = Field(default=None, ge=1, le=100)
    """Most times in a row that one token is written."""
    max_phrase_repeats: int | None = Field(default=None, ge=1, le=100)
    """Most times in a row that two to eight tokens are written."""

    @model_validator(mode="after")
    def _arguments_have_braces(self) -> "GrammarTable":
        if self.complete_commands and not self.balanced_braces:
            raise ValueError("complete_commands: counts what stands in braces; set balanced_braces = true too")
        return self


class BeamSearch(Table):
    """The likeliest text by the mean over its tokens, of those that the `beam_width` best beginnings lead to."""

    name: Literal["beam_search"] = "beam_search"
    beam_width: int = Field(default=5, ge=1, le=64)
    """Beginnings kept from token to token; 1 is greedy."""
    normalise_length: bool = True
    """Whether texts are compared by the mean over their tokens; otherwise by the sum, which prefers short ones."""
    grammar: GrammarTable = GrammarTable()
    """What may not be written."""
