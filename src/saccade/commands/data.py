"""`saccade data stats|look`: what is in the data, in numbers and as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from saccade.data.contact_sheet import Card
    from saccade.data.splits import Split
    from saccade.recipes.tables.augment import TextLineAugment
    from saccade.recipes.tables.recipe import ReadRecipe

app = typer.Typer(help="Look at the data of a recipe, or count what is in it.")

_NUM_AUGMENTED = 3


@app.command()
def stats(
    source: Annotated[
        str, typer.Argument(metavar="RECIPE-OR-FORMAT:PATH", help="A recipe, or data such as tsv:labels.tsv.")
    ],
    data_root: Annotated[Path | None, typer.Option("--data-root", help="Folder of relative data paths.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Count lengths, characters, sizes, repeats and overlap.

    A recipe is read as training would read it, and is as strict. FORMAT:PATH is read leniently: bad images and labels
    are counted as dropped.
    """
    import json

    from saccade.data.statistics import render_text

    statistics = _compute_source_statistics(source, data_root) or _compute_recipe_statistics(Path(source), data_root)
    typer.echo(json.dumps(statistics, indent=2, ensure_ascii=False) if as_json else render_text(statistics))


@app.command()
def look(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe file.")],
    split: Annotated[Literal["train", "val", "test"], typer.Option(help="Which images.")] = "train",
    num: Annotated[int, typer.Option(min=1, max=400, help="How many.")] = 24,
    augment: Annotated[bool, typer.Option(help="Also show what augmentation makes of each.")] = True,
    out: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Where to write the picture.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed picks other images and changes.")] = 0,
    data_root: Annotated[Path | None, typer.Option("--data-root", help="Folder of relative data paths.")] = None,
) -> None:
    """Draw a contact sheet: each image as it is, as the model sees it, and augmented, once a stage where there are stages."""
    from saccade.data.contact_sheet import render_contact_sheet
    from saccade.data.splits import load_splits
    from saccade.errors import InputError

    loaded = _load_read_recipe(recipe, data_root)
    splits = load_splits(loaded.data, charset=loaded.text.charset)
    chosen = {each.name: each for each in splits.all()}.get(split)
    if chosen is None:
        raise InputError(f"{recipe}: has no [[data.{split}]] source; add one or choose another --split")
    changes = _list_changes(loaded) if augment else []
    cards = _make_cards(loaded, chosen, splits.charset.characters, (num, [settings for _, settings in changes], seed))
    titles = ["original", "as the model sees it", *(title for title, _ in changes)]
    heading = f"{recipe.resolve().parent.name} / {recipe.stem}: {len(cards)} of {len(chosen.entries)} {split} images"
    sheet, missing = render_contact_sheet(cards, titles, heading)
    path = out or Path(f"{recipe.stem}-{split}.png")
    _write_png(path, sheet)
    if missing:
        shown = f"no installed font has {missing}: shown as code points"
        typer.echo(f"{shown}; install one, such as Noto Sans CJK", err=True)
    typer.echo(path)


def _compute_source_statistics(text: str, data_root: Path | None) -> dict[str, Any] | None:
    """Count a `FORMAT:PATH` without a recipe; None where the text is no such thing."""
    from pydantic import TypeAdapter

    from saccade.data.splits import load_split
    from saccade.data.statistics import compute_split_statistics
    from saccade.recipes.tables.data import Keep, Source

    name, _, path = text.partition(":")
    if name not in ("tsv", "csv", "filename", "folder") or not path:
        return None
    keep = Keep(readable=True, labelled=True, unique=True)
    source: Source = TypeAdapter(Source).validate_python({"format": name, "path": path, "keep": keep})
    split = load_split("all", (source,), data_root or Path("."))
    return {
        "charset": "".join(sorted({character for entry in split.entries for character in entry.label})),
        "overlap": {},
        "val_fraction": None,
        "splits": {"all": compute_split_statistics(split)},
    }


def _compute_recipe_statistics(path: Path, data_root: Path | None) -> dict[str, Any]:
    from saccade.data.splits import load_splits
    from saccade.data.statistics import compute_statistics

    recipe = _load_read_recipe(path, data_root)
    return compute_statistics(load_splits(recipe.data, charset=recipe.text.charset))


def _load_read_recipe(path: Path, data_root: Path | None) -> "ReadRecipe":
    from saccade.errors import InputError
    from saccade.recipes.loader import load
    from saccade.recipes.tables.recipe import ReadRecipe

    recipe = load(path, data_root=data_root).recipe
    if not isinstance(recipe, ReadRecipe):
        raise InputError(f"{path}: task is {recipe.task!r}; `saccade data` needs a recipe of the read task")
    return recipe


def _list_changes(recipe: "ReadRecipe") -> list[tuple[str, "TextLineAugment"]]:
    """Return a title and what augments for each column: one a stage, or several of the one there is."""
    from saccade.recipes.loader import stages_of

    stages: list[tuple[int, Any]] = list(stages_of(recipe))
    if len(stages) == 1:
        return [("augmented", recipe.augment.text_line)] * _NUM_AUGMENTED
    return [(f"from epoch {first}", stage.augment.text_line) for first, stage in stages]


def _make_cards(
    recipe: "ReadRecipe", split: "Split", characters: str, amounts: tuple[int, list["TextLineAugment"], int]
) -> list["Card"]:
    """Pick images at random, kept in their order; `amounts`: how many, what augments each version, seed."""
    import numpy as np

    from saccade.augment.text_line import augment_text_line
    from saccade.data.contact_sheet import Card
    from saccade.data.images import read_image
    from saccade.data.preprocess import Preprocessing
    from saccade.text.charset import Charset

    num, settings, seed = amounts
    preprocessing = Preprocessing.from_recipe(recipe.preprocessing, Charset(characters))
    chosen = np.random.default_rng(seed).choice(len(split.entries), min(num, len(split.entries)), replace=False)
    cards = []
    for index in sorted(chosen.tolist()):
        entry = split.entries[index]
        original = read_image(entry, "rgb")
        seen = preprocessing.apply(original)
        augmented = [
            augment_text_line(seen, one, np.random.default_rng([seed, index, version]))
            for version, one in enumerate(settings)
        ]
        cards.append(Card([original, seen, *augmented], entry.label, entry.id))
    return cards


def _write_png(path: Path, image: Any) -> None:
    import cv2

    from saccade.errors import InputError

    if path.suffix.lower() != ".png":
        raise InputError(f"--out {path}: the picture is a PNG; end the name in .png")
    try:
        path.write_bytes(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())
    except OSError as error:
        raise InputError(f"--out {path}: cannot be written ({error.strerror}); choose another place") from None
