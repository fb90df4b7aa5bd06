"""`saccade data stats|look|audit|convert`: what is in the data, what augmentation does to its labels, and the same in another format."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from saccade.commands.data_audit import audit_recipe
from saccade.commands.data_convert import convert_data, render_conversion
from saccade.commands.data_of_task import read_recipe_data
from saccade.commands.data_page import write_data_page
from saccade.commands.data_sources import FORMULA_FORMATS, make_sources, split_name
from saccade.commands.paths import read_name, read_path

if TYPE_CHECKING:
    from saccade.commands.data_of_task import RecipeData
    from saccade.data.contact_sheet import Card
    from saccade.data.images import Image
    from saccade.data.label_statistics import Labels
    from saccade.data.splits import Split
    from saccade.recipes.tables.recipe import Recipe

app = typer.Typer(help="Look at data, count, audit or convert them.")
_MAYBE_CLASSES = ("folder", "hf_disk")
"""Formats whose labels may be texts or classes."""
_NUM_AUGMENTED = 3
_PICTURE_PX = 112
"""Small pictures are enlarged by a whole number until their longer side is about this: they can be seen, and a title fits above."""
_NUM_NAMED = 20


@app.command()
def audit(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", parser=read_path, help="A recipe of the read task.")],
    num: Annotated[int, typer.Option(min=1, max=10_000, help="Training lines for each operation.")] = 200,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Another seed picks other lines and draws.")] = 0,
    data_root: Annotated[
        Path | None, typer.Option("--data-root", parser=read_path, help="Folder of relative data paths.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure what each operation of a recipe's augmentation does to labels, alone and all together, stage by stage.

    A label breaks where a character leaves the image by more than half, each taken to stand in its share of the width,
    or where half of the image's edges vanish. Text lost: the share of the text area that no longer shows. Smallest
    character: its area beside the former one.
    """
    audit_recipe(recipe, num, seed, data_root, as_json)


@app.command()
def stats(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE-OR-FORMAT:PATH",
            parser=read_name,
            help="A recipe, or data such as tsv:labels.tsv.",
        ),
    ],
    units: Annotated[
        Literal["characters", "tokens"] | None,
        typer.Option(
            help="What texts of FORMAT:PATH are made of; default: tokens in the formats of formulas.",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="FILE.html",
            parser=read_path,
            help="Write a page with charts and images.",
            show_default=False,
        ),
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option("--data-root", parser=read_path, help="Folder of relative data paths.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Count labels, sizes, repeats and overlap: lengths and characters of texts, images of each class.

    A recipe is read as training would read it, and is as strict. FORMAT:PATH is read leniently: bad images and labels
    are counted as dropped. Its labels are texts, those of cifar classes; folders and hf_disk are what `saccade new`
    would take them for. With --html, the path of the page is printed in place of the numbers.
    """
    import json

    from saccade.data.statistics import compute_statistics, render_text
    from saccade.errors import InputError

    name, path = split_name(source)
    splits: Sequence[Split]
    if name is not None:
        split, labels, said = _read_source(name, path, data_root or Path("."), units)
        splits, statistics = [split], compute_statistics([split], labels)
    elif units is not None:
        raise InputError(f"--units {units}: a recipe says it itself, in [text] units; leave the option out")
    else:
        data, said = read_recipe_data(Path(source), data_root), ""
        splits, divided = data.splits.all(), data.splits
        statistics = compute_statistics(splits, data.labels, overlap=divided.overlap, val_fraction=divided.val_fraction)
    page = None if html is None else write_data_page(html, f"Data of {source}", splits, statistics)
    if as_json:
        typer.echo(json.dumps(statistics, indent=2, ensure_ascii=False))
    elif page is not None:
        typer.echo(page)
    else:
        typer.echo("\n".join([render_text(statistics), *([said] if said else [])]))


@app.command()
def look(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", parser=read_path, help="A recipe file.")],
    split: Annotated[Literal["train", "val", "test"], typer.Option(help="Which images.")] = "train",
    num: Annotated[int, typer.Option(min=1, max=400, help="How many.")] = 24,
    augment: Annotated[bool, typer.Option(help="Also show what augmentation makes of each.")] = True,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.png", parser=read_path, help="Where to write the picture.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Another seed picks other images and changes.")] = 0,
    data_root: Annotated[
        Path | None, typer.Option("--data-root", parser=read_path, help="Folder of relative data paths.")
    ] = None,
) -> None:
    """Draw a contact sheet: each image as it is, as the model sees it, and augmented, once a stage where there are stages."""
    from saccade.data.contact_sheet import name_font, render_contact_sheet
    from saccade.errors import InputError

    data = read_recipe_data(recipe, data_root)
    chosen = {each.name: each for each in data.splits.all()}.get(split)
    if chosen is None:
        raise InputError(f"{recipe}: has no [[data.{split}]] source; add one or choose another --split")
    changes = _list_changes(data) if augment else []
    cards = _make_cards(data, chosen, changes, (num, seed))
    titles = ["original", "as the model sees it", *(change.title for change in changes)]
    heading = f"{recipe.resolve().parent.name} / {recipe.stem}: {len(cards)} of {len(chosen.entries)} {split} images"
    sheet, missing = render_contact_sheet(cards, titles, heading)
    path = out or Path(f"{recipe.stem}-{split}.png")
    _write_png(path, sheet)
    if missing:
        typer.echo(
            f"no installed font has {missing[:_NUM_NAMED]}: shown as code points; {name_font(missing)}", err=True
        )
    typer.echo(path)


@app.command()
def convert(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            parser=read_name,
            help="A recipe, a folder or label file as `saccade new` takes it, or one or several FORMAT:PATH.",
        ),
    ],
    to: Annotated[
        Literal["tsv", "csv", "paddleocr", "dtrb", "doctr", "lmdb", "formula_list"],
        typer.Option(
            "--to", help="The format to write; csv is that of fast-plate-ocr, lmdb that of PaddleOCR and DTRB."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", parser=read_path, help="A folder that is not there yet.")
    ],
    data_root: Annotated[
        Path | None, typer.Option("--data-root", parser=read_path, help="Folder of relative data paths.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write labelled images in another format, and say what is written, dropped and why.

    A recipe is read as training would read it, and is as strict; anything else is read leniently. Image files are copied
    byte by byte; what is drawn or stored as pixels becomes PNG. Splits get a folder each. Nothing is overwritten, and
    what is written in part is removed.
    """
    import json

    report = convert_data(sources, to, out, data_root)
    typer.echo(json.dumps(report, indent=2, ensure_ascii=False) if as_json else render_conversion(report))


def _read_source(
    name: str, path: str, root: Path, units: Literal["characters", "tokens"] | None
) -> tuple["Split", "Labels", str]:
    """Read a `FORMAT:PATH` without a recipe: its images, what its labels are, and what to say of that."""
    from saccade.data.label_statistics import Classes, make_text_labels
    from saccade.data.splits import load_split
    from saccade.text.charset import Charset
    from saccade.text.token_set import TokenSet

    split = load_split("all", make_sources(name, path, root), root)
    names = sorted({entry.label for entry in split.entries})
    may_be_classes = units is None and name in _MAYBE_CLASSES
    has_classes = units is None and (name == "cifar" or (may_be_classes and _look_like_classes(split, len(names))))
    of_tokens = units == "tokens" or (units is None and name in FORMULA_FORMATS)
    text_units = TokenSet(tuple(set(" ".join(names).split()))) if of_tokens else Charset.from_labels(names)
    labels: Labels = Classes(names) if has_classes else make_text_labels(text_units)
    if not may_be_classes:
        return split, labels, ""
    other = (
        'texts: write a recipe with task = "read"' if has_classes else 'classes: write a recipe with task = "classify"'
    )
    return split, labels, f"all: labels are taken for {labels.kind}; to count them as {other}"


def _look_like_classes(split: "Split", num_labels: int) -> bool:
    """Apply the rule of `saccade new`; images that were dropped had a label too."""
    from saccade.data.formats.discover import look_like_classes

    return look_like_classes(len(split.entries) + sum(map(len, split.dropped.values())), num_labels)


class _Change(NamedTuple):
    """What augments one column of pictures: the recipe in force, and the epoch that it is shown at."""

    title: str
    recipe: "Recipe"
    epoch: int


def _list_changes(data: "RecipeData") -> list[_Change]:
    """Return a column a stage, or several of the one there is, which show its first epochs."""
    from saccade.recipes.loader import stages_of

    stages = stages_of(data.recipe)
    if len(stages) == 1:
        return [_Change(data.change_title, data.recipe, epoch) for epoch in range(_NUM_AUGMENTED)]
    return [_Change(f"from epoch {first}", stage, first) for first, stage in stages]


def _make_cards(data: "RecipeData", split: "Split", changes: list[_Change], amounts: tuple[int, int]) -> list["Card"]:
    """Pick images at random, kept in their order; `amounts`: how many, seed."""
    import numpy as np

    from saccade.data.contact_sheet import Card
    from saccade.data.images import read_image

    num, seed = amounts
    rng, num_images = np.random.default_rng(seed), len(split.entries)
    indices = rng.choice(num_images, min(num, num_images), replace=False).tolist()
    num_shown = len(indices)
    if num_shown % 2:  # mixing goes by pairs, so the last one needs a partner too
        indices.append(int(rng.integers(num_images)))
    examples = data.make_examples(split)
    samples = [examples[index] for index in indices]
    columns = [[sample.image for sample in samples]]
    for version, change in enumerate(changes):
        generators = [np.random.default_rng([seed, index, version]) for index in indices]
        columns.append(_augment(samples, change, generators, (seed << 32) + version))
    cards = []
    for row in sorted(range(num_shown), key=indices.__getitem__):
        entry = split.entries[indices[row]]
        pictures = [_enlarge(column[row]) for column in columns]
        cards.append(Card([read_image(entry, "rgb"), *pictures], entry.label, entry.id))
    return cards


def _augment(samples: list[Any], change: _Change, generators: list[Any], step_seed: int) -> list["Image"]:
    """Augment samples as training does: one by one where the task prepares them, then as one batch in their order."""
    import torch

    from saccade.tasks.base import Progress
    from saccade.tasks.registry import build_task

    task, num_rows = build_task(change.recipe), len(samples)
    batch: Any = task.collate(
        [task.prepare(sample, generator) for sample, generator in zip(samples, generators, strict=True)]
    )
    progress = Progress(
        step=change.epoch,
        num_steps=max(change.recipe.train.epochs, _NUM_AUGMENTED),  # no column is beyond the last step
        epoch=change.epoch,
        metrics={},
        generator=torch.Generator().manual_seed(step_seed),
        rows=slice(0, num_rows),
        num_rows=num_rows,
    )
    images = task.augment_batch(batch, progress).images
    return list(images.permute(0, 2, 3, 1).numpy())  # (B, C, H, W) -> (B, H, W, C)


def _enlarge(picture: "Image") -> "Image":
    """Repeat the pixels of a small picture."""
    import numpy as np

    factor = max(1, round(_PICTURE_PX / max(picture.shape[:2])))
    return np.ascontiguousarray(picture.repeat(factor, axis=0).repeat(factor, axis=1))


def _write_png(path: Path, image: Any) -> None:
    import cv2

    from saccade.errors import InputError

    if path.suffix.lower() != ".png":
        raise InputError(f"--out {path}: the picture is a PNG; end the name in .png")
    try:
        path.write_bytes(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())
    except OSError as error:
        raise InputError(f"--out {path}: cannot be written ({error.strerror}); choose another place") from None
