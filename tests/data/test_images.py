"""Decoding: colours, transparency, depth, orientation, odd names and files that are no images."""

import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from saccade.data.formats.entry import Entry
from saccade.data.images import check_array, convert_colour, examine, read_image
from saccade.errors import InputError

RED = (200, 30, 60)


def save(path: Path, mode: str, colour: tuple[int, ...] | int, kind: str | None = None, **options: object) -> Path:
    Image.new(mode, (6, 4), colour).save(path, kind, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a b.PNG", "번호판/가 나.bmp", "车牌.tiff"])
def test_rgb_order_and_shape_under_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    image = read_image(save(tmp_path / name, "RGB", RED), "rgb")
    assert image.shape == (4, 6, 3)
    assert image.dtype == np.uint8
    assert image[0, 0].tolist() == list(RED)


def test_grey_from_a_colour_file_is_grey_of_its_rgb(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels).save(path, quality=40)
    grey = read_image(path, "grey")
    assert grey.shape == (20, 30, 1)
    np.testing.assert_array_equal(grey, convert_colour(read_image(path, "rgb"), "grey"))


def test_grey_file_keeps_its_values(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", "L", 77)
    assert set(read_image(path, "grey").ravel().tolist()) == {77}
    assert set(read_image(path, "rgb").ravel().tolist()) == {77}


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_lies_over_white(tmp_path: Path, kind: str) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    clear = read_image(save(tmp_path / "clear", "RGBA", (0, 0, 0, 0), kind, **options), "rgb")
    assert clear[0, 0].tolist() == [255, 255, 255]
    half = read_image(save(tmp_path / "half", "RGBA", (*RED, 128), kind, **options), "rgb")
    assert half[0, 0].tolist() == pytest.approx([(c * 128 + 255 * 127) / 255 for c in RED], abs=1)


def test_grey_with_alpha_lies_over_white(tmp_path: Path) -> None:
    assert read_image(save(tmp_path / "a.png", "LA", (0, 0)), "grey").max() == 255
    assert read_image(save(tmp_path / "b.png", "LA", (10, 255)), "grey").max() == 10


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_become_eight(tmp_path: Path, channels: int) -> None:
    pixels = np.full((4, 6, channels), 0x8080, np.uint16)
    pixels[..., 3:] = 0xFFFF
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    assert read_image(tmp_path / "a.png", "grey").ravel().tolist() == pytest.approx([128] * 24, abs=1)


def test_palette_bilevel_and_cmyk(tmp_path: Path) -> None:
    palette = tmp_path / "p.png"
    Image.new("RGB", (6, 4), (255, 0, 0)).convert("P").save(palette)
    assert read_image(palette, "rgb")[0, 0].tolist() == [255, 0, 0]
    assert read_image(save(tmp_path / "1.png", "1", 1), "grey").max() == 255
    cmyk = tmp_path / "c.jpg"
    Image.new("RGB", (16, 16), RED).convert("CMYK").save(cmyk, quality=100)
    assert read_image(cmyk, "rgb")[8, 8].tolist() == pytest.approx(RED, abs=4)


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    picture = Image.new("RGB", (40, 16), (255, 255, 255))
    picture.paste((0, 0, 0), (0, 0, 8, 16))  # black on the left: on top once upright
    picture.save(tmp_path / "a.jpg", exif=exif)
    image = read_image(tmp_path / "a.jpg", "grey")
    assert image.shape == (40, 16, 1)
    assert image[2].mean() < 60
    assert image[-2].mean() > 200


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"RIFF"])
def test_a_file_that_is_no_image_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png: cannot be decoded") as caught:
        read_image(path, "rgb")
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_not_half_an_image(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(buffer, "JPEG")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue()[: buffer.tell() // 2])
    with pytest.raises(InputError, match="cannot be decoded"):
        read_image(tmp_path / "a.jpg", "rgb")


def test_missing_folder_and_one_pixel(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.png: no such image"):
        read_image(tmp_path / "gone.png", "rgb")
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path, "rgb")
    Image.new("L", (1, 1)).save(tmp_path / "dot.png")
    with pytest.raises(InputError, match=r"dot\.png: is only 1 x 1 px"):
        read_image(tmp_path / "dot.png", "rgb")


def test_examine_hashes_the_bytes_and_measures(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", "L", 3)
    content = examine(Entry("a.png", "A", "a", path))
    assert (content.height_px, content.width_px) == (4, 6)
    assert content.content_hash == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_drawn_image_is_drawn() -> None:
    pixels = np.full((4, 6, 3), 9, np.uint8)
    entry = Entry("0", "A", "drawn:0", None, lambda: pixels)
    assert read_image(entry, "grey").tolist() == np.full((4, 6, 1), 9).tolist()
    assert examine(entry).width_px == 6


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3), (4, 6, 4)])
def test_arrays_that_are_images_pass(shape: tuple[int, ...]) -> None:
    assert check_array(np.zeros(shape, np.uint8)).shape == (*shape, 1)[:3]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 6), np.float32),
        np.zeros((4, 6, 2), np.uint8),
        np.zeros((1, 6, 3), np.uint8),
        np.zeros(6, np.uint8),
        "a",
    ],
)
def test_arrays_that_are_no_images_are_refused(image: object) -> None:
    with pytest.raises(InputError, match="is no image; pass"):
        check_array(image)


def test_a_header_of_too_many_pixels_is_refused(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    with pytest.raises(InputError, match="cannot be decoded"):
        read_image(path, "rgb")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_a_png_is_judged_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = cv2.imencode(".png", np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8))[1].tobytes()
    start = whole.index(b"IDAT") - 4
    profile = chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"no profile" * 40))
    (tmp_path / "profile.png").write_bytes(whole[:33] + profile + whole[33:])
    rotten = bytearray(whole)
    rotten[start + 40] ^= 255
    damaged = {"cut": whole[: start + 90], "rotten": bytes(rotten), "endless": whole[:33] + b"\xff\xff\xff\xffIDAT"}
    for name, content in damaged.items():
        (tmp_path / f"{name}.png").write_bytes(content)
        with pytest.raises(InputError, match=rf"{name}\.png: cannot be decoded as an image \({len(content)} bytes\)"):
            read_image(tmp_path / f"{name}.png", "rgb")
    (tmp_path / "whole.png").write_bytes(whole + b"and something behind it")
    images = [read_image(tmp_path / f"{name}.png", "rgb") for name in ("profile", "whole")]
    assert (images[0] == images[1]).all()
    assert capfd.readouterr().err == ""


def test_what_is_no_file_of_a_sane_size_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "endless.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "endless.png"):
        with pytest.raises(InputError, match=rf"{name}: is a pipe or a device"):
            read_image(tmp_path / name, "rgb")
    with (tmp_path / "sparse.png").open("wb") as file:
        file.truncate(3 * 2**30)
    with pytest.raises(InputError, match=r"sparse\.png: is too large for an image \(3\.0 GiB\)"):
        read_image(tmp_path / "sparse.png", "rgb")
