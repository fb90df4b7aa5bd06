"""A contact sheet: pictures with their labels on one page, as an RGB array. It reads no file and no recipe."""

import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, findSystemFonts, fontManager, get_font

from saccade.data.images import Image, convert_colour

FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK KR",
    "Noto Sans CJK SC",
    "Noto Sans KR",
    "Noto Sans SC",
    "Apple SD Gothic Neo",
    "PingFang SC",
    "Malgun Gothic",
    "Microsoft YaHei",
    "NanumGothic",
    "WenQuanYi Micro Hei",
    "Unifont",
)
"""Fonts that are tried for each character, in this order, where they are installed."""

_EAST_ASIAN = ("CJK", "HANGUL", "HIRAGANA", "KATAKANA", "BOPOMOFO", "FULLWIDTH", "IDEOGRAPHIC")

MONOSPACED_ADVANCE = 0.602
"""Width of a character of the monospaced font, in sizes of the font."""

_PAGE_WIDTH_PX = 2080
_THUMBNAIL_HEIGHT_PX = 56
_GAP_PX, _CARD_GAP_PX, _MARGIN_PX = 6, 32, 32
_HEADER_PX, _TITLES_PX, _LABEL_PX = 52, 24, 34
_INK, _GREY_INK, _MAT = "#1a1a1a", "#7a7a7a", 243
_RIGHT, _WRONG, _ANSWER_MARGIN_PX = "#1b7a3d", "#b3261e", 8
_DPI = 100


@dataclass(frozen=True)
class Card:
    """Pictures uint8 [H, W, 1 | 3], the original first; below them stand the label and, in grey, a name."""

    pictures: Sequence[Image]
    label: str
    name: str


def render_contact_sheet(cards: Sequence[Card], titles: Sequence[str], heading: str) -> tuple[Image, str]:
    """Draw the cards in as many columns as the page has room for.

    The first picture of a card keeps its shape; the others are pixel by pixel what they are, or a whole multiple of it.
    All stand in boxes of the size of the second.

    Args:
        cards: At least one, all with equally many pictures, at least two.
        titles: What stands above each picture.
        heading: The line at the top.

    Returns:
        uint8 [H, W, 3] RGB, and the characters that no installed font has; in the picture they stand as code points.
    """
    grid = _make_grid(cards)
    page = np.full((*grid.page_size, 3), 255, np.uint8)
    texts = TextLayer(page)
    texts.write(_MARGIN_PX, _MARGIN_PX + 18, heading, 17, _INK)
    for column in range(min(grid.num_columns, len(cards))):
        x, y = grid.corner(column)
        for index, title in enumerate(titles):
            texts.write(x + index * (grid.width + _GAP_PX), y - 10, title, 11, _GREY_INK)
    for position, card in enumerate(cards):
        left, y = grid.corner(position)
        for index, picture in enumerate(card.pictures):
            x = left + index * (grid.width + _GAP_PX)
            page[y : y + grid.height, x : x + grid.width] = _frame(picture, grid.height, grid.width)
        texts.write(left, y + grid.height + 18, card.label, 14, _INK)
        texts.write(left + grid.card_width, y + grid.height + 17, _shorten(card.name), 10, _GREY_INK, align="right")
    return texts.finish(), "".join(sorted(texts.missing))


@dataclass(frozen=True)
class _Grid:
    """Where the cards stand, all in px; `height` and `width` are those of one picture's box."""

    height: int
    width: int
    card_width: int
    num_columns: int
    page_size: tuple[int, int]

    def corner(self, position: int) -> tuple[int, int]:
        """Return the top left corner (x, y) of a card's first picture."""
        row, column = divmod(position, self.num_columns)
        x = _MARGIN_PX + column * (self.card_width + _CARD_GAP_PX)
        return x, _MARGIN_PX + _HEADER_PX + _TITLES_PX + row * (self.height + _LABEL_PX)


def _make_grid(cards: Sequence[Card]) -> _Grid:
    height, width = cards[0].pictures[1].shape[:2]
    zoom = max(1, round(_THUMBNAIL_HEIGHT_PX / height))
    height, width = height * zoom, width * zoom
    card_width = len(cards[0].pictures) * (width + _GAP_PX) - _GAP_PX
    room = _PAGE_WIDTH_PX - 2 * _MARGIN_PX + _CARD_GAP_PX
    num_columns = max(1, min(len(cards), room // (card_width + _CARD_GAP_PX)))
    num_rows = -(-len(cards) // num_columns)
    page_height = _MARGIN_PX + _HEADER_PX + _TITLES_PX + num_rows * (height + _LABEL_PX) + _MARGIN_PX // 2
    page_width = 2 * _MARGIN_PX + num_columns * (card_width + _CARD_GAP_PX) - _CARD_GAP_PX
    return _Grid(height, width, card_width, num_columns, (page_height, page_width))


def _frame(picture: Image, height: int, width: int) -> Image:
    """Set a picture into the middle of a box; shrinking averages, enlarging by a whole number repeats pixels."""
    picture = convert_colour(picture, "rgb")
    scale = min(height / picture.shape[0], width / picture.shape[1])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST if scale == int(scale) else cv2.INTER_CUBIC
    resized = cv2.resize(picture, size, interpolation=method)
    box = np.full((height, width, 3), _MAT, np.uint8)
    y, x = (height - size[1]) // 2, (width - size[0]) // 2
    box[y : y + size[1], x : x + size[0]] = resized
    return box


def _shorten(name: str, limit: int = 40) -> str:
    return name if len(name) <= limit else "\N{HORIZONTAL ELLIPSIS}" + name[1 - limit :]


@cache
def find_fonts() -> tuple[list[str], frozenset[int]]:
    """Return those of `FONTS` that are installed, known to matplotlib afterwards, and the code points that any of them has."""
    _add_new_fonts()
    installed = {font.name for font in fontManager.ttflist}
    families = [name for name in FONTS if name in installed]
    files = [findfont(FontProperties(family=family)) for family in families]
    return families, frozenset(code for file in files for code in get_font(file).get_charmap())


def _add_new_fonts() -> None:
    """Show matplotlib the fonts that were installed after it wrote its list of fonts, which it never looks through again."""
    known = {font.fname for font in fontManager.ttflist}
    for path in findSystemFonts():
        if path not in known:
            with suppress(OSError, RuntimeError):  # no font that it can read, so none that could help
                fontManager.addfont(path)


def name_font(characters: str) -> str:
    """Return which font to install, of those that are looked for here, to see characters that no installed one has."""
    if all(unicodedata.name(character, "").startswith(_EAST_ASIAN) for character in characters):
        return "install Noto Sans CJK (Debian and Ubuntu: fonts-noto-cjk)"
    return "install Unifont, which draws most characters there are (Debian and Ubuntu: fonts-unifont)"


class TextLayer:
    """Writes over a page with matplotlib, because OpenCV knows no fonts; its global state stays untouched.

    The page, uint8 [H, W, 3] RGB, may change until `finish`. `missing` collects the characters that no installed font
    has; they are written as code points. Where it is monospaced, every character of ASCII is `MONOSPACED_ADVANCE` wide.
    """

    def __init__(self, page: Image, *, is_monospaced: bool = False) -> None:
        self._page = page
        self._families, self._glyphs = find_fonts()
        if is_monospaced:
            self._families = ["DejaVu Sans Mono", *self._families]  # which matplotlib brings
        self._figure = Figure(figsize=(page.shape[1] / _DPI, page.shape[0] / _DPI), dpi=_DPI)
        self.missing: set[str] = set()

    def write(self, x: int, y: int, text: str, size_px: int, ink: str, align: str = "left") -> None:
        """Write one line; (x, y) is an end of its base line, in px from the top left corner of the page."""
        unknown = {character for character in text if ord(character) not in self._glyphs}
        self.missing |= unknown
        shown = "".join(f"[U+{ord(character):04X}]" if character in unknown else character for character in text)
        self._figure.text(
            x / self._page.shape[1],
            1 - y / self._page.shape[0],
            unicodedata.normalize("NFC", shown),
            fontsize=size_px * 72 / _DPI,
            family=self._families,
            color=ink,
            ha=align,
            va="baseline",
            parse_math=False,
        )

    def finish(self) -> Image:
        """Return the page with its texts, uint8 [H, W, 3] RGB."""
        self._figure.figimage(self._page)  # only now: it copies the pixels
        canvas = FigureCanvasAgg(self._figure)
        canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped
        pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]  # the same
        return np.asarray(pixels, np.uint8)[:, :, :3].copy()


def render_answer(
    image: Image, answer: str | None, truth: str, *, is_right: bool, width_px: int, line_px: int
) -> Image:
    """Return one image with what a model said of it below, and the truth where that differs.

    Args:
        image: uint8 [h, w, 1 | 3] RGB; it is brought to `width_px` and keeps its shape.
        answer: One line; None shows the truth alone.
        truth: One line.
        is_right: Whether the answer is the truth.
        width_px: Width of the picture.
        line_px: Height of a line of text.

    Returns:
        uint8 [H, width_px, 3] RGB.
    """
    height = max(round(image.shape[0] * width_px / image.shape[1]), 1)
    lines = [(truth, _INK)]
    if answer is not None:
        lines = [(answer, _RIGHT if is_right else _WRONG), *([] if is_right else [(f"truth {truth}", _INK)])]
    page = np.full((height + line_px * len(lines) + _ANSWER_MARGIN_PX, width_px, 3), 255, np.uint8)
    page[:height] = cv2.resize(convert_colour(image, "rgb"), (width_px, height), interpolation=cv2.INTER_CUBIC)
    texts = TextLayer(page)
    for number, (text, ink) in enumerate(lines, start=1):
        texts.write(_ANSWER_MARGIN_PX, height + number * line_px - 6, text, line_px * 5 // 8, ink)
    return texts.finish()
