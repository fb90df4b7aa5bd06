"""Formula augmentation: ink of either polarity stays, every setting is live, and nothing else's draws change."""

import cv2
import numpy as np
import pytest

from saccade.augment.formula import FORMULA_GATES, augment_formula
from saccade.augment.text_line import augment_text_line
from saccade.data.ink import find_ink
from saccade.recipes.tables.augment import FormulaAugment, ReadAugment, TextLineAugment
from tests.augment.lines import make_generator

MOVING = ("quarter_turn", "rotation", "scale", "shift", "grid")
OTHERS = {
    "border": "wrap",
    "rotation_degrees": 60.0,
    "scale_fraction": 0.5,
    "shift_fraction": 0.4,
    "grid_cells": 9,
    "grid_fraction": 0.5,
    "denoise_method": "non_local_means",
    "denoise_levels": 60.0,
    "clahe_limit": 20.0,
    "sharpen_fraction": 1.0,
    "emboss_fraction": 1.0,
    "stroke_px": 3.0,
    "binarise_method": "adaptive",
}
"""Other values than the defaults, mostly the strongest."""


def make_formula(*, is_dark: bool = True, channels: int = 1, size: tuple[int, int] = (64, 256)) -> np.ndarray:
    """Write a fraction with strokes of one px and of several, and a hand's noise, in the left part of the frame."""
    image = np.zeros(size, np.uint8)
    height, width = size
    cv2.putText(
        image, "x+y", (width // 16, height * 3 // 8), cv2.FONT_HERSHEY_SIMPLEX, height / 64, 220, 1, cv2.LINE_AA
    )
    cv2.line(image, (width // 20, height // 2), (width // 2, height // 2), 250, 3)
    cv2.putText(image, "2a", (width // 8, height * 7 // 8), cv2.FONT_HERSHEY_SIMPLEX, height / 64, 180, 2, cv2.LINE_AA)
    noise = np.random.default_rng(0).integers(0, 6, size)
    image = np.maximum(image, noise).astype(np.uint8)
    return np.stack([255 - image if is_dark else image] * channels, axis=2)


def formula(text_line: TextLineAugment | None = None, **settings: object) -> ReadAugment:
    table = FormulaAugment(**settings)  # type: ignore[arg-type]  # whatever a test gives
    return ReadAugment(formula=table, text_line=text_line or TextLineAugment())


def augment_all(image: np.ndarray, augment: ReadAugment, num: int = 8) -> list[np.ndarray]:
    return [augment_formula(image, augment, make_generator(seed)) for seed in range(num)]


@pytest.mark.parametrize("name", FormulaAugment.model_fields)
def test_every_setting_is_live(name: str) -> None:
    if name in FORMULA_GATES:
        before, after = formula(), formula(**{name: 1.0})
    else:
        gate = "rotation" if name == "border" else name.partition("_")[0]
        before, after = (formula(**{f"{gate}_probability": 1.0} | more) for more in ({}, {name: OTHERS[name]}))
    for channels in (1, 3):
        image = make_formula(channels=channels)
        pairs = zip(augment_all(image, before), augment_all(image, after), strict=True)
        assert not all(np.array_equal(*pair) for pair in pairs)


@pytest.mark.parametrize("name", FORMULA_GATES)
def test_probability_is_how_often(name: str) -> None:
    image = make_formula(size=(32, 64))
    changed = [augment_formula(image, formula(**{name: 0.3}), make_generator(i)) is not image for i in range(400)]
    assert 0.22 < np.mean(changed) < 0.38


def test_nothing_happens_that_no_gate_lets_through() -> None:
    assert set(FORMULA_GATES) == {name for name in FormulaAugment.model_fields if name.endswith("_probability")}


def test_off_returns_the_image_itself_and_draws_nothing() -> None:
    image = make_formula()
    assert augment_formula(image, ReadAugment(), make_generator(0)) is image


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(64, 256), (2, 2), (2, 90), (37, 3)])
@pytest.mark.parametrize("strength", [{}, OTHERS], ids=["default", "strongest"])
def test_shape_and_dtype_stay_and_the_input_is_not_written_to(channels: int, size: tuple, strength: dict) -> None:
    image = make_formula(channels=channels, size=size)
    kept = image.copy()
    for result in augment_all(image, formula(**dict.fromkeys(FORMULA_GATES, 1.0), **strength), 4):
        assert result.dtype == np.uint8 and result.shape == image.shape
    for result in augment_all(np.full_like(image, 9), formula(**dict.fromkeys(FORMULA_GATES, 0.7), **strength), 4):
        assert result.shape == image.shape  # nothing drawn on it
    np.testing.assert_array_equal(image, kept)


def test_the_same_generator_gives_the_same_image_and_each_another_one() -> None:
    image, augment = make_formula(), formula(**dict.fromkeys(FORMULA_GATES, 0.5))
    first, again = augment_all(image, augment, 20), augment_all(image, augment, 20)
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert len({result.tobytes() for result in first}) > 18


@pytest.mark.parametrize("name", ["rotation_probability", "stroke_probability"])
def test_one_operation_leaves_the_draws_of_the_others_alone(name: str) -> None:
    image, num_alone = make_formula(), 0
    for seed in range(60):
        alone = augment_formula(image, formula(**{name: 0.5}), make_generator(seed))
        if augment_formula(image, formula(clahe_probability=0.5), make_generator(seed)) is image:
            num_alone += 1
            both = augment_formula(image, formula(**{name: 0.5}, clahe_probability=0.5), make_generator(seed))
            np.testing.assert_array_equal(alone, both)
    assert 15 < num_alone < 45


def test_text_line_draws_as_before_and_acts_afterwards() -> None:
    line = TextLineAugment(invert_probability=0.5, noise_probability=0.5, rotation_probability=0.5)
    both, only = formula(line, binarise_probability=1.0), formula(line)
    for seed in range(12):
        image = make_formula()
        first = augment_formula(image, both, make_generator(seed))
        expected = augment_text_line(first, only, make_generator(seed))
        np.testing.assert_array_equal(augment_text_line(image, both, make_generator(seed)), expected)


@pytest.mark.parametrize("is_dark", [True, False])
@pytest.mark.parametrize("name", MOVING)
def test_no_ink_leaves_the_frame(name: str, is_dark: bool) -> None:
    """What stays inside is as much ink as a larger frame shows: none is cut off, and none comes in."""
    image = make_formula(is_dark=is_dark)
    strongest = {key: value for key, value in OTHERS.items() if key != "border"}
    for result in augment_all(image, formula(**{f"{name}_probability": 1.0}, **strongest), 30):
        found = find_ink(result)
        left, top, right, bottom = found.box or (0, 0, 0, 0)
        assert left >= 4 and right <= 256 - 4, name  # 2 % of 256 are 5 px, less one of blur
        assert top >= 0 and bottom <= 64
        rim = np.concatenate([result[0].ravel(), result[-1].ravel(), result[:, 0].ravel(), result[:, -1].ravel()])
        assert (np.abs(rim.astype(int) - found.paper[0]) < 60).all(), name


def test_ink_that_touches_the_frame_is_left_where_it_is_unless_something_acts() -> None:
    """A shift of ink that fills the frame has no room, so nothing moves."""
    image = np.full((40, 80, 1), 255, np.uint8)
    image[0], image[-1], image[:, 0], image[:, -1] = 0, 0, 0, 0
    for result in augment_all(image, formula(shift_probability=1.0, scale_probability=1.0, scale_fraction=0.01)):
        assert np.abs(result.astype(int) - image)[2:-2, 2:-2].max() < 140
    shifted = augment_formula(image, formula(shift_probability=1.0), make_generator(1))
    np.testing.assert_array_equal(shifted, image)


def test_a_quarter_turn_is_one_either_way() -> None:
    """In a square frame with room it is exact."""
    image = np.full((41, 41, 1), 255, np.uint8)
    image[10:20, 12:14] = 0
    image[18:20, 12:22] = 40
    turned = [np.rot90(image, times) for times in (1, 3)]
    seen = {
        tuple(np.abs(result.astype(int) - one).max() <= 1 for one in turned)
        for result in augment_all(image, formula(quarter_turn_probability=1.0), 12)
    }
    assert seen == {(True, False), (False, True)}


def test_wrap_shows_ink_twice_and_paper_does_not() -> None:
    image = make_formula(is_dark=False)
    image = np.concatenate([image[:, 16:], image[:, :16]], axis=1)  # to the edge
    amounts = {}
    for border in ("paper", "wrap"):
        results = augment_all(image, formula(rotation_probability=1.0, rotation_degrees=40.0, border=border), 20)
        amounts[border] = np.mean([(result > 100).mean() for result in results])
    assert amounts["wrap"] > 1.5 * amounts["paper"]


def test_thin_strokes_outlive_every_pen_and_every_cleaning() -> None:
    """A stroke of one px of a third of the contrast, and a gap of one px between two strokes."""
    image = np.full((40, 120, 1), 250, np.uint8)
    image[20, 10:50] = 170
    image[10:30, 80:84] = image[10:30, 85:89] = 10
    for name in ("denoise", "stroke", "binarise", "sharpen", "clahe"):
        for method in ("otsu", "adaptive"):
            augment = formula(**{f"{name}_probability": 1.0}, binarise_method=method, stroke_px=3.0)
            for result in augment_all(image, augment, 10):
                levels = result[..., 0].astype(int)
                assert (levels[17, 15:45] - levels[20, 15:45] > 40).all(), name
                assert (levels[14:26, 84] - levels[14:26, 80:84].min(axis=1) > 40).all(), name


@pytest.mark.parametrize("is_dark", [True, False])
def test_strokes_become_thinner_and_thicker_by_so_much(is_dark: bool) -> None:
    image = np.full((40, 80, 1), 255 if is_dark else 0, np.uint8)
    image[10:30, 20:30] = 255 - image[0, 0]
    widths = []
    for result in augment_all(image, formula(stroke_probability=1.0, stroke_px=4.0), 60):
        row = result[20, :, 0].astype(float)
        widths.append(float(np.abs(row - row[0]).sum() / 255))
    assert 6 <= min(widths) < 6.5 and 13.5 < max(widths) <= 14.01
    assert np.mean(widths) == pytest.approx(10, abs=0.8)


@pytest.mark.parametrize("is_dark", [True, False])
@pytest.mark.parametrize("method", ["otsu", "adaptive"])
def test_binarised_ink_is_on_its_side_of_the_paper(is_dark: bool, method: str) -> None:
    image = make_formula(is_dark=is_dark)
    result = augment_formula(image, formula(binarise_probability=1.0, binarise_method=method), make_generator(0))
    assert set(np.unique(result)) == {0, 255}
    ink = (result == (0 if is_dark else 255)).mean()
    assert 0.02 < ink < 0.2


def test_denoising_takes_noise_away() -> None:
    rng = np.random.default_rng(0)
    image = (make_formula(is_dark=False)[..., 0] * 0.6 + 60 + rng.normal(0, 6, (64, 256))).astype(np.uint8)[..., None]
    for method in ("median", "non_local_means"):
        result = augment_formula(image, formula(denoise_probability=1.0, denoise_method=method), make_generator(0))
        assert result[:, 160:].std() < 0.6 * image[:, 160:].std()
