"""Drawn plates as a source: no file is read or written."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from saccade.data.formats.entry import Entry, SourceListing
from saccade.data.synthetic.plates import draw_plate
from saccade.recipes.tables.data import SyntheticPlatesSource


def read(source: SyntheticPlatesSource) -> SourceListing:
    """Draw the plates of a seed.

    Drawing takes milliseconds and every image is wanted several times (label, content hash, training), so each is drawn
    once and kept as PNG.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return SourceListing(tuple(pool.map(partial(_make_entry, source), range(source.num_images))), {})


def _make_entry(source: SyntheticPlatesSource, index: int) -> Entry:
    plate = draw_plate(
        source.seed,
        index,
        layouts=source.layouts,
        two_line_fraction=source.two_line_fraction,
        difficulty=source.difficulty,
    )
    png = cv2.imencode(".png", cv2.cvtColor(plate.image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    location = f"synthetic_plates (seed {source.seed}):{index}"
    return Entry(
        f"plate-{index:06d}", plate.text, location, None, partial(_open_png, png), plate.num_lines, source.weight
    )


def _open_png(png: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR_RGB), np.uint8)
