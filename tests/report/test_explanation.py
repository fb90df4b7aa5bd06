"""What could explain a difference, and recipes that would separate it, from the records of runs."""

from pathlib import Path
from typing import Any

import pytest

from saccade.doctor.prescribe import write_proposals
from saccade.recipes.diff import diff
from saccade.recipes.loader import load
from saccade.report.explanation import Explanation, explain
from saccade.report.sides import Side, read_side
from tests.report.compared_runs import answer, write_parent, write_recipe, write_run

TWO = "[train]\nbatch_size = 8\n[optimizer]\nweight_decay = 0.1\n"


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_parent(tmp_path)


def make(parent: Path, own: str, *, before: dict[str, Any] | None = None, **after: Any) -> tuple[Side, Side]:
    recipe = write_recipe(parent.parent, "child", own)
    first = write_run(parent.parent / "runs", parent, answer(3, 1), **(before or {}))
    return read_side(first), read_side(write_run(parent.parent / "runs", recipe, answer(3, 1), **after))


def explain_pair(parent: Path, own: str, **after: Any) -> Explanation:
    return explain(*make(parent, own, **after), "exact_match")


def test_exactly_one_change_is_attributable(parent: Path) -> None:
    found = explain_pair(parent, "[train]\nbatch_size = 8\ncompile = true\n")
    assert found.attributable
    assert [change.key for change in found.changes.effective] == ["train.batch_size"]
    assert [change.key for change in found.changes.without_effect] == ["train.compile"]
    assert found.separating == ()


def test_two_changes_are_not_and_get_two_recipes(parent: Path) -> None:
    found = explain_pair(parent, TWO)
    assert not found.attributable
    assert [one.name for one in found.separating] == ["child-train.toml", "child-optimizer.toml"]


def test_other_training_images_beside_one_change_are_a_second_explanation(parent: Path) -> None:
    found = explain_pair(parent, "[train]\nbatch_size = 8\n", digests={"train": "other", "val": "v" * 8})
    assert not found.attributable
    assert found.separating == ()


def test_nothing_changed_explains_nothing(parent: Path) -> None:
    side = make(parent, TWO)[0]
    found = explain(side, side, "exact_match")
    assert (found.attributable, found.changes.effective) == (False, ())


def test_patience_counts_where_it_ended_a_training(parent: Path) -> None:
    own = "[train]\npatience_validations = 3\n"
    assert [change.key for change in explain_pair(parent, own).changes.without_effect] == ["train.patience_validations"]
    ended = explain_pair(parent, own, events=[{"event": "early_stop", "step": 70}])
    assert [change.key for change in ended.changes.effective] == ["train.patience_validations"]


def test_recipes_extend_the_parents_own_file_while_it_is_what_was_trained(parent: Path) -> None:
    sides = make(parent, TWO)
    assert {one.extends for one in explain(*sides, "exact_match").separating} == {parent}
    parent.write_text(parent.read_text() + "# changed\n")
    run = sides[0].runs[0].folder / "recipe.toml"
    found = explain(*sides, "exact_match").separating
    assert {one.extends for one in found} == {run}
    halves = [load(path).recipe for path in write_proposals(found, parent.parent / "new")]
    assert [[change.key for change in diff(load(run).recipe, half)] for half in halves] == [
        ["train.batch_size"],
        ["optimizer.weight_decay"],
    ]


def test_recipes_extend_the_run_where_it_was_trained_ad_hoc(parent: Path) -> None:
    sides = make(parent, TWO, before={"overrides": ["train.ema_decay=0.9"]})
    found = explain(*sides, "exact_match").separating
    assert {one.extends for one in found} == {sides[0].runs[0].folder / "recipe.toml"}
    assert [load(path).recipe.train.ema_decay for path in write_proposals(found, parent.parent / "new")] == [None, 0.9]


def test_the_data_root_goes_along_where_the_files_place_decided_it(parent: Path) -> None:
    parent.write_text(parent.read_text().replace("./labels.tsv", "labels.tsv"))
    sides = make(parent, TWO)
    written = write_proposals(explain(*sides, "exact_match").separating, parent.parent / "else" / "where")
    assert {load(path).recipe.data.root for path in written} == {str(parent.parent / "data")}


def test_the_data_root_stays_out_where_the_environment_decides_it(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SACCADE_DATA", str(parent.parent / "shared"))
    parent.write_text(parent.read_text().replace("./labels.tsv", "labels.tsv"))
    found = explain(*make(parent, TWO), "exact_match").separating
    assert all("[data]" not in one.text for one in found)


def test_a_task_of_ones_own_is_compared_without_proposals() -> None:
    sides = [
        Side(name, (), {"metrics": {}}, recipe={"task": "mine", "depth": depth, "width": depth, "data": {}})
        for name, depth in (("a", 1), ("b", 2))
    ]
    found = explain(*sides, "score")
    assert [change.key for change in found.changes.effective] == ["depth", "width"]
    assert (found.attributable, found.separating) == (False, ())
