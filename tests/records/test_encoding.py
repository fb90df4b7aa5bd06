"""JSON of the record: valid for strict readers, and every number comes back."""

import json
import math

import pytest

from saccade.records.encoding import decode, decode_rows, encode


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def test_numbers_that_json_lacks_come_back_and_strict_readers_see_null() -> None:
    row = {"step": 3, "loss": math.nan, "val": {"nll": math.inf, "cer": 0.5}, "norms": [1.0, -math.inf], "cause": None}
    text = encode(row)
    strict = json.loads(text, parse_constant=refuse)
    assert strict["loss"] is None
    assert strict["val"] == {"nll": None, "cer": 0.5}
    assert strict["non_finite"] == {"loss": "nan", "val.nll": "inf", "norms.1": "-inf"}
    found = decode(text)
    assert math.isnan(found.pop("loss"))
    assert found == {"step": 3, "val": {"nll": math.inf, "cer": 0.5}, "norms": [1.0, -math.inf], "cause": None}


def test_finite_rows_carry_nothing_extra() -> None:
    assert encode({"text": "한글 京A", "n": 1}).decode("utf-8") == '{"text": "한글 京A", "n": 1}'


@pytest.mark.parametrize("text", ["line\nend", "\u2028", "caf\udce9.png", "e\u0301", ""])
def test_every_text_comes_back_on_one_line_of_utf8(text: str) -> None:
    line = encode({"id": text})
    assert b"\n" not in line
    assert line.decode("utf-8")
    assert decode(line) == {"id": text}


@pytest.mark.parametrize("text", [b"[1]", b'{"a": 1', b"\xff", b"\0\0"])
def test_what_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(text)


def test_values_that_are_not_plain_are_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError):
        encode({"loss": object()})


def test_rows_decoded_together_are_those_decoded_one_by_one() -> None:
    rows = [{"step": 1, "loss": 0.5}, {"step": 2, "loss": math.inf}, {"id": "caf\udce9.png"}]
    lines = [encode(row) for row in rows]
    assert decode_rows(lines) == [decode(line) for line in lines] == rows
    assert decode_rows([]) == []


@pytest.mark.parametrize(
    "line", [b"", b"[1]", b'{"a": 1', b'{"a": 1}, {"b": 2}', b"\xff", b'{"non_finite": 3}', b'{"a": 1}], [{"b": 2}']
)
def test_one_damaged_row_of_several_is_no_row(line: bytes) -> None:
    assert decode_rows([b'{"step": 1}', line]) is None
