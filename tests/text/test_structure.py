"""The structure of formulas: each fault by its place and words, and formulas that look odd and are sound."""

import pytest

from saccade.text.structure import START, advance, can_stand_beside, classify, find_fault, is_complete


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x }", "token 2: } closes nothing"),
        ("{ x", "token 1: { is never closed"),
        ("x ^ { 2", "token 3: { is never closed"),
        ("\\left( x", "token 1: \\left( is never closed"),
        ("x \\right)", "token 2: \\right) closes nothing"),
        ("{ \\left( x } \\right)", "token 4: } comes before \\left( of token 2 is closed"),
        ("\\left x \\right )", "token 2: \\left is followed by x, which is no delimiter"),
        ("\\left ( x \\right", "token 4: the formula ends where \\right still waits for more"),
        ("\\begin{array} x", "token 1: \\begin{array} is never closed"),
        ("\\begin{array} x \\end{matrix}", "token 3: \\end{matrix} closes \\begin{array} of token 1"),
        ("x ^ 2 ^ 3", "token 4: a second superscript of the same symbol"),
        ("x _ { 2 } _ 3", "token 6: a second subscript of the same symbol"),
        ("x ^ 2 '", "token 4: ' behind a superscript of the same symbol"),
        ("\\frac { a }", "token 4: the formula ends where \\frac still waits for more"),
        ("{ \\frac { a } } b", "token 6: } stands where \\frac waits for its argument"),
        ("x ^", "token 2: the formula ends where ^ still waits for more"),
        ("x ^ _ 2", "token 3: _ stands where ^ waits for its argument"),
        ("\\sqrt [ 3 { x }", "token 2: [ is never closed"),
        ("x & y", "token 2: & stands outside of a table"),
        ("\\middle| x", "token 1: \\middle| stands outside of \\left and \\right"),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, fault: str) -> None:
    assert find_fault(text.split(" ")) == fault


def test_a_formula_without_a_token_is_empty() -> None:
    assert find_fault([]) == "the formula is empty"


@pytest.mark.parametrize(
    "text",
    [
        "x ^ 2 _ 3",
        "x ' ^ 2",
        "{ } ^ 2 x",
        "^ 2",
        "x ^ \\frac 1 2 + y ^ 3",
        "\\frac \\sqrt 2 3 ^ 2",
        "\\sqrt [ 3 ] { x } + [ 0 , 1 )",
        "\\left. \\frac { a } { b } \\right| _ 0 ^ 1",
        "\\left ( x \\right ] ^ 2",
        "\\left[ a \\middle| b \\right]",
        "\\begin{array} { c c } a & b \\\\ c ^ 2 & d ^ 2 \\end{array} ^ 2",
        "\\sum \\limits _ { i } ^ n i",
        "\\leftarrow \\rightarrow",
        "x ^ 2 \\, ^ 3",
        "\\not = \\big ( x \\big )",
    ],
)
def test_these_are_sound(text: str) -> None:
    assert find_fault(text.split(" ")) is None


def test_a_formula_may_end_only_where_nothing_waits() -> None:
    frames, complete = START, []
    for position, token in enumerate(["\\frac", "1", "{", "2", "}"], start=1):
        frames = advance(frames, classify(token), token, position)
        complete.append(is_complete(frames))
    assert complete == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("left", "right", "can"),
    [
        ("x ^ 2", "y = 1", True),
        ("x ^ 2", "( a )", True),
        ("\\sqrt { x }", "[ 0 , 1 )", True),
        ("x", "_ 1", False),  # one symbol with a script, and neither formula has it
        ("x", "' + y", False),
        ("\\sum", "\\limits _ 2 x", False),
        ("a \\over b", "c", False),
        ("c", "a \\\\ b", False),
        ("{ a \\over b }", "\\begin{matrix} a \\\\ b \\end{matrix}", True),
        ("\\frac 1", "x", False),  # sound together, not alone
        ("( x", "{ y", False),
        ("\\bf a", "b", False),  # the font would be the second's too
        ("a \\scriptstyle b", "c", False),
        ("{ \\bf a }", "b", True),
        ("b", "\\bf a", True),
    ],
)
def test_formulas_side_by_side_stay_two(left: str, right: str, can: bool) -> None:
    assert can_stand_beside(left.split(" "), right.split(" ")) == can
    assert not can or find_fault([*left.split(" "), *right.split(" ")]) is None
