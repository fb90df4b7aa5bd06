"""`saccade demo`: two small experiments on drawn plates, compared on one page.

They go the way of `saccade train`; what the page says is measured when it runs.
"""

import sys
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saccade.errors import InputError

if TYPE_CHECKING:
    from saccade.report.html import Reading

_SERIES = "synthetic_plates"
_EXPERIMENTS = ("baseline", "moving_corners")
_UNSEEN_SEED = 3
_UNSEEN = (("drawn as in training", 0.3), ("drawn harder", 0.7))
"""What is said of a kind of unseen plates, and their difficulty."""
_COMMANDS = """\
saccade new FOLDER            # looks at images and labels, writes recipe.toml
saccade train recipe.toml     # prints the folder of the run
saccade evaluate RUN
saccade predict RUN IMAGE..."""


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where records and the page go.")] = Path("saccade-demo"),
) -> None:
    """Train two experiments, write one page.

    Their plates are drawn, so it needs no data; they are compared on the page, whose path is printed.
    """
    with as_file(files("saccade.data.synthetic") / "recipes") as recipes:
        print(make_demo(out, recipes))


def make_demo(out: Path, recipes: Path, *, num_unseen: int = 12) -> Path:
    """Train the two recipes of a folder, compare their runs and return the page.

    Args:
        out: Folder of the records and the page; made where it is missing.
        recipes: Folder of `baseline.toml` and of its child `moving_corners.toml`.
        num_unseen: How many plates, half of them harder, are read at the end.

    Raises:
        InputError, RunFailedError, StoppedError: As `saccade train`; or the page cannot be written.
    """
    from saccade.records.reader import read_run
    from saccade.report.comparison import compare_runs
    from saccade.report.html import describe_difference, render_page

    print("drawing plates; the two trainings that follow take about a minute each", file=sys.stderr)
    parent, child = train_both(recipes, out / "runs")
    comparison = compare_runs(read_run(parent), read_run(child))
    print(f"{comparison.verdict}: {describe_difference(comparison.exact_match)} of exact match", file=sys.stderr)
    page = render_page(
        comparison,
        read_unseen(child, num_unseen),
        title="Does it read better when corners move and the light changes?",
        commands=_COMMANDS,
    )
    path = out / "index.html"
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another place with --out") from None
    return path


def train_both(recipes: Path, runs: Path) -> tuple[Path, Path]:
    """Train the first attempt and its child, over the same images, and return the folders of the two runs."""
    from saccade.commands.progress import Display
    from saccade.engine.run import train_run
    from saccade.recipes.loader import load
    from saccade.tasks.registry import build_task

    loaded = [load(recipes / f"{name}.toml") for name in _EXPERIMENTS]
    first = build_task(loaded[0].recipe)
    folders = []
    for one, name in zip(loaded, _EXPERIMENTS, strict=True):
        # The child's task shares the plates that are drawn already, as the seeds of `saccade train` do.
        task = first.with_recipe(one.recipe)
        with Display() as hooks:
            folders.append(train_run(task, runs=runs, name=(_SERIES, name), loaded=one, hooks=hooks))
    parent, child = folders
    return parent, child


def read_unseen(run: Path, num_images: int) -> "Sequence[Reading]":
    """Draw plates that no training saw, and read them with a run's best weights."""
    import cv2

    from saccade.data.synthetic.plates import draw_plate
    from saccade.door import load
    from saccade.report.html import Reading

    kinds = [_UNSEEN[index * len(_UNSEEN) // num_images] for index in range(num_images)]
    plates = [draw_plate(_UNSEEN_SEED, index, difficulty=difficulty) for index, (_, difficulty) in enumerate(kinds)]
    predictions = load(run).predict([plate.image for plate in plates])
    return [
        Reading(cv2.imencode(".png", plate.image[:, :, ::-1])[1].tobytes(), kind, plate.text, prediction)
        for (kind, _), plate, prediction in zip(kinds, plates, predictions, strict=True)
    ]
