"""Augmentation of one formula on the CPU: what `[augment.formula]` says, before `text_line.py` does its part.

Path: image -> its ink (`data.ink`), settings and draws -> `FormulaPlan` -> one warp that keeps the ink in the frame
(`formula_warp.py`), then pen and clean-up (`formula_light.py`). It changes no label, knows no task, and swallows no error.
"""

from dataclasses import dataclass

import numpy as np

from saccade.augment.formula_light import LightDraws, change_formula_light
from saccade.augment.formula_warp import FormulaWarp, WarpDraws, draw_formula_warp
from saccade.augment.line_draws import make_side_stream
from saccade.data.ink import Ink, find_ink
from saccade.recipes.tables.augment import FormulaAugment, ReadAugment

_WARP = ("quarter_turn", "rotation", "scale", "shift")
_LIGHT = ("denoise", "clahe", "sharpen", "emboss", "stroke", "binarise")
_NUM_GRID = 33
FORMULA_GATES = tuple(f"{name}_probability" for name in (*_WARP, "grid", *_LIGHT))
"""The fields of the table that say how often."""
_SIDE_STREAM = 2
"""Which of the generator's side streams this draws from; concatenation has the first."""


@dataclass(frozen=True)
class FormulaPlan:
    """What will happen to one image: the warp, None for none, and the draws and the ink that the rest depends on."""

    warp: FormulaWarp | None
    draws: LightDraws
    ink: Ink


def augment_formula(image: np.ndarray, augment: ReadAugment, rng: np.random.Generator) -> np.ndarray:
    """Augment one formula.

    As many numbers are drawn whatever is switched on, from a stream of their own, so changing one operation leaves the
    draws of the others, and of all other augmentation, as they were.

    Args:
        image: uint8 [H, W, C], C = 1 (grey) or 3 (RGB), at least 2 x 2 px; it is not written to.
        augment: Probabilities and strengths; only `formula`, and the margin of `text_line`, are looked at.
        rng: A generator of this image's own; it stays as it was.

    Returns:
        uint8 [H, W, C]; the image itself where the draws leave it unchanged.
    """
    plan = plan_formula(image, augment, rng)
    return image if plan is None else apply_formula(image, augment.formula, plan)


def plan_formula(image: np.ndarray, augment: ReadAugment, rng: np.random.Generator) -> FormulaPlan | None:
    """Decide what happens to an image uint8 [H, W, C], None for nothing; `rng` stays as it was."""
    if not any(getattr(augment.formula, gate) > 0 for gate in FORMULA_GATES):
        return None
    draws = make_side_stream(rng, _SIDE_STREAM).random(_NUM_GRID + 3 * (len(_WARP) + len(_LIGHT))).tolist()
    rows = {name: draws[3 * row : 3 * row + 3] for row, name in enumerate((*_WARP, *_LIGHT))}
    rows["grid"] = draws[-_NUM_GRID:]
    if all(row[0] >= getattr(augment.formula, f"{name}_probability") for name, row in rows.items()):
        return None
    ink = find_ink(image)
    warp_draws = WarpDraws(**{name: rows[name] for name in (*_WARP, "grid")})
    size = (image.shape[0], image.shape[1])
    warp = draw_formula_warp(augment.formula, warp_draws, ink, size, augment.text_line)
    return FormulaPlan(warp, LightDraws(**{name: rows[name] for name in _LIGHT}), ink)


def apply_formula(image: np.ndarray, settings: FormulaAugment, plan: FormulaPlan) -> np.ndarray:
    """Return what the plan makes of an image uint8 [H, W, C]; the image itself where that is nothing."""
    before = pixels = image[..., 0] if image.shape[2] == 1 else image
    if plan.warp is not None:
        pixels = plan.warp.apply(pixels)
    pixels = change_formula_light(pixels, settings, plan.draws, plan.ink)
    return image if pixels is before else pixels.reshape(image.shape)
