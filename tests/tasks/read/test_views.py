"""Views of several networks packed into one row, and unpacked again."""

import numpy as np
import pytest
import torch

from saccade.data.preprocess import Preprocessing
from saccade.recipes.tables.read import ReadPreprocessingTable
from saccade.tasks.read.views import View, Views, turn_image
from saccade.text.charset import Charset


def make_preprocessing(**keys: object) -> Preprocessing:
    return Preprocessing.from_recipe(ReadPreprocessingTable.model_validate(keys), Charset("AB"))


GREY = make_preprocessing(height_px=8, width_px=12)
RGB = make_preprocessing(height_px=10, width_px=16, colour="rgb", two_lines="report")


def draw(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)


def test_each_view_is_what_its_network_would_see_alone() -> None:
    wanted = [View(GREY), View(RGB), View(GREY, 90), View(GREY)]
    views, images = Views(wanted), [draw(0), draw(1)]
    rows = np.stack([views.apply_counting(image)[0] for image in images]).transpose(0, 3, 1, 2)
    assert (
        rows.shape == (2, 1, 1, views.num_bytes) and views.num_bytes == 2 * 8 * 12 + 10 * 16 * 3
    )  # the last is the first
    unpacked = views.unpack(torch.from_numpy(rows))
    assert [tuple(one.shape) for one in unpacked] == [(2, 1, 8, 12), (2, 3, 10, 16), (2, 1, 8, 12), (2, 1, 8, 12)]
    for view, seen in zip(wanted, unpacked, strict=True):
        alone = [view.preprocessing.apply(turn_image(image, view.turn_degrees)) for image in images]
        np.testing.assert_array_equal(seen.numpy(), np.stack(alone).transpose(0, 3, 1, 2))
    assert not torch.equal(unpacked[0], unpacked[2])


@pytest.mark.parametrize(("first", "num_lines"), [(RGB, 1), (GREY, None)])
def test_the_first_view_counts_lines(first: Preprocessing, num_lines: int | None) -> None:
    plain = np.full((20, 30, 3), 255, np.uint8)
    assert Views([View(first), View(GREY)]).apply_counting(plain)[1] == num_lines


def test_images_are_turned_counter_clockwise() -> None:
    image = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[:, :, None]
    assert turn_image(image, 0)[:, :, 0].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert turn_image(image, 90)[:, :, 0].tolist() == [[3, 6], [2, 5], [1, 4]]
    assert turn_image(image, 180)[:, :, 0].tolist() == [[6, 5, 4], [3, 2, 1]]
    assert turn_image(image, 270)[:, :, 0].tolist() == [[4, 1], [5, 2], [6, 3]]
