"""Ink on paper of either polarity: where it is, and an image cut to it."""

import numpy as np
import pytest

from saccade.data.ink import crop_to_ink, find_ink


def draw(paper: int, ink: int, channels: int = 1) -> np.ndarray:
    """Draw a block 6 wide and 4 high, its top left corner at (10, 5), on 40 x 20."""
    image = np.full((20, 40, channels), paper, np.uint8)
    image[5:9, 10:16] = ink
    return image


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("paper", "ink"), [(0, 255), (255, 0), (200, 60), (128, 255)])
def test_ink_of_either_polarity_is_found(paper: int, ink: int, channels: int) -> None:
    found = find_ink(draw(paper, ink, channels))
    assert found.paper == (paper,) * channels
    assert found.is_dark == (ink < paper)
    assert found.box == (10, 5, 16, 9)


def test_noise_is_no_ink_and_faint_strokes_are() -> None:
    image = draw(0, 200)
    image[0, 0], image[15, 30] = 20, 40  # an eighth of 200 is 25
    assert find_ink(image).box == (10, 5, 31, 16)
    assert find_ink(np.random.default_rng(0).integers(100, 105, (20, 40, 1), np.uint8)).box is None


def test_colours_of_equal_lightness_are_ink() -> None:
    image = np.full((20, 40, 3), (0, 150, 0), np.uint8)
    image[5:9, 10:16] = (150, 75, 0)
    assert find_ink(image).box == (10, 5, 16, 9)


def test_an_image_is_cut_to_its_ink_and_a_margin_as_far_as_it_has_one() -> None:
    image = draw(255, 0)
    np.testing.assert_array_equal(crop_to_ink(image, 0.0), image[5:9, 10:16])
    np.testing.assert_array_equal(crop_to_ink(image, 0.5), image[2:12, 7:19])  # 3 px: half of the longer side
    np.testing.assert_array_equal(crop_to_ink(image, 1.0), image[0:15, 4:22])


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 3), (20, 10_000, 1), (10_000, 20, 3)])
def test_blank_images_of_any_size_stay(shape: tuple[int, int, int]) -> None:
    image = np.full(shape, 77, np.uint8)
    assert find_ink(image).box is None
    np.testing.assert_array_equal(crop_to_ink(image, 0.1), image)
