"""Weights & Biases: one of its runs a run of ours, online or in a folder that `wandb sync` sends later.

Its own variables decide where: WANDB_MODE, WANDB_ENTITY, WANDB_PROJECT (default: the series), WANDB_DIR (default: the
run's folder).
"""

import os
import re
from pathlib import Path
from typing import Any

from saccade.records.sinks.base import Row, Sink, name_curves, read_recipe, read_results

_INIT_SECONDS = 30.0
_MOST_NAME_CHARACTERS = 128


class WandbSink(Sink):
    """Curves, the recipe as configuration, the final numbers as summary, the best checkpoint as an artifact."""

    name = "wandb"

    def open(self, folder: Path, earlier: Row | None) -> dict[str, object]:
        """Begin a run of W&B, or go on with the one of the earlier segment."""
        # On a terminal it would ask for an account; silent, it says that it is not logged in.
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb  # noqa: PLC0415  which reads that variable when it is imported

        self._folder = folder
        recipe = read_recipe(folder)
        series, experiment = folder.absolute().parts[-3:-1]
        project = os.environ.get("WANDB_PROJECT") or series
        self._run: Any = wandb.init(
            id=None if earlier is None else earlier["id"],
            resume=None if earlier is None else "allow",
            entity=None if earlier is None else earlier["entity"] or None,
            project=project if earlier is None else earlier["project"],
            name=os.environ.get("WANDB_NAME") or f"{experiment} seed {recipe.get('seed', 0)}",
            group=os.environ.get("WANDB_RUN_GROUP") or experiment,
            dir=os.environ.get("WANDB_DIR") or folder,
            config=recipe,
            settings=wandb.Settings(init_timeout=_INIT_SECONDS, console="off"),
        )
        where: dict[str, object] = {
            "id": self._run.id,
            "project": self._run.project,
            "entity": self._run.entity,
            "mode": self._run.settings.mode,
        }
        if where["mode"] == "online":
            where["url"] = self._run.url
        else:
            place = Path(self._run.dir).absolute().parent
            is_inside = place.is_relative_to(folder.absolute())
            where["folder"] = str(place.relative_to(folder.absolute()) if is_inside else place)
        return where

    def watch(self, row: Row) -> None:
        """Log a row's points; steps that are taken again after a resume W&B has already, and they are the same."""
        curves = name_curves(row)
        if curves:
            axes = {key: row[key] for key in ("epoch", "seconds") if key in row}
            self._run.log(curves | axes, step=row["step"])

    def close(self, state: str) -> None:
        """Send the results of a finished run, and end."""
        if state == "finished":
            self._run.summary.update(read_results(self._folder))
            self._log_checkpoint()
        self._run.summary["state"] = state
        self._run.finish(exit_code=0 if state == "finished" else 1)

    def drop(self) -> None:
        """Leave it to W&B, which ends what is open with the process."""

    def _log_checkpoint(self) -> None:
        import wandb  # noqa: PLC0415  as above

        name = re.sub(r"[^\w.-]", "-", f"{self._run.project}-{self._run.id}", flags=re.ASCII)
        artifact = wandb.Artifact(name[:_MOST_NAME_CHARACTERS], type="model", metadata=read_results(self._folder))
        best = self._folder / "checkpoints" / "best"
        for path in [self._folder / "recipe.toml", self._folder / "preprocessing.json", *sorted(best.iterdir())]:
            artifact.add_file(str(path), name=path.name, policy="immutable", skip_cache=True)
        self._run.log_artifact(artifact, aliases=["best"])
