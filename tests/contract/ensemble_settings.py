"""What the settings of an ensemble need to matter: runs of readers that it is put together from, and no table of training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from saccade.engine.assembly import open_assembly
from saccade.engine.device import Ranks
from saccade.engine.evaluate import predict_split
from saccade.engine.session import open_session, save_best
from saccade.recipes.tables.base import Table
from saccade.recipes.tables.ensemble import Ensemble, Member, MemberReader
from saccade.recipes.tables.sequence import Aster, AttentionReader, Satrn
from saccade.recipes.toml import to_toml
from saccade.tasks.read.task import ReadTask
from saccade.tasks.registry import build_task

CPU = torch.device("cpu")
Needs = dict[type[Table], dict[str, Any]]
_KINDS: dict[str, type[Table]] = {"attention": AttentionReader, "aster": Aster, "satrn": Satrn}
"""Readers that can be members."""
#: Of the recipe in which as much as possible is switched on, what an ensemble does not take.
_UNTRAINED: dict[str, Any] = {"train": {}, "optimizer": {"name": "adamw"}, "preprocessing": {}}
NEEDS: Needs = {Ensemble: {"member": [{"run": "members/satrn"}, {"run": "members/attention"}]}}
AROUND: dict[tuple[type[Table], str], dict[str, Any]] = {
    (table, name): _UNTRAINED for table in (Ensemble, Member) for name in table.model_fields
}
VARIANTS: Needs = {Ensemble: _UNTRAINED}
CHANGES: dict[tuple[type[Table], str], Any] = {
    (Ensemble, "turns_degrees"): [180],
    (Member, "run"): "members/aster",
}


def write_members(raw: dict[str, Any], needs: Needs, build: Callable[..., Any], folder: Path) -> None:
    """Make runs of readers with fresh weights, as far as an ensemble looks at them.

    Args:
        raw: A recipe that they are trained by.
        needs: Table -> what it is made of.
        build: Makes a recipe of plain tables.
        folder: Where the runs go, below `members`.
    """
    for name, kind in _KINDS.items():
        session = open_session(ReadTask(build(raw | {"model": {"name": name, **needs[kind]}}, folder)), CPU, Ranks())
        save_best(session, folder / "members" / name / "checkpoints" / "best")
        (folder / "members" / name / "recipe.toml").write_text(to_toml(session.task.frozen_recipe()))


def place_runs(raw: dict[str, Any], folder: Path) -> None:
    """Let the members' runs start from a folder; the tables are changed in place."""
    for member in raw.get("model", {}).get("member", []):
        member["run"] = str(folder / member["run"])


def is_of_member(union: tuple[Any, ...]) -> bool:
    """Tell whether a union says what a member is, which its run does."""
    return any(table is MemberReader for _, table, _ in union[0])


def read_together(recipe: Any) -> dict[str, Any]:
    """Return what an ensemble says of the validation images."""
    assembly = open_assembly(build_task(recipe), CPU, Ranks())
    metrics = predict_split(assembly.task, assembly.model, assembly.val, range(len(assembly.val)))
    return {"rows": json.dumps(metrics.rows()), "weights": assembly.model.state_dict()}
