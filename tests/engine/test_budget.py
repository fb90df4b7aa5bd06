"""A budget that training cannot keep to is refused with what would fit."""

import pytest
import torch

from saccade.engine.budget import check_budget
from saccade.engine.device import Ranks
from saccade.errors import InputError
from saccade.recipes.tables.training import BudgetTable, TrainTable
from tests.contract.witness import DrawnData, DrawnSource, ShapesRecipe, ShapesTask

DATA = DrawnData(train=(DrawnSource(num_images=32),), val=(DrawnSource(num_images=8, seed=1),))


@pytest.mark.parametrize(
    ("epochs", "hours", "cure"),
    [(10**5, 1e-3, r"lower train\.epochs to [1-9]\d*, or"), (1, 1e-12, r"not one epoch fits: raise budget\.hours, or")],
)
def test_what_would_fit_is_said(epochs: int, hours: float, cure: str) -> None:
    train = TrainTable(epochs=epochs, batch_size=16, validate_every_epochs=10**5)
    task = ShapesTask(ShapesRecipe(data=DATA, train=train, budget=BudgetTable(hours=hours)))
    with pytest.raises(InputError, match=cure):
        check_budget(task, torch.device("cpu"), Ranks())
