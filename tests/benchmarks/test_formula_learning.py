"""What `formula_learning.py` says of readers that have been trained: goals, what is kept, and two of them image by image."""

import json
from pathlib import Path
from typing import Any

import pytest


def make_figures(share: float, seconds: float = 1000.0) -> dict[str, Any]:
    estimate = {"value": share, "low": share - 0.03, "high": share + 0.03, "n": 688}
    costs = {"seconds": seconds, "num_parameters": 7, "epochs": 20, "val": 0.5, "train_clean": 0.9}
    return {"test": {"exact_match": estimate, "exact_match_normalised": estimate}, **costs}


def test_the_best_and_each_have_a_goal_and_the_longest_training_has() -> None:
    from formula_learning import make_rows

    rows = make_rows({"satrn": make_figures(0.31), "cstr": make_figures(0.11, seconds=1600.0)}, None)
    told = [(row.name, row.to_json()["goal"], row.to_json()["holds"]) for row in rows]
    assert told == [
        ("best of 2: satrn", "ours >= 0.3", True),
        ("satrn", "ours >= 0.12", True),
        ("cstr", "ours >= 0.12", False),
        ("longest training", "ours <= 1500", False),
    ]
    assert rows[0].to_json()["low"] == pytest.approx(0.28)


def test_an_ensemble_is_better_where_the_interval_of_the_pairs_lies_above_nought() -> None:
    from formula_learning import make_rows

    for low, holds in ((0.01, True), (0.0, False)):
        compared = {"before": 0.31, "after": 0.35, "interval": [low, 0.07]}
        row = make_rows({"satrn": make_figures(0.31)}, compared)[-1].to_json()
        assert (row["name"], row["ours"], row["peer"], row["holds"]) == ("ensemble beside satrn", 0.35, 0.31, holds)


def test_readers_whose_recipe_was_changed_since_are_trained_again(tmp_path: Path) -> None:
    from formula_learning import RECIPES, read_kept

    from saccade.recipes.loader import load

    now = [one.sha256 for one in load(RECIPES / "srn.toml").lineage]
    readers = {"srn": {"files": now}, "cstr": {"files": ["0" * 64]}}
    path = tmp_path / "formula_learning.json"
    path.write_text(json.dumps({"settings": {"readers": readers}}), encoding="utf-8")
    assert read_kept(path) == {"srn": {"files": now}}
    assert read_kept(tmp_path / "none.json") == {}


def test_two_readings_are_compared_image_by_image() -> None:
    """Only the first reads image 0, only the second images 1 to 8, both image 9: p = 2 (1 + 9) / 2**9."""
    from _formula_runs import compare_readings

    first = {str(number): int(number in (0, 9)) for number in range(10)}
    second = {str(number): int(number > 0) for number in range(10)}
    found = compare_readings(first, second)
    assert (found["before"], found["after"], found["n"]) == (0.2, 0.9, 10)
    assert (found["only_before"], found["only_after"]) == (1, 8)
    assert found["difference"] == pytest.approx(0.7)
    assert found["mcnemar_p"] == pytest.approx(20 / 512)
    assert 0 < found["interval"][0] < 0.7 < found["interval"][1] <= 1


def test_the_five_readers_differ_in_their_network_alone() -> None:
    from formula_learning import READERS, RECIPES

    from saccade.recipes.loader import load

    recipes = [load(RECIPES / f"{name}.toml").recipe.model_dump() for name in READERS]
    assert len({recipe["model"]["name"] for recipe in recipes}) == len(READERS)
    for recipe in recipes:
        recipe.pop("model")
        recipe.pop("hypothesis")
    assert all(recipe == recipes[0] for recipe in recipes)


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    from _formula_files import draw_sets, find_sets

    root = draw_sets(tmp_path, {"crohme": ("train",)}, 3)
    assert find_sets(root, {"crohme": ("train",)}) == root
    with pytest.raises(FileNotFoundError, match=r"2014\.tsv is missing; name the folder above crohme"):
        find_sets(root, {"crohme": ("train", "2014")})
