"""Pictures of a classifier are PNG files that show every class, or the few that matter."""

from typing import Any

import cv2
import numpy as np
import pytest

from saccade.metrics.classification import summarise_classification
from saccade.report.classification_figures import (
    MOST_CLASSES,
    MOST_LABELLED,
    Answered,
    choose_classes,
    draw_confusion,
    draw_extremes,
)


def summarise(num_classes: int, num_images: int = 60) -> Any:
    classes = [f"class {number}" for number in range(num_classes)]
    rows = []
    for number in range(num_images):
        target, answer = classes[number % num_classes], classes[(number + (number % 7 == 0)) % num_classes]
        rows.append({"id": str(number), "target": target, "prediction": answer, "confidence": 0.5,
                     "top_k": [[answer, 0.5]], "target_log_probability": -1 - number / 100})  # fmt: skip
    return summarise_classification(rows, classes)


def read_png(content: bytes) -> np.ndarray:
    assert content.startswith(b"\x89PNG")
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)


@pytest.mark.parametrize("num_classes", [2, 10, MOST_LABELLED, MOST_LABELLED + 1, 100])
def test_the_confusions_of_any_number_of_classes_fit_a_page(num_classes: int) -> None:
    picture = read_png(draw_confusion(summarise(num_classes, 300), title="val, 100 % of $x_1$"))
    height, width = picture.shape[:2]
    assert 300 < height < 1800 and height * 0.8 < width < 1900
    assert (picture[0] == 255).all() and (picture[:, 0] == 255).all()  # nothing is cut off


def test_a_perfect_classifier_is_a_diagonal() -> None:
    summary = summarise(2)
    summary["confusion"] = [["class 0", "class 0", 30], ["class 1", "class 1", 30]]
    picture = read_png(draw_confusion(summary, title="")).astype(int)
    dark = (picture[..., 2] > picture[..., 0] + 60) & (picture[..., 0] < 30)  # the deepest blue of the scale
    top, bottom = dark[: len(dark) // 3], dark[len(dark) // 3 : 2 * len(dark) // 3]
    assert np.nonzero(top)[1].mean() < np.nonzero(bottom)[1].mean()


def test_extremes_show_the_least_accurate_classes_first() -> None:
    summary = summarise(40, 400)
    chosen = choose_classes(summary)
    assert len(chosen) == MOST_CLASSES
    shown = [row["accuracy"] for row in chosen]
    assert shown == sorted(row["accuracy"] for row in summary["by_class"])[:MOST_CLASSES]


def test_a_class_without_images_is_not_drawn() -> None:
    assert [row["label"] for row in choose_classes(summarise(100, 3))] == ["class 0", "class 1", "class 2"]


@pytest.mark.parametrize(("height", "width", "channels"), [(32, 32, 3), (20, 80, 1), (50, 10, 3)])
def test_extremes_are_framed_by_whether_they_are_right(height: int, width: int, channels: int) -> None:
    summary = summarise(3)
    image = np.full((height, width, channels), 90, np.uint8)
    names = {name for row in summary["by_class"] for name in (*row["worst"], *row["best"])}
    for answer, (strong, weak) in (("a", (0, 1)), ("t", (1, 0))):
        answered = {name: Answered(image, "t", answer, 0.5) for name in names}
        picture = read_png(draw_extremes(choose_classes(summary), answered, title="val")).astype(int)
        assert (picture[..., strong] - picture[..., weak] > 60).sum() > 500
        assert (picture[..., weak] - picture[..., strong] > 60).sum() == 0
