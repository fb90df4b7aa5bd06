"""Ids of a sequence reader: the three special ones, round trips, what stops decoding and what is refused."""

import unicodedata

import pytest

from saccade.errors import InputError
from saccade.text.charset import Charset
from saccade.text.sequence_vocabulary import SequenceVocabulary
from saccade.text.token_set import TokenSet

FORMULAS = SequenceVocabulary(TokenSet(("x", "^", "{", "}", "2")))


def test_units_follow_padding_begin_and_end() -> None:
    assert (FORMULAS.pad_id, FORMULAS.bos_id, FORMULAS.eos_id) == (0, 1, 2)
    assert len(FORMULAS) == 8
    assert FORMULAS.encode("2 ^ x { }") == (3, 4, 5, 6, 7)


@pytest.mark.parametrize("text", ["x ^ { 2 }", "x", ""])
def test_formulas_round_trip(text: str) -> None:
    assert FORMULAS.decode(FORMULAS.encode(text)) == text


def test_plates_round_trip_in_nfc() -> None:
    vocabulary = SequenceVocabulary(Charset.from_labels(["서울12가3456"]))
    ids = vocabulary.encode(unicodedata.normalize("NFD", "서울12가3456"))
    assert vocabulary.decode(ids) == "서울12가3456"
    assert len(ids) == 9


def test_nothing_counts_after_the_first_end() -> None:
    assert FORMULAS.decode([5, 4, 2, 3, 0, 1, 99]) == "x ^"


@pytest.mark.parametrize("token", [0, 1, 8, -1])
def test_what_is_no_unit_before_the_end_is_refused(token: int) -> None:
    with pytest.raises(ValueError, match=r"no unit: those are 3\.\.7"):
        FORMULAS.decode([5, token, 2])


def test_an_unknown_token_is_named() -> None:
    with pytest.raises(InputError, match=r"holds \\alpha, y, which is not among the tokens") as caught:
        FORMULAS.encode("x ^ { y \\alpha }")
    assert "\n" not in str(caught.value)


def test_an_unknown_character_is_named_with_its_code_point() -> None:
    with pytest.raises(InputError, match=r"'А' \(U\+0410\)"):
        SequenceVocabulary(Charset("A1")).encode("1А")
