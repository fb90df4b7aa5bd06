"""What is seen below a folder: nothing hidden, no pictures of training runs, and no fault where a folder vanishes meanwhile."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from saccade.data.formats.visible import list_folders, list_images, list_siblings

RUN = ("recipe.diff.json", "history.jsonl", "figures/val_confusion.png")


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_hidden_files_and_training_runs_are_not_seen(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.png", "a/1.JPG", "a/.2.png", ".c/3.png", "__MACOSX/4.png", "a/notes.txt")
    touch(tmp_path, *(f"runs/x/1/{name}" for name in RUN))
    assert list_images(tmp_path) == [tmp_path / "a/1.JPG", tmp_path / "b/2.png"]
    assert [path.relative_to(tmp_path).as_posix() for path in list_folders(tmp_path)] == [
        ".",
        "a",
        "b",
        "runs",
        "runs/x",
    ]
    assert list_images(tmp_path / "runs/x/1") == [tmp_path / "runs/x/1/figures/val_confusion.png"]


def test_a_folder_may_vanish_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the drafts of checkpoints do, which a training renames."""
    touch(tmp_path, "a/1.png", "last.part/weights")
    walk = os.walk

    def vanish(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        for path, folders, names in walk(folder):
            if path.endswith("part"):
                shutil.rmtree(path)
            yield path, folders, names

    monkeypatch.setattr(os, "walk", vanish)
    assert list_images(tmp_path) == [tmp_path / "a/1.png"]


def test_siblings_all_hold_images(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.png", "dog/1.png", ".git/1.png", *(f"runs/x/1/{name}" for name in RUN))
    assert list_siblings(tmp_path / "cat") == [tmp_path / "cat", tmp_path / "dog"]
    assert list_siblings(tmp_path / "runs") == []
    assert list_siblings(tmp_path / "gone/cat") == []
    touch(tmp_path, "docs/readme.txt")
    assert list_siblings(tmp_path / "cat") == []
