"""The flat plate: which characters stand where, on what colours, with borders, strips, blocks and screws.

Path: a layout and a generator -> rows of characters -> `FlatPlate`. Nothing here is weathered, lit or photographed
(`camera.py`).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from saccade.data.synthetic.fonts import FACES, Face, draw_glyph

CLEAR_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
"""Letters of countries that leave out what looks like a digit."""
ALL_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Layout:
    """A grammar and a shape.

    `rows` reads from the top: `0` is a digit, `A` a letter, ` ` a gap, `-` a dash and `|` a line beside a region block
    of smaller characters. Only digits and letters enter the label. `aspect` bounds width over height.
    """

    rows: tuple[str, ...]
    aspect: tuple[float, float]
    letters: str = CLEAR_LETTERS
    caption: bool = False


LONG, SHORT, SQUARE = (4.2, 4.8), (1.9, 2.3), (1.35, 1.7)
ONE_LINE_LAYOUTS = (
    Layout(("00|A 000 AA",), LONG, ALL_LETTERS),
    Layout(("00|000 AAA",), LONG, ALL_LETTERS),
    Layout(("A 000 AA|00",), LONG),
    Layout(("A000AA|000",), LONG),
    Layout(("AA00 AAA",), LONG),
    Layout(("AA-000-AA",), LONG),
    Layout(("AA 0000 AA",), LONG),
    Layout(("00 AA 0000",), LONG),
    Layout(("0000 AAA",), LONG),
    Layout(("AAA 000",), LONG, ALL_LETTERS),
    Layout(("AAA-0000",), (2.9, 3.4), ALL_LETTERS),
    Layout(("0AAA000",), SHORT, caption=True),
    Layout(("AAA 0000",), SHORT, caption=True),
    Layout(("000 AAA",), SHORT, ALL_LETTERS, caption=True),
)
TWO_LINE_LAYOUTS = (
    Layout(("00 A", "000 AA"), SQUARE, ALL_LETTERS),
    Layout(("AA 00", "AA 0000"), SQUARE),
    Layout(("AAA", "0000"), SQUARE),
    Layout(("A 000", "AA 00"), SQUARE),
    Layout(("00-A0", "000-00"), SQUARE),
    Layout(("AA-00", "00-AA"), (1.7, 2.1)),
)

WHITE, BLACK = (236, 236, 232), (22, 22, 24)
COLOURS = (
    *[(WHITE, BLACK)] * 6,
    ((240, 196, 30), BLACK),
    ((240, 196, 30), BLACK),
    ((24, 25, 28), (232, 232, 228)),
    ((24, 62, 150), (238, 238, 238)),
    ((20, 104, 62), (238, 238, 238)),
    ((150, 214, 170), BLACK),
    (WHITE, (176, 24, 30)),
    (WHITE, (24, 40, 120)),
)
"""Ground and ink, RGB; a colour that stands more than once is that much more frequent."""
STRIP_COLOURS = ((0, 51, 153), (0, 90, 170), (200, 30, 40), (10, 110, 70))

CELL_UNITS = {" ": 0.35, "-": 0.5, "|": 0.3}
"""Widths of what is no character, in widths of a character."""
BLOCK_SCALE = 0.76
"""Size of the characters in a region block."""


@dataclass(frozen=True)
class FlatPlate:
    """A plate from the front, RGBA [H, W, 4] with rounded corners, and the box x0, y0, x1, y1 (px) around its label."""

    image: np.ndarray
    text_box: tuple[float, float, float, float]


def make_layout(rows: str) -> Layout:
    """Return a layout of one's own: rows with `/` between them, any letter wherever `A` stands."""
    parts = tuple(rows.split("/"))
    return Layout(parts, LONG if len(parts) == 1 else SQUARE, ALL_LETTERS)


def make_rows(layout: Layout, rng: np.random.Generator) -> tuple[str, ...]:
    """Fill a layout with random characters; gaps, dashes and lines stay."""
    digits = "0123456789"
    alphabets = {"0": digits, "A": layout.letters}
    return tuple(
        "".join(alphabets[c][int(rng.integers(len(alphabets[c])))] if c in alphabets else c for c in row)
        for row in layout.rows
    )


def draw_flat_plate(layout: Layout, rows: tuple[str, ...], rng: np.random.Generator) -> FlatPlate:
    """Draw the plate without weather or camera.

    Args:
        layout: Shape and whether there is a caption.
        rows: The rows that `make_rows` filled.
        rng: Chooses colours, face, border, strip and screws.
    """
    height = 96 if len(rows) == 1 and layout.aspect == LONG else 150
    width = round(height * rng.uniform(*layout.aspect))
    ground, ink = COLOURS[int(rng.integers(len(COLOURS)))]
    face = FACES[int(rng.integers(len(FACES)))]
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = ground
    if layout.caption and rng.random() < 0.6:
        _draw_wash(canvas, rng)
    inset = width * (0.035 if layout.aspect == LONG else 0.06)
    left, right = inset, width - inset
    if layout.aspect == LONG and rng.random() < 0.5:
        left, right = _draw_strip(canvas, left, right, rng)
    pad = height * rng.uniform(0.11, 0.17)
    top, bottom = pad, height - pad
    if layout.caption:
        top, bottom = _draw_captions(canvas, ink, rng)
    boxes = _split_rows(rows, (left, top, right, bottom))
    extents = [_draw_row(canvas, row, box, face, ink) for row, box in zip(rows, boxes, strict=True)]
    _draw_screws(canvas, rng)
    return FlatPlate(_draw_border(canvas, ink, rng), _surround(extents))


Box = tuple[float, float, float, float]


def _surround(boxes: list[Box]) -> Box:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _split_rows(rows: tuple[str, ...], box: Box) -> list[Box]:
    left, top, right, bottom = box
    step = (bottom - top) / len(rows)
    gap = 0.06 * step * (len(rows) - 1)
    return [
        (left, top + i * step + gap * (i > 0), right, top + (i + 1) * step - gap * (i == 0)) for i in range(len(rows))
    ]


def _draw_row(canvas: np.ndarray, row: str, box: Box, face: Face, ink: tuple[int, int, int]) -> Box:
    """Draw one row centred in its box and return the box that the characters take."""
    left, top, right, bottom = box
    parts = row.split("|")
    block = min(range(len(parts)), key=lambda i: len(parts[i])) if len(parts) > 1 else -1
    cells = [(c, BLOCK_SCALE if i == block else 1.0) for i, part in enumerate(parts) for c in ("|" if i else "") + part]
    units = sum(CELL_UNITS.get(c, scale) for c, scale in cells)
    unit = min((right - left) / units, (bottom - top) * 0.74)
    x = start = (left + right - unit * units) / 2
    for character, scale in cells:
        cell = unit * CELL_UNITS.get(character, scale)
        height = (bottom - top) * scale
        middle = (top + bottom) / 2
        if character == "|":
            cv2.line(canvas, (round(x + cell / 2), 2), (round(x + cell / 2), canvas.shape[0] - 3), ink, 2, cv2.LINE_AA)
        elif character == "-":
            dash = (x + cell * 0.15, middle - height * 0.06, x + cell * 0.85, middle + height * 0.06)
            cv2.rectangle(canvas, (round(dash[0]), round(dash[1])), (round(dash[2]), round(dash[3])), ink, -1)
        elif character != " ":
            _draw_character(canvas, draw_glyph(face, character), (x, middle - height / 2, cell, height), face, ink)
        x += cell
    return start, top, x, bottom


def _draw_character(canvas: np.ndarray, glyph: np.ndarray, cell: Box, face: Face, ink: tuple[int, int, int]) -> None:
    """Blend one glyph into its cell (x, y, width, height); wide ones are squeezed, narrow ones stay narrow."""
    x, y, width, height = cell
    relative = glyph.shape[1] / draw_glyph(face, "H").shape[1]
    glyph_width = max(2, round(width * min(0.94, 0.80 * relative**0.7)))
    glyph_height = max(2, round(height))
    mask = cv2.resize(glyph, (glyph_width, glyph_height), interpolation=cv2.INTER_AREA)
    left, top = round(x + (width - glyph_width) / 2), round(y)
    patch = canvas[top : top + glyph_height, left : left + glyph_width]
    cover = mask.astype(np.float32) * (1 / 255)
    patch[:] = cv2.blendLinear(np.full_like(patch, ink), np.ascontiguousarray(patch), cover, 1 - cover)


def _draw_small_text(canvas: np.ndarray, text: str, box: Box, ink: tuple[int, int, int]) -> None:
    left, top, right, bottom = box
    cell = (right - left) / len(text)
    for i, character in enumerate(text):
        place = (left + i * cell, top, cell, bottom - top)
        _draw_character(canvas, draw_glyph(FACES[0], character), place, FACES[0], ink)


def _make_word(rng: np.random.Generator, length: int) -> str:
    return "".join(ALL_LETTERS[i] for i in rng.integers(26, size=length))


def _draw_strip(canvas: np.ndarray, left: float, right: float, rng: np.random.Generator) -> tuple[float, float]:
    """Draw a country strip at one end, no part of the label, and return the left and right end of what remains."""
    height, width = canvas.shape[:2]
    strip = round(width * rng.uniform(0.075, 0.1))
    on_left = bool(rng.random() < 0.7)
    x = 0 if on_left else width - strip
    canvas[:, x : x + strip] = STRIP_COLOURS[int(rng.integers(len(STRIP_COLOURS)))]
    centre = (x + strip // 2, round(height * 0.33))
    if rng.random() < 0.5:
        cv2.circle(canvas, centre, round(strip * 0.28), (240, 205, 50), 2, cv2.LINE_AA)
    else:
        for i, colour in enumerate(((70, 150, 220), (240, 240, 240), (60, 170, 80))):
            y = round(height * (0.2 + 0.1 * i))
            canvas[y : y + round(height * 0.1), x + strip // 5 : x + strip - strip // 5] = colour
    code = _make_word(rng, int(rng.integers(1, 3)))
    half = strip * 0.17 * len(code)
    _draw_small_text(canvas, code, (centre[0] - half, height * 0.66, centre[0] + half, height * 0.84), (240, 240, 240))
    return (strip + width * 0.015, right) if on_left else (left, width - strip - width * 0.015)


def _draw_captions(canvas: np.ndarray, ink: tuple[int, int, int], rng: np.random.Generator) -> tuple[float, float]:
    """Draw the small words above and below that some countries print, and return the band between them."""
    height, width = canvas.shape[:2]
    for y, size in ((0.06, 0.12), (0.85, 0.08)):
        word = _make_word(rng, int(rng.integers(5, 11)))
        half = height * size * 0.42 * len(word)
        _draw_small_text(canvas, word, (width / 2 - half, height * y, width / 2 + half, height * (y + size)), ink)
    return height * 0.23, height * 0.81


def _draw_wash(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """Let the ground fade from one light tint to another, as printed plates do."""
    tints = rng.uniform(170, 250, (2, 1, 3)).astype(np.float32)
    if canvas[0, 0].mean() > 150:
        canvas[:] = cv2.resize(tints, (canvas.shape[1], canvas.shape[0])).astype(np.uint8)


def _draw_screws(canvas: np.ndarray, rng: np.random.Generator) -> None:
    if rng.random() < 0.4:
        return
    height, width = canvas.shape[:2]
    radius = max(2, round(height * 0.035))
    grey = int(rng.integers(60, 200))
    for fraction in (0.25, 0.75):
        y = round(height * 0.055) if rng.random() < 0.5 else round(height * 0.945)
        cv2.circle(canvas, (round(width * fraction), y), radius, (grey, grey, grey), -1, cv2.LINE_AA)


def _draw_border(canvas: np.ndarray, ink: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Round the corners off and draw the rim; returns RGBA."""
    height, width = canvas.shape[:2]
    radius = round(height * 0.09)
    mask = np.zeros((height, width), np.uint8)
    cv2.rectangle(mask, (radius, 0), (width - 1 - radius, height - 1), 255, -1)
    cv2.rectangle(mask, (0, radius), (width - 1, height - 1 - radius), 255, -1)
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(mask, (x, y), radius, 255, -1)
    if rng.random() < 0.75:
        inner = cv2.erode(mask, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        outer = cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        canvas[(outer > 0) & (cv2.erode(inner, np.ones((3, 3), np.uint8)) == 0)] = ink
    return cv2.merge([canvas, mask])
