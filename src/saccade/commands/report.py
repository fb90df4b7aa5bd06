"""`saccade report`: a run, or any folder of runs, as one page: the chain, what changed, what that showed."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from saccade.errors import InputError

if TYPE_CHECKING:
    from saccade.report.hardest import Hardest
    from saccade.report.page import Page

Format = Literal["html", "md", "csv"]
_ENDINGS: dict[str, Format] = {".html": "html", ".htm": "html", ".md": "md", ".csv": "csv"}
_PICTURE_PX = 320
_JPEG_QUALITY = 88


def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN-OR-FOLDER", help="A run folder, or one that holds runs.")],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="html, md or csv; default: what --out ends in, else html.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where it goes; default: report.* in the folder.", show_default=False),
    ] = None,
    language: Annotated[Literal["en", "ko"], typer.Option("--lang", help="The language of the page.")] = "en",
    data_root: Annotated[
        Path | None, typer.Option(help="Folder that the recipes' data paths start from.", show_default=False)
    ] = None,
) -> None:
    """Write a report on runs and print its path.

    Experiments are linked by the lineage that their runs recorded and compared step by step; repeats over seeds are one
    experiment. The HTML is one file that needs no network; Markdown says the same, CSV has a row an experiment.
    """
    from saccade.report.chain import read_report

    if form is None:
        form = _ENDINGS.get(out.suffix.lower(), "html") if out else "html"
    path = out or folder / f"report.{form}"
    if form == "csv":
        from saccade.report.tables import render_csv

        typer.echo(write_report(path, render_csv(read_report(folder))))
        return
    from saccade.report.languages import LANGUAGES
    from saccade.report.sections import make_page

    def make() -> "Page":
        return make_page(read_report(folder), LANGUAGES[language], lambda hardest: read_images(hardest, data_root))

    if form == "md":
        from saccade.report.markdown import render_markdown

        typer.echo(write_report(path, render_markdown(make())))
    else:
        from saccade.report.html import render_html
        from saccade.report.script import Script

        with Script() as script:
            typer.echo(write_report(path, render_html(make(), script.read())))


def write_report(path: Path, text: str) -> Path:
    """Write a page and return its path.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another place with --out") from None
    return path


def read_images(hardest: "Hardest", data_root: Path | None) -> Mapping[str, bytes]:
    """Return the images of some answers as JPEG files, at most 320 px wide or high.

    Raises:
        InputError: The run's images are not where its recipe says, or are others by now.
    """
    import cv2

    from saccade.commands.evaluate import find_entries
    from saccade.data.images import read_image

    entries = find_entries(hardest.run, "val", data_root)
    files = {}
    for answer in hardest.answers:
        image = read_image(entries[answer.id], "rgb")
        scale = min(_PICTURE_PX / max(image.shape[:2]), 1.0)
        size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
        small = cv2.resize(image[:, :, ::-1], size, interpolation=cv2.INTER_AREA)
        files[answer.id] = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    return files
