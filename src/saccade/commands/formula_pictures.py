"""Formulas as picture files, for pages."""


def typeset(text: str) -> bytes | None:
    """Return a formula as a PNG file of black ink on nothing; None where it cannot be typeset."""
    import cv2
    import numpy as np

    from saccade.tasks.read.render_formula import typeset_formula

    ink = typeset_formula(text)
    if ink is None:
        return None
    transparent = np.zeros((*ink.shape, 4), np.uint8)
    transparent[..., 3] = ink
    return cv2.imencode(".png", transparent)[1].tobytes()
