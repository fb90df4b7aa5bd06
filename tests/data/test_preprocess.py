"""The preprocessing contract: sizes, colours, padding, and a strict file."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from saccade.data.images import convert_colour
from saccade.data.lines import find_gap, join_lines
from saccade.data.preprocess import Preprocessing
from saccade.data.synthetic.plates import draw_plate
from saccade.errors import InputError
from saccade.recipes.tables.classify import ClassifyPreprocessingTable
from saccade.recipes.tables.read import Pad, ReadPreprocessingTable, Stretch
from saccade.text.charset import Charset

CUT_AND_TURN = ("crop_to_ink_margin_fraction", "turn_portrait_below")


def make(**values: Any) -> Preprocessing:
    return Preprocessing.from_recipe(ReadPreprocessingTable(**{"height_px": 8, "width_px": 20} | values), Charset("BA"))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("colour", "expected"), [("grey", 1), ("rgb", 3)])
@pytest.mark.parametrize("size", [(3, 5), (100, 40), (8, 20), (2, 400)])
def test_any_image_becomes_the_models_input(channels: int, colour: str, expected: int, size: tuple[int, int]) -> None:
    for fit in (None, Pad()):
        preprocessing = make(colour=colour, **({"fit": fit} if fit else {}))
        image = np.random.default_rng(0).integers(0, 255, (*size, channels), dtype=np.uint8)
        result = preprocessing.apply(image)
        assert result.shape == (8, 20, expected)
        assert result.dtype == np.uint8


def test_an_image_of_the_right_size_is_left_alone() -> None:
    image = np.random.default_rng(0).integers(0, 255, (8, 20, 1), dtype=np.uint8)
    np.testing.assert_array_equal(make().apply(image), image)
    np.testing.assert_array_equal(make(fit=Pad()).apply(image), image)


def test_shrinking_averages_areas() -> None:
    checkers: NDArray[np.uint8] = (np.indices((16, 40)).sum(axis=0) % 2 * 200).astype(np.uint8)[:, :, None]
    assert set(make().apply(checkers).ravel().tolist()) == {100}


def test_padding_keeps_the_shape_and_fills_right_and_below() -> None:
    wide = make(fit=Pad(value=7)).apply(np.full((4, 40, 1), 200, np.uint8))  # scale 1/2: 2 x 20
    assert wide[:2].min() == 200
    assert set(wide[2:].ravel().tolist()) == {7}
    tall = make(fit=Pad(value=7), colour="rgb").apply(np.full((16, 10, 1), 200, np.uint8))  # scale 1/2: 8 x 5
    assert tall[:, :5].min() == 200
    assert set(tall[:, 5:].ravel().tolist()) == {7}


def test_stretching_fills_the_frame() -> None:
    assert make().apply(np.full((4, 40, 1), 200, np.uint8)).min() == 200


def test_two_lines_become_one_where_that_is_asked_for() -> None:
    plate = draw_plate(1, 0, layouts=("AAA/000",), difficulty=0.0).image
    ignored, reported, joined = (
        make(height_px=32, width_px=128, two_lines=way) for way in ("ignore", "report", "join")
    )
    assert [one.apply_counting(plate)[1] for one in (ignored, reported, joined)] == [None, 2, 2]
    np.testing.assert_array_equal(reported.apply(plate), ignored.apply(plate))
    gap = find_gap(plate)
    assert gap is not None
    np.testing.assert_array_equal(joined.apply(plate), ignored.apply(join_lines(convert_colour(plate, "grey"), gap)))
    line = draw_plate(1, 0, layouts=("AAA 000",), difficulty=0.0).image
    np.testing.assert_array_equal(joined.apply(line), ignored.apply(line))


@pytest.mark.parametrize("key", ["two_lines", *CUT_AND_TURN])
def test_contracts_written_before_these_were_looked_for_are_read(key: str) -> None:
    values = make().to_json()
    del values[key]
    assert Preprocessing.from_json(values) == make()


def test_portrait_images_are_turned_so_that_their_top_comes_first() -> None:
    turning = make(turn_portrait_below=0.75)
    tall = np.random.default_rng(0).integers(0, 255, (20, 8, 1), dtype=np.uint8)
    np.testing.assert_array_equal(turning.apply(tall), np.rot90(tall))
    assert (turning.apply(tall)[:, 0] == tall[0, ::-1]).all()  # the upper edge is what is read first
    for height, is_turned in ((8, False), (10, False), (11, True)):  # 8 / 10 = 0.8, 8 / 11 = 0.73
        image = tall[:height]
        expected = make().apply(np.rot90(image) if is_turned else image)
        np.testing.assert_array_equal(turning.apply(image), expected)


def test_images_are_cut_to_their_ink_before_they_are_turned() -> None:
    """A wide sheet with an upright word is turned, a tall one with a lying word is not."""
    sheet = np.full((40, 100, 1), 255, np.uint8)
    sheet[10:30, 40:48] = np.random.default_rng(0).integers(0, 200, (20, 8, 1), dtype=np.uint8)
    upright = make(crop_to_ink_margin_fraction=0.0, turn_portrait_below=0.75)
    np.testing.assert_array_equal(upright.apply(sheet), np.rot90(sheet[10:30, 40:48]))
    lying = np.ascontiguousarray(np.rot90(sheet))
    np.testing.assert_array_equal(upright.apply(lying), lying[52:60, 10:30])
    wide = make(crop_to_ink_margin_fraction=0.1).apply(sheet)
    np.testing.assert_array_equal(wide, make().apply(sheet[8:32, 38:50]))


@pytest.mark.parametrize("size", [(1, 1), (20, 10_000), (10_000, 20)])
@pytest.mark.parametrize("fit", [Stretch(), Pad(value=0)])
def test_images_of_extreme_shape_come_through(size: tuple[int, int], fit: Stretch | Pad) -> None:
    image = np.zeros((*size, 1), np.uint8)
    image[-1, -1] = 255
    for cut in (None, 0.0):
        for turn in (None, 0.75):
            preprocessing = make(crop_to_ink_margin_fraction=cut, turn_portrait_below=turn, fit=fit)
            assert preprocessing.apply(image).shape == (8, 20, 1)


def test_classifiers_neither_cut_nor_turn() -> None:
    values = make_classes("dog", "cat").to_json()
    assert [values[key] for key in CUT_AND_TURN] == [None, None]


def test_colour_is_rgb() -> None:
    red = np.zeros((8, 20, 3), np.uint8)
    red[..., 0] = 255
    assert make(colour="grey").apply(red)[0, 0, 0] == 76


def test_the_file_round_trips() -> None:
    preprocessing = make(fit=Pad(value=3), colour="rgb")
    values = json.loads(json.dumps(preprocessing.to_json()))
    assert Preprocessing.from_json(values) == preprocessing
    assert values["charset"] == "AB"
    assert values["classes"] is None
    assert values["normalised_by"] == "model"
    assert len(values["mean"]) == 3


@pytest.mark.parametrize("key", sorted({*make().to_json()} - {"classes", "tokens", "two_lines", *CUT_AND_TURN}))
def test_every_key_must_be_there(key: str) -> None:
    values = make().to_json()
    del values[key]
    with pytest.raises(InputError, match=rf"m/preprocessing\.json: {key}: ") as caught:
        Preprocessing.from_json(values, "m/preprocessing.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gamma", 1),
        ("width_px", "20"),
        ("height_px", 0),
        ("normalised_by", "data"),
        ("charset", "BA"),
        ("colour", "bgr"),
    ],
)
def test_unknown_keys_and_wrong_values_are_refused(key: str, value: object) -> None:
    with pytest.raises(InputError, match=key):
        Preprocessing.from_json(make().to_json() | {key: value})


def make_classes(*names: str) -> Preprocessing:
    return Preprocessing.from_recipe(ClassifyPreprocessingTable(), classes=names)


def test_the_file_of_a_classifier_round_trips() -> None:
    preprocessing = make_classes("dog", "cat")
    values = json.loads(json.dumps(preprocessing.to_json()))
    assert (values["classes"], values["charset"], values["colour"]) == (["dog", "cat"], None, "rgb")
    assert Preprocessing.from_json(values) == preprocessing
    assert preprocessing.apply(np.zeros((50, 40, 3), np.uint8)).shape == (32, 32, 3)


def test_a_file_from_before_there_were_classes_is_read() -> None:
    values = make().to_json()
    del values["classes"]
    assert Preprocessing.from_json(values) == make()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"charset": None}, "m.json: .*exactly one of the three"),
        ({"classes": ["cat", "dog"]}, "m.json: .*exactly one of the three"),
        ({"charset": None, "classes": ["cat"]}, "m.json: classes: "),
        ({"charset": None, "classes": ["cat", "cat"]}, "m.json: classes: .*unique"),
        ({"charset": None, "classes": ["cafe\u0301", "dog"]}, "m.json: classes: .*NFC"),
    ],
)
def test_there_are_either_characters_or_classes(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        Preprocessing.from_json(make().to_json() | changes, "m.json")
    assert "\n" not in str(caught.value)
