"""Glyphs in the manner of licence plates, from the fonts that matplotlib brings.

Path: a TTF in matplotlib's data folder -> FreeType -> one tight grey bitmap a character, condensed and thickened. It is
no text layout: every character comes alone, at one height, because plates squeeze tails and overshoots into the same
band too.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font

GLYPH_HEIGHT_PX = 96
"""Height of every glyph bitmap."""


@dataclass(frozen=True)
class Face:
    """A font and what makes it look stamped: `condense` scales widths, `stroke_px` thickens what that thinned."""

    file: str
    condense: float
    stroke_px: int


FACES = (
    Face("DejaVuSans.ttf", 0.72, 7),
    Face("DejaVuSans.ttf", 0.62, 9),
    Face("DejaVuSans-Bold.ttf", 0.62, 3),
    Face("DejaVuSansMono-Bold.ttf", 0.85, 1),
    Face("DejaVuSansMono.ttf", 0.85, 7),
    Face("cmss10.ttf", 0.78, 7),
    Face("cmtt10.ttf", 0.80, 7),
    Face("STIXGeneralBol.ttf", 0.72, 3),
)
"""Faces that plates are drawn with; the last two carry serifs."""


@cache
def draw_glyph(face: Face, character: str) -> np.ndarray:
    """Draw one character, filling its bitmap from edge to edge.

    Args:
        face: The face.
        character: One capital letter or digit.

    Returns:
        Coverage, uint8 [GLYPH_HEIGHT_PX, W], 255 inside the strokes. It is cached, so it is read-only.
    """
    font = FT2Font(str(Path(matplotlib.get_data_path(), "fonts", "ttf", face.file)))
    font.set_size(2 * GLYPH_HEIGHT_PX, 72)
    font.set_text(character)
    font.draw_glyphs_to_bitmap()
    bitmap = _crop_to_ink(np.asarray(font.get_image()))
    inner_px = GLYPH_HEIGHT_PX - 2 * (face.stroke_px // 2)
    width_px = max(4, round(bitmap.shape[1] * inner_px / bitmap.shape[0] * face.condense))
    bitmap = cv2.resize(bitmap, (width_px, inner_px), interpolation=cv2.INTER_AREA)
    if face.stroke_px > 1:
        pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (face.stroke_px, face.stroke_px))
        bitmap = cv2.dilate(np.pad(bitmap, face.stroke_px), pen)
    glyph = _crop_to_ink(bitmap)
    glyph = cv2.resize(glyph, (glyph.shape[1], GLYPH_HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
    glyph.setflags(write=False)
    return glyph


def _crop_to_ink(bitmap: np.ndarray) -> np.ndarray:
    left, top, width, height = cv2.boundingRect(bitmap)
    return bitmap[top : top + height, left : left + width]
