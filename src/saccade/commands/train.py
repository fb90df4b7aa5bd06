"""`saccade train`: a recipe, or a run that was stopped, to finished runs."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saccade.commands.paths import read_path, refuse_experiment
from saccade.errors import InputError, make_printable

if TYPE_CHECKING:
    from saccade.recipes.loader import LoadedRecipe


def train(
    recipe: Annotated[Path | None, typer.Argument(parser=read_path, help="A recipe file.", show_default=False)] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", parser=read_path, help="Go on with this stopped run.", show_default=False),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="One run a seed, such as 0,1,2; default: the recipe's.", show_default=False)
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key; marks the run ad hoc.")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="[SPLIT=]FORMAT:PATH", help="Other data in the recipe's place.")
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(parser=read_path, help="Folder of relative data paths.", show_default=False)
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(parser=read_path, help="Where records go; default: runs.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    sinks: Annotated[
        list[str] | None,
        typer.Option("--sink", metavar="NAME", help="Show the curves in wandb or tensorboard too; may be repeated."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the folders and what the seeds say together as JSON.")
    ] = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Measure how long it takes here; train nothing.")
    ] = False,
) -> None:
    """Train a recipe, or go on with a run.

    Prints the folder of each run, one line a seed, and on stderr what several seeds say together. --resume goes on with
    the sinks that the run had; --sink none with no sink. Under torchrun the ranks train one run together.
    """
    if (recipe is None) == (resume is None):
        raise InputError("give either a recipe or --resume RUN, as in: saccade train recipe.toml")
    if resume is not None:
        if seeds or overrides or data or data_root or runs or estimate:
            raise InputError("--resume goes on with the run's own recipe, data and folder; leave the other options out")
        _resume(resume, device, sinks or [], as_json=as_json)
        return
    assert recipe is not None
    from saccade.data.formats.sources import require_sources
    from saccade.recipes.loader import load
    from saccade.records.sinks.choice import choose_sinks

    shown = choose_sinks(sinks or [])
    loaded = load(recipe, overrides=overrides or [], data=data or [], data_root=data_root)
    wanted = _read_seeds(seeds, loaded.recipe.seed)
    require_sources(loaded.recipe.data)
    if estimate:
        _estimate(loaded, len(wanted), device, as_json=as_json)
        return
    folders = _train_seeds(loaded, wanted, runs or Path("runs"), device, shown, echo=not as_json)
    _sum_up(folders, as_json=as_json)


def _train_seeds(
    loaded: "LoadedRecipe", seeds: list[int], runs: Path, device: str, sinks: list[str], *, echo: bool
) -> list[Path]:
    """Train one run a seed and return their folders; nothing on ranks beside the first."""
    from saccade.commands.progress import Display
    from saccade.engine.device import read_ranks
    from saccade.engine.run import train_run
    from saccade.tasks.registry import build_task

    is_first = read_ranks().is_first
    shown = sinks if is_first else []
    task = build_task(loaded.recipe)
    name = (loaded.path.parent.name or "recipes", loaded.path.stem)
    folders = []
    for seed in seeds:
        # each takes over the data that the one before has read
        task = task.with_recipe(loaded.recipe.model_copy(update={"seed": seed}))
        with Display((task.recipe.select or task.default_select).metric, shown, quiet=not is_first) as hooks:
            folder = train_run(task, runs=runs, name=name, loaded=loaded, device=device, hooks=hooks)
        if is_first:
            folders.append(folder)
            if echo:
                typer.echo(folder)
    return folders


def _estimate(loaded: "LoadedRecipe", num_seeds: int, device: str, *, as_json: bool) -> None:
    """Print how long a training takes on this machine, by some of its steps and a validation; nothing is written."""
    from saccade.engine.device import read_ranks
    from saccade.engine.run import estimate_run
    from saccade.tasks.registry import build_task

    task = build_task(loaded.recipe)
    seconds = estimate_run(task, device=device)
    if not read_ranks().is_first:
        return
    if as_json:
        typer.echo(json.dumps({"seconds": seconds, "num_seeds": num_seeds}))
        return
    epochs = loaded.recipe.train.epochs
    seeds = f"; {num_seeds} seeds: {_write_duration(num_seeds * seconds)}" if num_seeds > 1 else ""
    length = "1 epoch" if epochs == 1 else f"{epochs} epochs"
    typer.echo(f"about {_write_duration(seconds)} for {length} on this machine, as busy as it is now{seeds}")


def _write_duration(seconds: float) -> str:
    """Write a time with no more digits than an estimate has: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _sum_up(folders: list[Path], *, as_json: bool) -> None:
    """Print what the runs say together: as JSON on stdout, or of several on stderr."""
    from saccade.commands.seeds import print_seeds, summarise_seeds

    if as_json and folders:
        typer.echo(json.dumps(summarise_seeds(folders), ensure_ascii=False, indent=2, allow_nan=False))
    elif len(folders) > 1:
        print_seeds(summarise_seeds(folders))


def _resume(folder: Path, device: str, sinks: list[str], *, as_json: bool) -> None:
    from saccade.records.reader import read_run
    from saccade.records.sinks.choice import choose_sinks

    refuse_experiment(folder)
    if read_run(folder).status["state"] == "finished":
        _say_finished(folder, as_json=as_json)
        return
    shown = choose_sinks(sinks, resumed=folder)
    from saccade.commands.progress import Display
    from saccade.engine.device import read_ranks
    from saccade.engine.run import resume_run
    from saccade.recipes.loader import load
    from saccade.tasks.registry import build_task

    task = build_task(load(folder / "recipe.toml").recipe)
    is_first = read_ranks().is_first
    shown = shown if is_first else []
    with Display((task.recipe.select or task.default_select).metric, shown, quiet=not is_first) as hooks:
        resume_run(task, folder, device=device, hooks=hooks)
    if is_first and as_json:
        _sum_up([folder], as_json=True)
    elif is_first:
        typer.echo(folder)


def _say_finished(folder: Path, *, as_json: bool) -> None:
    """Say that there is nothing to go on with; the record stays as it is."""
    from saccade.engine.device import read_ranks

    if not read_ranks().is_first:
        return
    note = (
        f"{folder} has finished, nothing is left to train; measure it with: saccade evaluate {shlex.quote(str(folder))}; to train longer, "
        "start a new run from its weights: [start] weights"
    )
    print(make_printable(note), file=sys.stderr)
    if as_json:
        _sum_up([folder], as_json=True)
    else:
        typer.echo(folder)


def _read_seeds(text: str | None, default: int) -> list[int]:
    if text is None:
        return [default]
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"--seeds {text}: write whole numbers with commas between them, such as 0,1,2") from None
    if len(set(seeds)) < len(seeds) or not 0 <= min(seeds) <= max(seeds) < 2**32:
        raise InputError(f"--seeds {text}: each seed once, from 0 to 4294967295")
    return seeds
