"""The tasks there are, written out."""

from typing import Any

from saccade.recipes.tables.recipe import ReadRecipe, Recipe
from saccade.tasks.base import Task
from saccade.tasks.read.task import ReadTask

TASKS: dict[str, type[Task[Any, Any]]] = {"read": ReadTask}


def build_task(recipe: Recipe) -> Task[Any, Any]:
    """Return the task of a recipe."""
    match recipe:
        case ReadRecipe():
            return ReadTask(recipe)
        case _:
            raise TypeError(
                f'task "{recipe.task}" is not one of {", ".join(TASKS)}; pass a task of your own to saccade.train'
            )
