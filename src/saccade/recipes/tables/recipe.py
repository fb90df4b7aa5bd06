"""The recipe itself: what every task shares, and one class a task."""

from functools import reduce
from typing import Annotated, Literal

from pydantic import Field, model_validator

from saccade.recipes.tables.augment import ReadAugment
from saccade.recipes.tables.base import Table
from saccade.recipes.tables.classify import (
    ClassesTable,
    ClassifyAugment,
    ClassifyLossTable,
    ClassifyModel,
    ClassifyPreprocessingTable,
    Cutout,
    TimmModel,
)
from saccade.recipes.tables.data import DataTable
from saccade.recipes.tables.ensemble import Ensemble
from saccade.recipes.tables.read import (
    Crnn,
    Decode,
    Greedy,
    MobileNetV3,
    PrefixBeam,
    ReadPreprocessingTable,
    ResNetVd,
    TextTable,
    TrainedReader,
)
from saccade.recipes.tables.sequence import BeamSearch, Cstr, GrammarTable, Srn
from saccade.recipes.tables.training import (
    AdamW,
    BudgetTable,
    Constant,
    Optimizer,
    Reported,
    Schedule,
    SelectTable,
    Stage,
    StartTable,
    TrainTable,
)

_OF_TRAINING = frozenset({"optimizer", "schedule", "start", "stage", "budget"}) | {
    f"train.{name}" for name in TrainTable.model_fields if name != "batch_size"
}
"""What means nothing where nothing is trained; images are read in batches all the same."""


class Recipe(Table):
    """Everything that decides a run, except the data itself. A task of one's own subclasses it and adds its tables."""

    task: str
    """What is trained."""
    hypothesis: str | None = None
    """What this experiment asks; required wherever `extends` is."""
    expect: tuple[str, ...] = ()
    """Codes of faults that this recipe repeats on purpose."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of every random draw."""
    data: DataTable
    """Sources and how they are held."""
    train: TrainTable = TrainTable()
    """The loop."""
    optimizer: Optimizer = AdamW()
    """The optimiser."""
    schedule: Schedule = Constant()
    """The learning rate over time."""
    select: SelectTable | None = None
    """Which result chooses the best checkpoint; default: the task's."""
    start: StartTable | None = None
    """Weights to begin from; default: fresh ones."""
    stage: tuple[Stage, ...] = Field(default=(), max_length=100)
    """Keys that change during training."""
    budget: BudgetTable | None = None
    """Time that is there."""
    reported: Reported | None = None
    """What somebody else published."""

    record_only = frozenset({"hypothesis", "expect", "reported"})

    @property
    def is_trained(self) -> bool:
        """Whether there is something to train; what is put together from trained models is only measured."""
        return True

    @property
    def idle(self) -> frozenset[str]:
        """Dotted keys that mean nothing in this recipe: they are refused, shown nowhere and no difference."""
        if self.is_trained:
            return frozenset()
        return _OF_TRAINING if self.data.train else _OF_TRAINING | {"data.train", "data.val_fraction"}

    @model_validator(mode="after")
    def _data_are_there(self) -> "Recipe":
        wanted = "list of [[tables]], at least 1 of them"
        if self.is_trained and not self.data.train:
            if "train" in self.data.model_fields_set:
                raise ValueError(f'"data.train": expected {wanted}, found empty list')
            raise ValueError(f'missing key "data.train" ({wanted})')
        if not (self.data.train or self.data.val):
            raise ValueError(f'missing key "data.val" ({wanted}): the images that are read')
        return self

    @model_validator(mode="after")
    def _nothing_is_set_for_nothing(self) -> "Recipe":
        for key in sorted(key for key in self.idle if not key.startswith("data.")):
            table, *below = key.split(".")
            default = type(self).model_fields[table].default
            if reduce(getattr, below, getattr(self, table)) != reduce(getattr, below, default):
                raise ValueError(f'"{key}": has no effect where nothing is trained; remove it')
        return self

    @model_validator(mode="after")
    def _schedule_fits(self) -> "Recipe":
        """Refuse a warm-up that outlasts training, drops that never come, and a rate that starts or ends above the peak."""
        warmup, epochs = getattr(self.schedule, "warmup_epochs", 0.0), self.train.epochs
        if warmup > epochs:
            raise ValueError(
                f'"schedule.warmup_epochs": {warmup:g} epochs of warm-up outlast train.epochs = {epochs}; write at most {epochs}'
            )
        first_drop = min(getattr(self.schedule, "milestone_epochs", (0.0,)))
        if first_drop >= epochs:
            raise ValueError(
                f'"schedule.milestone_epochs": {first_drop:g} never comes; training ends after {epochs} epochs'
            )
        for name in ("warmup_start_rate", "min_rate"):
            rate, peak = getattr(self.schedule, name, 0.0), self.optimizer.learning_rate
            if rate > peak:
                raise ValueError(f'"schedule.{name}": {rate:g} is above the peak, optimizer.learning_rate = {peak:g}')
        return self


class ReadRecipe(Recipe):
    """A recipe of the read task: an image of one line of text in, the text out."""

    task: Literal["read"] = "read"
    """Read a line of text."""
    preprocessing: ReadPreprocessingTable = ReadPreprocessingTable()
    """The model's input."""
    text: TextTable = TextTable()
    """The characters or tokens."""
    model: Annotated[TrainedReader | Ensemble, Field(discriminator="name")] = Crnn()
    """The network."""
    augment: ReadAugment = ReadAugment()
    """What happens to training images only."""
    decode: Decode = Greedy()
    """How logits become text."""

    @property
    def is_trained(self) -> bool:
        """Whether there is something to train: an ensemble is put together from readers that are."""
        return not isinstance(self.model, Ensemble)

    @property
    def idle(self) -> frozenset[str]:
        """Dotted keys that mean nothing in this recipe; the members of an ensemble have inputs of their own."""
        return super().idle if self.is_trained else super().idle | {"preprocessing", "augment"}

    @model_validator(mode="after")
    def _one_row_is_left(self) -> "ReadRecipe":
        """Refuse a height at which the backbone's last features are no single row, which would not be a line of steps."""
        height, backbone = self.preprocessing.height_px, self.model.backbone if isinstance(self.model, Crnn) else None
        if isinstance(backbone, ResNetVd | MobileNetV3) and not 18 <= height <= 48:
            raise ValueError(
                f'"preprocessing.height_px": {height} px leave no single row behind {backbone.name}; give 18 to 48, such as 32'
            )
        return self

    @model_validator(mode="after")
    def _model_offers_the_search(self) -> "ReadRecipe":
        is_ctc, is_parallel = isinstance(self.model, Crnn), isinstance(self.model, Srn | Cstr)
        if isinstance(self.decode, PrefixBeam) and not is_ctc:
            raise ValueError(
                '"decode.name": prefix_beam sums the paths of CTC; for this model give "greedy" or "beam_search"'
            )
        if isinstance(self.decode, BeamSearch) and (is_ctc or is_parallel):
            other = '"greedy" or "prefix_beam"' if is_ctc else '"greedy"'
            raise ValueError(
                f'"decode.name": beam_search goes from unit to unit, which {self.model.name} does not; give {other}'
            )
        has_grammar = isinstance(self.decode, BeamSearch) and self.decode.grammar != GrammarTable()
        if has_grammar and self.text.notation != "latex":
            raise ValueError('"decode.grammar": is that of LaTeX; set text.notation = "latex" or remove it')
        return self

    @model_validator(mode="after")
    def _ink_has_paper(self) -> "ReadRecipe":
        if self.augment.concatenation.layout == "ink" and self.preprocessing.fit.name == "stretch":
            raise ValueError(
                '"augment.concatenation.layout": stretched images fill their frames; give "line", or preprocessing.fit = { name = "pad" }'
            )
        return self

    @model_validator(mode="after")
    def _grey_has_no_hue(self) -> "ReadRecipe":
        if self.preprocessing.colour == "grey" and self.augment.text_line.hsv_probability > 0:
            raise ValueError(
                '"augment.text_line.hsv_probability": a grey image has no hue and no saturation; '
                'set it to 0 and use brightness_probability, or give preprocessing.colour = "rgb"'
            )
        return self


class ClassifyRecipe(Recipe):
    """A recipe of the classify task: an image in, one of several classes out."""

    task: Literal["classify"] = "classify"
    """Name what an image shows."""
    preprocessing: ClassifyPreprocessingTable = ClassifyPreprocessingTable()
    """The model's input."""
    classes: ClassesTable = ClassesTable()
    """What can be answered."""
    model: ClassifyModel = TimmModel()
    """The network."""
    augment: ClassifyAugment = ClassifyAugment()
    """What happens to training images only."""
    loss: ClassifyLossTable = ClassifyLossTable()
    """What is minimised."""

    @model_validator(mode="after")
    def _augmentation_fits_the_images(self) -> "ClassifyRecipe":
        """Refuse changes of colours that there are not, and squares and shifts that leave nothing of an image."""
        height, width = self.preprocessing.height_px, self.preprocessing.width_px
        jitter, erasing = self.augment.jitter, self.augment.erasing
        for name in ("saturation", "hue"):
            if self.preprocessing.colour == "grey" and getattr(jitter, name):
                raise ValueError(f'"augment.jitter.{name}": grey images have none; remove it')
        if 2 * self.augment.crop_padding_px >= min(height, width):
            raise ValueError(
                f'"augment.crop_padding_px": {self.augment.crop_padding_px} px push too much out of images of {width} x {height} px; '
                f"write at most {(min(height, width) - 1) // 2}"
            )
        if isinstance(erasing, Cutout) and erasing.size_px > max(height, width):
            raise ValueError(
                f'"augment.erasing.size_px": {erasing.size_px} px cover whole images of {width} x {height} px; write a smaller one'
            )
        return self


RECIPES: dict[str, type[Recipe]] = {"classify": ClassifyRecipe, "read": ReadRecipe}
"""Task name -> its recipe."""
