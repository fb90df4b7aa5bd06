"""Class folders: links, empty ones, and images of every kind in them."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from saccade.data.formats.entry import find_images, find_others
from saccade.data.formats.folder import read
from saccade.data.images import read_image
from saccade.data.splits import load_split
from saccade.errors import InputError
from saccade.recipes.tables.data import FolderSource

RED = (200, 30, 60)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_an_empty_class_folder_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.png", "dog/1.png", "eel/notes.txt", ".git/config", "fox/deep/1.png")
    (tmp_path / "ant").mkdir()
    with pytest.raises(InputError, match=r"ant: holds no image \(and 1 more\); put images into it, or remove it$"):
        read(FolderSource(path="."), tmp_path)
    (tmp_path / "ant").rmdir()
    with pytest.raises(InputError, match=r"eel: holds no image;"):
        read(FolderSource(path="."), tmp_path)


def test_folders_above_the_class_folders_are_no_class(tmp_path: Path) -> None:
    touch(tmp_path, "pets/cat/1.png", "pets/dog/2.png", "wild/fox/3.png")
    entries = read(FolderSource(path="."), tmp_path).entries
    assert [(entry.id, entry.label) for entry in entries] == [
        ("pets/cat/1.png", "cat"),
        ("pets/dog/2.png", "dog"),
        ("wild/fox/3.png", "fox"),
    ]


def test_hidden_folders_hold_no_class(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.png", "dog/1.png", ".ipynb_checkpoints/1.png", "cat/.thumbs/deep/1.png", ".git/config")
    listing = read(FolderSource(path="."), tmp_path)
    assert [entry.id for entry in listing.entries] == ["cat/1.png", "dog/1.png"]
    assert listing.notes == {"other_files": 3}
    touch(tmp_path, ".cache/set/cat/1.png")
    assert [entry.id for entry in read(FolderSource(path=".cache/set"), tmp_path).entries] == ["cat/1.png"]


def test_a_folder_of_images_and_of_folders_is_not_two_classes(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.png", "cat/blurred/2.png", "dog/1.png")
    with pytest.raises(InputError, match=r"cat: holds images, and folders of images such as blurred; .* move"):
        read(FolderSource(path="."), tmp_path)


def test_pictures_of_less_common_kinds_are_read(tmp_path: Path) -> None:
    kinds = {"gif": "GIF", "jfif": "JPEG", "jpe": "JPEG", "jp2": "JPEG2000", "pbm": "PPM", "pnm": "PPM"}
    for number, (suffix, kind) in enumerate(kinds.items()):
        touch(tmp_path, f"cat/{number}.{suffix}")
        mode, colour = ("1", 1) if suffix == "pbm" else ("RGB", (255, 255, 255))
        (tmp_path / f"cat/{number}.{suffix}").write_bytes(make_image(mode, colour, kind))
    split = load_split("train", (FolderSource(path="."),), tmp_path)
    assert len(split.entries) == len(kinds)
    assert all((read_image(entry, "rgb") == 255).all() for entry in split.entries)


def test_the_place_of_the_folder_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "cat/1.png", "dog/1.png")
    monkeypatch.chdir(tmp_path)
    ids = [[entry.id for entry in read(FolderSource(path=str(path)), Path(".")).entries] for path in (".", tmp_path)]
    assert ids == [["cat/1.png", "dog/1.png"]] * 2
    touch(tmp_path, "1.png")
    with pytest.raises(InputError, match=r"1\.png: lies in no label folder"):
        read(FolderSource(path="."), Path("."))


def test_images_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    names = ["a/b.png", "a.b/c.png", "a/B.png", "a-b/1.png", "a/b/c.png"]
    touch(tmp_path, *names)
    images, _ = find_images(tmp_path)
    assert images == sorted(tmp_path / name for name in names)


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "store/1.png", "data/dog/1.png")
    (tmp_path / "data/cat").symlink_to(tmp_path / "store")
    (tmp_path / "data/dog/back").symlink_to(tmp_path / "data")
    images, notes = find_images(tmp_path / "data")
    assert [path.relative_to(tmp_path / "data").as_posix() for path in images] == ["cat/1.png", "dog/1.png"]
    assert notes == {"other_files": 0}


def test_links_that_lead_to_each_other_and_out_of_the_folder_end(tmp_path: Path) -> None:
    touch(tmp_path, "data/a/1.png", "data/b/2.png", "other/3.png")
    for number in range(3):  # followed blindly, each step would have three ways on
        (tmp_path / f"data/a/to_b{number}").symlink_to(tmp_path / "data/b")
        (tmp_path / f"data/b/to_a{number}").symlink_to(tmp_path / "data/a")
    (tmp_path / "data/c").symlink_to(tmp_path / "other")
    (tmp_path / "other/up").symlink_to(tmp_path)
    (tmp_path / "other/root").symlink_to("/")
    images, _ = find_images(tmp_path / "data")
    names = [path.relative_to(tmp_path / "data").as_posix() for path in images]
    assert names == ["a/1.png", *(f"a/to_b{number}/2.png" for number in range(3)),
                     "b/2.png", *(f"b/to_a{number}/1.png" for number in range(3)), "c/3.png"]  # fmt: skip


def test_a_path_too_long_for_a_name_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read(FolderSource(path="x/" * 3000), tmp_path)


def make_image(mode: str, colour: tuple[int, ...] | int, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (16, 16), colour).save(buffer, kind, **options)
    return buffer.getvalue()


def test_images_of_every_kind_have_the_right_pixels(tmp_path: Path) -> None:
    sixteen = cv2.imencode(".png", np.full((16, 16, 3), [60 * 257, 30 * 257, 200 * 257], np.uint16))[1].tobytes()
    images = {
        "rgb.png": (make_image("RGB", RED, "PNG"), RED),
        "grey.png": (make_image("L", 77, "PNG"), (77, 77, 77)),
        "grey.jpg": (make_image("L", 77, "JPEG"), (77, 77, 77)),
        "clear.png": (make_image("RGBA", (0, 0, 0, 0), "PNG"), (255, 255, 255)),
        "half.png": (make_image("RGBA", (0, 0, 0, 128), "PNG"), (127, 127, 127)),
        "sixteen.png": (sixteen, RED),
        "grey_sixteen.png": (make_image("I;16", 77 * 257, "PNG"), (77, 77, 77)),
        "cmyk.jpg": (make_image("CMYK", (55, 225, 195, 0), "JPEG", quality=100), RED),
    }
    for name, (content, _) in images.items():
        touch(tmp_path, f"cat/{name}")
        (tmp_path / "cat" / name).write_bytes(content)
    split = load_split("train", (FolderSource(path="."),), tmp_path)
    assert len(split.entries) == len(images)
    for entry in split.entries:
        pixels = read_image(entry, "rgb")
        assert pixels.shape == (16, 16, 3) and pixels.dtype == np.uint8
        expected = images[Path(entry.id).name][1]
        assert pixels.reshape(-1, 3).mean(axis=0).tolist() == pytest.approx(expected, abs=3), entry.id


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
def test_a_truncated_image_is_one_line(tmp_path: Path, kind: str, kept: float) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, kind)
    touch(tmp_path, "cat/1.png")
    (tmp_path / "cat/1.png").write_bytes(buffer.getvalue()[: int(kept * buffer.tell())])
    with pytest.raises(InputError, match=r"cat/1\.png: cannot be decoded .*; repair or remove it;") as caught:
        load_split("train", (FolderSource(path="."),), tmp_path)
    assert "\n" not in str(caught.value)


def test_training_runs_are_passed_over_and_counted(tmp_path: Path) -> None:
    run = ("recipe.diff.json", "history.jsonl", "figures/val_confusion.png", "checkpoints/best/model.safetensors")
    touch(tmp_path, "cat/1.png", "dog/1.png", "dog/recipe.diff.json", *(f"runs/a/b/{name}" for name in run))
    listing = read(FolderSource(path="."), tmp_path)
    assert [entry.id for entry in listing.entries] == ["cat/1.png", "dog/1.png"]
    assert listing.notes == {"other_files": 1, "runs": 1}
    assert find_others(tmp_path) == ["dog/recipe.diff.json"]
    images, notes = find_images(tmp_path / "runs/a/b")
    assert [image.name for image in images] == ["val_confusion.png"] and "runs" not in notes
    (tmp_path / "owl").mkdir()
    with pytest.raises(InputError, match="owl: holds no image"):
        read(FolderSource(path="."), tmp_path)
