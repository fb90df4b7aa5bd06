"""The tasks there are, written out."""

from typing import Any

from saccade.recipes.tables.recipe import ClassifyRecipe, ReadRecipe, Recipe
from saccade.tasks.base import Task
from saccade.tasks.classify.task import ClassifyTask
from saccade.tasks.read.ensemble_task import EnsembleTask
from saccade.tasks.read.task import ReadTask

TASKS: dict[str, type[Task[Any, Any]]] = {"classify": ClassifyTask, "read": ReadTask}


def build_task(recipe: Recipe) -> Task[Any, Any]:
    """Return the task of a recipe."""
    match recipe:
        case ClassifyRecipe():
            return ClassifyTask(recipe)
        case ReadRecipe():
            return ReadTask(recipe) if recipe.is_trained else EnsembleTask(recipe)
        case _:
            raise TypeError(
                f'task "{recipe.task}" is not one of {", ".join(TASKS)}; pass a task of your own to saccade.train'
            )
