"""Licence plates that look like photographs, the same for the same seed: the data that needs no file.

Path: (seed, index) -> layout and label -> flat plate (`layouts.py`, `fonts.py`) -> photograph (`camera.py`). It
imitates the look of plates, no country's rules, and is no substitute for photographs of the plates that a model is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saccade.data.synthetic.camera import photograph
from saccade.data.synthetic.layouts import ONE_LINE_LAYOUTS, TWO_LINE_LAYOUTS, draw_flat_plate, make_layout, make_rows


@dataclass(frozen=True)
class Plate:
    """An image uint8 [H, W, 3] in RGB, its label (digits and capitals, the upper line first) and number of lines."""

    image: np.ndarray
    text: str
    num_lines: int


def draw_plate(
    seed: int, index: int, *, layouts: Sequence[str] = (), two_line_fraction: float = 0.0, difficulty: float = 0.5
) -> Plate:
    """Draw plate `index` of the set `seed`; every character lies inside the frame.

    Args:
        seed: Another seed draws other plates.
        index: Which plate; plates are independent of each other and of the order they are asked for.
        layouts: Rows of characters to fill, `/` between two rows, in the signs of `layouts.Layout`; none: those of many
            countries.
        two_line_fraction: Share of plates with two lines, in [0, 1], where no layout is given.
        difficulty: 0 draws clean plates from the front, 1 the strongest perspective, dirt, shadow, blur and noise.
    """
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64)))
    known = TWO_LINE_LAYOUTS if rng.random() < two_line_fraction else ONE_LINE_LAYOUTS
    choices = tuple(make_layout(layout) for layout in layouts) or known
    layout = choices[int(rng.integers(len(choices)))]
    rows = make_rows(layout, rng)
    image = photograph(draw_flat_plate(layout, rows, rng), rng, difficulty)
    return Plate(image, "".join(c for row in rows for c in row if c.isalnum()), len(rows))
