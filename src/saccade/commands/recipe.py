"""`saccade recipe show|diff|schema|import`: what a recipe says in the end, what differs between two, a schema for editors."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from saccade.commands.recipe_import import import_recipe, list_outcomes, render_outcomes

app = typer.Typer(help="Show, compare or import recipes, or print the schema.")


@app.command()
def show(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the resolved recipe as one JSON document.")] = False,
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key.")] = None,
    data: Annotated[
        list[str] | None, typer.Option("--data", metavar="[SPLIT=]FORMAT:PATH", help="Put other data in place.")
    ] = None,
    data_root: Annotated[Path | None, typer.Option("--data-root", help="Folder of relative data paths.")] = None,
) -> None:
    """Print every key with its value and the file that set it."""
    from saccade.recipes.diff import plain
    from saccade.recipes.explain import origin_lines
    from saccade.recipes.loader import load

    loaded = load(recipe, overrides=overrides or (), data=data or (), data_root=data_root)
    if as_json:
        typer.echo(json.dumps(plain(loaded.recipe), indent=2, ensure_ascii=False))
        return
    names = [loaded.path.name, *(Path(ancestor.path).name for ancestor in loaded.lineage[1:])]
    styles = {"": "bold cyan", "default": "dim", loaded.path.name: "bold", "--set": "yellow", "--data": "yellow"}
    lines = [(line.text, styles.get(line.origin, "")) for line in origin_lines(loaded)]
    _print([("# " + " extends ".join(names), "bold"), *lines])


@app.command()
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A recipe file.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the changes as one JSON document.")] = False,
) -> None:
    """Print the keys in which two resolved recipes differ."""
    from saccade.recipes.diff import diff as compare
    from saccade.recipes.loader import load

    changes = compare(load(a).recipe, load(b).recipe)
    if as_json:
        rows = [{"key": item.key, "parent_value": item.parent_value, "value": item.value} for item in changes]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not changes:
        _print([("The two recipes train the same.", "")])
    for change in changes:
        before, after = _only_changed(change.parent_value, change.value)
        _print([(change.key, "bold"), (f"  - {_format(before)}", "red"), (f"  + {_format(after)}", "green")])


@app.command()
def schema(
    task: Annotated[str, typer.Option("--task", help="The task whose recipes it describes.")] = "read",
) -> None:
    """Print the JSON Schema (Draft 2020-12) of a task's recipes, for editors."""
    from saccade.errors import InputError
    from saccade.recipes.explain import json_schema
    from saccade.recipes.tables.recipe import RECIPES
    from saccade.recipes.validation import nearest

    if task not in RECIPES:
        raise InputError(f'--task: unknown task "{task}"; {nearest(task, RECIPES)}')
    typer.echo(json.dumps(json_schema(task), indent=2, ensure_ascii=False))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.yml", help="A training configuration of PaddleOCR.")],
    out: Annotated[Path, typer.Option(metavar="FILE.toml", help="Where to write the recipe.")] = Path("recipe.toml"),
    root: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where PaddleOCR was started: its relative paths begin there.")
    ] = Path("."),
    num_images: Annotated[
        int | None,
        typer.Option(
            "--num-images", min=1, help="Training images, where they are not at hand: turns steps into epochs."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a recipe for a YAML configuration of PaddleOCR.

    Lists what is carried over, what had no effect there and why, and what the recipe cannot say. Nothing in the file is
    run.
    """
    draft = import_recipe(file, out, root, num_images)
    document = list_outcomes(draft, out)
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False) if as_json else render_outcomes(draft, out))


def _print(lines: list[tuple[str, str]]) -> None:
    """Print lines of (text, style); styles show only on a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for text, style in lines:
        console.print(Text(text, style=style))


def _only_changed(before: Any, after: Any) -> tuple[Any, Any]:
    """Return two values; of two variants of a table, only the keys that are not the same in both."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return before, after
    same = {key for key in before if key in after and before[key] == after[key]}
    first, second = ({key: value for key, value in side.items() if key not in same} for side in (before, after))
    return first, second


def _format(value: Any) -> str:
    from saccade.recipes.toml import format_value

    return "not set" if value is None else format_value(_without_unset(value))


def _without_unset(value: Any) -> Any:
    """Return a value without the keys that are not set, however deep."""
    if isinstance(value, dict):
        return {key: _without_unset(item) for key, item in value.items() if item is not None}
    return [_without_unset(item) for item in value] if isinstance(value, list | tuple) else value
