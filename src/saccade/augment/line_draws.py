"""The random numbers of one augmented line: as many for every image, whatever happens to it.

Changing one operation therefore leaves the draws of the others as they were. What came after the first recipes were
trained draws from `more`, behind what these drew, so that they still see the same images. The grain of noise comes last.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import cast

import numpy as np
from numpy.typing import NDArray

from saccade.recipes.tables.augment import NoLinePolicy, ReadAugment


class Part(IntEnum):
    """Whose row of `more` it is."""

    DISTORT = 0
    STRETCH = 1
    TILT = 2
    FRAME = 3
    HSV = 4
    POLICY = 5


_ROW = 32


@dataclass(frozen=True)
class LineDraws:
    """Uniform draws from [0, 1), a row an operation; the first of a row decides whether it happens.

    Attributes:
        warp: 9 each for perspective, rotation, shear and scale.
        light: 5 each for shadow, downscale, blur, tone and noise.
        more: [6, 32], by `Part`; all 1, so that nothing happens, where none of these operations is on.
        grain: A byte for each value of the image, uint8 [H * W * C]; None where there is no noise.
    """

    warp: list[list[float]]
    light: list[list[float]]
    more: NDArray[np.float32]
    grain: NDArray[np.uint8] | None


def draw_numbers(augment: ReadAugment, num_values: int, rng: np.random.Generator) -> LineDraws:
    """Draw what decides about an image of `num_values` = H * W * C."""
    settings = augment.text_line
    first = rng.random(4 * 9 + 5 * 5).tolist()
    warp = [first[start : start + 9] for start in range(0, 36, 9)]
    light = [first[start : start + 5] for start in range(36, 61, 5)]
    has_more = (
        settings.tia_probability > 0
        or settings.crop_probability > 0
        or settings.jitter_probability > 0
        or settings.hsv_probability > 0
        or not isinstance(augment.policy, NoLinePolicy)
    )
    more = rng.random((len(Part), _ROW), np.float32) if has_more else _make_never()
    grain = None
    if light[4][0] < settings.noise_probability:
        # the bytes of `rng.bytes`, in a third of its time
        grain = rng.bit_generator.random_raw(-(-num_values // 8)).view(np.uint8)[:num_values]
    return LineDraws(warp, light, more, grain)


@cache
def _make_never() -> NDArray[np.float32]:
    never = np.ones((len(Part), _ROW), np.float32)
    never.flags.writeable = False
    return never


def make_side_stream(rng: np.random.Generator, number: int = 1) -> np.random.Generator:
    """Return a generator whose draws leave those of `rng`, Philox or PCG64, as they were; each number has its own."""
    bit_generator = cast(np.random.Philox, rng.bit_generator)
    return np.random.Generator(bit_generator.jumped(number))
