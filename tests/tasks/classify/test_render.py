"""The picture of an answer: one line where it is right, the truth below where it is not."""

import numpy as np

from saccade.records.predictions import ClassifyPrediction
from saccade.tasks.classify.render import render_classification

CAT = ClassifyPrediction("cat", 0.7, (("cat", 0.7),), None)


def test_the_image_is_enlarged_and_a_fault_takes_a_line_more() -> None:
    image = np.zeros((16, 32, 3), np.uint8)
    image[:, :16, 0] = 255
    right, wrong, truth = (
        render_classification(image, target, prediction) for target, prediction in (("cat", CAT), ("dog", CAT), ("cat", None))
    )  # fmt: skip
    assert right.shape[1] == wrong.shape[1] == truth.shape[1] == 224
    assert right.shape == truth.shape
    assert wrong.shape[0] - right.shape[0] == 24
    np.testing.assert_array_equal(right[50, 50], [255, 0, 0])
    np.testing.assert_array_equal(right[50, 200], [0, 0, 0])
    below = right[112:].astype(int)
    assert (below[..., 1] - below[..., 0]).max() > 50  # green
    below = wrong[112:].astype(int)
    assert (below[..., 0] - below[..., 1]).max() > 50  # red


def test_a_grey_image_will_do() -> None:
    picture = render_classification(np.full((8, 8, 1), 128, np.uint8), "고양이", None)
    np.testing.assert_array_equal(picture[100, 100], [128, 128, 128])
