"""Numbers, times and settings as people write them."""

import math

import pytest

from saccade.metrics.intervals import Estimate
from saccade.recipes.diff import Change
from saccade.report.languages import LANGUAGES
from saccade.report.writing import (
    write_bounds,
    write_change,
    write_difference,
    write_exact,
    write_interval,
    write_seconds,
    write_setting,
    write_size,
    write_value,
)

EN, KO = LANGUAGES["en"], LANGUAGES["ko"]


@pytest.mark.parametrize(
    ("value", "num_images", "text"),
    [(0.84, 0, "0.840"), (0.84126, 100, "0.841"), (0.84126, 10_000, "0.8413"), (0.5, 10**7, "0.5000"), (-0.5, 0, "−0.500"),
     (None, 0, "–"), (math.nan, 0, "–")],
)  # fmt: skip
def test_a_value_has_the_digits_that_its_images_can_tell_apart(value: float | None, num_images: int, text: str) -> None:
    assert write_value(value, num_images) == text


def test_an_interval_without_bounds_is_nothing() -> None:
    assert write_interval(Estimate(0.8, 0.7, 0.9, 3)) == "[0.700, 0.900]"
    assert write_interval(Estimate(0.8, None, None, 1)) == ""


def test_a_difference_of_shares_is_in_points_and_others_are_not() -> None:
    assert write_difference(0.0532, "exact_match", EN) == "+5.3 points"
    assert write_difference(-0.0532, "exact_match", KO) == "−5.3%p"
    assert write_difference(-0.0532, "nll", EN) == "−0.0532"
    assert write_difference(-0.0532, "cer", EN) == "−0.0532"
    assert write_size(0.0203, "cer", EN) == "0.0203"
    assert write_size(-0.0532, "exact_match", EN) == "5.3 points"
    assert write_bounds(-0.01, 0.02, "exact_match", EN) == "95 % interval −1.0 to +2.0"
    assert write_bounds(-0.01, 0.02, "exact_match", KO) == "95 % 구간 −1.0 ~ +2.0"
    assert write_bounds(-0.01, 0.02, "nll", EN) == "95 % interval −0.0100 to +0.0200"


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [(45.2, "45 s", "45초"), (2985, "49 min 45 s", "49분 45초"), (3660, "1 h 1 min", "1시간 1분"), (3599.7, "1 h 0 min", "1시간 0분"),
     (None, "–", "–"), (math.nan, "–", "–")],
)  # fmt: skip
def test_times_are_said_as_people_say_them(seconds: float | None, english: str, korean: str) -> None:
    assert (write_seconds(seconds, EN), write_seconds(seconds, KO)) == (english, korean)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-05, "1e-05"), ("adam", '"adam"'), (True, "true"), (None, "not set"), ([1, 2], "[1, 2]"), ({"a": 1, "b": None}, "{ a = 1 }"),
     (math.nan, "nan")],
)  # fmt: skip
def test_settings_are_written_as_in_recipes(value: object, text: str) -> None:
    assert write_setting(value, EN) == text


def test_a_long_setting_is_cut() -> None:
    assert write_setting("x" * 500, EN) == '"' + "x" * 158 + "…"


def test_of_two_tables_only_what_differs_is_written() -> None:
    change = Change("augment.mix", {"name": "cutmix", "alpha": 1.0}, {"name": "mixup", "alpha": 1.0})
    assert write_change(change, EN) == '{ name = "cutmix" } → { name = "mixup" }'
    assert write_change(Change("a", None, 3), KO) == "설정 없음 → 3"


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), ("a b", "a b"), (0.1, "0.1"), (False, "false"), ([0.5], "[0.5]")]
)
def test_programs_get_values_in_full(value: object, text: str) -> None:
    assert write_exact(value) == text


KEEP = {"readable": False, "labelled": False}


def test_of_two_lists_of_tables_only_what_differs_is_written() -> None:
    tsv = {"format": "tsv", "path": "a", "weight": 1.0, "keep": KEEP}
    drawn = {"format": "synthetic_plates", "weight": 1.0, "num_images": 160, "keep": KEEP}
    change = Change("data.train", [tsv, drawn], [tsv | {"format": "paddleocr"}])
    assert write_change(change, EN) == (
        '[{ format = "tsv", path = "a" }, { format = "synthetic_plates", num_images = 160 }] → '
        '[{ format = "paddleocr", path = "a" }]'
    )
    same_length = Change("data.train", [tsv, drawn], [tsv, drawn | {"num_images": 80}])
    assert write_change(same_length, EN) == "[{}, { num_images = 160 }] → [{}, { num_images = 80 }]"
    nested = Change("a", {"b": {"c": 1, "d": 2}, "e": 3}, {"b": {"c": 1, "d": 4}, "e": 3})
    assert write_change(nested, EN) == "{ b = { d = 2 } } → { b = { d = 4 } }"


def test_tables_within_tables_are_left_out_before_anything_is_cut() -> None:
    augment = {"text_line": {f"operation_{number}_probability": 0.0 for number in range(9)}}
    stage = {"from_epoch": 24, "train": {}, "augment": augment}
    assert write_change(Change("stage", [stage], []), EN) == "[{ from_epoch = 24, augment = {…} }] → []"
