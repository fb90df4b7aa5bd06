"""A picture of one answer: the image, enlarged, below it the class that was named, and the true one where they differ."""

import numpy as np
from numpy.typing import NDArray

from saccade.data.contact_sheet import render_answer
from saccade.records.predictions import ClassifyPrediction

_WIDTH_PX, _LINE_PX = 224, 24


def render_classification(
    image: NDArray[np.uint8], target: str, prediction: ClassifyPrediction | None
) -> NDArray[np.uint8]:
    """Return a picture, uint8 [H, W, 3] RGB, 224 px wide.

    Args:
        image: uint8 [h, w, 1 | 3] RGB.
        target: the true class.
        prediction: what was answered; None shows the truth alone.
    """
    if prediction is None:
        return render_answer(image, None, target, is_right=False, width_px=_WIDTH_PX, line_px=_LINE_PX)
    answer = f"{prediction.confidence:.2f}  {prediction.label}"
    return render_answer(
        image, answer, target, is_right=prediction.label == target, width_px=_WIDTH_PX, line_px=_LINE_PX
    )
