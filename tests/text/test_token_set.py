"""Token sets: what is refused, what a list on disk may hold, and cutting texts into tokens."""

from pathlib import Path

import pytest

from saccade.errors import InputError
from saccade.text.charset import Charset
from saccade.text.token_set import TokenSet, read_token_list


def test_tokens_are_sorted_and_counted() -> None:
    tokens = TokenSet(("x", "\\frac", "{"))
    assert tokens.tokens == ("\\frac", "x", "{") == tokens.units
    assert len(tokens) == 3
    assert "\\frac" in tokens and "frac" not in tokens


@pytest.mark.parametrize(
    ("tokens", "problem"),
    [((), "empty"), (("x", ""), "is empty"), (("x", "x"), "occurs twice"), (("x", "a b"), "white space")],
)
def test_a_set_that_cannot_be_is_refused(tokens: tuple[str, ...], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        TokenSet(tokens)


def test_tokens_of_labels_are_cut_at_single_spaces() -> None:
    tokens = TokenSet.from_labels(["x ^ { 2 }", "", "\\frac { x }"])
    assert tokens.tokens == ("2", "\\frac", "^", "x", "{", "}")
    assert tokens.split("x ^ 2") == ["x", "^", "2"]
    assert tokens.split("") == []
    assert tokens.join(["x", "^", "2"]) == "x ^ 2"
    assert tokens.unknown("y x z y") == ("y", "z")


@pytest.mark.parametrize("label", ["x  y", " x", "x "])
def test_a_label_with_stray_spaces_is_refused_where_it_is_cut(label: str) -> None:
    for cut in (TokenSet(("x", "y")).split, lambda text: TokenSet.from_labels([text])):
        with pytest.raises(InputError, match="single spaces"):
            cut(label)


def test_the_digest_knows_where_tokens_end() -> None:
    assert TokenSet(("a", "bc")).digest != TokenSet(("ab", "c")).digest
    assert TokenSet(("a", "b")).digest == TokenSet(("b", "a")).digest


def test_a_charset_is_cut_and_joined_by_the_same_words() -> None:
    charset = Charset("é2")
    assert charset.split("e\u03012") == ["é", "2"]
    assert charset.join(["é", "2"]) == "é2"
    assert charset.units == ("2", "é")


def write(folder: Path, content: bytes) -> Path:
    path = folder / "tokens.txt"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"x\n\\frac\n", b"x\n\\frac", b"\xef\xbb\xbfx\r\n\\frac\r\n\r\n"])
def test_a_token_list_may_end_with_blank_lines(tmp_path: Path, content: bytes) -> None:
    assert read_token_list(write(tmp_path, content)).tokens == ("\\frac", "x")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"x\n\ny\n", "line 2 is empty"),
        (b"x\ny\nx\n", "line 3 repeats 'x' of line 1"),
        (b"x\na b\n", "line 2 holds white space"),
        (b"<SOS>\nx\n", "line 1 is <SOS>.*delete the line"),
        (b"x\n<PAD>\n", "line 2 is <PAD>"),
        (b"\n", "holds no token"),
        (b"x\n\xff\n", "not UTF-8"),
    ],
)
def test_a_list_that_is_wrong_names_the_line(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        read_token_list(write(tmp_path, content))
    assert str(tmp_path / "tokens.txt") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: cannot be read"):
        read_token_list(tmp_path / "none.txt")
