"""Verdicts of series read again: Student's interval over seeds."""

import pytest


def test_a_step_is_better_where_the_interval_excludes_nought() -> None:
    """Mean 0.03, deviation 0.01, three seeds: 4.303 * 0.01 / sqrt(3) = 0.02484 on each side."""
    from _readings import judge

    found = judge([0.02, 0.03, 0.04])
    assert (found["verdict"], found["n"]) == ("better", 3)
    assert found["interval"] == pytest.approx([0.03 - 0.02484, 0.03 + 0.02484], abs=1e-5)
    assert found["could_show"] == pytest.approx(0.02484, abs=1e-5)
    assert judge([-0.02, -0.03, -0.04])["verdict"] == "worse"
    assert judge([-0.01, 0.03, 0.04])["verdict"] == "not shown"


def test_one_seed_shows_nothing() -> None:
    from _readings import judge

    assert judge([0.5]) == {"verdict": "not shown", "difference": 0.5, "interval": None, "could_show": None, "n": 1}


def test_a_row_pairs_child_and_parent_seed_by_seed() -> None:
    from _readings import make_rows

    reached = {0: {"a": {"last": 0.5}, "b": {"last": 0.6}}, 1: {"a": {"last": 0.4}, "b": {"last": 0.3}}}
    (row,) = make_rows([("a", "b")], reached, "accuracy")
    assert (row.name, row.repeats) == ("a -> b", [(0.6, 0.5), (0.3, 0.4)])
