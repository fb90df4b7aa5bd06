"""Augmentation of one text line on the CPU: one warp that keeps every character in the frame, then light and camera.

Path: settings and generator -> uniform draws, one row an operation -> homography -> `cv2.warpPerspective` -> shadow,
downscale, blur, tone, noise. It changes no label, knows no task, and swallows no error. It works on the image that the
model will see.
"""

import math
from functools import cache
from statistics import NormalDist

import cv2
import numpy as np

from saccade.errors import InputError
from saccade.recipes.tables.augment import TextLineAugment

TEXT_MARGIN_FRACTION = 0.02
"""Text is taken to lie within the frame less this fraction on every side; no point of that area leaves the frame."""

MIN_SIZE_PX = 2


def augment_text_line(image: np.ndarray, settings: TextLineAugment, rng: np.random.Generator) -> np.ndarray:
    """Augment one line.

    The same number of draws decides about every image, whatever is switched on, so changing one operation leaves the
    draws of the others as they were. Only the noise itself is drawn on top, last.

    Args:
        image: uint8 [H, W, C], C = 1 (grey) or 3 (RGB), at least 2 x 2 px; it is not written to.
        settings: Probabilities and strengths.
        rng: A generator of this image's own, so that the result depends on nothing else.

    Returns:
        uint8 [H, W, C]; the image itself where the draws leave it unchanged.

    Raises:
        InputError: The image is smaller than 2 x 2 px, or not uint8 with 1 or 3 channels.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or min(image.shape[:2]) < MIN_SIZE_PX:
        raise InputError(
            f"image: {image.dtype} {list(image.shape)} cannot be augmented; pass uint8 [H, W, 1 or 3], 2 x 2 px or more"
        )
    height, width, channels = image.shape
    matrix = _draw_matrix(settings, rng, height, width)
    shadow, downscale, blur, tone, noise = rng.random((5, 5)).tolist()
    pixels = image[..., 0] if channels == 1 else image
    if matrix is not None:
        pixels = cv2.warpPerspective(pixels, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    if shadow[0] < settings.shadow_probability:
        pixels = _cast_shadow(pixels, settings.shadow_strength, shadow)
    if downscale[0] < settings.downscale_probability:
        pixels = _downscale(pixels, 1 - downscale[1] * (1 - settings.downscale_min_fraction))
    if blur[0] < settings.blur_probability:
        pixels = _blur(pixels, settings.blur_sigma_px * (1 - blur[1]), blur)
    is_toned, is_inverted = tone[0] < settings.brightness_probability, tone[1] < settings.invert_probability
    if is_toned or is_inverted:
        strength = settings.brightness_fraction if is_toned else 0.0
        pixels = cv2.LUT(pixels, _make_tone_table(strength, is_inverted, tone))
    if noise[0] < settings.noise_probability:
        pixels = _add_noise(pixels, settings.noise_sigma * (1 - noise[1]), rng)
    return image if pixels is image or pixels.base is image else pixels.reshape(image.shape)


def transform_matrix(settings: TextLineAugment, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draw the warp of one image; `augment_text_line` draws the same one from a generator in the same state.

    Returns:
        Homography float64 [3, 3] from input to output px, pixel centres at whole numbers; the identity where nothing is
        drawn.

    Raises:
        InputError: The frame is smaller than 2 x 2 px.
    """
    if min(height, width) < MIN_SIZE_PX:
        raise InputError(f"image: {height} x {width} px cannot be warped; pass at least 2 x 2 px")
    matrix = _draw_matrix(settings, rng, height, width)
    return np.eye(3) if matrix is None else matrix


def make_text_corners(height: int, width: int) -> np.ndarray:
    """Make the corners of the area that may hold text: float64 [3, 4], homogeneous px, clockwise from the top left."""
    right, bottom = width - 1.0, height - 1.0
    x, y = right * TEXT_MARGIN_FRACTION, bottom * TEXT_MARGIN_FRACTION
    return np.array([[x, right - x, right - x, x], [y, y, bottom - y, bottom - y], [1.0, 1.0, 1.0, 1.0]])


def _draw_matrix(settings: TextLineAugment, rng: np.random.Generator, height: int, width: int) -> np.ndarray | None:
    perspective, rotation, shear, scale = rng.random((4, 9)).tolist()
    has_perspective = perspective[0] < settings.perspective_probability
    has_rotation = rotation[0] < settings.rotation_probability
    has_shear = shear[0] < settings.shear_probability
    has_scale = scale[0] < settings.scale_probability
    if not (has_perspective or has_rotation or has_shear or has_scale):
        return None
    right, bottom = width - 1.0, height - 1.0
    matrix = np.array([[1, 0, -right / 2], [0, 1, -bottom / 2], [0, 0, 1]])  # operations act about the centre
    if has_perspective:
        corners = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float32)
        moves = np.array(perspective[1:], np.float32).reshape(4, 2) * 2 - 1
        moved = corners + moves * corners[2] * settings.perspective_fraction
        matrix = matrix @ cv2.getPerspectiveTransform(corners, moved)
    if has_shear:
        matrix[0] += settings.shear_fraction * (2 * shear[1] - 1) * matrix[1]
    if has_rotation:
        angle = math.radians(settings.rotation_degrees) * (2 * rotation[1] - 1)
        cos, sin = math.cos(angle), math.sin(angle)
        matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ matrix
    smallest = settings.scale_min_fraction if has_scale else 1.0
    shrink = [1 - draw * (1 - smallest) for draw in scale[1:3]]
    _fit(matrix, (width, height), shrink, scale[3:5] if has_scale else None)
    return matrix


def _fit(matrix: np.ndarray, size: tuple[int, int], shrink: list[float], place: list[float] | None) -> None:
    """Change `matrix` so that what it makes of the text area lies in the frame.

    Each axis is squeezed on its own, as when a box drawn around slanted text is resized to the model's input: text
    stays as large as it can.

    Args:
        matrix: Homography [3, 3] from input px to px from the frame's centre; becomes one to output px.
        size: Width and height of the frame, px.
        shrink: Further factors for x and y, at most 1.
        place: Where in the room that is left, x and y in [0, 1]; None moves the text no further than it must.
    """
    points = matrix @ make_text_corners(size[1], size[0])
    for axis, extent in enumerate(size):
        frame = extent - 1.0
        values = (points[axis] / points[2]).tolist()
        low, length = min(values), max(values) - min(values)
        factor = min(1.0, frame / length) * shrink[axis]
        room = max(0.0, frame - length * factor)
        start = min(max(frame / 2 + low * factor, 0.0), room) if place is None else place[axis] * room
        matrix[axis] = matrix[axis] * factor + matrix[2] * (start - low * factor)


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


def _add_noise(pixels: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    table = np.rint(_normal_quantiles() * sigma).astype(np.int16)
    noise = cv2.LUT(np.frombuffer(rng.bytes(pixels.size), np.uint8).reshape(pixels.shape), table)
    return cv2.add(pixels, noise, dtype=cv2.CV_8U)
