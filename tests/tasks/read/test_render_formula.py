"""Pictures of formulas: what is typeset, what is coloured, and that no text that a network makes up stops the drawing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from saccade.records.predictions import ReadPrediction
from saccade.tasks.read.render import render_reading
from saccade.tasks.read.render_formula import render_attention, render_formula, typeset_formula

IMAGE = np.full((40, 90, 1), 200, np.uint8)
TRUTH = "\\frac { x ^ { 2 } } { 2 }"


def predict(text: str, confidence: float = 0.9) -> ReadPrediction:
    return ReadPrediction(text, confidence, (confidence,) * len(text.split()))


def count_reddish(picture: NDArray[np.uint8]) -> int:
    red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
    return int(((red > 150) & (green < 90) & (blue < 90)).sum())


def test_a_right_reading_is_shown_once_and_without_red() -> None:
    right, wrong = (render_formula(IMAGE, TRUTH, predict(text)) for text in (TRUTH, TRUTH.replace("x", "y")))
    assert right.shape[1:] == wrong.shape[1:] == (720, 3)
    assert right.shape[0] < wrong.shape[0]
    assert count_reddish(right) == 0 < count_reddish(wrong)


def test_more_wrong_tokens_are_more_red() -> None:
    one, three = (render_formula(IMAGE, "a b c d", predict(text)) for text in ("a b c x", "x y z d"))
    assert count_reddish(one) < count_reddish(three)


def test_bars_are_as_long_as_confidences_and_orange_where_doubt_prevails() -> None:
    def count(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
        return int((picture == colour).all(axis=2).sum())

    sure, half, doubtful = (render_formula(IMAGE, "\\alpha", predict("\\alpha", value)) for value in (1.0, 0.5, 0.25))
    blue, orange = (90, 140, 200), (226, 140, 40)
    assert count(sure, blue) == pytest.approx(2 * count(half, blue), abs=4)
    assert count(doubtful, blue) == 0 < count(doubtful, orange) < count(half, blue)


def test_a_script_stands_at_its_symbol() -> None:
    raised, plain = typeset_formula("x ^ { 2 }"), typeset_formula("x 2")
    assert raised is not None and plain is not None
    assert raised.shape[0] > plain.shape[0]
    assert np.flatnonzero(raised[-3:].any(axis=0)).max() < 0.8 * raised.shape[1]  # nothing below the exponent


@pytest.mark.parametrize(
    "text",
    ["x ^", "\\frac { a", "\\begin{array} { c } a \\end{array}", "\\nosuchcommand", "한", "}", "", "{ " * 400, "$"],
)
def test_what_cannot_be_set_is_shown_as_tokens(text: str) -> None:
    assert typeset_formula(text) is None
    picture = render_formula(IMAGE, TRUTH, predict(text))
    assert picture.shape[0] > 100
    assert count_reddish(picture) > 0


@given(
    st.lists(
        st.sampled_from(
            ["x", "{", "}", "^", "_", "\\frac", "\\left(", "\\right)", "$", "%", "\\", "\\sqrt", "[", "'", "&", "\\\\"]
        ),
        max_size=12,
    )
)
@settings(max_examples=25)
def test_nothing_that_is_read_stops_the_drawing(tokens: list[str]) -> None:
    text = " ".join(tokens)
    assert render_formula(IMAGE, TRUTH, predict(text)).dtype == np.uint8


@pytest.mark.parametrize("shape", [(1, 1, 1), (20, 3000, 3), (900, 30, 1)])
def test_images_of_any_shape_are_shown(shape: tuple[int, int, int]) -> None:
    picture = render_formula(np.zeros(shape, np.uint8), TRUTH, None)
    assert picture.shape[1:] == (720, 3)
    assert picture.shape[0] < 600


def test_readings_of_tokens_are_drawn_as_formulas() -> None:
    drawn = render_reading(IMAGE, TRUTH, predict(TRUTH), "tokens")
    np.testing.assert_array_equal(drawn, render_formula(IMAGE, TRUTH, predict(TRUTH)))
    assert render_reading(IMAGE, "AB", predict("AB")).shape[1] == 320


def test_attention_is_red_where_the_reader_looked() -> None:
    weights = np.zeros((2, 4, 8), np.float32)
    weights[0, :, 1] = 0.02  # scaled to its own largest weight
    weights[1, :, 6] = 1.0
    picture = render_attention(IMAGE, weights, ["x", "\\alpha"]).astype(int)
    redness = (picture[..., 0] - picture[..., 2]).clip(0)
    left, right = redness[:, : picture.shape[1] // 2], redness[:, picture.shape[1] // 2 :]
    for half, place in ((left, 1.5 / 8), (right, 6.5 / 8)):
        columns = half.sum(axis=0)
        assert columns.argmax() / len(columns) == pytest.approx(place, abs=0.1)


def test_attention_has_one_map_a_token() -> None:
    with pytest.raises(ValueError, match="one map a token"):
        render_attention(IMAGE, np.ones((2, 4, 8)), ["x"])
    with pytest.raises(ValueError, match="one map a token"):
        render_attention(IMAGE, np.ones((0, 4, 8)), [])
