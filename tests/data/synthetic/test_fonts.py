"""Glyphs: every face has every character, filled from edge to edge and told apart."""

import numpy as np
import pytest

from saccade.data.synthetic.fonts import FACES, GLYPH_HEIGHT_PX, Face, draw_glyph
from saccade.data.synthetic.layouts import ALL_LETTERS


@pytest.mark.parametrize("face", FACES, ids=lambda face: f"{face.file}-{face.condense}")
def test_every_character_fills_its_bitmap_and_differs_from_the_others(face: Face) -> None:
    seen = set()
    for character in ALL_LETTERS + "0123456789":
        glyph = draw_glyph(face, character)
        assert glyph.dtype == np.uint8 and glyph.shape[0] == GLYPH_HEIGHT_PX
        for edge in (glyph[0], glyph[-1], glyph[:, 0], glyph[:, -1]):
            assert edge.max() > 0
        assert 0.1 < (glyph > 128).mean() <= 1 and not glyph.flags.writeable
        seen.add(glyph.tobytes())
    assert len(seen) == 36
