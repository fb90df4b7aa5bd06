"""What `saccade data` must know of each task: how its splits are read, what its labels are, which examples it trains on."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saccade.errors import InputError

if TYPE_CHECKING:
    from saccade.data.label_statistics import Labels
    from saccade.data.splits import DividedData, Split
    from saccade.recipes.tables.recipe import ClassifyRecipe, ReadRecipe, Recipe
    from saccade.tasks.base import Examples


class RecipeData(ABC):
    """The data of a recipe, read and checked."""

    recipe: "Recipe"
    splits: "DividedData"
    change_title = "augmented"
    """What stands above a picture that augmentation made."""

    @property
    @abstractmethod
    def labels(self) -> "Labels":
        """What the labels are."""

    @abstractmethod
    def make_examples(self, split: "Split") -> "Examples[Any]":
        """Return the images of a split as training sees them, not augmented."""


class _ReadData(RecipeData):
    recipe: "ReadRecipe"

    def __init__(self, recipe: "ReadRecipe") -> None:
        from saccade.data.splits import load_splits

        self.recipe = recipe
        self.splits = load_splits(recipe.data, text=recipe.text)
        self._units = self.splits.units

    @property
    def labels(self) -> "Labels":
        from saccade.data.label_statistics import make_text_labels

        return make_text_labels(self._units)

    def make_examples(self, split: "Split") -> "Examples[Any]":
        from saccade.data.preprocess import Preprocessing
        from saccade.tasks.read.data import ReadExamples
        from saccade.text.vocabulary import Vocabulary

        preprocessing = Preprocessing.from_recipe(self.recipe.preprocessing, self._units)
        return ReadExamples(split.entries, preprocessing, Vocabulary(self._units))


class _ClassifyData(RecipeData):
    recipe: "ClassifyRecipe"

    def __init__(self, recipe: "ClassifyRecipe") -> None:
        from saccade.data.classes import load_class_splits

        self.recipe = recipe
        self.splits = load_class_splits(recipe.data, classes=recipe.classes.names)
        self._classes = self.splits.classes
        if recipe.augment.mix.name != "none":
            self.change_title = "augmented, mixed"

    @property
    def labels(self) -> "Labels":
        from saccade.data.label_statistics import Classes

        return Classes(self._classes)

    def make_examples(self, split: "Split") -> "Examples[Any]":
        from saccade.data.preprocess import Preprocessing
        from saccade.tasks.classify.data import ClassifyExamples

        return ClassifyExamples(
            split.entries, Preprocessing.from_recipe(self.recipe.preprocessing, classes=self._classes)
        )


_TASKS: dict[str, Callable[[Any], RecipeData]] = {"classify": _ClassifyData, "read": _ReadData}


def read_recipe_data(path: Path, data_root: Path | None) -> RecipeData:
    """Read all sources of a recipe file.

    Raises:
        InputError: The recipe, a source, a label or an image is not as training needs it.
    """
    from saccade.recipes.loader import load

    recipe = load(path, data_root=data_root).recipe
    if not recipe.is_trained:
        raise InputError(f"{path}: trains nothing; give the recipe of a member, whose images are prepared for it")
    return _TASKS[recipe.task](recipe)
