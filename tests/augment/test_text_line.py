"""Text-line augmentation: reproducible, live in every setting, and what was trained before still sees the same images."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.augment.text_line import augment_text_line
from saccade.data.sampler import make_generator as make_keyed
from saccade.errors import InputError
from saccade.recipes.loader import load, stages_of
from saccade.recipes.tables.augment import LineRandAugment, ReadAugment, TextLineAugment
from tests.augment.lines import line, make_card, make_generator, make_image

GATES = [name for name in TextLineAugment.model_fields if name.endswith("_probability")]
PARTS = ("tia_distort_probability", "tia_stretch_probability", "tia_perspective_probability")
COLOUR_ONLY = "hsv_probability"
ALWAYS = dict.fromkeys(GATES, 1.0)
STRONGEST = {
    "text_margin_fraction": 0.25,
    "tia_distort_fraction": 0.5,
    "tia_stretch_fraction": 0.1,
    "tia_perspective_fraction": 0.1,
    "crop_fraction": 0.25,
    "jitter_fraction": 0.1,
    "perspective_fraction": 0.2,
    "rotation_degrees": 30.0,
    "shear_fraction": 1.0,
    "scale_min_fraction": 0.31,
    "brightness_fraction": 0.6,
    "hsv_hue_degrees": 180.0,
    "hsv_saturation_fraction": 0.9,
    "hsv_value_fraction": 0.6,
    "blur_sigma_px": 5.0,
    "noise_sigma": 80.0,
    "downscale_min_fraction": 0.21,
    "shadow_strength": 0.8,
}
"""Other values than the defaults, the strongest where the defaults are not that already."""
REPOSITORY = Path(__file__).parents[2]

#: What the stages of `experiments/plates_uz/baseline.toml` made of `make_card` before TIA and all after it were added:
#: from epoch -> thumbnails of 8 x 4 bytes, draws 0 to 7.
BEFORE = {
    0: (
        "464d545c635d737b4fb0ce7c6d247d8558aaca86772a878f6269717981899199",
        "323a434b544e656d3d9dbc635e1a6f7847a2c06d691d7a82525a636b737c848c",
        "434c545c635f747c4da2c16d672d7e8657b2d6786e3288906169727a8185929a",
        "444c545c645d747c4eabca736e267e8658b0ce7c78288890626a727a828a929a",
        "626a727a8278929b6cbbe1978c409ca576c9ea9f9746a7af81899199a1a9b1b9",
        "444b535b635c737b4e9ed1846d277d86589bc588772c8890626a727981899199",
        "444d555e6260757d4eb2c2675f347f8658b8cc716a348890626b737b83899299",
        "444c545c645d747c4eabca736e267e8658b0ce7c78288890626a727a828a929a",
    ),
    4: (
        "474f57605e63787f51d5cc69554381885bb2b77367408991656c747c838b9299",
        "7b868f9895aab2b589e4c2a261b3bbbe91e5c9ac69bcc4c79aa4acb5bdc5cdd0",
        "454d555d625f767e4eaec96f6532808857b2d07d74338a9260697179828a939c",
        "434a535c6455757d4f9be5856f2b81895b7c9b7d77578d95646d767e878f989f",
        "4149515a616a747b4c8abe735a4c7f865887b47a5e648d93636c747e88919b9f",
        "444d555e63707a7d4eb4ae693477848759bbb57437858f92636c757f84929b9d",
        "5c666f79808899a067acd58e7564a4ad72bee89f8a6cb0b97d87919ba5b0bbc4",
        "3e444d565f687179485d9d8169367b835379dda2742f868f5e656e778080919a",
    ),
    12: (
        "737a7a70767b81877fc7c17e7a57878c8ba9ad87804c91969388858b91949b9f",
        "949fa8b2bdafd2dca1c8ecd3ca62dee8aedbf5d8d679ebf4bcc6cfdae3ecf7fc",
        "7a7e89929b9cc7db869efce0a864c4e993b4e6cfb46dc8f09ea6aeb6bfc7d1ef",
        "515c68727d88929c465768767f7f98a24d92cb7b7150abb65d75897b7c7fa2bb",
        "3e49545e67627a824ba5c46f652e858d57bcd778653e909864707b80878c9da4",
        "0000000000010d180000005016031823000000391e10222f0000000412202d38",
        "454c535a61686f764e8cb774693c787f597ab9887430848b6367707a82829299",
        "52626e6a70667f875ec7f98777498f976c76848588869fa67279828a949fa8af",
    ),
}


def fit_colour(channels: int, settings: dict[str, float]) -> dict[str, float]:
    return settings if channels == 3 else {name: value for name, value in settings.items() if name != COLOUR_ONLY}


def make_stack(augment: ReadAugment, channels: int = 3) -> np.ndarray:
    return np.stack([augment_text_line(make_image(channels), augment, make_generator(i)) for i in range(6)])


@pytest.mark.parametrize("first", BEFORE)
def test_recipes_from_before_still_see_the_same_images(first: int) -> None:
    augment = dict(stages_of(load(REPOSITORY / "experiments/plates_uz/baseline.toml").recipe))[first].augment
    for draw, expected in enumerate(BEFORE[first]):
        result = augment_text_line(make_card(), augment, make_keyed(7, first, draw))
        thumbnail = cv2.resize(result[..., 0], (8, 4), interpolation=cv2.INTER_AREA)
        told = np.frombuffer(bytes.fromhex(expected), np.uint8).reshape(4, 8)
        np.testing.assert_allclose(thumbnail.astype(int), told.astype(int), atol=1)  # arithmetic of other machines


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strengths", [{}, STRONGEST], ids=["default", "strongest"])
@pytest.mark.parametrize("size", [(48, 160), (2, 2), (2, 90), (37, 3)])
def test_shape_and_dtype_stay_and_the_input_is_not_written_to(channels: int, strengths: dict, size: tuple) -> None:
    image = make_image(channels, *size)
    kept = image.copy()
    settings = fit_colour(channels, ALWAYS)
    for bounded in (True, False):
        augment = line(**settings, **strengths).model_copy(
            update={"policy": LineRandAugment(probability=1.0, num_operations=8, bounded=bounded)}
        )
        for seed in range(10):
            result = augment_text_line(image, augment, make_generator(seed))
            assert result.dtype == np.uint8 and result.shape == image.shape
    np.testing.assert_array_equal(image, kept)


@pytest.mark.parametrize("channels", [1, 3])
def test_off_returns_the_image_itself(channels: int) -> None:
    image = make_image(channels)
    assert augment_text_line(image, ReadAugment(), make_generator(0)) is image
    view = image[:, ::2]
    assert augment_text_line(view, ReadAugment(), make_generator(0)) is view


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_generator_state_gives_the_same_image(channels: int) -> None:
    augment = line(**fit_colour(channels, dict.fromkeys(GATES, 0.5)))
    np.testing.assert_array_equal(make_stack(augment, channels), make_stack(augment, channels))
    image = make_image(channels)
    results = [augment_text_line(image, augment, make_generator(i)).tobytes() for i in range(50)]
    assert len(set(results)) > 45


@pytest.mark.parametrize("name", TextLineAugment.model_fields)
def test_every_setting_is_live(name: str) -> None:
    if name in PARTS:
        before, after = line(tia_probability=1.0), line(tia_probability=1.0, **{name: 0.0})
    elif name in GATES:
        before, after = line(), line(**{name: 1.0})
    else:
        gate = {"text_margin_fraction": "rotation", "crop_fraction": "crop"}.get(name, name.partition("_")[0])
        only = {f"{gate}_probability": 1.0} | ({"text_margin_fraction": 0.2} if name == "crop_fraction" else {})
        before, after = line(**only), line(**only | {name: STRONGEST[name]})
    for channels in (3,) if name.startswith("hsv") else (1, 3):
        assert not np.array_equal(make_stack(before, channels), make_stack(after, channels))


@pytest.mark.parametrize("name", [name for name in GATES if name not in PARTS])
def test_probability_is_how_often(name: str) -> None:
    image = make_image(3)
    changed = [augment_text_line(image, line(**{name: 0.3}), make_generator(i)) is not image for i in range(600)]
    assert 0.24 < np.mean(changed) < 0.36


def test_inversion_alone_is_exact() -> None:
    image = make_image()
    result = augment_text_line(image, line(invert_probability=1.0), make_generator(0))
    np.testing.assert_array_equal(result, 255 - image)


@pytest.mark.parametrize("name", ["rotation_probability", "tia_probability", "blur_probability"])
@pytest.mark.parametrize("other", ["noise_probability", "crop_probability", "shadow_probability"])
def test_one_operation_leaves_the_draws_of_the_others_alone(name: str, other: str) -> None:
    """An operation that draws 0.5 acts on the same lines and in the same way, whatever else is on but does not act there."""
    image, same, num_alone = make_image(), 0, 0
    for i in range(100):
        alone = augment_text_line(image, line(**{name: 0.5}), make_generator(i))
        is_other = augment_text_line(image, line(**{other: 0.5}), make_generator(i)) is not image
        if not is_other:
            num_alone += 1
            same += np.array_equal(alone, augment_text_line(image, line(**{name: 0.5, other: 0.5}), make_generator(i)))
    assert 30 < num_alone == same


@pytest.mark.parametrize("shape", [(1, 160, 1), (48, 1, 3), (0, 0, 1), (48, 160), (48, 160, 4)])
def test_images_that_cannot_be_augmented_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="image: uint8"):
        augment_text_line(np.zeros(shape, np.uint8), ReadAugment(), make_generator(0))


def test_other_number_formats_and_hues_of_grey_images_are_refused() -> None:
    with pytest.raises(InputError, match="float32"):
        augment_text_line(np.zeros((48, 160, 1), np.float32), ReadAugment(), make_generator(0))
    with pytest.raises(InputError, match="grey image has no hue"):
        augment_text_line(make_image(1), line(hsv_probability=0.1), make_generator(0))
