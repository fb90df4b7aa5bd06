"""`saccade data audit`: how often augmentation of text lines leaves a label that is no longer true."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from saccade.errors import InputError

if TYPE_CHECKING:
    from saccade.augment.audit import AuditRow
    from saccade.tasks.read.data import ReadSample
    from saccade.tasks.read.task import ReadTask

_TITLES = (
    "operation",
    "acts on",
    "labels broken",
    "text lost, mean",
    "largest",
    "smallest character",
    "edges kept",
)


def audit_recipe(recipe: Path, num: int, seed: int, data_root: Path | None, as_json: bool) -> None:
    """Print what `saccade data audit` prints.

    Raises:
        InputError: The recipe is of another task, or its training images have no label.
    """
    import json

    from saccade.recipes.loader import load, stages_of
    from saccade.recipes.tables.recipe import ReadRecipe
    from saccade.tasks.read.task import ReadTask

    loaded = load(recipe, data_root=data_root).recipe
    if not isinstance(loaded, ReadRecipe):
        raise InputError(
            f'{recipe}: task "{loaded.task}" has no text that could leave an image; give a recipe of task "read"'
        )
    if not loaded.is_trained:
        raise InputError(f"{recipe}: trains nothing, so it augments nothing; give the recipe of a member")
    task = ReadTask(loaded)
    samples = _pick_samples(task, num, seed)
    if not samples:
        raise InputError(f"{recipe}: no training image has a label; nothing can be audited")
    stages = []
    for first, stage in stages_of(loaded):
        stages.append((first, _audit_stage(task.with_recipe(stage), samples, num, seed)))
    if as_json:
        document: list[dict[str, Any]] = [
            {"from_epoch": first, "operations": [asdict(row) for row in rows]} for first, rows in stages
        ]
        typer.echo(json.dumps({"recipe": str(recipe), "num": num, "seed": seed, "stages": document}, indent=2))
        return
    for first, rows in stages:
        if len(stages) > 1:
            typer.echo(f"from epoch {first}")
        typer.echo(_render(rows))


def _pick_samples(task: "ReadTask", num: int, seed: int) -> list["ReadSample"]:
    import numpy as np

    examples = task.examples("train")
    indices = np.random.default_rng(seed).choice(len(examples), min(num, len(examples)), replace=False)
    samples = [examples[index] for index in sorted(indices.tolist())]
    return [sample for sample in samples if sample.text]


def _audit_stage(task: "ReadTask", samples: Sequence["ReadSample"], num: int, seed: int) -> list["AuditRow"]:
    from saccade.augment.audit import AuditedLine, audit_augmentation

    lines = [AuditedLine(sample.image, len(task.vocabulary.units.split(sample.text))) for sample in samples]
    rows = list(audit_augmentation(task.recipe.augment, lines, num_samples=num, seed=seed))
    if task.recipe.augment.concatenation.probability > 0:
        rows.insert(0, _audit_concatenation(task, samples, num, seed))
    return rows


def _audit_concatenation(task: "ReadTask", samples: Sequence["ReadSample"], num: int, seed: int) -> "AuditRow":
    """Join lines as training does; padded lines stay as large, stretched ones share the width, ink shrinks at most as far as is set."""
    import numpy as np

    from saccade.augment.audit import AuditRow
    from saccade.augment.concatenate import measure_symbols
    from saccade.recipes.tables.augment import ReadAugment

    augment = ReadAugment(concatenation=task.recipe.augment.concatenation)
    joiner = task.with_recipe(task.recipe.model_copy(update={"augment": augment}))
    fit = task.recipe.preprocessing.fit
    shares = []
    for index in range(num):
        sample = samples[index % len(samples)]
        joined = joiner.prepare(sample, np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64))))
        if joined.image is not sample.image:
            if fit.name == "stretch":
                shares.append(len(sample.tokens) / len(joined.tokens))
            elif augment.concatenation.layout == "line":
                shares.append(1.0)
            else:
                size = measure_symbols(sample.image, fit.value, len(sample.tokens))
                shares.append(min(1.0, (augment.concatenation.symbol_min_px / size) ** 2))
    return AuditRow("concatenation", len(shares) / num, 0.0, 0.0, 0.0, min(shares, default=1.0), 1.0)


def _render(rows: Sequence["AuditRow"]) -> str:
    """Write the rows as a table and say below it whether labels survive."""
    from saccade.augment.audit import AS_SET

    cells = [_TITLES] + [
        (
            row.operation,
            f"{row.acts_fraction:.1%}",
            f"{row.broken_fraction:.1%}",
            f"{row.mean_lost_fraction:.1%}",
            f"{row.max_lost_fraction:.1%}",
            f"{row.min_character_fraction:.2f}",
            f"{row.min_edges_fraction:.2f}",
        )
        for row in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_TITLES))]
    text = []
    for name, *figures in cells:
        aligned = [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
        text.append("  ".join([name.ljust(widths[0]), *aligned]))
    breaking = [row.operation for row in rows if row.broken_fraction > 0 and row.operation != AS_SET]
    if len(rows) == 1 and not rows[0].acts_fraction:
        said = "nothing is augmented"
    elif breaking:
        total = next(row.broken_fraction for row in rows if row.operation == AS_SET)
        said = (
            f"{total:.1%} of training lines keep a label that is no longer true; it breaks under: {', '.join(breaking)}"
        )
    else:
        said = "every label survived"
    return "\n".join([*text, said])
