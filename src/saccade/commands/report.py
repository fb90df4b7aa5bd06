"""`saccade report`: a run, or any folder of runs, as one page: the chain, what changed, what that showed."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from saccade.commands.paths import read_path
from saccade.errors import InputError

if TYPE_CHECKING:
    from saccade.data.images import Image
    from saccade.report.hardest import Hardest
    from saccade.report.languages import Language
    from saccade.report.page import Page

Format = Literal["html", "md", "csv"]
_ENDINGS: dict[str, Format] = {".html": "html", ".htm": "html", ".md": "md", ".csv": "csv"}
_PICTURE_PX = 320
_JPEG_QUALITY = 88


def report(
    folder: Annotated[
        Path,
        typer.Argument(metavar="RUN-OR-FOLDER", parser=read_path, help="A run folder, or one that holds runs."),
    ],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="html, md or csv; default: what --out ends in, else html.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=read_path,
            help="Where it goes; default: report.* in the folder.",
            show_default=False,
        ),
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
    if form is None:
        form = _ENDINGS.get(out.suffix.lower(), "html") if out else "html"
    with _collector_resting():
        text = _render(folder, form, language, data_root)
    typer.echo(write_report(out or folder / f"report.{form}", text))


def _render(folder: Path, form: Format, language: "Language", data_root: Path | None) -> str:
    if form == "csv":
        from saccade.report.chain import read_report
        from saccade.report.tables import render_csv

        return render_csv(read_report(folder))
    if form == "md":
        from saccade.report.markdown import render_markdown

        return render_markdown(_make_page(folder, language, data_root))
    from saccade.report.script import Script

    with Script() as script:  # first of all: it takes as long as the rest
        from saccade.report.html import render_html

        return render_html(_make_page(folder, language, data_root), script.read())


def _make_page(folder: Path, language: "Language", data_root: Path | None) -> "Page":
    from saccade.commands.formula_pictures import typeset
    from saccade.report.chain import read_report
    from saccade.report.languages import LANGUAGES
    from saccade.report.sections import Extra, make_page

    extra = Extra(typeset=typeset)
    return make_page(read_report(folder), LANGUAGES[language], lambda hardest: read_images(hardest, data_root), extra)


@contextmanager
def _collector_resting() -> Iterator[None]:
    """Switch the garbage collector off: it walks the rows of all histories again and again, a quarter of the time, and finds no cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def write_report(path: Path, text: str, option: str = "--out") -> Path:
    """Write a page and return its path; `option` is the one that says where it goes.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another place with {option}") from None
    return path


def read_images(hardest: "Hardest", data_root: Path | None) -> Mapping[str, bytes]:
    """Return the images of some answers as JPEG files, at most 320 px wide or high.

    Raises:
        InputError: The run's images are not where its recipe says, or are others by now.
    """
    from saccade.commands.evaluate_figures import find_entries
    from saccade.data.images import read_image

    entries = find_entries(hardest.run, "val", data_root)
    files = {}
    for answer in hardest.answers:
        files[answer.id] = encode_picture(read_image(entries[answer.id], "rgb"))
    return files


def encode_picture(image: "Image") -> bytes:
    """Return an image, uint8 [h, w, 3] RGB, as a JPEG file of at most 320 px."""
    import cv2

    scale = min(_PICTURE_PX / max(image.shape[:2]), 1.0)
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    small = cv2.resize(image[:, :, ::-1], size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
