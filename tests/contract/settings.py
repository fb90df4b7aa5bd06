"""Every setting of a recipe, found by walking its tables, with a recipe in which it matters and one other value for it."""

import hashlib
import importlib.util
import itertools
import json
import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import cv2
import numpy as np
import pytest

from saccade.data.formats import cifar, doctr, lmdb
from saccade.data.synthetic.plates import draw_plate
from saccade.recipes.introspect import tables_in, tag_field, tag_of
from saccade.recipes.tables.base import Table
from saccade.recipes.tables.recipe import Recipe
from tests.data.formats.python2_pickle import dump


@dataclass(frozen=True)
class Setting:
    """A field of a table and the keys and variants that lead to it."""

    recipe: type[Recipe]
    steps: tuple[tuple[str, type[Table], bool], ...]
    """(key, variant of its table, whether the key holds a list of tables), from the recipe down."""
    name: str

    @property
    def table(self) -> type[Table]:
        return self.steps[-1][1] if self.steps else self.recipe

    @property
    def id(self) -> str:
        keys = [self.recipe.model_fields["task"].default]
        keys += [f"{key}[{tag_of(table) or ''}]" for key, table, _ in self.steps]
        return ".".join([*keys, self.name]).replace("[]", "")


def list_settings(
    recipe: type[Recipe], table: type[Table] | None = None, steps: tuple[Any, ...] = ()
) -> Iterator[Setting]:
    """Yield every field of every variant that is no table itself and not declared record-only."""
    table = table or recipe
    for name, field in table.model_fields.items():
        if name in table.record_only or name == tag_field(table):
            continue
        variants = tables_in(field.annotation)
        if not variants:
            yield Setting(recipe, steps, name)
        for variant in variants:
            is_list = get_origin(field.annotation) is tuple
            yield from list_settings(recipe, variant, (*steps, (name, variant, is_list)))


def list_unions(table: type[Table], steps: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the steps to each variant of each union, one tuple a union."""
    for name, field in table.model_fields.items():
        variants = tables_in(field.annotation)
        is_list = get_origin(field.annotation) is tuple
        if len(variants) > 1:
            yield tuple((*steps, (name, variant, is_list)) for variant in variants)
        for variant in variants:
            yield from list_unions(variant, (*steps, (name, variant, is_list)))


def change(setting: Setting, value: Any, changes: dict[tuple[type[Table], str], Any]) -> Any:
    """Return another valid value."""
    special = next(
        (changes[base, setting.name] for base in setting.table.__mro__ if (base, setting.name) in changes), None
    )
    if special is not None:
        return special
    field = setting.table.model_fields[setting.name]
    annotation = field.annotation
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if get_origin(annotation) in (Union, types.UnionType) and len(parts) == 1:
        annotation = parts[0]
    if get_origin(annotation) is Literal:
        return next(choice for choice in get_args(annotation) if choice != value)
    if annotation is bool:
        return not value
    if annotation is int:
        return (value or 0) + getattr(
            next((m for m in field.metadata if hasattr(m, "multiple_of")), None), "multiple_of", 1
        )
    if annotation is float:
        bounds = {
            name: getattr(m, name) for m in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(m, name)
        }
        low, high = bounds.get("ge", bounds.get("gt", 0.0)), bounds.get("le", bounds.get("lt"))
        return (
            (value or 0.1) * 1.5 + 0.05
            if high is None
            else low + (high - low) * (0.7 if (value or 0) < (low + high) / 2 else 0.3)
        )
    raise AssertionError(f"{setting.id}: say in CHANGES which other value a {annotation} can take")


def write_data(folder: Path) -> None:
    """Write sources of every format with fourteen small plates, and label files with one fault each.

    In `upright` the plates stand on white sheets.
    """
    rows = []
    for index in range(14):
        plate = draw_plate(3, index, difficulty=0.2)
        label = "".join(str((3 * index + place) % 10) for place in range(3 + index % 3))
        rows.append((f"{label}_{index}.png", label))
        image = cv2.cvtColor(cv2.resize(plate.image, (40, 16)), cv2.COLOR_RGB2BGR)
        for parent in ("images", "other", f"folders/{index % 2}", f"moved/{2 + index % 2}"):
            (folder / parent).mkdir(parents=True, exist_ok=True)
            kept = image if parent in ("images", "folders/0", "folders/1") else 255 - image
            cv2.imwrite(str(folder / parent / rows[-1][0]), kept)
        (folder / "upright").mkdir(parents=True, exist_ok=True)
        sheet = np.full((60, 30, 3), 255, np.uint8)
        sheet[10:50, 7:23] = cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE)
        cv2.imwrite(str(folder / "upright" / rows[-1][0]), sheet)
    files = {
        "train": rows[:8], "shuffled": rows[2:10], "val": rows[8:12], "test": rows[12:],
        "unreadable": [*rows[:8], ("missing.png", "12")], "unlabelled": [*rows[:7], (rows[7][0], "")],
        "foreign": [*rows[8:11], (rows[11][0], "é")], "long": [*rows[:7], (rows[7][0], "1" * 30)],
        "twice": [*rows[:8], rows[0]],
    }  # fmt: skip
    for name, listed in files.items():
        text = "".join(f"{file}\t{label}\n" for file, label in listed)
        (folder / f"{name}.tsv").write_text(text)
    lines = [f"{file},{listed},{label},{label[::-1]}" for (file, label), (listed, _) in itertools.pairwise(rows[:9])]
    for name, num_lines in (("train", 8), ("fewer", 7)):
        (folder / f"{name}.csv").write_text("\n".join(["image_path,file,plate_text,back", *lines[:num_lines], ""]))
    for name, listed in (("train", rows[:8]), ("fewer", rows[:7])):
        doctr.write(folder / f"{name}.json", listed)
    write_formulas(folder, rows[:8])
    write_archives(folder)
    write_dataset(folder / "hub")
    write_stores(folder / "stores", [(folder / "images" / file, label) for file, label in rows[:8]])


def write_formulas(folder: Path, rows: list[tuple[str, str]]) -> None:
    """Write labels in the formats of formulas, digits that stand for tokens, and pen strokes."""
    spaced = [(file, " ".join(label[:2])) for file, label in rows]
    for name, listed in (("all", spaced), ("fewer", spaced[:7])):
        (folder / f"formulas/{name}").mkdir(parents=True)
        (folder / f"formulas/{name}/gt.txt").write_text("".join(f"{file}\t{label}\n" for file, label in listed))
        (folder / f"formulas/{name}.lst").write_text(
            "".join(f"{number} {Path(file).stem} basic\n" for number, (file, _) in enumerate(listed))
        )
        records = [{"filename": file, "image_data": {"full_latex_chars": label.split()}} for file, label in listed]
        (folder / f"formulas/{name}.json").write_text(json.dumps(records))
    (folder / "formulas/formulas.lst").write_text("".join(f"{label}\n" for _, label in spaced))
    (folder / "formulas/unspaced.lst").write_text("".join(f"{label.replace(' ', '  ')} ^ 2\n" for _, label in spaced))
    (folder / "formulas/rules.toml").write_text("[tokens]\n0 = '1'\n")
    for name in ("ink", "more_ink"):
        for number, (_, label) in enumerate(spaced[: 8 if name == "ink" else 7]):
            path = folder / name / f"{number}.inkml"
            path.parent.mkdir(exist_ok=True)
            trace = ", ".join(f"{30 * place} {(7 * place + 5 * number) % 11}" for place in range(6))
            annotations = (
                f'<annotation type="truth">{label} ^ 2</annotation><annotation type="other">{label}</annotation>'
            )
            path.write_text(f"<ink>{annotations}<trace>{trace}</trace></ink>")


def write_stores(folder: Path, rows: list[tuple[Path, str]]) -> None:
    """Write an LMDB of all rows and one of fewer; nothing without the package."""
    if importlib.util.find_spec("lmdb") is None:
        return
    for name, number in (("all", 8), ("fewer", 7)):
        (folder / name).mkdir(parents=True)
        lmdb.write(folder / name, ((path.read_bytes(), label) for path, label in rows[:number]))


def write_archives(folder: Path) -> None:
    """Write both sets of CIFAR, each with four images a file."""
    for variant, published in cifar.PUBLISHED.items():
        parent = folder / "cifar" / published.folder
        parent.mkdir(parents=True)
        for name, content in make_cifar_files(variant).items():
            (parent / name).write_bytes(content)


def make_cifar_files(variant: str) -> dict[str, bytes]:
    """Return the files of a small set whose class names are texts that a reader can learn."""
    published = cifar.PUBLISHED[variant]
    names = {key: [b"12", b"3"] if kind == "fine" else [b"45", b"6"] for kind, (_, key) in published.keys.items()}
    rng = np.random.default_rng(len(variant))
    files = {published.meta[0]: dump(names)}
    for name in [name for part in published.parts.values() for name in part]:
        pixels = rng.integers(0, 255, (4, 3072), dtype=np.uint8)
        files[name] = dump({b"data": pixels, **{key: [0, 1, 1, 0] for key, _ in published.keys.values()}})
    return files


def publish(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the small sets be what was published, to be fetched from nowhere."""
    for variant, published in list(cifar.PUBLISHED.items()):
        files = make_cifar_files(variant)
        sums = {name: hashlib.md5(content, usedforsecurity=False).hexdigest() for name, content in files.items()}
        parts = {part: {name: sums[name] for name in names} for part, names in published.parts.items()}
        url = (folder / "nowhere" / published.archive).as_uri()
        small = replace(published, parts=parts, meta=(published.meta[0], sums[published.meta[0]]), url=url)
        patch.setitem(cifar.PUBLISHED, variant, small)


def write_dataset(folder: Path) -> None:
    """Write a Hugging Face data set with two splits, two columns of images and two of labels; nothing without the package."""
    if importlib.util.find_spec("datasets") is None:
        return
    import datasets

    rng = np.random.default_rng(5)
    columns = {"image": datasets.Image(), "other": datasets.Image()}
    columns |= {"label": datasets.Value("string"), "back": datasets.Value("string")}
    parts = {}
    for part in ("first", "second"):
        images = [cv2.imencode(".png", rng.integers(0, 255, (16, 40, 3), np.uint8))[1].tobytes() for _ in range(12)]
        stored = [{"bytes": image, "path": None} for image in images]
        rows = {"image": stored, "other": stored[::-1], "label": ["12", "3"] * 6, "back": ["21", "4"] * 6}
        parts[part] = datasets.Dataset.from_dict(rows, features=datasets.Features(columns))
    datasets.DatasetDict(parts).save_to_disk(str(folder))
