"""`[[stage]]`: the recipe that is in force from an epoch on.

Checked when the recipe is loaded, read by the engine when the epoch comes; nothing else of a recipe ever changes.
"""

from saccade.errors import InputError
from saccade.recipes.diff import diff, flatten, plain
from saccade.recipes.merge import merge
from saccade.recipes.tables.recipe import Recipe
from saccade.recipes.tables.training import Stage
from saccade.recipes.validation import validate_table

_MAY_CHANGE = ("train.grad_clip_norm", "optimizer.learning_rate", "optimizer.weight_decay")


def resolve_stage(recipe: Recipe, stage: Stage, *, file: str = "stage") -> Recipe:
    """Return the recipe with a stage's keys merged in; its list of stages is kept.

    Args:
        recipe: What was in force before the stage.
        stage: The keys that change.
        file: What an error names.

    Raises:
        InputError: A key is unknown, has a wrong value or may not change during training, or nothing changes.
    """
    own = {table: keys for table, keys in plain(stage).items() if table != "from_epoch" and keys}
    resolved = validate_table(type(recipe), merge(type(recipe), plain(recipe), own), file=file)
    for key in flatten(own):
        if key not in _MAY_CHANGE and not key.startswith(("augment.", "model.loss.")):
            raise InputError(
                f'{file}: "{key}" cannot change during training; {", ".join(_MAY_CHANGE)}, augment.* and model.loss.* can'
            )
    if not diff(recipe, resolved):
        raise InputError(f"{file}: changes nothing; every key has the value that holds already")
    return resolved


def stages_of(recipe: Recipe, *, file: str = "recipe") -> tuple[tuple[int, Recipe], ...]:
    """Return (first epoch, recipe in force) from epoch 0 on, in order; each stage builds on the one before.

    Raises:
        InputError: See `resolve_stage`; also epochs that do not ascend or lie beyond the last epoch.
    """
    resolved = [(0, recipe)]
    for index, stage in enumerate(recipe.stage):
        where, (before, current) = f"{file}: stage[{index}]", resolved[-1]
        if stage.from_epoch <= before:
            raise InputError(f"{where}: from_epoch {stage.from_epoch} does not come after {before}; sort the stages")
        if stage.from_epoch >= recipe.train.epochs:
            raise InputError(
                f"{where}: from_epoch {stage.from_epoch} never comes; training ends after {recipe.train.epochs} epochs: "
                "write the stages anew, or stage = [] for none"
            )
        resolved.append((stage.from_epoch, resolve_stage(current, stage, file=where)))
    return tuple(resolved)
