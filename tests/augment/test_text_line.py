"""Text-line augmentation: reproducible, live in every setting, and without a character outside the frame."""

import numpy as np
import pytest

from saccade.augment.text_line import augment_text_line, make_text_corners, transform_matrix
from saccade.errors import InputError
from saccade.recipes.tables.augment import TextLineAugment

PROBABILITIES = [name for name in TextLineAugment.model_fields if name.endswith("_probability")]
ALWAYS = dict.fromkeys(PROBABILITIES, 1.0)
STRONGEST = {
    "perspective_fraction": 0.2,
    "rotation_degrees": 30.0,
    "shear_fraction": 1.0,
    "scale_min_fraction": 0.31,
    "brightness_fraction": 0.6,
    "blur_sigma_px": 5.0,
    "noise_sigma": 80.0,
    "downscale_min_fraction": 0.21,
    "shadow_strength": 0.8,
}


def make_generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def make_image(channels: int = 1, height: int = 48, width: int = 160) -> np.ndarray:
    ys, xs = np.mgrid[:height, :width]
    planes = [128 + 60 * np.sin(xs / (3 + c)) * np.cos(ys / 4) for c in range(channels)]
    return np.stack(planes, axis=2).astype(np.uint8)


def make_stack(settings: TextLineAugment, channels: int = 3) -> np.ndarray:
    return np.stack([augment_text_line(make_image(channels), settings, make_generator(i)) for i in range(6)])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strengths", [{}, STRONGEST], ids=["default", "strongest"])
@pytest.mark.parametrize("size", [(48, 160), (2, 2), (2, 90), (37, 3)])
def test_shape_and_dtype_stay_and_the_input_is_not_written_to(channels: int, strengths: dict, size: tuple) -> None:
    image = make_image(channels, *size)
    kept = image.copy()
    for seed in range(10):
        result = augment_text_line(image, TextLineAugment(**ALWAYS, **strengths), make_generator(seed))
        assert result.dtype == np.uint8 and result.shape == image.shape
    np.testing.assert_array_equal(image, kept)


@pytest.mark.parametrize("channels", [1, 3])
def test_off_returns_the_image_itself(channels: int) -> None:
    image = make_image(channels)
    assert augment_text_line(image, TextLineAugment(), make_generator(0)) is image
    np.testing.assert_array_equal(transform_matrix(TextLineAugment(), make_generator(0), 48, 160), np.eye(3))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_generator_state_gives_the_same_image(channels: int) -> None:
    settings = TextLineAugment(**dict.fromkeys(PROBABILITIES, 0.5))
    np.testing.assert_array_equal(make_stack(settings, channels), make_stack(settings, channels))
    results = [augment_text_line(make_image(), settings, make_generator(i)).tobytes() for i in range(50)]
    assert len(set(results)) > 45


@pytest.mark.parametrize("name", TextLineAugment.model_fields)
def test_every_setting_is_live(name: str) -> None:
    if name in PROBABILITIES:
        before, after = TextLineAugment(), TextLineAugment(**{name: 1.0})
    else:
        only = {f"{name.partition('_')[0]}_probability": 1.0}
        before, after = TextLineAugment(**only), TextLineAugment(**only, **{name: STRONGEST[name]})
    for channels in (1, 3):
        assert not np.array_equal(make_stack(before, channels), make_stack(after, channels))


@pytest.mark.parametrize("name", PROBABILITIES)
def test_probability_is_how_often(name: str) -> None:
    image = make_image()
    settings = TextLineAugment(**{name: 0.3})
    changed = [augment_text_line(image, settings, make_generator(i)) is not image for i in range(600)]
    assert 0.24 < np.mean(changed) < 0.36


def test_one_operation_leaves_the_draws_of_the_others_alone() -> None:
    rotated = {"rotation_probability": 0.5}
    alone, both = (
        [transform_matrix(TextLineAugment(**rotated, **more), make_generator(i), 48, 160) for i in range(100)]
        for more in ({}, {"shear_probability": 0.5})
    )
    same = np.mean([np.array_equal(a, b) for a, b in zip(alone, both, strict=True)])
    assert 0.35 < same < 0.65


@pytest.mark.parametrize("size", [(48, 160), (32, 32), (200, 40), (2, 300), (2, 2)])
def test_no_text_leaves_the_frame(size: tuple[int, int]) -> None:
    height, width = size
    corners = make_text_corners(height, width)
    settings = [TextLineAugment(**STRONGEST, **dict.fromkeys(PROBABILITIES, p)) for p in (0.3, 1.0)]
    for i in range(1500):
        x, y, w = transform_matrix(settings[i % 2], make_generator(i), height, width) @ corners
        assert (w > 0).all()
        assert (x / w).min() >= -1e-9 and (x / w).max() <= width - 1 + 1e-9
        assert (y / w).min() >= -1e-9 and (y / w).max() <= height - 1 + 1e-9


def test_a_warp_that_fits_is_not_squeezed() -> None:
    settings = TextLineAugment(shear_probability=1.0, shear_fraction=0.01)
    matrix = transform_matrix(settings, make_generator(0), 48, 160)
    assert matrix[0, 0] == pytest.approx(1) and matrix[1, 1] == pytest.approx(1) and matrix[0, 1] != 0


def test_the_pixels_follow_the_matrix() -> None:
    settings = TextLineAugment(scale_probability=1.0, perspective_probability=1.0)
    image = np.zeros((48, 160, 1), np.uint8)
    image[20:24, 100:104] = 255
    matrix = transform_matrix(settings, make_generator(5), 48, 160)
    x, y, w = matrix @ np.array([101.5, 21.5, 1])
    ys, xs = np.nonzero(augment_text_line(image, settings, make_generator(5))[..., 0] > 60)
    assert xs.mean() == pytest.approx(x / w, abs=0.7) and ys.mean() == pytest.approx(y / w, abs=0.7)


def test_inversion_alone_is_exact() -> None:
    image = make_image()
    result = augment_text_line(image, TextLineAugment(invert_probability=1.0), make_generator(0))
    np.testing.assert_array_equal(result, 255 - image)


@pytest.mark.parametrize("shape", [(1, 160, 1), (48, 1, 3), (0, 0, 1), (48, 160), (48, 160, 4)])
def test_images_that_cannot_be_augmented_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="image: uint8"):
        augment_text_line(np.zeros(shape, np.uint8), TextLineAugment(), make_generator(0))


def test_other_number_formats_and_frames_are_refused() -> None:
    with pytest.raises(InputError, match="float32"):
        augment_text_line(np.zeros((48, 160, 1), np.float32), TextLineAugment(), make_generator(0))
    with pytest.raises(InputError, match="1 x 160"):
        transform_matrix(TextLineAugment(), make_generator(0), 1, 160)
