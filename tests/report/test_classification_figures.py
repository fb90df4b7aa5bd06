"""Pictures of a classifier are PNG files that show every class, or the few that matter."""

from typing import Any

import cv2
import numpy as np
import pytest

from saccade.metrics.classification import summarise_classification
from saccade.report.classification_figures import (
    MOST_CELLS,
    MOST_CLASSES,
    MOST_LABELLED,
    Answered,
    choose_classes,
    draw_calibration,
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


def test_neighbours_share_a_cell_where_there_are_more_classes_than_pixels() -> None:
    summary = summarise(3 * MOST_CELLS + 1, 300)
    assert read_png(draw_confusion(summary, title="val")).shape[0] < 1800


def test_names_of_any_kind_can_be_written(recwarn: pytest.WarningsRecorder) -> None:
    summary = summarise(3)
    for row, name in zip(summary["by_class"], ("line\nbreak", "a" * 300, "$x_1$ \x07"), strict=True):
        row["label"] = name
    summary["confusion"] = [["line\nbreak", "a" * 300, 2], ["$x_1$ \x07", "$x_1$ \x07", 1]]
    picture = read_png(draw_confusion(summary, title="val"))
    assert picture.shape[0] < 700 and not recwarn.list


def find_bars(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of the upper and of the lower bars, as counts of bar-coloured pixels."""
    blue = (abs(picture.astype(int) - (0x7F, 0xA8, 0xD1)) < 12).all(2)
    middle = int(len(blue) * 0.7)
    return blue[:middle].sum(0), blue[middle:].sum(0)


def test_calibration_shows_shares_above_and_numbers_below() -> None:
    summary = summarise(3)
    summary["reliability"] = [
        {"low": 0.0, "high": 0.5, "n": 10, "confidence": 0.3, "accuracy": 0.9},
        {"low": 0.5, "high": 1.0, "n": 40, "confidence": 0.9, "accuracy": 0.3},
    ]
    upper, lower = find_bars(read_png(draw_calibration(summary, title="val, 50 images")))
    inside = np.flatnonzero(lower)
    left, right = inside[len(inside) // 4], inside[3 * len(inside) // 4]
    assert upper[left] > 2.5 * upper[right] > 0 and lower[right] > 3 * lower[left] > 0


def test_one_bin_of_calibration_will_do() -> None:
    summary = summarise(3)  # every confidence is 0.5
    assert len(summary["reliability"]) == 1
    assert read_png(draw_calibration(summary, title="val")).shape[0] > 500


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
