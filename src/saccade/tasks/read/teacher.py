"""The teacher of a distillation: a trained reader that says how probable each token is, and learns nothing itself.

Path: `[model.loss.distillation] run` -> its recipe, which must see the same images and read the same units -> its best
weights, in eval mode, without gradients. A run that was distilled is read without its teacher.
"""

from pathlib import Path

import torch
from jaxtyping import Float, Int64, UInt8
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from saccade.data.preprocess import Preprocessing
from saccade.data.splits import make_units
from saccade.errors import InputError
from saccade.recipes.loader import load
from saccade.recipes.tables.ensemble import Ensemble
from saccade.recipes.tables.read import TrainedReader
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.recipes.tables.sequence import Aster, AttentionReader, DistillationTable, Satrn
from saccade.recipes.tables.training import Stage
from saccade.tasks.read.members import find_run
from saccade.tasks.read.models import build_model, build_vocabulary

KEY = "model.loss.distillation.run"
_OF_THE_MODEL = frozenset({"mean", "std", "charset", "tokens"})
"""What a contract says of the model alone: two readers that differ in these see the same images."""
_NUM_NAMED = 3


def find_distillation(model: TrainedReader | Ensemble) -> DistillationTable | None:
    """Return the table of a model that learns from a teacher."""
    return model.loss.distillation if isinstance(model, AttentionReader | Aster | Satrn) else None


def pin_teacher(recipe: ReadRecipe) -> ReadRecipe:
    """Return the recipe with the run of its teacher, and of those of its stages, where it names the folder of an experiment.

    That folder holds another run as soon as the teacher is trained once more, and a record is to be repeated.

    Raises:
        InputError: As `find_run`.
    """
    model, table = recipe.model, find_distillation(recipe.model)
    if table is not None and isinstance(model, AttentionReader | Aster | Satrn):
        pinned = table.model_copy(update={"run": str(find_run(table.run, KEY))})
        model = model.model_copy(update={"loss": model.loss.model_copy(update={"distillation": pinned})})
    return recipe.model_copy(update={"model": model, "stage": tuple(map(_pin_stage, recipe.stage))})


def _pin_stage(stage: Stage) -> Stage:
    loss = stage.model.get("loss", {})
    table = loss.get("distillation", {})
    if "run" not in table:
        return stage
    pinned = {**table, "run": str(find_run(table["run"], KEY))}
    return stage.model_copy(update={"model": {**stage.model, "loss": {**loss, "distillation": pinned}}})


def load_teacher(name: str, preprocessing: Preprocessing, max_length: int) -> nn.Module:
    """Return the best weights of a run as a network in eval mode, on the CPU, that gives the logits of known texts.

    Args:
        name: The run, as the recipe says it.
        preprocessing: Of the reader that learns from it.
        max_length: Units of the longest text that it will be asked about.

    Raises:
        InputError: It is no run, has no weights, writes not token by token, sees other images, reads other units, or
            shorter texts.
    """
    folder = find_run(name, KEY)
    recipe = load(folder / "recipe.toml").recipe
    if not isinstance(recipe, ReadRecipe) or not isinstance(recipe.model, AttentionReader | Aster | Satrn):
        what = recipe.model.name if isinstance(recipe, ReadRecipe) else f"a run of task {recipe.task}"
        raise InputError(
            f"{folder}: {KEY} names {what}; only attention, aster and satrn, which write unit after unit, can teach"
        )
    own = Preprocessing.from_recipe(recipe.preprocessing, make_units(recipe.text))
    _check_same(folder, own, preprocessing)
    if recipe.model.max_length < max_length:
        raise InputError(
            f"{folder}: {KEY}: the teacher writes at most {recipe.model.max_length} units; lower model.max_length = {max_length}"
        )
    with torch.random.fork_rng(devices=[]):  # the reader that learns draws what it would draw alone
        network = build_model(recipe.model, own, len(build_vocabulary(recipe.model, make_units(recipe.text))))
    _load(network, folder)
    return network.requires_grad_(False).eval()


@torch.no_grad()
def ask_teacher(
    teacher: nn.Module, images: UInt8[Tensor, "B C H W"], inputs: Int64[Tensor, "B L"]
) -> Float[Tensor, "B L V"]:
    """Return the logits of the token that follows each true one; the teacher goes to where the images are."""
    if next(teacher.parameters()).device != images.device:
        teacher.to(images.device)
    logits: Tensor = teacher(images, inputs)
    return logits


def _check_same(folder: Path, own: Preprocessing, wanted: Preprocessing) -> None:
    theirs, ours = own.to_json(), wanted.to_json()
    differs = sorted(key for key in {*theirs, *ours} - _OF_THE_MODEL if theirs.get(key) != ours.get(key))
    if differs:
        told = ", ".join(f"{key} ({theirs.get(key)}, here {ours.get(key)})" for key in differs)
        raise InputError(f"{folder}: {KEY}: the teacher sees other images: {told}; give [preprocessing] the same")
    for key in ("charset", "tokens"):
        if theirs.get(key) != ours.get(key):
            told = _differ(list(theirs.get(key) or ()), list(ours.get(key) or ()))
            raise InputError(
                f"{folder}: {KEY}: the teacher reads other units: {told}; set [text] {key} to those of its recipe.toml"
            )


def _differ(theirs: list[str], ours: list[str]) -> str:
    lacks, has = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    return f"it lacks {_join(lacks)}, it has {_join(has)} besides"


def _join(names: list[str]) -> str:
    more = f" and {len(names) - _NUM_NAMED} more" if len(names) > _NUM_NAMED else ""
    return f"{' '.join(names[:_NUM_NAMED])}{more}" or "none"


def _load(network: nn.Module, folder: Path) -> None:
    best = folder / "checkpoints" / "best"
    path = next((path for name in ("ema", "model") if (path := best / f"{name}.safetensors").exists()), None)
    if path is None:
        raise InputError(f"{folder}: {KEY} names a run without a best checkpoint; name one that has been validated")
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path}: does not hold the weights of {folder}/recipe.toml ({reason}); restore it from a copy"
        ) from None
