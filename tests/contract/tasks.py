"""The tasks that every contract test runs over: both witnesses and the real ones, each as small as it can be."""

from typing import Any

from saccade.recipes.tables.classify import ClassifyPreprocessingTable, TimmModel
from saccade.recipes.tables.data import DataTable, SyntheticPlatesSource
from saccade.recipes.tables.neck import BiLstm
from saccade.recipes.tables.read import Crnn, LightResNet, ReadModel, ReadPreprocessingTable
from saccade.recipes.tables.recipe import ClassifyRecipe, ReadRecipe
from saccade.recipes.tables.sequence import (
    Aster,
    AttentionDecoderTable,
    AttentionReader,
    Cstr,
    PositionWise,
    ResidualGrid,
    Satrn,
    Srn,
    Tps,
    TransformerDecoderTable,
    TransformerEncoderTable,
)
from saccade.recipes.tables.training import AdamW, TrainTable
from saccade.tasks.base import Task
from saccade.tasks.classify.task import ClassifyTask
from saccade.tasks.read.task import ReadTask
from tests.contract.ragged_witness import BoxesRecipe, BoxesTask
from tests.contract.witness import ShapesRecipe, ShapesTask

NAMES = ("shapes", "boxes", "read", "attention", "aster", "satrn", "srn", "cstr", "classify")

TINY_READER = Crnn(
    backbone=LightResNet(stem_channels=8, channels=(16, 32), num_blocks=(1, 1), column_size=64),
    neck=BiLstm(hidden_size=32),
)
_WRITER = AttentionDecoderTable(hidden_size=8, embedding_size=8, dropout=0.0)
_GRID = ResidualGrid(channels=(4, 4, 8), num_blocks=(1, 1, 1))
#: Readers that write unit after unit, and those that write all at once.
TINY_READERS: dict[str, ReadModel] = {
    "attention": AttentionReader(
        channels=(4, 4, 6, 6, 8, 8, 8), neck=BiLstm(hidden_size=4), decoder=_WRITER, max_length=12
    ),
    "aster": Aster(
        rectification=Tps(num_points=4, height_px=24, width_px=64),
        stem_channels=4,
        channels=(4, 4, 6, 6, 8),
        num_blocks=(1, 1, 1, 1, 1),
        neck=BiLstm(hidden_size=4),
        decoder=_WRITER,
        max_length=12,
    ),
    "satrn": Satrn(
        backbone=_GRID,
        encoder=TransformerEncoderTable(hidden_size=8, filter_size=8, num_layers=1, num_heads=2, dropout=0.0),
        decoder=TransformerDecoderTable(hidden_size=8, filter_size=8, num_layers=1, num_heads=2, dropout=0.0),
        max_length=12,
    ),
    "srn": Srn(
        backbone=_GRID,
        hidden_size=8,
        filter_size=8,
        num_heads=2,
        num_visual_layers=1,
        num_semantic_layers=1,
        dropout=0.0,
        max_length=12,
    ),
    "cstr": Cstr(
        base_channels=2,
        stem_stride=1,
        num_blocks=(1, 1, 1, 1, 1),
        hidden_size=8,
        head=PositionWise(num_heads=2),
        dropout=0.0,
        max_length=12,
    ),
}
_TALL = ("attention", "cstr")
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
        case "read" | "attention" | "aster" | "satrn" | "srn" | "cstr":
            small = {
                "data": READ_DATA,
                "model": TINY_READERS.get(name, TINY_READER),
                "preprocessing": ReadPreprocessingTable(height_px=48 if name in _TALL else 24, width_px=96),
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
