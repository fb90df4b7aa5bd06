"""The tasks that every contract test runs over: both witnesses and the real ones, each as small as it can be."""

from typing import Any

from saccade.recipes.tables.classify import ClassifyPreprocessingTable, TimmModel
from saccade.recipes.tables.data import DataTable, SyntheticPlatesSource
from saccade.recipes.tables.read import BiLstm, Crnn, LightResNet, ReadPreprocessingTable
from saccade.recipes.tables.recipe import ClassifyRecipe, ReadRecipe
from saccade.recipes.tables.training import AdamW, TrainTable
from saccade.tasks.base import Task
from saccade.tasks.classify.task import ClassifyTask
from saccade.tasks.read.task import ReadTask
from tests.contract.ragged_witness import BoxesRecipe, BoxesTask
from tests.contract.witness import ShapesRecipe, ShapesTask

NAMES = ("shapes", "boxes", "read", "classify")

TINY_READER = Crnn(
    backbone=LightResNet(stem_channels=8, channels=(16, 32), num_blocks=(1, 1), column_size=64),
    neck=BiLstm(hidden_size=32),
)
READ_DATA = DataTable(
    train=(SyntheticPlatesSource(num_images=32, seed=1, difficulty=0.0),),
    val=(SyntheticPlatesSource(num_images=8, seed=1, difficulty=0.0),),
)
# Plates with one digit on them: ten classes, drawn.
CLASSIFY_DATA = DataTable(
    train=(SyntheticPlatesSource(num_images=48, seed=1, layouts=("0",), difficulty=0.0),),
    val=(SyntheticPlatesSource(num_images=16, seed=1, layouts=("0",), difficulty=0.0),),
)


def make_task(name: str, **tables: Any) -> Task[Any, Any]:
    """Return a small task; `tables` replace those of its recipe."""
    tables = {
        "train": TrainTable(epochs=2, batch_size=16, log_every_steps=1),
        "optimizer": AdamW(learning_rate=5e-3),
    } | tables
    match name:
        case "shapes":
            return ShapesTask(ShapesRecipe(**tables))
        case "boxes":
            return BoxesTask(BoxesRecipe(**tables))
        case "read":
            small = {
                "data": READ_DATA,
                "model": TINY_READER,
                "preprocessing": ReadPreprocessingTable(height_px=24, width_px=96),
            }
            return ReadTask(ReadRecipe(**(small | tables)))
        case "classify":
            small = {
                "data": CLASSIFY_DATA,
                "model": TimmModel(architecture="test_resnet"),
                "preprocessing": ClassifyPreprocessingTable(height_px=24, width_px=24),
            }
            return ClassifyTask(ClassifyRecipe(**(small | tables)))
    raise ValueError(name)
