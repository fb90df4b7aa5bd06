"""Runs become experiments: repeats are one, and a number is a mean with its interval over seeds."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from saccade.errors import InputError
from saccade.metrics.intervals import Estimate, mean_interval
from saccade.records.reader import read_run
from saccade.records.writer import append_note
from saccade.report.experiments import Outcome, choose_metric, read_experiments, sort_key
from tests.report.draw_runs import Drawn, draw_run, draw_runs

ONE = Drawn("exp1", 0.8)


def test_repeats_over_seeds_are_one_experiment_with_a_mean(tmp_path: Path) -> None:
    folders = draw_runs(tmp_path, [replace(ONE, seeds=(2, 0, 1))])
    [experiment], problems = read_experiments(tmp_path)
    assert problems == []
    assert [course.run.recipe["seed"] for course in experiment.courses] == [0, 1, 2]
    values = [read_run(folder).metrics["splits"]["val"]["exact_match"]["value"] for folder in folders]
    outcome = experiment.outcome("exact_match")
    assert outcome is not None and outcome.over_seeds
    expected = mean_interval(values)
    assert (outcome.best.value, outcome.best.n) == (pytest.approx(expected.value), 3)
    assert outcome.best.low == pytest.approx(expected.low)
    assert outcome.bounds_over == "seeds"


def test_one_run_has_the_interval_over_its_images(tmp_path: Path) -> None:
    stored = read_run(draw_run(tmp_path, ONE)).metrics["splits"]["val"]["exact_match"]
    [experiment], _ = read_experiments(tmp_path)
    outcome = experiment.outcome("exact_match")
    assert outcome is not None and not outcome.over_seeds
    assert vars(outcome.best) == stored
    assert experiment.outcome("cer").best.value > 0
    assert experiment.outcome("no such metric") is None


def test_last_and_median_come_from_the_history(tmp_path: Path) -> None:
    folder = draw_run(tmp_path, ONE)
    values = [row["val"]["exact_match"] for row in read_run(folder).history() if row.get("event") == "validation"]
    outcome = read_experiments(tmp_path)[0][0].outcome("exact_match")
    assert outcome.last == values[-1]
    assert outcome.median_last_ten == pytest.approx(sum(sorted(values[-10:])[4:6]) / 2)
    assert (outcome.num_last, outcome.fewer_last) == ((10, 10), "")


def test_a_median_of_fewer_than_ten_says_of_how_many(tmp_path: Path) -> None:
    draw_run(tmp_path, replace(ONE, num_validations=7), seed=0)
    assert read_experiments(tmp_path)[0][0].outcome("exact_match").fewer_last == "7"
    over_seeds = Outcome(Estimate(0.5, None, None, 2), 0.5, 0.5, num_last=(7, 10), seconds=1.0, over_seeds=True)
    assert over_seeds.fewer_last == "7\N{EN DASH}10"
    assert replace(over_seeds, median_last_ten=None).fewer_last == ""
    draw_run(tmp_path / "none", replace(ONE, odd="no_validation"))
    assert read_experiments(tmp_path / "none")[0][0].outcome("exact_match") is None


def test_what_people_wrote_of_an_experiment_is_its_own(tmp_path: Path) -> None:
    folders = draw_runs(tmp_path, [replace(ONE, seeds=(0, 1)), replace(ONE, settings={"train.epochs": 5})])
    append_note(folders[0].parent, "All of them.")
    append_note(folders[0], "One.")
    first, second = read_experiments(tmp_path)[0]
    assert ([note.text for note in first.notes], second.notes) == (["All of them."], ())
    assert [[note.text for note in course.notes] for course in first.courses] == [["One."], []]


def test_another_recipe_or_other_images_in_one_folder_are_another_experiment(tmp_path: Path) -> None:
    draw_run(tmp_path, ONE)
    draw_run(tmp_path, replace(ONE, num_images=50))
    draw_run(tmp_path, replace(ONE, settings={"train.epochs": 5}, overrides=("--set train.epochs=5",)))
    experiments, problems = read_experiments(tmp_path)
    assert [one.name for one in experiments] == ["exp1", "exp1 (2)", "exp1, train.epochs = 5"]
    assert experiments[2].overrides == ("--set train.epochs=5",)
    assert [(one.sentence, one.values["count"]) for one in problems] == [("several_recipes", "3")]


def test_what_asks_nothing_makes_no_other_experiment(tmp_path: Path) -> None:
    draw_run(tmp_path, ONE, seed=0)
    draw_run(
        tmp_path, replace(ONE, hypothesis="The same.", settings={"train.log_every_steps": 5, "data.root": "/x"}), seed=1
    )
    assert len(read_experiments(tmp_path)[0]) == 1


def test_a_seed_that_was_trained_twice_counts_once_the_finished_one(tmp_path: Path) -> None:
    first = draw_run(tmp_path, ONE)
    draw_run(tmp_path, replace(ONE, odd="failed"))
    [experiment], problems = read_experiments(tmp_path)
    assert [course.run.folder for course in experiment.courses] == [first]
    assert [(one.sentence, one.values["seed"]) for one in problems] == [("seed_twice", "0")]


def test_runs_that_did_not_end_stand_back_where_others_did(tmp_path: Path) -> None:
    draw_run(tmp_path, ONE, seed=0)
    draw_run(tmp_path, replace(ONE, odd="failed"), seed=1)
    [experiment], _ = read_experiments(tmp_path)
    assert (len(experiment.courses), len(experiment.counted), len(experiment.side.runs)) == (2, 1, 1)


def test_a_stopped_run_is_no_repeat_and_counts_alone(tmp_path: Path) -> None:
    stopped = [draw_run(tmp_path, replace(ONE, odd="stopped"), seed=seed) for seed in (1, 2)]
    [experiment], _ = read_experiments(tmp_path)
    assert [course.run.folder for course in experiment.counted] == stopped[:1]
    finished = draw_run(tmp_path, ONE, seed=3)
    [experiment], _ = read_experiments(tmp_path)
    assert [course.run.folder for course in experiment.counted] == [finished]


def test_a_seed_of_the_command_line_is_a_repeat(tmp_path: Path) -> None:
    draw_run(tmp_path, ONE, seed=0)
    draw_run(tmp_path, replace(ONE, overrides=("--set seed=5",)), seed=5)
    [experiment], problems = read_experiments(tmp_path)
    assert (experiment.name, len(experiment.courses), experiment.overrides, problems) == ("exp1", 2, (), [])


def test_the_interval_of_a_share_over_seeds_stays_a_share(tmp_path: Path) -> None:
    draw_run(tmp_path, replace(ONE, share=0.2), seed=0)
    draw_run(tmp_path, replace(ONE, share=0.9), seed=1)
    [experiment], _ = read_experiments(tmp_path)
    outcome = experiment.outcome("exact_match")
    assert outcome is not None and (outcome.best.low, outcome.best.high) == (0, 1)


def test_seeds_that_agree_have_the_interval_over_images(tmp_path: Path) -> None:
    folders = draw_runs(tmp_path, [replace(ONE, share=-1.0, num_images=40, seeds=(0, 1))])
    stored = read_run(folders[0]).metrics["splits"]["val"]["exact_match"]
    [experiment], _ = read_experiments(tmp_path)
    outcome = experiment.outcome("exact_match")
    assert (outcome.best.value, outcome.best.n, outcome.over_seeds) == (0.0, 2, True)
    assert (outcome.best.low, outcome.best.high) == (0.0, stored["high"])
    assert outcome.best.high == pytest.approx(0.0876, abs=1e-4)  # Wilson's bound of 0 of 40
    assert outcome.bounds_over == "images"


def test_an_unfinished_run_has_the_value_of_its_best_validation_so_far(tmp_path: Path) -> None:
    folder = draw_run(tmp_path, replace(ONE, odd="running"))
    best = [row["val"]["exact_match"] for row in read_run(folder).history() if row.get("is_best")][-1]
    [experiment], _ = read_experiments(tmp_path)
    assert experiment.outcome("exact_match").best.value == best
    assert experiment.over == () and len(experiment.counted) == 1


def test_an_unreadable_run_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    folders = draw_runs(tmp_path, [replace(ONE, seeds=(0, 1))])
    (folders[0] / "recipe.toml").write_text("task =")
    experiments, problems = read_experiments(tmp_path)
    assert len(experiments) == 1
    assert [one.sentence for one in problems] == ["unreadable_run"]
    assert "recipe.toml is damaged" in problems[0].values["cause"]


def test_nothing_readable_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run: name a folder"):
        read_experiments(tmp_path)
    folders = draw_runs(tmp_path, [replace(ONE, seeds=(0, 1))])
    for folder in folders:
        (folder / "history.jsonl").unlink()
    with pytest.raises(InputError, match=r"no run that can be read: .*lacks history.jsonl.*, and 1 more run"):
        read_experiments(tmp_path)
    shutil.rmtree(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        read_experiments(tmp_path)


def test_most_experiments_decide_the_metric(tmp_path: Path) -> None:
    draw_runs(
        tmp_path, [ONE, replace(ONE, name="exp2"), replace(ONE, name="exp3", settings={"select": {"metric": "ned"}})]
    )
    assert choose_metric(read_experiments(tmp_path)[0]) == "exact_match"
    assert choose_metric(read_experiments(tmp_path / "plates" / "exp3")[0]) == "ned"


def test_numbers_in_names_count_as_numbers() -> None:
    assert sorted(["exp10", "exp9", "baseline", "exp11.1", "exp11"], key=sort_key) == [
        "baseline",
        "exp9",
        "exp10",
        "exp11",
        "exp11.1",
    ]
