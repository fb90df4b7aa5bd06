"""What light and camera do to a line: shadow, distance, blur, colour, tone and noise. No pixel changes its place.

Path: settings and draws -> the image, one operation after another.
"""

import math
from functools import cache
from statistics import NormalDist

import cv2
import numpy as np

from saccade.augment.line_draws import LineDraws, Part
from saccade.recipes.tables.augment import TextLineAugment


def change_light(pixels: np.ndarray, settings: TextLineAugment, draws: LineDraws) -> np.ndarray:
    """Change an image uint8 [H, W] or [H, W, 3] (RGB); the image itself comes back where nothing is drawn."""
    shadow, downscale, blur, tone, noise = draws.light
    if shadow[0] < settings.shadow_probability:
        pixels = _cast_shadow(pixels, settings.shadow_strength, shadow)
    if downscale[0] < settings.downscale_probability:
        pixels = _downscale(pixels, 1 - downscale[1] * (1 - settings.downscale_min_fraction))
    if blur[0] < settings.blur_probability:
        pixels = _blur(pixels, settings.blur_sigma_px * (1 - blur[1]), blur)
    if draws.more[Part.HSV, 0] < settings.hsv_probability:
        pixels = _change_hsv(pixels, settings, draws.more[Part.HSV, 1:4].tolist())
    is_toned, is_inverted = tone[0] < settings.brightness_probability, tone[1] < settings.invert_probability
    if is_toned:
        pixels = cv2.LUT(pixels, _make_tone_table(settings.brightness_fraction, is_inverted, tone))
    elif is_inverted:
        pixels = cv2.bitwise_not(pixels)
    if noise[0] < settings.noise_probability and draws.grain is not None:
        pixels = _add_noise(pixels, settings.noise_sigma * (1 - noise[1]), draws.grain)
    return pixels


def _cast_shadow(pixels: np.ndarray, strength: float, draws: list[float]) -> np.ndarray:
    """Darken or brighten one side of a straight edge; the draws choose angle, place, and how dark or light."""
    height, width = pixels.shape[:2]
    angle = 2 * math.pi * draws[1]
    sharpness, change = 2 + 30 * draws[4] ** 2, strength * (2 * draws[3] - 1)
    x = (np.arange(width, dtype=np.float32) * (2 / (width - 1)) - 1) * (sharpness * math.cos(angle))
    y = (np.arange(height, dtype=np.float32) * (2 / (height - 1)) - 1) * (sharpness * math.sin(angle))
    side = x + (y + sharpness * (1.2 * draws[2] - 0.6))[:, None]
    gain = side.clip(0, 1) * change + 1
    return cv2.multiply(pixels, gain if pixels.ndim == 2 else cv2.merge([gain] * 3), dtype=cv2.CV_8U)


def _downscale(pixels: np.ndarray, fraction: float) -> np.ndarray:
    height, width = pixels.shape[:2]
    small_size = (max(1, round(width * fraction)), max(1, round(height * fraction)))
    small = cv2.resize(pixels, small_size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _blur(pixels: np.ndarray, sigma_px: float, draws: list[float]) -> np.ndarray:
    """Blur by a Gaussian or, as often, along a line of equal standard deviation; the draws choose which and how."""
    if draws[2] < 0.5:
        size = 2 * math.ceil(2.5 * sigma_px) + 1
        return cv2.GaussianBlur(pixels, (size, size), sigma_px, borderType=cv2.BORDER_REPLICATE)
    half_length = sigma_px * math.sqrt(3)
    angle = math.pi * draws[3]
    reach = np.arange(-math.ceil(half_length), math.ceil(half_length) + 1, dtype=np.float32)
    along = np.abs(reach * math.cos(angle) + reach[:, None] * math.sin(angle))
    across = np.abs(reach * math.sin(angle) - reach[:, None] * math.cos(angle))
    line = (half_length + 0.5 - along).clip(0, 1) * (1 - across).clip(0, 1)
    return cv2.filter2D(pixels, -1, line / line.sum(), borderType=cv2.BORDER_REPLICATE)


def _change_hsv(pixels: np.ndarray, settings: TextLineAugment, draws: list[float]) -> np.ndarray:
    """Turn the hue and scale saturation and value, of an RGB image."""
    hue, saturation, value = (2 * draw - 1 for draw in draws)
    levels = np.arange(256)
    tables = [
        (levels + round(settings.hsv_hue_degrees * hue * 256 / 360)) % 256,
        levels * (1 + settings.hsv_saturation_fraction * saturation),
        levels * (1 + settings.hsv_value_fraction * value),
    ]
    table = (np.stack(tables, axis=1)[None] + 0.5).clip(0, 255).astype(np.uint8)
    changed = cv2.LUT(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV_FULL), table)
    return cv2.cvtColor(changed, cv2.COLOR_HSV2RGB_FULL)


def _make_tone_table(strength: float, is_inverted: bool, draws: list[float]) -> np.ndarray:
    """Make the table uint8 [256] of gamma, contrast, brightness (each off by up to `strength`) and inversion."""
    brightness, contrast, gamma = (strength * (2 * draw - 1) for draw in draws[2:5])
    levels = ((np.arange(256) / 255) ** (1 + gamma) - 0.5) * (1 + contrast) + 0.5 + brightness
    table = (levels * 255 + 0.5).clip(0, 255).astype(np.uint8)
    return 255 - table if is_inverted else table


@cache
def _normal_quantiles() -> np.ndarray:
    """List 256 equally probable values of the normal distribution: one byte a pixel is far cheaper than `normal`."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / 256) for i in range(256)])


def _add_noise(pixels: np.ndarray, sigma: float, grain: np.ndarray) -> np.ndarray:
    table = np.rint(_normal_quantiles() * sigma).astype(np.int16)
    return cv2.add(pixels, cv2.LUT(grain.reshape(pixels.shape), table), dtype=cv2.CV_8U)
