"""The audit: it finds nothing lost where nothing can be, and would find it where text leaves the frame."""

import numpy as np
import pytest

from saccade.augment import audit
from saccade.augment.audit import audit_text_line
from saccade.recipes.tables.augment import TextLineAugment

SIZE = {"height_px": 48, "width_px": 160, "num_samples": 200}


def test_nothing_is_lost_even_at_the_strongest() -> None:
    settings = TextLineAugment(
        perspective_fraction=0.2, rotation_degrees=30.0, shear_fraction=1.0, scale_min_fraction=0.31
    )
    result = audit_text_line(settings, **SIZE)
    assert set(result) == {"perspective", "rotation", "shear", "scale", "together", "changed"}
    for name in ("perspective", "rotation", "shear", "scale", "together"):
        assert result[name]["max_lost_fraction"] == 0 and result[name]["lost_share"] == 0
    assert result["together"]["min_area_fraction"] < result["scale"]["min_area_fraction"] < 0.3
    assert result["changed"] == {"warp": 0.0, "image": 0.0}


def test_a_warp_that_loses_text_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    half_out = np.array([[1, 0, 79.5], [0, 1, 0], [0, 0, 1]])
    monkeypatch.setattr(audit, "transform_matrix", lambda *_: half_out)
    result = audit_text_line(TextLineAugment(), **SIZE)
    assert result["shear"]["max_lost_fraction"] == pytest.approx(0.5, abs=0.05)
    assert result["shear"]["lost_share"] == 1 and result["shear"]["min_area_fraction"] == pytest.approx(1)


def test_effective_probability() -> None:
    result = audit_text_line(TextLineAugment(rotation_probability=0.5, invert_probability=0.5), **SIZE)
    assert 0.4 < result["changed"]["warp"] < 0.6
    assert 0.65 < result["changed"]["image"] < 0.85


def test_it_repeats_itself() -> None:
    settings = TextLineAugment(perspective_probability=0.5)
    assert audit_text_line(settings, **SIZE, seed=3) == audit_text_line(settings, **SIZE, seed=3)
    assert audit_text_line(settings, **SIZE, seed=3) != audit_text_line(settings, **SIZE, seed=4)
