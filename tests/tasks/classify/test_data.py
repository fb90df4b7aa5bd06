"""Examples of the classify task: what one image is, and that a batch is the images one by one."""

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from saccade.data.formats.entry import Entry
from saccade.data.images import read_image
from saccade.data.preprocess import Preprocessing
from saccade.errors import InputError
from saccade.recipes.tables.classify import ClassifyPreprocessingTable
from saccade.recipes.tables.read import Pad
from saccade.tasks.classify.data import ClassifyExamples, collate
from saccade.text.charset import Charset

CLASSES = ("dog", "cat", "eel")


def make_pixels(index: int, side: int = 8) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 255, (side, side, 3), dtype=np.uint8)


def make_entries(count: int, **changes: Any) -> list[Entry]:
    return [
        Entry(f"{index}", CLASSES[index % 3], f"drawn:{index}", None, partial(make_pixels, index), **changes)
        for index in range(count)
    ]


def make_examples(entries: list[Entry], **table: Any) -> ClassifyExamples:
    recipe = ClassifyPreprocessingTable(**{"height_px": 8, "width_px": 8, **table})
    return ClassifyExamples(entries, Preprocessing.from_recipe(recipe, classes=CLASSES))


def test_an_example_is_its_pixels_its_class_and_its_place() -> None:
    examples = make_examples(make_entries(5))
    sample = examples[4]
    assert (sample.id, sample.label, sample.number) == ("4", 1, 4)
    np.testing.assert_array_equal(sample.image, make_pixels(4))
    assert examples[-1].number == 4
    assert (len(examples), examples.num_classes, examples.example_bytes, examples.has_one_size) == (5, 3, 192, True)
    assert examples.ids == ["0", "1", "2", "3", "4"]


def test_a_batch_is_made_of_whole_images_without_partners() -> None:
    batch = make_examples(make_entries(5)).gather([3, 0, 3])
    assert batch.ids == ("3", "0", "3")
    assert batch.images.dtype == torch.uint8 and batch.images.shape == (3, 3, 8, 8)
    np.testing.assert_array_equal(batch.images[0].permute(1, 2, 0).numpy(), make_pixels(3))
    assert batch.labels.tolist() == batch.partner_labels.tolist() == [0, 0, 0]
    assert batch.numbers.tolist() == [3, 0, 3]
    assert batch.shares.dtype == torch.float32 and batch.shares.tolist() == [1, 1, 1]
    assert batch.labels.dtype == batch.numbers.dtype == batch.partner_labels.dtype == torch.int64


@pytest.mark.parametrize(
    "table", [{}, {"colour": "grey"}, {"height_px": 10, "width_px": 20}, {"fit": Pad(), "width_px": 16}]
)
def test_many_images_at_once_are_the_images_one_by_one(table: dict[str, Any]) -> None:
    examples = make_examples(make_entries(300), **table)
    indices = np.random.default_rng(0).permutation(300).tolist()
    gathered, joined = examples.gather(indices), collate([examples[index] for index in indices])
    assert gathered.ids == joined.ids
    for name in ("images", "labels", "numbers", "partner_labels", "shares"):
        assert torch.equal(getattr(gathered, name), getattr(joined, name)), name
    assert gathered.images[0].numel() == examples.example_bytes
    assert torch.equal(gathered.select([7, 2]).images, gathered.images[[7, 2]])


def test_no_images_are_an_empty_batch() -> None:
    batch = make_examples([]).gather([])
    assert len(batch) == 0 and batch.images.shape == (0, 3, 8, 8)


def test_weights_are_those_of_the_sources() -> None:
    assert make_examples(make_entries(3)).weights is None
    assert make_examples([*make_entries(2), *make_entries(1, weight=0.5)]).weights == [1.0, 1.0, 0.5]


def test_a_bad_image_among_many_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    entries = [*make_entries(200), Entry("bad", "cat", "bad", tmp_path / "bad.png")]
    with pytest.raises(InputError, match=r"bad\.png: cannot be decoded"):
        make_examples(entries).gather(range(201))


def test_files_give_their_own_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    cv2.imwrite(str(path), make_pixels(0))
    examples = make_examples([Entry("a.jpg", "eel", "a.jpg", path)])
    np.testing.assert_array_equal(examples[0].image, read_image(path, "rgb"))
    assert examples[0].label == 2


def test_the_contract_of_a_reader_is_refused() -> None:
    recipe = ClassifyPreprocessingTable()
    with pytest.raises(ValueError, match="answers with text"):
        ClassifyExamples([], Preprocessing.from_recipe(recipe, Charset("AB")))
