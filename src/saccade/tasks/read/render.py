"""A picture of one reading: the image, below it what was read, and the truth where they differ."""

import numpy as np
from numpy.typing import NDArray

from saccade.data.contact_sheet import render_answer
from saccade.records.predictions import ReadPrediction
from saccade.tasks.read.render_formula import render_formula
from saccade.text.units import Kind

_WIDTH_PX, _LINE_PX = 320, 26


def render_reading(
    image: NDArray[np.uint8], target: str, prediction: ReadPrediction | None, units: Kind = "characters"
) -> NDArray[np.uint8]:
    """Return a picture, uint8 [H, W, 3] RGB, 320 px wide; of tokens, the one that `render_formula` draws.

    Args:
        image: uint8 [h, w, 1 | 3] RGB.
        target: the truth.
        prediction: what was read; None shows the truth alone.
        units: what texts are made of; tokens are those of LaTeX.
    """
    if units == "tokens":
        return render_formula(image, target, prediction)
    if prediction is None:
        return render_answer(image, None, target, is_right=False, width_px=_WIDTH_PX, line_px=_LINE_PX)
    answer = f"{prediction.text or '(nothing)'}   {prediction.confidence:.2f}"
    return render_answer(
        image, answer, target, is_right=prediction.text == target, width_px=_WIDTH_PX, line_px=_LINE_PX
    )
