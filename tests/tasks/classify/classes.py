"""A contract of three classes or more, for networks that are tested without data."""

from saccade.data.preprocess import Preprocessing
from saccade.recipes.tables.classify import ClassifyPreprocessingTable


def make_preprocessing(table: ClassifyPreprocessingTable, num_classes: int = 7) -> Preprocessing:
    """Return the preprocessing of a classifier."""
    return Preprocessing.from_recipe(table, classes=[f"class {number}" for number in range(num_classes)])
