"""Verdicts of series read again: Student's interval over seeds."""

import json
from pathlib import Path

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


def test_fewer_errors_are_better() -> None:
    from _readings import judge

    assert judge([-0.02, -0.03, -0.04], higher_is_better=False)["verdict"] == "better"
    assert judge([0.02, 0.03, 0.04], higher_is_better=False)["verdict"] == "worse"


def test_what_is_missing_is_done_seed_by_seed_and_a_warm_start_needs_its_control(tmp_path: Path) -> None:
    from plates_readings import list_missing

    done = {"run": "plates_readings/control/x"}
    assert list_missing(["tia", "control"], [0, 1], {0: {"control": done}}, tmp_path) == [
        ("tia", 0),
        ("control", 1),
        ("tia", 1),
    ]
    reached = {0: {"control": done}}
    assert list_missing(["warm_start"], [0], reached, tmp_path) == [("control", 0), ("warm_start", 0)]
    (tmp_path / done["run"]).mkdir(parents=True)
    assert list_missing(["warm_start"], [0], reached, tmp_path) == [("warm_start", 0)]


def test_runs_of_a_recipe_that_was_changed_since_are_done_again(tmp_path: Path) -> None:
    from _readings import read_kept
    from plates_readings import FILES

    from saccade.recipes.loader import load

    now = [one.sha256 for one in load(FILES["tia"]).lineage]
    runs = {"0": {"tia": {"files": now}, "control": {"files": ["0" * 64]}}}
    path = tmp_path / "plates_readings.json"
    path.write_text(json.dumps({"settings": {"runs": runs}}), encoding="utf-8")
    assert read_kept(path, FILES) == {0: {"tia": {"files": now}}}
    assert read_kept(tmp_path / "none.json", FILES) == {}


def test_a_question_is_answered_from_the_seeds_that_have_both_of_its_ends() -> None:
    from plates_readings import make_rows

    def figures(share: float, cer: float) -> dict[str, object]:
        return {"val": {"exact_match": share, "cer": cer}, "seconds": 1.0}

    reached = {
        0: {"control": figures(0.8, 0.1), "tia": figures(0.5, 0.3)},
        1: {"control": figures(0.7, 0.1)},
    }
    rows = {row.name: row for row in make_rows(reached) if row.unit == "exact match"}
    assert rows["TIA off (tia -> control)"].repeats == [(0.8, 0.5)]
    assert rows["recipe control"].repeats == [(0.8, None), (0.7, None)]
    assert not any(name.startswith("capacity") for name in rows)


def test_a_row_pairs_child_and_parent_seed_by_seed() -> None:
    from _readings import make_rows

    reached = {0: {"a": {"last": 0.5}, "b": {"last": 0.6}}, 1: {"a": {"last": 0.4}, "b": {"last": 0.3}}}
    (row,) = make_rows([("a", "b")], reached, "accuracy")
    assert (row.name, row.repeats) == ("a -> b", [(0.6, 0.5), (0.3, 0.4)])
