"""Experiments hang together by the lineage that their runs recorded, whatever of it is left."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from saccade.report.chain import Chain, Link, Report, read_report
from tests.report.compared_runs import tell_one
from tests.report.draw_runs import Drawn, draw_run, draw_runs, make_plates

BASE = Drawn("baseline", 0.6, num_validations=12)
CHILD = replace(BASE, name="exp1", share=0.9, parents=("baseline",), settings={"train.batch_size": 64})
GRANDCHILD = replace(CHILD, name="exp2", parents=("exp1", "baseline"), settings={"train.batch_size": 32})


def link_of(report: Report, name: str) -> Link:
    return next(link for chain in report.chains for link in chain.links if link.child.name == name)


def sentences(chain: Chain) -> list[str]:
    return [problem.sentence for problem in chain.problems if problem.sentence != "recipes_gone"]


def test_a_child_is_compared_with_its_parent(tmp_path: Path) -> None:
    draw_runs(tmp_path, [CHILD, BASE])
    [chain] = read_report(tmp_path).chains
    first, second = chain.links
    assert (first.child.name, first.parent) == ("baseline", None)
    assert second.parent is first.child
    assert second.comparison is not None and second.comparison.verdict == "better"
    assert [(change.key, change.parent_value, change.value) for change in second.changes] == [
        ("train.batch_size", 128, 64)
    ]
    assert (chain.name, chain.metric, chain.lower_is_better) == ("plates", "exact_match", False)
    assert chain.leader is second.child
    assert sentences(chain) == []


def test_a_deleted_parent_is_passed_over_and_named(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, CHILD, GRANDCHILD])
    shutil.rmtree(tmp_path / "plates" / "exp1")
    report = read_report(tmp_path)
    link = link_of(report, "exp2")
    assert link.parent is not None and (link.parent.name, link.passed_over) == ("baseline", ("exp1",))
    problem = report.chains[0].problems[0]
    assert problem.sentence == "parent_passed_over"
    assert dict(problem.values) == {"experiment": "exp2", "files": "exp1", "parent": "baseline"}


def test_without_any_ancestor_an_experiment_stands_alone_and_names_its_parent(tmp_path: Path) -> None:
    changes = (("train.batch_size", 64, 32),)
    draw_run(tmp_path, replace(GRANDCHILD, changes=changes))
    [chain] = read_report(tmp_path).chains
    [link] = chain.links
    assert (link.parent, link.passed_over, link.comparison) == (None, ("exp1", "baseline"), None)
    assert [(change.key, change.parent_value, change.value) for change in link.changes] == [*changes]
    assert sentences(chain) == ["parent_missing"]


def test_a_recipe_that_was_edited_in_between_is_named(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, replace(CHILD, contents={"baseline": "edited since"})])
    [chain] = read_report(tmp_path).chains
    assert link_of(read_report(tmp_path), "exp1").parent is not None
    assert sentences(chain) == ["parent_edited"]


def test_a_recipe_file_that_says_something_else_now_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.report.draw_runs.RECIPES", tmp_path / "recipes")
    (tmp_path / "recipes" / "plates").mkdir(parents=True)
    (tmp_path / "recipes" / "plates" / "baseline.toml").write_text("baseline")
    (tmp_path / "recipes" / "plates" / "exp1.toml").write_text("edited since")
    draw_runs(tmp_path / "runs", [BASE, CHILD])
    [chain] = read_report(tmp_path / "runs").chains
    assert [(one.sentence, dict(one.values)) for one in chain.problems] == [
        ("recipe_edited", {"experiment": "exp1", "file": "exp1.toml"})
    ]


def test_recipe_files_that_are_gone_are_named_once(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, CHILD])
    [problem] = read_report(tmp_path).chains[0].problems
    assert (problem.sentence, problem.values["files"]) == ("recipes_gone", "baseline.toml, exp1.toml")


def test_a_recipe_that_was_moved_is_known_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_run(tmp_path, BASE)
    monkeypatch.setattr("tests.report.draw_runs.RECIPES", Path("/elsewhere"))
    draw_run(tmp_path, CHILD)
    link = link_of(read_report(tmp_path), "exp1")
    assert link.parent is not None and link.parent.name == "baseline"


def test_equal_files_of_another_series_are_no_parents(tmp_path: Path) -> None:
    draw_run(tmp_path, replace(BASE, series="digits"))
    draw_run(tmp_path, CHILD)
    assert link_of(read_report(tmp_path), "exp1").parent is None


def test_overrides_hang_together_with_the_same_overrides(tmp_path: Path) -> None:
    short = ("--set train.epochs=5",)
    draw_runs(tmp_path, [BASE, replace(BASE, overrides=short, settings={"train.epochs": 5}),
                         replace(CHILD, overrides=short, settings={"train.epochs": 5, "train.batch_size": 64})])  # fmt: skip
    report = read_report(tmp_path)
    child, short_parent = link_of(report, "exp1, train.epochs = 5"), link_of(report, "baseline, train.epochs = 5")
    assert child.parent is short_parent.child
    assert short_parent.parent is not None and short_parent.parent.name == "baseline"


def test_an_ad_hoc_experiment_without_its_own_recipes_run_has_changed_the_keys_of_the_command_line(
    tmp_path: Path,
) -> None:
    overrides = ("--set train.epochs=5", "--data val=folder:photos")
    changes = (("train.batch_size", 128, 64), ("train.epochs", 12, 5))
    draw_run(tmp_path, replace(CHILD, overrides=overrides, settings={"train.epochs": 5}, changes=changes))
    [chain] = read_report(tmp_path).chains
    [link] = chain.links
    assert link.child.name == "exp1, train.epochs = 5, data = val=folder:photos"
    assert (link.parent, link.passed_over) == (None, ("exp1",))
    assert [(change.key, change.value) for change in link.changes] == [
        ("train.epochs", 5),
        ("data", "val=folder:photos"),
    ]


def test_files_that_extended_each_other_by_turns_make_no_circle(tmp_path: Path) -> None:
    draw_runs(tmp_path, [replace(BASE, parents=("exp1",)), CHILD])
    [chain] = read_report(tmp_path).chains
    assert len(chain.links) == 2
    assert sum(link.parent is None for link in chain.links) == 1


def test_an_experiment_whose_runs_all_failed_is_not_compared(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, replace(CHILD, odd="nan", reported={"metrics": {"exact_match": 0.9}})])
    comparison = link_of(read_report(tmp_path), "exp1").comparison
    assert comparison is not None
    assert (comparison.verdict, tell_one(comparison.refusal)) == ("refused", "no run of exp1 came to its end")
    assert comparison.difference is None and comparison.changed


def test_damaged_predictions_leave_a_link_without_a_verdict(tmp_path: Path) -> None:
    folders = draw_runs(tmp_path, [BASE, CHILD])
    (folders[1] / "predictions" / "val.jsonl.gz").write_bytes(b"")
    link = link_of(read_report(tmp_path), "exp1")
    assert link.comparison is None and "val.jsonl.gz is damaged" in link.fault


def test_other_validation_images_are_named(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, replace(CHILD, num_images=50)])
    [chain] = read_report(tmp_path).chains
    assert sentences(chain) == ["other_images"]
    assert chain.links[1].comparison is not None and chain.links[1].comparison.verdict == "refused"


def test_short_branches_come_before_the_long_one(tmp_path: Path) -> None:
    draw_runs(tmp_path, make_plates())
    [chain] = read_report(tmp_path).chains
    assert [one.name for one in chain.experiments] == [
        "exp03",
        "exp04",
        "exp06",
        "exp07",
        "exp09",
        "exp10",
        "exp11",
        "exp12",
    ]
    parents = {link.child.name: link.parent.name if link.parent else None for link in chain.links}
    assert parents == {"exp03": None, "exp04": "exp03", "exp06": "exp04", "exp07": "exp06", "exp09": "exp04",
                       "exp10": "exp09", "exp11": "exp10", "exp12": "exp10"}  # fmt: skip


def test_series_and_tasks_are_chains_of_their_own_and_links_may_cross(tmp_path: Path) -> None:
    classify = Drawn("baseline", 0.5, task="classify", series="cifar", num_validations=12)
    elsewhere = replace(CHILD, series="mixed")
    draw_runs(tmp_path, [BASE, classify])
    folder = draw_run(tmp_path, elsewhere)
    diff = (folder / "recipe.diff.json").read_text().replace("/recipes/mixed/baseline", "/recipes/plates/baseline")
    (folder / "recipe.diff.json").write_text(diff)
    report = read_report(tmp_path)
    assert [(chain.name, chain.task, chain.metric) for chain in report.chains] == [
        ("cifar", "classify", "top1_accuracy"),
        ("mixed", "read", "exact_match"),
        ("plates", "read", "exact_match"),
    ]
    assert link_of(report, "exp1").parent_name == "plates/baseline"
    assert report.num_runs == 3


def test_lower_is_better_where_the_metric_says_so(tmp_path: Path) -> None:
    select = {"select": {"metric": "cer", "higher_is_better": False}}
    runs = [replace(BASE, settings=select), replace(CHILD, settings=select)]
    for folder in draw_runs(tmp_path, runs):  # as a run that selects by it records it
        text = (folder / "metrics.json").read_text()
        (folder / "metrics.json").write_text(text.replace('"metric": "exact_match"', '"metric": "cer"'))
    [chain] = read_report(tmp_path).chains
    assert (chain.metric, chain.lower_is_better) == ("cer", True)
    assert chain.leader is not None and chain.leader.name == "exp1"


def test_a_run_that_still_goes_on_does_not_lead(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, replace(CHILD, odd="running")])
    [chain] = read_report(tmp_path).chains
    assert (
        chain.experiments[1].outcome("exact_match").best.value > chain.experiments[0].outcome("exact_match").best.value
    )
    assert chain.leader is chain.experiments[0]


def test_where_no_run_has_ended_the_best_so_far_leads(tmp_path: Path) -> None:
    draw_runs(tmp_path, [replace(BASE, odd="running"), replace(CHILD, odd="running")])
    [chain] = read_report(tmp_path).chains
    assert chain.leader is chain.experiments[1]


def test_experiments_that_chose_by_other_metrics_are_named(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, replace(CHILD, settings={"select.metric": "ned", "select.higher_is_better": True})])
    [chain] = read_report(tmp_path).chains
    problem = next(one for one in chain.problems if one.sentence == "other_metrics")
    assert dict(problem.values) == {"metric": "exact_match", "groups": "exact_match: baseline; ned: exp1"}
    assert chain.links[1].comparison.verdict == "refused"


def test_a_parent_that_was_only_trained_with_other_options_is_named(tmp_path: Path) -> None:
    draw_runs(tmp_path, [replace(BASE, overrides=("--set train.epochs=12",)), CHILD])
    [chain] = read_report(tmp_path).chains
    link = next(one for one in chain.links if one.child.name == "exp1")
    assert link.parent is None
    [problem] = [one for one in chain.problems if one.values.get("experiment") == "exp1"]
    assert problem.sentence == "parent_ad_hoc"  # and not that there is no run
    assert dict(problem.values) == {"experiment": "exp1", "parent": "baseline, train.epochs = 12"}


def test_a_run_alone_is_a_chain_of_one(tmp_path: Path) -> None:
    folder = draw_run(tmp_path, BASE)
    report = read_report(folder)
    assert (report.name, report.folder) == ("plates/baseline", folder.parent.resolve())
    assert [len(chain.links) for chain in report.chains] == [1]


def test_many_names_are_counted(tmp_path: Path) -> None:
    draw_runs(tmp_path, [replace(BASE, name=f"exp{number}") for number in range(14)])
    [problem] = read_report(tmp_path).chains[0].problems
    assert problem.values["files"].endswith("exp11.toml (+2)")


def test_what_is_odd_about_a_series_is_said_there(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, replace(BASE, num_images=50), replace(BASE, series="digits")])
    report = read_report(tmp_path)
    assert report.problems == ()
    assert [sentences(chain) for chain in report.chains] == [[], ["several_recipes", "other_images"]]
