"""Measures whether the augmentation of text lines leaves the label true.

Path: `[augment]` and training lines -> every operation alone and all as they are set -> the plans that training would
draw -> which places of the text still show, how large each character is, how much contrast is left. A character is
taken to stand in its share of the width, W / L of the text area; where it really stands no label says. Under
`[augment.formula]` the text area is the box of the ink.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from saccade.augment.formula import (
    FORMULA_GATES,
    FormulaPlan,
    apply_formula,
    plan_formula,
)
from saccade.augment.line_draws import draw_numbers
from saccade.augment.line_warp import LineWarp, Matrix, make_text_corners
from saccade.augment.rand_augment_line import SHAPES, Operation, list_operations, make_looks
from saccade.augment.text_line import LinePlan, apply_plan, check_line, plan_line
from saccade.augment.tia import Bend
from saccade.recipes.tables.augment import (
    FormulaAugment,
    LineRandAugment,
    NoLinePolicy,
    ReadAugment,
    TextLineAugment,
)

AS_SET = "all, as set"
LEAVES = 0.5
"""A character that shows less than this share of itself has left the frame."""
LEAST_EDGES = 0.5
"""An image that keeps less than this share of its edges shows no text any more."""
MOST_DOUBLED = 0.1
"""A formula of whose ink more than this share shows a second time says more than its label."""
_EDGE_PIXELS, _EDGE_STAYS, _EDGE_LEVELS = 0.1, 0.1, 4
"""Edges are the steepest tenth of the pixels; one stays that keeps a tenth of its steepness, which is at least 4 grey levels."""

_TOLERANCE_PX = 0.25
"""What a bend, told on a coarse grid, may be off by."""
_STEPS, _STEP = 100, 0.2
_POINTS_X, _POINTS_Y = 6, 12


@dataclass(frozen=True)
class AuditedLine:
    """A training image as the model sees it, uint8 [H, W, C], and the number of characters of its label, at least one."""

    image: NDArray[np.uint8]
    num_characters: int


@dataclass(frozen=True)
class AuditRow:
    """What one operation does to labels, over all samples.

    Attributes:
        operation: Its name; `AS_SET` for everything together with the probabilities as they are.
        acts_fraction: How often it acts in training. The other figures are of lines that it acts on; of all lines for
            `AS_SET`.
        mean_lost_fraction: Share of the text area that no longer shows.
        max_lost_fraction: The largest such share.
        broken_fraction: Share of lines whose label does not survive: a character has left the frame (`LEAVES`), too few
            edges are left (`LEAST_EDGES`), or ink shows twice (`MOST_DOUBLED`).
        min_character_fraction: Smallest area of a character, as a share of what it had.
        min_edges_fraction: Smallest share of an image's edges that light and camera left.
    """

    operation: str
    acts_fraction: float
    mean_lost_fraction: float
    max_lost_fraction: float
    broken_fraction: float
    min_character_fraction: float
    min_edges_fraction: float


def audit_augmentation(
    augment: ReadAugment, lines: Sequence[AuditedLine], *, num_samples: int = 500, seed: int = 0
) -> tuple[AuditRow, ...]:
    """Measure each operation that is on, at its own strength, and all together.

    Args:
        augment: What training would do; concatenation is no part of it, since it moves no character out.
        lines: At least one, of one size; samples go through them in turn.
        num_samples: Lines an operation.
        seed: Seed of the draws.

    Raises:
        InputError: An image cannot be augmented so.
    """
    for line in lines:
        check_line(line.image, augment)
    return tuple(
        _measure(case, lines, num_samples, seed) for case in _list_cases(augment, num_channels=lines[0].image.shape[2])
    )


@dataclass(frozen=True)
class _Case:
    """Settings that do one thing, and how often training does it (None: to be counted)."""

    name: str
    augment: ReadAugment
    acts: float | None
    operation: str | None = None


def _list_cases(augment: ReadAugment, num_channels: int) -> Iterator[_Case]:
    yield from _list_policy_cases(augment, num_channels)
    yield from _list_formula_cases(augment)
    settings = augment.text_line
    gates = [name for name in TextLineAugment.model_fields if name.endswith("_probability")]
    off = {name: 0.0 for name in gates if not name.startswith("tia_") or name == "tia_probability"}
    parts = [name for name in gates if name not in off]
    for name in off:
        acts, label = getattr(settings, name), name.removesuffix("_probability")
        alone = off | {name: 1.0}
        if acts > 0 and name == "tia_probability":
            for part in parts:
                only = alone | dict.fromkeys(parts, 0.0) | {part: 1.0}
                if getattr(settings, part) > 0:
                    part_label = part.removesuffix("_probability").replace("_", " ", 1)
                    yield _Case(part_label, _with_line(augment, only), acts * getattr(settings, part))
        if acts > 0:
            yield _Case(label, _with_line(augment, alone), acts)
    yield _Case(AS_SET, augment, None)


def _with_line(augment: ReadAugment, update: dict[str, float]) -> ReadAugment:
    settings = augment.text_line.model_copy(update=update)
    return augment.model_copy(update={"text_line": settings, "policy": NoLinePolicy(), "formula": FormulaAugment()})


def _list_formula_cases(augment: ReadAugment) -> Iterator[_Case]:
    margins = TextLineAugment(text_margin_fraction=augment.text_line.text_margin_fraction)
    for name in FORMULA_GATES:
        acts = getattr(augment.formula, name)
        if acts > 0:
            alone = augment.formula.model_copy(update=dict.fromkeys(FORMULA_GATES, 0.0) | {name: 1.0})
            label = name.removesuffix("_probability").replace("_", " ")
            yield _Case(f"formula {label}", ReadAugment(formula=alone, text_line=margins), acts)


def _list_policy_cases(augment: ReadAugment, num_channels: int) -> Iterator[_Case]:
    policy = augment.policy
    if isinstance(policy, NoLinePolicy):
        return
    alone = ReadAugment(
        policy=policy.model_copy(update={"probability": 1.0}),
        text_line=TextLineAugment(text_margin_fraction=augment.text_line.text_margin_fraction),
    )
    names = list_operations(policy, num_channels)
    share = 1 - (1 - 1 / len(names)) ** policy.num_operations
    for name in names:
        yield _Case(f"{policy.name} {name}", alone, policy.probability * share, name)
    yield _Case(policy.name, alone, policy.probability)


def _measure(case: _Case, lines: Sequence[AuditedLine], num_samples: int, seed: int) -> AuditRow:
    lost, broken, areas, edges, num_changed = [], [], [], [], 0
    for index in range(num_samples):
        line = lines[index % len(lines)]
        rng = np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64)))
        formula = plan_formula(line.image, case.augment, rng)
        draws = draw_numbers(case.augment, line.image.size, rng)
        forced = None if case.operation is None else (Operation(case.operation, 1.0 - 2 * (index % 2)),)
        plan = plan_line(case.augment, line.image.shape, draws, forced)
        result = _apply(line.image, case.augment, plan, formula)
        shown, area = _measure_text(plan, case.augment, line, formula)
        kept = _measure_edges(line.image, case.augment, plan, formula)
        doubled = 0.0 if formula is None else _measure_doubled(line.image, formula)
        lost.append(1 - float(shown.mean()))
        broken.append(bool(shown.min() < LEAVES) or kept < LEAST_EDGES or doubled > MOST_DOUBLED)
        areas.append(area)
        edges.append(kept)
        num_changed += result is not line.image and not np.array_equal(result, line.image)
    return AuditRow(
        case.name,
        num_changed / num_samples if case.acts is None else case.acts,
        float(np.mean(lost)),
        max(lost),
        float(np.mean(broken)),
        min(areas),
        min(edges),
    )


def _apply(
    image: NDArray[np.uint8], augment: ReadAugment, plan: LinePlan, formula: FormulaPlan | None
) -> NDArray[np.uint8]:
    return apply_plan(image if formula is None else apply_formula(image, augment.formula, formula), augment, plan)


def _measure_edges(
    image: NDArray[np.uint8], augment: ReadAugment, plan: LinePlan, formula: FormulaPlan | None
) -> float:
    """Return the share of edges that stay where all but the geometry is done; 1 for an image without any."""
    tones = tuple(operation for operation in plan.operations if operation.name not in SHAPES)
    still = LinePlan(tones, LineWarp(plan.warp.size), plan.draws)
    before = _measure_slopes(image)
    after = _measure_slopes(_apply(image, augment, still, None if formula is None else replace(formula, warp=None)))
    if formula is not None:  # a wider stroke has its edges beside where they were
        reach = math.ceil(augment.formula.stroke_px)
        after = np.asarray(cv2.dilate(after, np.ones((2 * reach + 1,) * 2, np.uint8)), np.float32)
    steep = max(float(np.quantile(before, 1 - _EDGE_PIXELS)), _EDGE_LEVELS)
    is_edge = before >= steep
    stays = after >= np.maximum(before * _EDGE_STAYS, 1)
    return float(stays[is_edge].mean()) if is_edge.any() else 1.0


def _measure_doubled(image: NDArray[np.uint8], formula: FormulaPlan) -> float:
    """Return how much ink a wrapped border brings in, as a share of the ink that there is."""
    if formula.warp is None or formula.warp.border != "wrap":
        return 0.0
    wrapped, once = (
        warp.apply(image).reshape(image.shape).astype(np.int16)
        for warp in (formula.warp, replace(formula.warp, border="paper"))
    )
    ink = np.abs(once - np.array(formula.ink.paper)).max(axis=2)
    least = max(float(ink.max()) / 8, 8.0)
    doubled = np.abs(wrapped - once).max(axis=2)
    return float((doubled > least).sum() / max(int((ink > least).sum()), 1))


def _measure_slopes(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the sum of the steps to the right and down, in grey levels, [H - 1, W - 1]."""
    grey = image.astype(np.float32).mean(axis=2)
    slopes: NDArray[np.float32] = np.abs(np.diff(grey, axis=1)[:-1]) + np.abs(np.diff(grey, axis=0)[:, :-1])
    return slopes


def _measure_text(
    plan: LinePlan, augment: ReadAugment, line: AuditedLine, formula: FormulaPlan | None = None
) -> tuple[NDArray[np.float64], float]:
    """Return the share of each character that still shows, [L], and the smallest area of one beside its former one."""
    warp, num = plan.warp, line.num_characters
    looks = _list_looks(plan, augment)
    first = None if formula is None else formula.warp
    if warp.matrix is None and warp.bend is None and not looks and first is None:
        return np.ones(num), 1.0
    left, top, right, bottom = _find_text(augment.text_line, warp.size, formula)
    xs = left + (np.arange(num * _POINTS_X) + 0.5) * (right - left) / (num * _POINTS_X)
    ys = top + (np.arange(_POINTS_Y) + 0.5) * (bottom - top) / _POINTS_Y
    points = np.stack(np.meshgrid(xs, ys)).reshape(2, -1)
    is_left = np.ones(points.shape[1], bool)
    if first is not None:
        points = first.find_where(points)
        is_left = _is_in_frame(points, warp.size)
    is_shown = is_left & _find_shown(warp, looks, points)
    shown = is_shown.reshape(_POINTS_Y, num, _POINTS_X).mean(axis=(0, 2))
    seen = _find_seen(warp, looks)
    x, y = seen if first is None else first.find_looks(seen)
    is_text = (x >= left) & (x < right) & (y >= top) & (y <= bottom)
    owners = ((x[is_text] - left) * num / (right - left)).astype(int).clip(0, num - 1)
    areas = np.bincount(owners, minlength=num) * num / ((right - left) * (bottom - top))
    return shown, float(areas.min())


def _find_shown(warp: LineWarp, looks: Sequence[Matrix], points: Matrix) -> NDArray[np.bool_]:
    """Tell which places of the input, [2, N], show in the result: none that any step takes out of the frame."""
    shows = np.ones(points.shape[1], bool)
    for look in looks:
        points = _map(np.asarray(np.linalg.inv(look), np.float64), points)[:2]
        shows &= _is_in_frame(points, warp.size)
    if warp.bend is not None:
        points = _find_where(warp.bend, points)
    if warp.matrix is not None:
        points = _map(warp.matrix, points)
        shows &= points[2] > 0
    return shows & _is_in_frame(points[:2], warp.size)


def _find_where(bend: Bend, points: Matrix) -> Matrix:
    """Return the places, [2, N] in px, that look at these: by steps towards them, since a bend has no formula backwards."""
    found = points
    for _ in range(_STEPS):
        numbers = _map(bend.grid.numbers, found)[:2, None].astype(np.float32)
        looks = found + bend.move(numbers)[:, 0].astype(np.float64)
        found = found - _STEP * (looks - points)
    return found


def _find_seen(warp: LineWarp, looks: Sequence[Matrix]) -> Matrix:
    """Return the places of the input, [2, N], that pixels of the result show; pixels that show none are left out."""
    seen: Matrix = warp.trace().reshape(2, -1).astype(np.float64)
    for look in reversed(looks):
        seen = _map(look, seen[:, _is_in_frame(seen, warp.size)])[:2]
    return seen[:, _is_in_frame(seen, warp.size)]


def _is_in_frame(points: Matrix, size: tuple[int, int]) -> NDArray[np.bool_]:
    x, y = points
    across = (x > -_TOLERANCE_PX) & (x < size[1] - 1 + _TOLERANCE_PX)
    return np.asarray(across & (y > -_TOLERANCE_PX) & (y < size[0] - 1 + _TOLERANCE_PX))


def _map(matrix: Matrix, points: Matrix) -> Matrix:
    """Return the points [2, N] behind a homography: x, y and what both were divided by, [3, N]."""
    x, y, depth = matrix @ np.stack([*points, np.ones(points.shape[1])])
    return np.stack([x / depth, y / depth, depth])


def _find_text(
    settings: TextLineAugment, size: tuple[int, int], formula: FormulaPlan | None
) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom, px: of the ink of a formula, else of the area that may hold text."""
    if formula is not None and formula.ink.box is not None:
        left, top, right, bottom = formula.ink.box
        return max(left - 0.5, 0), max(top - 0.5, 0), min(right - 0.5, size[1] - 1), min(bottom - 0.5, size[0] - 1)
    corners = make_text_corners(settings, size)
    return float(corners[0, 0]), float(corners[1, 0]), float(corners[0, 2]), float(corners[1, 2])


def _list_looks(plan: LinePlan, augment: ReadAugment) -> tuple[Matrix, ...]:
    policy = augment.policy
    if not isinstance(policy, LineRandAugment) or policy.bounded:
        return ()
    return make_looks(policy, plan.operations, plan.warp.size)
