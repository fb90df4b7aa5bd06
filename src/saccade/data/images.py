"""Image files to arrays: the one place that decodes. Sizes and colours of a model's input are in `preprocess.py`.

Files are read as bytes and decoded from memory, because `cv2.imread` fails on some non-ASCII paths. OpenCV's colour
mode turns JPEGs by their EXIF orientation, brings CMYK to RGB and 16 bits to 8; only transparency needs help, since it
would be cut off instead of laid over white.
"""

import hashlib
import stat
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from saccade.data.formats.entry import Entry
from saccade.errors import InputError

Colour = Literal["grey", "rgb"]
Image = NDArray[np.uint8]

_MIN_SIDE_PX = 2
_MOST_BYTES = 2**30
"""Of an image file; what is larger is none, and would not fit into memory."""
_TIFF = (b"II*\0", b"MM\0*")
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PARTS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND"})


@dataclass(frozen=True)
class Content:
    """SHA-256 of a file's bytes (of the pixels, for a drawn image), the decoded size, and what was kept of the image."""

    content_hash: str
    height_px: int
    width_px: int
    kept: Image | None = None


def read_image(source: Entry | Path, colour: Colour) -> Image:
    """Read an image, uint8 [H, W, 1] or [H, W, 3] in RGB, upright, transparency over white.

    Grey is always computed from RGB, also for JPEG, so that a file and the same image handed over as an array give the
    same input.

    Raises:
        InputError: The file is missing, cannot be decoded or is smaller than 2 x 2 px.
    """
    if isinstance(source, Entry) and source.draw is not None:
        return convert_colour(source.draw(), colour)
    data, name = _read_encoded(source)
    return convert_colour(_decode(data, name), colour)


def examine(entry: Entry, keep: Callable[[Image], Image | None] | None = None) -> Content:
    """Hash and decode an image from one reading of its bytes.

    Args:
        entry: The image.
        keep: Makes of the decoded image, uint8 [H, W, 3] in RGB, what is kept; None keeps nothing.

    Raises:
        InputError: As `read_image`.
    """
    if entry.draw is not None:
        image = entry.draw()
        content_hash = hashlib.sha256(image.tobytes()).hexdigest()
    else:
        data, name = _read_encoded(entry)
        image, content_hash = _decode(data, name), hashlib.sha256(data).hexdigest()
    return Content(content_hash, image.shape[0], image.shape[1], None if keep is None else keep(image))


def convert_colour(image: Image, colour: Colour) -> Image:
    """Bring an image of 1 (grey), 3 (RGB) or 4 (RGBA, laid over white) channels to 1 or 3; [H, W] counts as grey."""
    channels = image.shape[2] if image.ndim == 3 else 1
    if channels == 4:
        alpha = image[:, :, 3:].astype(np.float32) / 255
        image = np.rint(image[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
        channels = 3
    image = image.reshape(*image.shape[:2], channels)
    if colour == "grey":
        return image if channels == 1 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)[:, :, None]
    return image if channels == 3 else np.repeat(image, 3, axis=2)


def check_array(image: object) -> Image:
    """Return an image that somebody handed over as an array, [h, w] as [h, w, 1].

    Raises:
        InputError: It is not uint8 [h, w], [h, w, 1], [h, w, 3] (RGB) or [h, w, 4] (RGBA) of at least 2 x 2 px.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(f"image: a {type(image).__name__} is no image; pass a path or a uint8 array [h, w, 3] in RGB")
    pixels = image[:, :, None] if image.ndim == 2 else image
    sound = pixels.ndim == 3 and pixels.shape[2] in {1, 3, 4} and min(pixels.shape[:2]) >= _MIN_SIDE_PX
    if not sound or pixels.dtype != np.uint8:
        form = f"{image.dtype} {list(image.shape)}"
        raise InputError(f"image: {form} is no image; pass uint8 [h, w, 1, 3 or 4], RGB, of at least 2 x 2 px")
    return pixels


def _read_encoded(source: Entry | Path) -> tuple[bytes, str]:
    """Return the bytes of an image file and what to call it in a message."""
    if isinstance(source, Entry) and source.read is not None:
        return source.read(), source.location
    path = source.path if isinstance(source, Entry) else source
    if path is None:
        raise ValueError(f"the entry {source} says nowhere what its image is")
    return _read_bytes(path), str(path)


def _read_bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):  # reading one may never end
            raise InputError(f"{path}: is a pipe or a device; an image file must stand there")
        if status.st_size > _MOST_BYTES:
            raise InputError(f"{path}: is too large for an image ({status.st_size / 2**30:.1f} GiB); remove it")
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such image; correct its name, or take it out of the list") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); an image file must stand there") from None


def _decode(data: bytes, name: str) -> Image:
    """Decode to [H, W, 3] RGB."""
    num_bytes = len(data)
    if data.startswith(_PNG):
        data = _check_png(data)
    try:
        image = _decode_transparent(data) if _may_be_transparent(data) else None
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if image is None and data else image
    except cv2.error:  # a header that asks for more pixels than OpenCV accepts
        decoded = None
    if decoded is None:
        raise InputError(f"{name}: cannot be decoded as an image ({num_bytes} bytes); repair or remove it")
    height, width = decoded.shape[:2]
    if min(height, width) < _MIN_SIDE_PX:
        raise InputError(f"{name}: is only {width} x {height} px; repair or remove it")
    return np.asarray(decoded, np.uint8)


def _check_png(data: bytes) -> bytes:
    """Return the parts of a PNG that say what its pixels are; nothing where one of them is damaged.

    OpenCV looks at no other part, but libpng inside it does, and complains of many (colour profiles above all) on stderr.
    """
    place, kept = len(_PNG), [_PNG]
    while place + 12 <= len(data):
        kind, end = data[place + 4 : place + 8], place + 12 + int.from_bytes(data[place : place + 4])
        if kind in _PNG_PARTS:
            if end > len(data) or zlib.crc32(data[place + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
                break
            kept.append(data[place:end])
        if kind == b"IEND":
            return b"".join(kept)
        place = end
    return b""


def _may_be_transparent(data: bytes) -> bool:
    if data.startswith(_PNG):
        return data[25:26] in (b"\x04", b"\x06") or b"tRNS" in data  # grey or RGB with alpha; a transparent colour
    return data.startswith((b"RIFF", b"GIF8", *_TIFF))


def _decode_transparent(data: bytes) -> Image | None:
    """Decode over white; None where there turns out to be no alpha channel."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        return None
    depth = 257 if image.dtype == np.uint16 else 1
    rgba = np.asarray(cv2.cvtColor((image / depth).astype(np.uint8), cv2.COLOR_BGRA2RGBA), np.uint8)
    if data.startswith(_TIFF) and depth == 1:  # OpenCV has already multiplied these by alpha
        return cv2.add(rgba[:, :, :3], np.repeat(255 - rgba[:, :, 3:], 3, axis=2)).astype(np.uint8)
    return convert_colour(rgba, "rgb")
