"""The audit: it finds nothing lost where nothing can be, and measures what is where it can."""

import numpy as np
import pytest

from saccade.augment.audit import AS_SET, AuditedLine, AuditRow, audit_augmentation
from saccade.errors import InputError
from saccade.recipes.tables.augment import LineRandAugment, ReadAugment, TextLineAugment
from tests.augment.lines import line, make_text, policy
from tests.augment.test_formula import FORMULA_GATES, formula, make_formula

LINES = [AuditedLine(make_text("01A234BC"), 8), AuditedLine(make_text("77K5"), 4)]
GATES = [name for name in TextLineAugment.model_fields if name.endswith("_probability") and name != "hsv_probability"]


def audit(augment: ReadAugment, num_samples: int = 60, seed: int = 0) -> dict[str, AuditRow]:
    rows = audit_augmentation(augment, LINES, num_samples=num_samples, seed=seed)
    return {row.operation: row for row in rows}


def test_nothing_is_lost_even_at_the_strongest() -> None:
    strongest = {
        "perspective_fraction": 0.2,
        "rotation_degrees": 30.0,
        "shear_fraction": 1.0,
        "scale_min_fraction": 0.31,
    }
    strongest |= {"tia_distort_fraction": 0.5, "crop_fraction": 0.25, "jitter_fraction": 0.1, "noise_sigma": 80.0}
    augment = line(**dict.fromkeys(GATES, 1.0), **strongest)
    rows = audit(augment.model_copy(update={"policy": LineRandAugment(magnitude=10, num_operations=8)}))
    for name, row in rows.items():
        assert row.max_lost_fraction < 0.005, name  # a bend is told on a coarse grid
    geometric = ("tia", "perspective", "rotation", "shear", "scale", "crop", "jitter", "rand_augment rotate")
    assert all(rows[name].broken_fraction == 0 for name in geometric)
    assert rows["scale"].min_character_fraction < 0.3 < rows["crop"].min_character_fraction


def test_rows_are_the_operations_that_are_on() -> None:
    assert set(audit(ReadAugment())) == {AS_SET}
    assert set(audit(line(rotation_probability=0.5, blur_probability=0.1))) == {"rotation", "blur", AS_SET}
    tia = audit(line(tia_probability=0.5, tia_stretch_probability=0.0, tia_distort_probability=0.4))
    assert set(tia) == {"tia distort", "tia perspective", "tia", AS_SET}
    assert tia["tia distort"].acts_fraction == pytest.approx(0.2) and tia["tia"].acts_fraction == 0.5
    names = set(audit(policy(bounded=False), num_samples=4))
    assert len(names) == 13 + 2 and "rand_augment translate_x" in names


def test_an_unbounded_translation_loses_what_it_should() -> None:
    """At magnitude 9 it moves by 65.3 of 160 px: 3.2 of 8 characters; half of the middle of those that are left is cut."""
    row = audit(policy(magnitude=9, bounded=False))["rand_augment translate_x"]
    assert row.max_lost_fraction == pytest.approx((0.9 * 150 / 331 * 160 - 3.18) / 152.6, abs=0.02)
    assert row.broken_fraction == 1 and row.min_character_fraction == 0


def test_what_one_step_takes_no_other_brings_back() -> None:
    """Away and back again: the second translation finds grey where the line's end was."""
    from saccade.augment.audit import _measure_text
    from saccade.augment.line_draws import draw_numbers
    from saccade.augment.rand_augment_line import Operation
    from saccade.augment.text_line import plan_line
    from tests.augment.lines import make_generator

    augment = policy(magnitude=9, bounded=False)
    draws = draw_numbers(augment, 7680, make_generator(0))
    away, back = Operation("translate_x", 1.0), Operation("translate_x", -1.0)
    plan = plan_line(augment, (48, 160, 1), draws, (away, back))
    shown, smallest = _measure_text(plan, augment, LINES[0])
    assert (shown[:3] == 0).all() and (shown[4:] == 1).all() and smallest == 0


def test_lost_edges_are_found() -> None:
    black = audit(policy(magnitude=2, bounded=False))["rand_augment posterize"]  # to no bits at all
    assert black.broken_fraction == 1 and black.min_edges_fraction == 0 and black.max_lost_fraction == 0
    assert audit(policy(magnitude=2))["rand_augment posterize"].min_edges_fraction == 1
    assert audit(line(invert_probability=0.5))["invert"].min_edges_fraction == 1
    assert 0.5 < audit(line(blur_probability=0.5))["blur"].min_edges_fraction <= 1


def test_as_set_counts_how_often_anything_happens() -> None:
    rows = audit(line(rotation_probability=0.5, invert_probability=0.5), num_samples=400)
    assert rows["rotation"].acts_fraction == 0.5
    assert 0.68 < rows[AS_SET].acts_fraction < 0.82


def test_the_margin_is_text_no_more() -> None:
    """Where the images leave a quarter free above and below, a crop of 8 px takes no text."""
    assert audit(line(crop_probability=1.0, text_margin_fraction=0.25))["crop"].max_lost_fraction == 0


def test_areas_are_those_of_characters() -> None:
    """Shrunk to a half and to nothing less: a quarter of the area."""
    row = audit(line(scale_probability=1.0, scale_min_fraction=0.5), num_samples=200)["scale"]
    assert row.min_character_fraction == pytest.approx(0.25, abs=0.06)


FORMULAS = [AuditedLine(make_formula(is_dark=is_dark), 12) for is_dark in (True, False)]


def audit_formulas(**settings: object) -> dict[str, AuditRow]:
    rows = audit_augmentation(formula(**settings), FORMULAS, num_samples=60)
    return {row.operation.removeprefix("formula "): row for row in rows}


def test_no_operation_for_formulas_takes_ink_out() -> None:
    rows = audit_formulas(**dict.fromkeys(FORMULA_GATES, 0.5), rotation_degrees=45.0, scale_fraction=0.5)
    assert set(rows) == {gate.removesuffix("_probability").replace("_", " ") for gate in FORMULA_GATES} | {AS_SET}
    for name, row in rows.items():
        assert row.max_lost_fraction == 0 and (name == AS_SET or row.acts_fraction == 0.5), name
        assert name == AS_SET or row.broken_fraction == 0, name
    assert rows["scale"].min_character_fraction < 0.4 < rows["shift"].min_character_fraction


def test_a_formula_halved_in_size_has_a_quarter_of_its_area() -> None:
    row = audit_formulas(scale_probability=1.0, scale_fraction=0.5)["scale"]
    assert row.min_character_fraction == pytest.approx(0.25, abs=0.06)


def test_ink_shown_twice_breaks_a_label() -> None:
    for border, breaks in (("paper", False), ("wrap", True)):
        row = audit_formulas(rotation_probability=1.0, rotation_degrees=60.0, border=border)["rotation"]
        assert (row.broken_fraction > 0.3) == breaks and row.max_lost_fraction == 0


def test_a_formula_that_left_the_frame_would_be_found() -> None:
    """A warp that no setting draws: half of the ink beyond the right edge."""
    from dataclasses import replace

    from saccade.augment.audit import _measure_text
    from saccade.augment.formula import plan_formula
    from saccade.augment.line_draws import draw_numbers
    from saccade.augment.text_line import plan_line
    from tests.augment.lines import make_generator

    augment = formula(shift_probability=1.0)
    plan = plan_formula(FORMULAS[0].image, augment, make_generator(0))
    assert plan.warp is not None and plan.ink.box is not None
    left, _, right, _ = plan.ink.box
    matrix = np.array([[1.0, 0, 255 - (left + right) / 2], [0, 1, 0], [0, 0, 1]])
    warp = replace(plan.warp, matrix=matrix)
    lines = plan_line(augment, (64, 256, 1), draw_numbers(augment, 1, make_generator(0)))
    shown, smallest = _measure_text(lines, augment, FORMULAS[0], replace(plan, warp=warp))
    assert (shown[:5] == 1).all() and (shown[7:] == 0).all() and smallest == 0


def test_it_repeats_itself() -> None:
    augment = line(perspective_probability=0.5)
    assert audit(augment, seed=3) == audit(augment, seed=3) != audit(augment, seed=4)


def test_a_flat_image_and_a_grey_one_under_hsv() -> None:
    flat = [AuditedLine(np.full((48, 160, 1), 9, np.uint8), 3)]
    assert audit_augmentation(line(noise_probability=1.0), flat, num_samples=5)[0].broken_fraction == 0
    with pytest.raises(InputError, match="grey image has no hue"):
        audit(line(hsv_probability=1.0))
