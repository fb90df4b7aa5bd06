"""`saccade demo`: two small experiments on drawn plates, told on one page.

They go the way of `saccade train` and the page the way of `saccade report`; what it says is measured when it runs.
"""

import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from saccade.report.page import Block

_SERIES = "synthetic_plates"
_EXPERIMENTS = ("baseline", "moving_corners")
_TITLE = "Does it read better when corners move and the light changes?"
_UNSEEN_SEED = 3
_UNSEEN = (("drawn as in training", 0.3), ("drawn harder", 0.7))
"""What is said of a kind of unseen plates, and their difficulty."""
_COMMANDS = """\
saccade new FOLDER            # looks at images and labels, writes recipe.toml
saccade train recipe.toml     # prints the folder of the run
saccade evaluate RUN
saccade predict RUN IMAGE...
saccade note RUN TEXT         # what you make of it, kept with the run
saccade report runs           # this page, of all your runs"""


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where records and the page go.")] = Path("saccade-demo"),
) -> None:
    """Train two experiments, write one page.

    Their plates are drawn, so it needs no data. The page is that of `saccade report`, with plates read that neither
    training saw; its path is printed.
    """
    with as_file(files("saccade.data.synthetic") / "recipes") as recipes:
        print(make_demo(out, recipes))


def make_demo(out: Path, recipes: Path, *, num_unseen: int = 12) -> Path:
    """Train the two recipes of a folder, report on their runs and return the page.

    Args:
        out: Folder of the records and the page; made where it is missing.
        recipes: Folder of `baseline.toml` and of its child `moving_corners.toml`.
        num_unseen: How many plates, half of them harder, are read at the end.

    Raises:
        InputError, RunFailedError, StoppedError: As `saccade train`; or the page cannot be written.
    """
    from saccade.commands.report import read_images, write_report
    from saccade.report.chain import read_report
    from saccade.report.html import render_html
    from saccade.report.languages import LANGUAGES
    from saccade.report.script import Script
    from saccade.report.sections import Extra, make_page
    from saccade.report.steps import describe_difference, name_verdict

    print("drawing plates; the two trainings that follow take about a minute each", file=sys.stderr)
    words = LANGUAGES["en"]
    folders = train_both(recipes, out / "runs")
    with Script() as script:
        report = read_report(out / "runs")
        last = report.chains[0].links[-1].comparison
        if last is not None:
            print(f"{name_verdict(last.verdict, words)}: {describe_difference(last, words)}", file=sys.stderr)
        extra = Extra(_TITLE, [*show_unseen(folders[-1], num_unseen), *_show_commands()])
        page = make_page(report, words, lambda hardest: read_images(hardest, None), extra)
        return write_report(out / "index.html", render_html(page, script.read()))


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


def show_unseen(run: Path, num_images: int) -> "list[Block]":
    """Draw plates that no training saw, and show what a run's best weights read in them."""
    import cv2

    from saccade.data.synthetic.plates import draw_plate
    from saccade.door import load
    from saccade.report.languages import LANGUAGES
    from saccade.report.page import Heading, Line, Paragraph, Picture, Pictures, Tone

    words = LANGUAGES["en"]
    kinds = [_UNSEEN[index * len(_UNSEEN) // num_images] for index in range(num_images)]
    plates = [draw_plate(_UNSEEN_SEED, index, difficulty=difficulty) for index, (_, difficulty) in enumerate(kinds)]
    pictures = []
    for (kind, _), plate, read in zip(kinds, plates, load(run).predict([plate.image for plate in plates]), strict=True):
        right = read.text == plate.text
        truth = f"{words.right if right else words.wrong}; {words.truth.format(truth=plate.text)}"
        lines: list[Line] = [(truth,), (words.confidence.format(value=f"{read.confidence:.2f}"),), (kind,)]
        png = cv2.imencode(".png", plate.image[:, :, ::-1])[1].tobytes()
        tone: Tone = "right" if right else "wrong"
        pictures.append(Picture(png, f"Plate {plate.text}", read.text or words.nothing, lines, tone))
    num_right = sum(picture.tone == "right" for picture in pictures)
    says = words.unseen_says.format(experiment=run.parent.name, right=num_right, count=len(pictures))
    return [Heading(2, words.unseen), Paragraph((says,)), Pictures(pictures)]


def _show_commands() -> "list[Block]":
    from saccade.report.languages import LANGUAGES
    from saccade.report.page import Commands, Heading, Paragraph

    words = LANGUAGES["en"]
    return [Heading(2, words.commands), Paragraph((words.commands_note,)), Commands(_COMMANDS)]
