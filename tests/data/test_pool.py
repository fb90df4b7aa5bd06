"""What every task checks of its sources: names and labels that can be written down, and filters that mean something."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.data.pool import read_pool, refuse_filters
from saccade.errors import InputError
from saccade.recipes.tables.data import DataTable, FilenameSource, FolderSource, Keep, Source, TsvSource

PNG = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()


def write(folder: Path, *names: bytes) -> None:
    for name in names:
        path = os.path.join(os.fsencode(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(PNG)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (b"caf\xe9/1.png", FolderSource(path=".")),
        (b"cafe/\xe9.png", FolderSource(path=".")),
        (b"AB\xe9_1.png", FilenameSource(path=".")),
        (b"AB_\xe9.png", FilenameSource(path=".")),
    ],
)
def test_names_that_are_not_utf_8_are_named(tmp_path: Path, name: bytes, source: Source) -> None:
    write(tmp_path, b"dog/CD_1.png", name)
    with pytest.raises(InputError, match=r"not UTF-8; rename it$") as caught:
        read_pool("train", (source,), tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert name.decode(errors="surrogateescape").encode(errors="backslashreplace").decode() in message.encode().decode()


def test_a_label_of_spaces_is_an_empty_label(tmp_path: Path) -> None:
    write(tmp_path, b"a.png", b"b.png", b"c.png")
    (tmp_path / "train.tsv").write_text("a.png\tA\nb.png\t \u3000 \nc.png\t\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"train\.tsv:2: empty label \(and 1 more\)"):
        read_pool("train", (TsvSource(path="train.tsv"),), tmp_path)
    pool = read_pool("train", (TsvSource(path="train.tsv", keep=Keep(labelled=True)),), tmp_path)
    assert pool.dropped == [{"unlabelled": ["b.png", "c.png"]}]
    assert [example.entry.label for example in pool.examples] == ["A"]


def test_filters_without_effect_are_refused() -> None:
    data = DataTable(train=(FolderSource(path="."),), val=(FolderSource(path=".", keep=Keep(min_length=2)),))
    refuse_filters(data, ("fits", "max_length"), "classes")
    with pytest.raises(InputError, match=r"\[\[data\.val\]\] keep\.min_length: has no effect where labels are classes"):
        refuse_filters(data, ("fits", "min_length"), "classes")
