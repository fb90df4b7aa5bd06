"""`saccade note`: what somebody has to say of a run, kept in its record."""

from pathlib import Path
from typing import Annotated

import typer


def note(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    text: Annotated[str, typer.Argument(help="What is to be kept, in quotes; it may have several lines.")],
) -> None:
    """Append a note to a run.

    It goes to the run's notes.md under the UTC time, also while the run is still training, and stands in the report.
    """
    from saccade.records.writer import append_note

    typer.echo(append_note(run, text))
