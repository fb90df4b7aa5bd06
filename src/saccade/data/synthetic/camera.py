"""Weather, car and camera: what lies between a flat plate and a photograph of it.

Path: `FlatPlate` -> mud and scratches -> view on a car body -> light -> blur -> noise, fewer pixels and JPEG. Every
strength grows with `difficulty` in [0, 1]; it draws no text and never loses any.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from saccade.data.synthetic.layouts import FlatPlate

TEXT_MARGIN_FRACTION = 0.02
"""Least distance of the text from the frame's edges, as a fraction of the frame."""
OVERSAMPLING = 2
"""The plate is warped this many times larger than the photograph and then averaged down."""
BODY_COLOURS = (
    *[(226, 227, 229), (165, 168, 172), (98, 101, 106), (30, 31, 34)] * 3,
    *[(112, 26, 28), (28, 50, 96), (38, 60, 48), (186, 174, 152), (150, 132, 62)],
)
"""Paint, RGB; a colour that stands more than once is that much more frequent."""


@dataclass(frozen=True)
class View:
    """Where the camera stands: the homography from flat plate px to photograph px, and the photograph's size in px."""

    matrix: np.ndarray
    width_px: int
    height_px: int


def photograph(flat: FlatPlate, rng: np.random.Generator, difficulty: float) -> np.ndarray:
    """Photograph a plate.

    Args:
        flat: The plate.
        rng: Draws everything that happens to it.
        difficulty: 0 is clean and from the front, 1 the strongest of everything.

    Returns:
        uint8 [H, W, 3], RGB; all of the plate's text box is inside.
    """
    view = make_view(flat, rng, difficulty)
    mounted, rim = _mount(_soil(flat.image, rng, difficulty), rng)
    layer = _warp(mounted, view.matrix @ np.array([[1, 0, -rim], [0, 1, -rim], [0, 0, 1]]), view)
    cover = cv2.extractChannel(layer, 3).astype(np.float32) * (1 / 255)
    plate = cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB).astype(np.float32)
    scene = _blend(_draw_body(view, rng), plate, cover)
    _light(scene, rng, difficulty)
    return _sense(_blur(scene, rng, _character_px(flat, view) * difficulty), rng, difficulty)


def make_view(flat: FlatPlate, rng: np.random.Generator, difficulty: float) -> View:
    """Choose angle, crop and size so that the whole text box stays inside the photograph."""
    height, width = flat.image.shape[:2]
    yaw, pitch, roll = rng.uniform(-1, 1, 3) * np.radians([42, 26, 11]) * difficulty
    matrix = _rotate(yaw, pitch, roll) @ np.array(
        [[1 / width, 0, -0.5], [0, 1 / width, -0.5 * height / width], [0, 0, 1]]
    )
    left, top, right, bottom = _bounds(matrix, (0.0, 0.0, float(width), float(height)))
    loose = rng.uniform(-0.015, 0.01 + 0.22 * difficulty, 4) * (bottom - top)
    x0, y0, x1, y1 = _bounds(matrix, flat.text_box)
    margin_x, margin_y = (x1 - x0) * TEXT_MARGIN_FRACTION * 1.25, (y1 - y0) * TEXT_MARGIN_FRACTION * 1.25
    left, top = min(left - loose[0], x0 - margin_x), min(top - loose[1], y0 - margin_y)
    right, bottom = max(right + loose[2], x1 + margin_x), max(bottom + loose[3], y1 + margin_y)
    widest = 250 - 60 * difficulty if width > 2.5 * height else 180 - 40 * difficulty
    width_px = round(float(rng.uniform(110 - 40 * difficulty, widest)))
    height_px = max(16, round(width_px * (bottom - top) / (right - left)))
    scale_x, scale_y = (width_px - 1) / (right - left), (height_px - 1) / (bottom - top)
    crop = np.array([[scale_x, 0, -left * scale_x], [0, scale_y, -top * scale_y], [0, 0, 1]])
    return View(crop @ matrix, width_px, height_px)


def _rotate(yaw: float, pitch: float, roll: float, distance: float = 2.2) -> np.ndarray:
    """Turn a plane about its centre and look at it from `distance` plate widths away; returns a homography."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    turn = about_z @ about_x @ about_y
    return np.array([[*turn[0, :2], 0], [*turn[1, :2], 0], [*turn[2, :2] / distance, 1]])


def _bounds(matrix: np.ndarray, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box
    points = matrix @ np.array([[x0, x1, x1, x0], [y0, y0, y1, y1], [1, 1, 1, 1]], float)
    x, y = points[:2] / points[2]
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _character_px(flat: FlatPlate, view: View) -> float:
    """Estimate the width of a character on the photograph; plates hold about eight side by side."""
    x0, _, x1, _ = _bounds(view.matrix, flat.text_box)
    return (x1 - x0) / 8


def _warp(image: np.ndarray, matrix: np.ndarray, view: View) -> np.ndarray:
    """Warp into the view, averaging over the area of each pixel as a sensor does, so that thin strokes do not break."""
    zoom = np.diag([OVERSAMPLING, OVERSAMPLING, 1.0]) @ matrix
    large = cv2.warpPerspective(image, zoom, (view.width_px * OVERSAMPLING, view.height_px * OVERSAMPLING))
    return cv2.resize(large, (view.width_px, view.height_px), interpolation=cv2.INTER_AREA)


def _blend(below: np.ndarray, above: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Mix two images [H, W, 3] of one dtype by `cover`, float32 [H, W]: 1 shows what is above."""
    return cv2.blendLinear(above, below, cover, 1 - cover)


def _soil(image: np.ndarray, rng: np.random.Generator, difficulty: float) -> np.ndarray:
    """Put mud and scratches on the flat plate; its rounded corners stay."""
    height, width = image.shape[:2]
    plate = cv2.cvtColor(image, cv2.COLOR_RGBA2RGB)
    if rng.random() < 0.2 + 0.6 * difficulty:
        coarse = rng.random((int(rng.integers(3, 7)), int(rng.integers(6, 16))), np.float32)
        fine = rng.random((height // 6, width // 6), np.float32)
        cover = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        specks = cv2.resize(fine, (width, height), interpolation=cv2.INTER_LINEAR)
        cover = np.clip((cover + 0.5 * specks - 0.75) * 1.6, 0, 1) * np.float32(rng.uniform(0.1, 0.75) * difficulty)
        mud = (np.array([110, 96, 78]) * rng.uniform(0.6, 1.3)).astype(np.uint8)
        plate = _blend(plate, np.full_like(plate, mud), cover)
    for _ in range(int(rng.poisson(3 * difficulty))):
        start = rng.random(2) * (width, height)
        end = start + rng.normal(0, 0.25, 2) * height
        grey = int(rng.integers(90, 220))
        cv2.line(plate, start.astype(int).tolist(), end.astype(int).tolist(), (grey, grey, grey), 1, cv2.LINE_AA)
    return cv2.merge([plate, image[..., 3]])


def _mount(plate: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Put the plate into a dark holder or above its own shadow; returns RGBA and the px of rim this adds."""
    rim = round(plate.shape[0] * 0.09)
    mounted = cv2.copyMakeBorder(plate, rim, rim, rim, rim, cv2.BORDER_CONSTANT)
    alpha = cv2.dilate(cv2.extractChannel(mounted, 3), np.ones((rim, rim), np.uint8))
    has_holder = rng.random() < 0.45
    if not has_holder:
        alpha = (cv2.blur(np.roll(alpha, rim // 3, axis=0), (rim, rim)) * 0.6).astype(np.uint8)
    grey = int(rng.integers(14, 50)) if has_holder else 8
    mounted[mounted[..., 3] < 128] = (grey, grey, grey, 0)
    mounted[..., 3] = cv2.max(mounted[..., 3], alpha)
    return mounted, rim


def _draw_body(view: View, rng: np.random.Generator) -> np.ndarray:
    """Draw what is around the plate, float32 [H, W, 3]: paint that fades, with an edge of bumper or grille across."""
    width, height = view.width_px, view.height_px
    paint = np.array(BODY_COLOURS[int(rng.integers(len(BODY_COLOURS)))], np.float32) * rng.uniform(0.75, 1.1)
    shade = cv2.resize(rng.uniform(0.7, 1.2, (3, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    scene: np.ndarray = shade[..., None] * paint
    for _ in range(int(rng.integers(0, 4))):
        y = float(rng.uniform(-0.1, 1.1)) * height
        slope, thickness = rng.normal(0, 0.05) * height, int(rng.integers(1, max(3, height // 6)))
        colour = (paint * rng.uniform(0.15, 1.25)).tolist()
        cv2.line(scene, (-5, round(y)), (width + 5, round(y + slope)), colour, thickness, cv2.LINE_AA)
    return scene


def _light(scene: np.ndarray, rng: np.random.Generator, difficulty: float) -> None:
    """Light the scene unevenly, in place: a gradient, a straight shadow, a glare, a tint and an exposure."""
    height, width = scene.shape[:2]
    corners = rng.uniform(1 - 0.5 * difficulty, 1 + 0.2 * difficulty, (2, 2)).astype(np.float32)
    light = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None] * np.float32(rng.normal())
    ramp = across + np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(rng.normal())
    if rng.random() < 0.15 + 0.4 * difficulty:
        edge = np.float32(rng.uniform(4, 40))
        light *= 1 - np.float32(rng.uniform(0.2, 0.6) * difficulty) * np.clip(ramp * edge + rng.normal(), 0, 1)
    tint = rng.uniform(1 - 0.12 * difficulty, 1, 3) * rng.uniform(1 - 0.45 * difficulty, 1 + 0.35 * difficulty)
    scene *= light[..., None] * tint.astype(np.float32)
    if rng.random() < 0.2 * difficulty:
        distance = ((ramp - np.float32(rng.uniform(-1, 1))) * 2.5) ** 2
        scene += (np.float32(rng.uniform(20, 110)) * np.exp(-distance))[..., None]
    if rng.random() < 0.15 * difficulty:
        scene[:] = scene.mean(axis=2, keepdims=True)  # an infrared camera sees no colour


def _blur(scene: np.ndarray, rng: np.random.Generator, strength_px: float) -> np.ndarray:
    """Blur by focus and motion; `strength_px` is a character's width times the difficulty: characters survive it."""
    sigma = strength_px * float(rng.uniform(0, 0.085)) + 0.3
    scene = cv2.GaussianBlur(scene, (0, 0), sigma)
    length = round(strength_px * float(rng.uniform(0, 0.38)))
    if rng.random() < 0.35 and length > 2:
        turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), float(rng.normal(0, 25)), 1)
        level = np.zeros((length, length), np.float32)
        level[length // 2] = 1
        line = cv2.warpAffine(level, turn, (length, length))
        scene = cv2.filter2D(scene, -1, line / line.sum())
    return scene


def _sense(scene: np.ndarray, rng: np.random.Generator, difficulty: float) -> np.ndarray:
    """Turn light into bytes: contrast, noise of the sensor, fewer pixels, JPEG."""
    height, width = scene.shape[:2]
    haze = np.float32(rng.uniform(0, 0.4) * difficulty)
    scene += (np.float32(rng.uniform(60, 190)) - scene) * haze
    scene += rng.standard_normal(scene.shape, np.float32) * np.float32(1.0 + rng.uniform(0, 13) * difficulty)
    image = np.clip(scene, 0, 255).astype(np.uint8)
    if rng.random() < 0.5 * difficulty:
        share = float(rng.uniform(max(0.55, 62 / width), 1)) if width > 62 else 1.0
        small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    quality = round(float(rng.uniform(95 - 65 * difficulty, 96)))
    encoded, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise RuntimeError("OpenCV could not encode a drawn plate as JPEG")
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    if decoded is None:
        raise RuntimeError("OpenCV could not decode the JPEG of a drawn plate")
    return decoded
