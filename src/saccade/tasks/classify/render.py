"""A picture of one answer: the image, enlarged, below it the class that was named, and the true one where they differ."""

import cv2
import numpy as np
from numpy.typing import NDArray

from saccade.data.contact_sheet import TextLayer
from saccade.data.images import convert_colour
from saccade.records.predictions import ClassifyPrediction

_WIDTH_PX, _LINE_PX, _MARGIN_PX = 224, 24, 8
_RIGHT, _WRONG, _INK = "#1b7a3d", "#b3261e", "#1a1a1a"


def render_classification(
    image: NDArray[np.uint8], target: str, prediction: ClassifyPrediction | None
) -> NDArray[np.uint8]:
    """Return a picture, uint8 [H, W, 3] RGB, 224 px wide.

    Args:
        image: uint8 [h, w, 1 | 3] RGB.
        target: the true class.
        prediction: what was answered; None shows the truth alone.
    """
    height = max(round(image.shape[0] * _WIDTH_PX / image.shape[1]), 1)
    picture = cv2.resize(convert_colour(image, "rgb"), (_WIDTH_PX, height), interpolation=cv2.INTER_CUBIC)
    lines = [(target, _INK)]
    if prediction is not None:
        right = prediction.label == target
        lines = [(f"{prediction.confidence:.2f}  {prediction.label}", _RIGHT if right else _WRONG)]
        lines += [] if right else [(f"truth {target}", _INK)]
    page = np.full((height + _LINE_PX * len(lines) + _MARGIN_PX, _WIDTH_PX, 3), 255, np.uint8)
    page[:height] = picture
    texts = TextLayer(page)
    for number, (text, ink) in enumerate(lines, start=1):
        texts.write(_MARGIN_PX, height + number * _LINE_PX - 6, text, 15, ink)
    return texts.finish()
