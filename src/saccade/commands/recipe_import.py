"""What `saccade recipe import` does: a recipe of a configuration of PaddleOCR, and what became of each of its keys."""

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saccade.errors import InputError, make_printable

if TYPE_CHECKING:
    from saccade.recipes.importers.draft import Draft, Kind, Outcome

_TITLES: dict["Kind", str] = {
    "carried": "carried over",
    "ignored": "had no effect in PaddleOCR",
    "left": "not carried over",
    "aside": "decides nothing that is trained",
}
_MAX_SHOWN = 60


def import_recipe(file: Path, out: Path, root: Path, num_images: int | None) -> "Draft":
    """Write a recipe for a configuration, and return what became of its keys.

    Raises:
        InputError: The recipe is there, or the configuration is not as it should be.
    """
    from saccade.recipes.importers.paddleocr import import_paddleocr
    from saccade.recipes.importers.paddleocr_data import Surroundings

    if out.exists():
        raise InputError(f"{out}: is there already and stays as it is; choose another name with --out, or remove it")
    around = Surroundings(root, Path(os.path.abspath(out)).parent, num_images)
    draft = import_paddleocr(file, around)
    text = draft.write(f"Written by: saccade recipe import {make_printable(shlex.quote(str(file)))}")
    try:
        with out.open("x", encoding="utf-8") as target:
            target.write(text)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another place with --out") from None
    return draft


def list_outcomes(draft: "Draft", out: Path) -> dict[str, Any]:
    """Return what became of each key as plain data."""
    keys = ("key", "line", "value", "why", "to")
    return {
        "out": str(out),
        **{
            kind: [{key: getattr(outcome, key) for key in keys} for outcome in draft.list_outcomes(kind)]
            for kind in _TITLES
        },
    }


def render_outcomes(draft: "Draft", out: Path) -> str:
    """Return the same as lines for people, and the command that trains."""
    lines = []
    for kind, title in _TITLES.items():
        outcomes = draft.list_outcomes(kind)
        if not outcomes:
            continue
        lines.append(f"{title} ({len(outcomes)}):")
        if kind == "aside":
            lines.append("  " + ", ".join(outcome.key for outcome in outcomes))
        else:
            lines += [f"  {_write(outcome)}" for outcome in outcomes]
    return "\n".join([*lines, "", f"saccade train {shlex.quote(str(out))}"])


def _write(outcome: "Outcome") -> str:
    """Return a line: key, value, where it went, why."""
    line = f"{outcome.key}" + ("" if outcome.line is None else f" (line {outcome.line})")
    line += "" if outcome.value is None else f" = {_shorten(outcome.value)}"
    if outcome.to:
        line += " -> " + ", ".join(f"{key} = {_shorten(value)}" for key, value in outcome.to.items())
    return line + (f": {outcome.why}" if outcome.why else "")


def _shorten(value: Any) -> str:
    text = make_printable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
