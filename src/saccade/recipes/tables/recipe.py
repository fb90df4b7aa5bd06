"""The recipe itself: what every task shares, and one class a task."""

from typing import Literal

from pydantic import Field, model_validator

from saccade.recipes.tables.augment import ReadAugment
from saccade.recipes.tables.base import Table
from saccade.recipes.tables.classify import (
    ClassesTable,
    ClassifyAugment,
    ClassifyLossTable,
    ClassifyModel,
    ClassifyPreprocessingTable,
    TimmModel,
)
from saccade.recipes.tables.data import DataTable
from saccade.recipes.tables.read import (
    Crnn,
    Decode,
    Greedy,
    MobileNetV3,
    ReadModel,
    ReadPreprocessingTable,
    ResNetVd,
    TextTable,
)
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
    stage: tuple[Stage, ...] = ()
    """Keys that change during training."""
    budget: BudgetTable | None = None
    """Time that is there."""
    reported: Reported | None = None
    """What somebody else published."""

    record_only = frozenset({"hypothesis", "expect", "reported"})

    @model_validator(mode="after")
    def _schedule_fits(self) -> "Recipe":
        """Refuse a warm-up that outlasts training, and a rate that starts or ends above the peak."""
        warmup, epochs = getattr(self.schedule, "warmup_epochs", 0.0), self.train.epochs
        if warmup > epochs:
            raise ValueError(f'"schedule.warmup_epochs": {warmup:g} epochs of warm-up outlast train.epochs = {epochs}')
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
    """The characters."""
    model: ReadModel = Crnn()
    """The network."""
    augment: ReadAugment = ReadAugment()
    """What happens to training images only."""
    decode: Decode = Greedy()
    """How logits become text."""

    @model_validator(mode="after")
    def _one_row_is_left(self) -> "ReadRecipe":
        """Refuse a height at which the backbone's last features are no single row, which would not be a line of steps."""
        height, backbone = self.preprocessing.height_px, self.model.backbone
        if isinstance(backbone, ResNetVd | MobileNetV3) and not 18 <= height <= 48:
            raise ValueError(
                f'"preprocessing.height_px": {height} px leave no single row behind {backbone.name}; give 18 to 48, such as 32'
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


RECIPES: dict[str, type[Recipe]] = {"classify": ClassifyRecipe, "read": ReadRecipe}
"""Task name -> its recipe."""
