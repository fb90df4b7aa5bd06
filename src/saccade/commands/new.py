"""`saccade new`: from a folder of labelled images to the shortest recipe that trains well on a small machine."""

import os
import shlex
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from saccade.commands.new_classify import draft_classifier
from saccade.commands.new_read import draft_reader
from saccade.commands.recipe_draft import write_toml
from saccade.errors import InputError, make_printable

if TYPE_CHECKING:
    from saccade.data.formats.discover import Found


def new(
    path: Annotated[Path, typer.Argument(metavar="FOLDER-OR-LABEL-FILE", help="Images, or the file of their labels.")],
    task: Annotated[
        Literal["read", "classify"] | None,
        typer.Option(help="What the images are for; default: what their labels look like.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE.toml", help="Where to write the recipe.")] = Path("recipe.toml"),
) -> None:
    """Write a recipe for labelled images.

    Says what it found; prints the command that trains.
    """
    from saccade.data.formats.discover import discover
    from saccade.recipes.loader import validate

    if out.exists():
        raise InputError(f"{out}: is there already and stays as it is; choose another name with --out, or remove it")
    found = discover(path, classes=None if task is None else task == "classify")
    chosen = task or _choose_task(found)
    make_draft = draft_classifier if chosen == "classify" else draft_reader
    draft = make_draft(found, Path(os.path.abspath(out)).parent)
    text = write_toml(draft.recipe, path)
    validate(tomllib.loads(text), file=str(out))
    says = draft.says | ({} if task else {"labels": draft.says["labels"] + _describe_choice(found, chosen)})
    for title, said in says.items():
        print(f"{title:<9} {make_printable(said)}", file=sys.stderr)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another place with --out") from None
    typer.echo(f"saccade train {shlex.quote(str(out))}".encode("utf-8", "surrogateescape"))


def _choose_task(found: "Found") -> Literal["read", "classify"]:
    """Take few label folders with many images each for classes."""
    from saccade.data.formats.discover import count_label_folders, look_like_classes

    return "classify" if look_like_classes(*count_label_folders(found)) else "read"


def _describe_choice(found: "Found", chosen: str) -> str:
    """Return what to say where names could mean the other thing too."""
    if found.sources["train"].format == "filename":
        return " (taken for texts; for classes: --task classify)"
    if found.sources["train"].format != "folder":
        return ""
    if chosen == "classify":
        return " (taken for classes; for folders that name a text: --task read)"
    return " (taken for texts; for folders that name a class: --task classify)"
