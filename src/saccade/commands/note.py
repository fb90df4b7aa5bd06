"""`saccade note`: what somebody has to say of a run or of an experiment, kept beside its record."""

from pathlib import Path
from typing import Annotated

import typer

from saccade.commands.paths import read_path


def note(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN-OR-EXPERIMENT", parser=read_path, help="A run folder, or the folder of an experiment's runs."
        ),
    ],
    text: Annotated[str, typer.Argument(help="What is to be kept, in quotes; it may have several lines.")],
) -> None:
    """Append a note to a run, or to an experiment.

    It goes to notes.md in that folder under the UTC time, also while a run is still training, and stands in the report:
    of a run beside its seed, of an experiment once, whatever the number of its runs.
    """
    from saccade.records.writer import append_note

    typer.echo(append_note(run, text))
