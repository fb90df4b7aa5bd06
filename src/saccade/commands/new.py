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
from saccade.commands.paths import read_path
from saccade.commands.recipe_draft import write_toml
from saccade.errors import InputError, make_printable

if TYPE_CHECKING:
    from saccade.data.formats.discover import Found


def new(
    path: Annotated[
        Path,
        typer.Argument(metavar="FOLDER-OR-LABEL-FILE", parser=read_path, help="Images, or the file of their labels."),
    ],
    task: Annotated[
        Literal["read", "classify"] | None,
        typer.Option(help="What the images are for; default: what their labels look like.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE.toml", parser=read_path, help="Where to write the recipe.")] = Path(
        "recipe.toml"
    ),
) -> None:
    """Write a recipe for labelled images.

    Says what it found; prints the command that trains, and names the one that measures how long that takes.
    """
    from saccade.data.formats.discover import discover
    from saccade.recipes.loader import validate

    if out.suffix != ".toml":
        raise InputError(f"--out {out}: a recipe's name ends in .toml; write --out {out}.toml")
    found = discover(path, classes=None if task is None else task == "classify")
    if out.exists():
        raise InputError(f"{out}: is there already and stays as it is; choose another name with --out, or remove it")
    chosen = task or _choose_task(found)
    make_draft = draft_classifier if chosen == "classify" else draft_reader
    draft = make_draft(found, Path(os.path.abspath(out)).parent)
    text = write_toml(draft.recipe, path)
    validate(tomllib.loads(text), file=str(out))
    choice = {"labels": draft.says["labels"] + _describe_choice(found, chosen), **_describe_siblings(found, path)}
    says = draft.says if task else {**choice, **draft.says, "labels": choice["labels"]}
    for title, said in says.items():
        print(f"{title:<9} {make_printable(said)}", file=sys.stderr)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another place with --out") from None
    command = f"saccade train {shlex.quote(str(out))}"
    print(f"{'time':<9} {make_printable(command)} --estimate measures how long it takes here", file=sys.stderr)
    typer.echo(command.encode("utf-8", "surrogateescape"))


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


def _describe_siblings(found: "Found", path: Path) -> dict[str, str]:
    """Return what to say where names of files were taken for texts in a folder that could be one of several classes."""
    from saccade.data.formats.discover import find_split
    from saccade.data.formats.visible import list_siblings

    folder = Path(os.path.abspath(path))
    siblings = list_siblings(folder) if found.sources["train"].format == "filename" else []
    if len(siblings) < 2 or find_split(folder.name):
        return {}
    above = str(folder.parent) if path.is_absolute() else os.path.relpath(folder.parent)
    return {
        "beside it": f"{len(siblings) - 1:,} more folders of images; if each is a class: saccade new {shlex.quote(above)}"
    }
