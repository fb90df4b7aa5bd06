"""What several networks see of one image: each its own size, colours and turn, packed into one row of bytes.

An image is decoded once. A batch of rows is a tensor like any other: it can live on the device and be cut by example.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from saccade.data.images import Colour, Image
from saccade.data.preprocess import Preprocessing


@dataclass(frozen=True)
class View:
    """An image turned by quarter turns, counter-clockwise, then prepared as a network wants it."""

    preprocessing: Preprocessing
    turn_degrees: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return self.preprocessing.shape

    def apply_counting(self, image: Image) -> tuple[Image, int | None]:
        """Return what becomes of an image, and the lines of text in it, as `Preprocessing.apply_counting` does."""
        return self.preprocessing.apply_counting(turn_image(image, self.turn_degrees))


class Views:
    """Stands where the preprocessing of a single network stands; views that are alike are made once."""

    colour: Colour = "rgb"

    def __init__(self, views: Sequence[View]) -> None:
        """Keep the views in the order in which `unpack` gives them; the first one counts lines of text."""
        self._distinct = tuple(dict.fromkeys(views))
        self._places = [self._distinct.index(view) for view in views]
        self._sizes = [math.prod(view.shape) for view in self._distinct]

    @property
    def num_bytes(self) -> int:
        """Bytes of a packed image."""
        return sum(self._sizes)

    def apply_counting(self, image: Image) -> tuple[Image, int | None]:
        """Return all views of an image uint8 [h, w, 1 | 3 | 4] as one row, uint8 [1, num_bytes, 1], and its lines of text."""
        made = [view.apply_counting(image) for view in self._distinct]
        flat = [view.transpose(2, 0, 1).ravel() for view, _ in made]  # (H, W, C) -> (C*H*W,)
        return np.concatenate(flat).reshape(1, -1, 1), made[0][1]

    def unpack(self, rows: UInt8[Tensor, "B 1 1 N"]) -> list[UInt8[Tensor, "B _ _ _"]]:
        """Return the images of each view, in the order of the views."""
        parts = rows.flatten(1).split(self._sizes, dim=1)
        images = [
            part.unflatten(1, (view.shape[2], *view.shape[:2]))  # (B, C*H*W) -> (B, C, H, W)
            for part, view in zip(parts, self._distinct, strict=True)
        ]
        return [images[place] for place in self._places]


def turn_image(image: Image, degrees: int) -> Image:
    """Return an image uint8 [h, w, c] turned counter-clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(image, degrees // 90))
