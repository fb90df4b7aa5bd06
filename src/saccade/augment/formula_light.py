"""What pen, scanner and clean-up do to a formula: noise taken away, contrast, relief, thinner and thicker strokes, binarisation.

Path: settings, draws and what is ink -> the image, one operation after another. No pixel changes its place, and thin
strokes stay: whatever would take them away leaves them as they are.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from saccade.data.ink import Ink
from saccade.recipes.tables.augment import FormulaAugment

_CLAHE_TILES = (8, 8)
_NLM_TEMPLATE_PX, _NLM_SEARCH_PX = 3, 7
_WINDOW_FRACTION = 0.25
"""Side of the window of adaptive binarisation, of the height."""
_RELIEF = 0.5
"""How far the kernel of `emboss` is from the image itself: 0.2 to 0.7 is usual."""
_FAINTEST = 0.2
"""A thin stroke of this share of the largest contrast stays ink in binarisation."""


@dataclass(frozen=True)
class LightDraws:
    """Uniform draws from [0, 1), one row an operation; the first of each decides whether it happens."""

    denoise: list[float]
    clahe: list[float]
    sharpen: list[float]
    emboss: list[float]
    stroke: list[float]
    binarise: list[float]


def change_formula_light(pixels: np.ndarray, settings: FormulaAugment, draws: LightDraws, ink: Ink) -> np.ndarray:
    """Change an image uint8 [H, W] or [H, W, 3] (RGB); the image itself comes back where nothing is drawn."""
    if draws.denoise[0] < settings.denoise_probability:
        pixels = _denoise(pixels, settings)
    if draws.clahe[0] < settings.clahe_probability:
        pixels = _equalise_tiles(pixels, 1 + (settings.clahe_limit - 1) * draws.clahe[1])
    if draws.sharpen[0] < settings.sharpen_probability:
        pixels = _filter(pixels, _make_sharp_kernel(settings.sharpen_fraction * (1 - draws.sharpen[1])))
    if draws.emboss[0] < settings.emboss_probability:
        share = settings.emboss_fraction * (1 - draws.emboss[1])
        pixels = _filter(pixels, _make_relief_kernel(share, corner=int(4 * draws.emboss[2])))
    if draws.stroke[0] < settings.stroke_probability:
        pixels = _change_strokes(pixels, settings.stroke_px * (2 * draws.stroke[1] - 1), is_dark=ink.is_dark)
    if draws.binarise[0] < settings.binarise_probability:
        pixels = _binarise(pixels, settings.binarise_method, is_dark=ink.is_dark)
    return pixels


def _denoise(pixels: np.ndarray, settings: FormulaAugment) -> np.ndarray:
    levels = settings.denoise_levels
    if settings.denoise_method == "non_local_means":
        return cv2.fastNlMeansDenoising(pixels, None, levels, _NLM_TEMPLATE_PX, _NLM_SEARCH_PX)
    median = cv2.medianBlur(pixels, 3)
    is_near = cv2.threshold(cv2.absdiff(median, pixels), levels, 255, cv2.THRESH_BINARY_INV)[1]
    return np.asarray(pixels ^ ((pixels ^ median) & is_near))


def _equalise_tiles(pixels: np.ndarray, limit: float) -> np.ndarray:
    clahe = cv2.createCLAHE(limit, _CLAHE_TILES)
    if pixels.ndim == 2:
        return clahe.apply(pixels)
    lightness, *colours = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB))
    return cv2.cvtColor(cv2.merge([clahe.apply(lightness), *colours]), cv2.COLOR_LAB2RGB)


def _filter(pixels: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REPLICATE)


def _make_sharp_kernel(share: float) -> np.ndarray:
    kernel = np.full((3, 3), -share, np.float32)
    kernel[1, 1] = 1 + 8 * share
    return kernel


def _make_relief_kernel(share: float, *, corner: int) -> np.ndarray:
    """Blend the image with a slope towards one of four corners; the levels of even areas stay."""
    slope = np.array([[-1, -_RELIEF, 0], [-_RELIEF, 0, _RELIEF], [0, _RELIEF, 1]], np.float32)
    slope[[0, 2], [0, 2]] *= 1 + _RELIEF
    kernel = share * np.rot90(slope, corner)
    kernel[1, 1] += 1
    return kernel.astype(np.float32)


def _change_strokes(pixels: np.ndarray, change_px: float, *, is_dark: bool) -> np.ndarray:
    """Make strokes wider by so many px, narrower where it is below 0; parts of a px blend two whole ones."""
    bright = cv2.bitwise_not(pixels) if is_dark else pixels  # ink is what is bright
    change = _widen if change_px > 0 else _narrow
    whole, part = divmod(abs(change_px), 1.0)
    changed = change(bright, int(whole) + 2)
    if part < 1:
        less = change(bright, int(whole) + 1) if whole else bright
        changed = cv2.addWeighted(changed, part, less, 1 - part, 0)
    return cv2.bitwise_not(changed) if is_dark else changed


def _widen(bright: np.ndarray, size_px: int) -> np.ndarray:
    """Widen what is bright, but close no gap: what closing would fill is taken off again."""
    kernel, anchor, mirrored = _make_square(size_px)
    wide = cv2.dilate(bright, kernel, anchor=anchor)
    closed = cv2.erode(wide, kernel, anchor=mirrored)
    return cv2.subtract(wide, cv2.subtract(closed, bright))


def _narrow(bright: np.ndarray, size_px: int) -> np.ndarray:
    """Narrow what is bright, but let no stroke go: what opening would remove is put back."""
    kernel, anchor, mirrored = _make_square(size_px)
    narrow = cv2.erode(bright, kernel, anchor=anchor)
    opened = cv2.dilate(narrow, kernel, anchor=mirrored)
    return cv2.add(narrow, cv2.subtract(bright, opened))


@lru_cache
def _make_square(size_px: int) -> tuple[np.ndarray, tuple[int, int], tuple[int, int]]:
    """Make a square of ones, its anchor, and that of the same square mirrored."""
    first = (size_px - 1) // 2
    return np.ones((size_px, size_px), np.uint8), (first, first), (size_px - 1 - first,) * 2


def _binarise(pixels: np.ndarray, method: str, *, is_dark: bool) -> np.ndarray:
    """Make each pixel black or white: the ink as before on one side of the paper, and no thin stroke paper."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    bright = cv2.bitwise_not(grey) if is_dark else grey
    low, high = cv2.minMaxLoc(bright)[:2]
    if low == high:
        return pixels
    least = _FAINTEST * (high - low)
    if method == "otsu":
        ink = cv2.threshold(bright, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    else:
        window = 2 * round(_WINDOW_FRACTION * bright.shape[0] / 2) + 1
        ink = cv2.adaptiveThreshold(bright, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, max(window, 3), -least)
    opened = cv2.morphologyEx(bright, cv2.MORPH_OPEN, _make_square(3)[0])
    thin = cv2.threshold(cv2.subtract(bright, opened), least, 255, cv2.THRESH_BINARY)[1]
    ink = cv2.bitwise_or(ink, thin)
    levels = cv2.bitwise_not(ink) if is_dark else ink
    return levels if pixels.ndim == 2 else cv2.merge([levels] * 3)
