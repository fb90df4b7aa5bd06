"""Charset and vocabulary: NFC, order, round trips, unknown characters."""

import unicodedata

import pytest

from saccade.errors import InputError
from saccade.text.charset import Charset
from saccade.text.vocabulary import Vocabulary


def test_characters_are_sorted_and_unique() -> None:
    assert Charset("BA1A").characters == "1AB"
    assert len(Charset("BA1A")) == 3


def test_same_characters_have_one_digest_in_any_order() -> None:
    assert Charset("AB1").digest == Charset("1BA").digest
    assert Charset("AB1").digest != Charset("AB2").digest


def test_decomposed_labels_are_composed() -> None:
    decomposed = unicodedata.normalize("NFD", "서울12가")
    assert len(decomposed) > 5
    assert Charset.from_labels([decomposed]).characters == "".join(sorted("서울12가"))


def test_a_stored_charset_comes_back_with_its_lone_combining_mark() -> None:
    charset = Charset.from_labels(["x\u0301", "o"])  # x with acute has no composed form
    assert charset.characters == "ox\u0301"
    stored = Charset.from_labels(["o", "a", "x\u0301"]).characters
    assert Charset(stored).characters == stored


def test_a_compatibility_character_becomes_its_canonical_one() -> None:
    assert Charset("\u212b").characters == "\u00c5"  # angstrom sign


def test_membership_is_by_single_character() -> None:
    charset = Charset("AB")
    assert "A" in charset
    assert "C" not in charset
    assert "AB" not in charset
    assert charset.unknown("CABD") == "CD"


def test_an_empty_charset_is_refused() -> None:
    with pytest.raises(InputError, match="charset is empty"):
        Charset("")


@pytest.mark.parametrize("text", ["서울12가3456", "皖AB4155", "AA11BB", ""])
def test_tokens_round_trip(text: str) -> None:
    vocabulary = Vocabulary(Charset.from_labels(["서울12가3456", "皖AB4155"]))
    tokens = vocabulary.encode(unicodedata.normalize("NFD", text))
    assert vocabulary.decode(tokens) == text
    assert vocabulary.blank_id not in tokens
    assert all(token < len(vocabulary) for token in tokens)


def test_tokens_follow_the_charset_after_the_blank() -> None:
    assert Vocabulary(Charset("BAC")).encode("CAB") == (3, 1, 2)


def test_an_unknown_character_is_named_with_its_code_point() -> None:
    with pytest.raises(InputError, match=r"'А' \(U\+0410\)") as caught:
        Vocabulary(Charset("A1")).encode("1А")  # Cyrillic
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("token", [0, 4, -1])
def test_a_token_that_is_no_character_is_refused(token: int) -> None:
    with pytest.raises(ValueError, match="not a unit"):
        Vocabulary(Charset("ABC")).decode([token])
