"""Pictures of formulas that were read: typeset, token by token with their confidences, and where the reader looked.

Path: image, truth and prediction -> `render_formula`; image and attention -> `render_attention`. Formulas are typeset by
matplotlib's mathtext, which knows a part of LaTeX and runs nothing; what it does not know is shown as its tokens alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from saccade.data.contact_sheet import MONOSPACED_ADVANCE, TextLayer
from saccade.data.images import convert_colour
from saccade.records.predictions import ReadPrediction
from saccade.text.latex import normalise_latex

Picture = NDArray[np.uint8]

_WIDTH_PX, _MARGIN_PX, _IMAGE_HEIGHT_PX = 720, 16, 220
_SIZE_PX, _GAP_PX, _LINE_PX, _BAR_PX = 14, 7, 32, 4
_FORMULA_DPI, _FORMULA_HEIGHT_PX, _LABEL_PX = 100, 120, 26
_INK, _GREY, _RIGHT, _WRONG = "#1a1a1a", "#7a7a7a", "#1b7a3d", "#b3261e"
_TRACK, _SURE, _UNSURE = (228, 228, 228), (90, 140, 200), (226, 140, 40)
_HEAT = np.array((230, 60, 20))
_MAX_TYPESET_TOKENS, _MAX_TYPESET_DEPTH = 300, 12
_CELL_PX, _COLUMNS, _CELL_GAP_PX = 208, 4, 12


@dataclass(frozen=True)
class _Part:
    """One text of the page: its label, its tokens with their inks, and confidences where it was read."""

    label: str
    label_ink: str
    tokens: list[str]
    inks: list[str]
    confidences: tuple[float, ...]


def render_formula(image: Picture, target: str, prediction: ReadPrediction | None) -> Picture:
    """Return a picture, uint8 [H, 720, 3] RGB: the image, what was read, and the truth where it differs.

    Both formulas are typeset where mathtext can, and their tokens stand below, those that differ in red. A bar under each
    token that was read is as long as its confidence, orange below 0.5.

    Args:
        image: uint8 [h, w, 1 | 3] RGB.
        target: the truth, tokens separated by spaces.
        prediction: what was read, with one confidence a token; None shows the truth alone.
    """
    blocks = [_render_image(image)]
    blocks += [_render_part(part) for part in _list_parts(target, prediction)]
    return np.concatenate([*blocks, np.full((_MARGIN_PX, _WIDTH_PX, 3), 255, np.uint8)])


def typeset_formula(text: str) -> Picture | None:
    """Return the ink of a formula, uint8 [H, W] with 255 for full ink; None where mathtext cannot set it."""
    for spelling in dict.fromkeys((normalise_latex(text), text, normalise_latex(text, ["plain_delimiters"]))):
        if (ink := _typeset(spelling)) is not None:
            return ink
    return None


def render_attention(image: Picture, weights: NDArray[np.floating[Any]], tokens: Sequence[str]) -> Picture:
    """Return a grid of the image, once a token, red where the reader looked when it wrote the token.

    Args:
        image: uint8 [h, w, 1 | 3] RGB, as the network saw it.
        weights: [L, rows, columns], not negative; row and column 0 are at the top left. Each map is scaled to its largest
            weight, so that colours compare places within a token, not tokens.
        tokens: what was written, L of them.

    Returns:
        uint8 [H, W, 3] RGB.

    Raises:
        ValueError: there are not as many maps as tokens, or none.
    """
    if len(weights) != len(tokens) or weights.ndim != 3 or not len(tokens):
        raise ValueError(f"{len(tokens)} tokens and attention of shape {weights.shape}: one map a token")
    columns = min(_COLUMNS, len(tokens))
    height = min(max(round(image.shape[0] * _CELL_PX / image.shape[1]), 8), 2 * _CELL_PX)
    base = cv2.resize(convert_colour(image, "rgb"), (_CELL_PX, height), interpolation=cv2.INTER_AREA)
    step_y, step_x = height + _LABEL_PX, _CELL_PX + _CELL_GAP_PX
    num_rows = -(-len(tokens) // columns)
    size = (num_rows * step_y + 2 * _CELL_GAP_PX, columns * step_x + _CELL_GAP_PX)
    page = np.full((*size, 3), 255, np.uint8)
    texts = TextLayer(page, is_monospaced=True)
    for index, (token, weight) in enumerate(zip(tokens, weights, strict=True)):
        x, y = _CELL_GAP_PX + index % columns * step_x, _CELL_GAP_PX + index // columns * step_y
        page[y : y + height, x : x + _CELL_PX] = _overlay(np.asarray(base, np.uint8), weight)
        texts.write(x, y + height + 16, f"{index + 1} {_shorten(token, 20)}", _SIZE_PX, _INK)
    return texts.finish()


def _overlay(base: Picture, weight: NDArray[np.floating[Any]]) -> Picture:
    spread = cv2.resize(weight.astype(np.float32), (base.shape[1], base.shape[0]), interpolation=cv2.INTER_LINEAR)
    strength = 0.75 * np.clip(spread / max(float(spread.max()), 1e-12), 0, 1)[:, :, None]
    return np.asarray(base * (1 - strength) + _HEAT * strength, np.uint8)


def _render_image(image: Picture) -> Picture:
    """Set the image into the middle of a strip as wide as the page."""
    scale = min((_WIDTH_PX - 2 * _MARGIN_PX) / image.shape[1], _IMAGE_HEIGHT_PX / image.shape[0])
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(convert_colour(image, "rgb"), size, interpolation=method)
    strip = np.full((size[1] + 2 * _MARGIN_PX, _WIDTH_PX, 3), 243, np.uint8)
    x = (_WIDTH_PX - size[0]) // 2
    strip[_MARGIN_PX : _MARGIN_PX + size[1], x : x + size[0]] = resized
    return strip


def _list_parts(target: str, prediction: ReadPrediction | None) -> list[_Part]:
    wanted = target.split()
    if prediction is None:
        return [_Part("truth", _INK, wanted, [_INK] * len(wanted), ())]
    read = prediction.text.split()
    read_inks, wanted_inks = [_INK] * len(read), [_INK] * len(wanted)
    for change in Levenshtein.opcodes(read, wanted):
        if change.tag != "equal":
            read_inks[change.src_start : change.src_end] = [_WRONG] * (change.src_end - change.src_start)
            wanted_inks[change.dest_start : change.dest_end] = [_WRONG] * (change.dest_end - change.dest_start)
    is_right = read == wanted
    label = f"read, confidence {prediction.confidence:.2f}" + ("" if read else ": nothing")
    parts = [_Part(label, _RIGHT if is_right else _WRONG, read, read_inks, prediction.character_confidences)]
    return parts if is_right else [*parts, _Part("truth", _INK, wanted, wanted_inks, ())]


def _render_part(part: _Part) -> Picture:
    """Draw a label, the formula typeset, and its tokens with their bars."""
    ink = typeset_formula(" ".join(part.tokens)) if part.tokens else None
    ink = None if ink is None else _fit(ink)
    formula_px = 0 if ink is None else ink.shape[0] + _MARGIN_PX // 2
    places, num_lines = _lay_out(part.tokens)
    top = _LABEL_PX + formula_px
    page = np.full((top + num_lines * _LINE_PX, _WIDTH_PX, 3), 255, np.uint8)
    if ink is not None:
        block = page[_LABEL_PX : _LABEL_PX + ink.shape[0], _MARGIN_PX : _MARGIN_PX + ink.shape[1]]
        block[:] = 255 - (ink[:, :, None] * (229 / 255)).astype(np.uint8)
    for (x, line, width, _), confidence in zip(places, part.confidences, strict=False):
        y = top + line * _LINE_PX + _LINE_PX - 10
        page[y : y + _BAR_PX, x : x + width] = _TRACK
        filled = round(width * min(max(confidence, 0.0), 1.0))
        page[y : y + _BAR_PX, x : x + filled] = _SURE if confidence >= 0.5 else _UNSURE
    texts = TextLayer(page, is_monospaced=True)
    for (x, line, _, shown), token_ink in zip(places, part.inks, strict=True):
        texts.write(x, top + line * _LINE_PX + 16, shown, _SIZE_PX, token_ink)
    labels = TextLayer(texts.finish())
    labels.write(_MARGIN_PX, _LABEL_PX - 8, part.label, 13, part.label_ink)
    if ink is None and part.tokens:
        note = "not set as a formula: its tokens"
        labels.write(_WIDTH_PX - _MARGIN_PX, _LABEL_PX - 8, note, 12, _GREY, align="right")
    return labels.finish()


def _lay_out(tokens: Sequence[str]) -> tuple[list[tuple[int, int, int, str]], int]:
    """Return for each token x, line, width in px and what is shown of it; and the number of lines."""
    places, x, line = [], _MARGIN_PX, 0
    for token in tokens:
        shown = _shorten(token, 40)
        cells = sum(1.0 if ord(character) < 0x2E80 else 1 / MONOSPACED_ADVANCE for character in shown)
        width = round(cells * MONOSPACED_ADVANCE * _SIZE_PX)
        if x + width > _WIDTH_PX - _MARGIN_PX and x > _MARGIN_PX:
            x, line = _MARGIN_PX, line + 1
        places.append((x, line, width, shown))
        x += width + _GAP_PX
    return places, line + 1 if tokens else 0


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _fit(ink: Picture) -> Picture:
    """Shrink ink that is larger than its place."""
    scale = min(1.0, (_WIDTH_PX - 2 * _MARGIN_PX) / ink.shape[1], _FORMULA_HEIGHT_PX / ink.shape[0])
    size = (max(int(ink.shape[1] * scale), 1), max(int(ink.shape[0] * scale), 1))
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.uint8) if scale < 1 else ink


@cache
def _make_parser() -> tuple["MathTextParser[Any]", FontProperties]:
    return MathTextParser("agg"), FontProperties(size=17, math_fontfamily="stix")


def _typeset(text: str) -> Picture | None:
    if (
        not text
        or not text.isascii()
        or len(text.split()) > _MAX_TYPESET_TOKENS
        or _measure_depth(text) > _MAX_TYPESET_DEPTH
    ):
        return None  # glyphs it lacks, or work without end
    parser, font = _make_parser()
    try:
        raster = parser.parse(f"${_join(text.split())}$", dpi=_FORMULA_DPI, prop=font)
        ink = np.asarray(raster.image, np.uint8)
    except (
        Exception
    ):  # whatever a formula that somebody's network made up does to the parser, the picture is still drawn
        return None
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else None


def _join(tokens: Sequence[str]) -> str:
    """Write tokens with space only where a command would run into a letter: in front of a script it parts it from its symbol."""
    written = ""
    for token in tokens:
        runs_on = re.search(r"\\[A-Za-z]+$", written) and token[0].isalpha()
        written += f" {token}" if runs_on else token
    return written.replace("$", "")


def _measure_depth(text: str) -> int:
    depth = deepest = 0
    for part in text.split():
        depth += part.startswith(("{", "\\left")) - part.startswith(("}", "\\right"))
        deepest = max(deepest, depth)
    return deepest
