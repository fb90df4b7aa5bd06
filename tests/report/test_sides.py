"""What a path names as one side of a comparison, and what each of its images counts."""

from pathlib import Path
from typing import Any

import pytest

from saccade.errors import InputError
from saccade.records.writer import RunWriter, State
from saccade.report.sides import Side, read_side, read_sides
from tests.report.compared_runs import PARENT, RIGHT, WRONG, answer, tell, write_parent, write_recipe, write_run

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
CLASSIFY = """\
task = "classify"
[[data.train]]
format = "folder"
path = "./images"
"""


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_parent(tmp_path)


def write(parent: Path, num_right: int = 3, num_wrong: int = 1, **more: Any) -> Path:
    return write_run(parent.parent / "runs", parent, answer(num_right, num_wrong), **more)


# What is read


def test_a_run_is_a_side(parent: Path) -> None:
    side = read_side(write(parent, seed=4))
    assert (side.name, len(side.runs), side.reported, side.task, side.metric) == (
        "parent",
        1,
        None,
        "read",
        "exact_match",
    )


def test_the_runs_of_an_experiment_are_repeats(parent: Path) -> None:
    folders = [write(parent, seed=seed) for seed in (2, 0, 1)]
    side = read_side(folders[0].parent)
    assert (side.name, {run.folder for run in side.runs}, side.left_out) == ("parent", set(folders), ())


def test_a_seed_counts_once_and_that_is_said(parent: Path) -> None:
    first, second, third = (write(parent, seed=seed) for seed in (0, 0, 1))
    side = read_side(first.parent)
    assert {run.folder for run in side.runs} == {second, third}
    assert tell(side.left_out) == (f"{first} is left out: a later run has the same seed, 0",)


def test_runs_that_are_not_finished_are_left_out_and_that_is_said(parent: Path) -> None:
    done, stopped = write(parent), write(parent, seed=1, state="stopped")
    running, failed = write(parent, seed=2, state="running"), write(parent, seed=3, state="failed")
    (running / "data.json").unlink()
    status = stopped / "status.json"  # as the engine says it, with a cure of its own
    status.write_text(status.read_text().replace('"cause": ""', '"cause": "stopped at step 39; go on with: ..."'))
    assert "step 39" in status.read_text()
    side = read_side(done.parent)
    assert [run.folder for run in side.runs] == [done]
    assert tell(side.left_out) == (
        f"{stopped} is left out: its state is stopped; finish it with saccade train --resume {stopped}",
        f"{running} is left out: its state is running",
        f"{failed} is left out: its state is failed",
    )


def test_a_folder_without_a_run_that_is_over_is_refused(parent: Path) -> None:
    folder = write(parent, state="failed")
    with pytest.raises(
        InputError, match=r"holds no run that is finished, such as .*: its state is failed; let one end"
    ):
        read_side(folder.parent)
    with pytest.raises(InputError, match="is not over: its state is failed"):
        read_side(folder)


def test_a_stopped_run_is_a_side_where_it_is_named_itself(parent: Path) -> None:
    folder = write(parent, state="stopped")
    assert [run.folder for run in read_side(folder).runs] == [folder]
    with pytest.raises(InputError, match=f"its state is stopped; finish it with saccade train --resume {folder}"):
        read_side(folder.parent)


@pytest.mark.parametrize("difference", ["recipe", "data"])
def test_a_folder_of_two_experiments_is_refused(parent: Path, difference: str) -> None:
    first = write(parent)
    if difference == "recipe":
        write(parent, seed=1, overrides=["train.batch_size=8"])
    else:
        write(parent, seed=1, digests={"train": "other", "val": "v"})
    with pytest.raises(InputError, match="holds runs of 2 experiments") as caught:
        read_side(first.parent)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["nothing", "empty"])
def test_what_is_no_run_is_one_line(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"is not a folder|holds no run"):
        read_side(tmp_path / path)


def test_a_recipe_with_reported_metrics_is_a_side() -> None:
    side = read_side(EXPERIMENTS / "cifar100" / "exp3.toml")
    assert (side.name, side.runs, side.task, side.metric) == ("exp3", (), "classify", "top1_accuracy")
    assert side.reported is not None
    assert side.reported["metrics"] == {"top1_accuracy": 0.8091}


def test_a_recipe_that_reports_nothing_and_one_without_its_parent_are_refused(parent: Path) -> None:
    with pytest.raises(InputError, match=r"has no \[reported\] metrics"):
        read_side(parent)
    child = write_recipe(parent.parent, "child", "[train]\nbatch_size = 8\n")
    parent.unlink()
    with pytest.raises(InputError, match="no such recipe file"):
        read_side(child)


# Several


def test_runs_named_one_by_one_are_put_together_by_recipe(parent: Path) -> None:
    child = write_recipe(parent.parent, "child", "[train]\nbatch_size = 8\n")
    a, b, c, d = write(parent), write(child), write(parent, seed=1), write(child, seed=1)
    sides = read_sides([a, b, c, d])
    assert [(side.name, [run.folder for run in side.runs]) for side in sides] == [("parent", [a, c]), ("child", [b, d])]


def test_what_is_named_twice_is_refused(parent: Path) -> None:
    first, second = write(parent), write(parent, seed=1)
    for paths in ([first.parent, first.parent], [first, second, first.parent], [first.parent, first]):
        with pytest.raises(InputError, match="is on both sides") as caught:
            read_sides(paths)
        assert str(first) in str(caught.value) and "\n" not in str(caught.value)
    recipe = EXPERIMENTS / "cifar100" / "exp3.toml"
    with pytest.raises(InputError, match=r"exp3\.toml is on both sides"):
        read_sides([recipe, recipe])


@pytest.mark.parametrize("states", [("finished", "stopped"), ("stopped", "finished"), ("stopped", "stopped")])
def test_a_stopped_run_that_is_named_is_no_repeat(parent: Path, states: tuple[State, State]) -> None:
    child = write_recipe(parent.parent, "child", "[train]\nbatch_size = 8\n")
    runs = [write(parent, seed=seed, state=state) for seed, state in enumerate(states)]
    first, _ = read_sides([*runs, write(child)])
    kept = states.index("finished") if "finished" in states else 0
    assert [run.folder for run in first.runs] == [runs[kept]]
    assert tell(first.left_out) == (
        f"{runs[1 - kept]} is left out: its state is stopped; finish it with saccade train --resume {runs[1 - kept]}",
    )


def test_of_several_experiments_in_a_folder_the_one_with_the_settings_of_the_others_counts(parent: Path) -> None:
    child = write_recipe(parent.parent, "child", "[train]\nbatch_size = 8\n")
    plain, short = write(parent), write(parent, overrides=["train.epochs=3"])
    long, other = write(child, overrides=["train.epochs=20"]), write(child, overrides=["train.epochs=3"])
    before, after = read_sides([plain.parent, other.parent])
    assert [run.folder for side in (before, after) for run in side.runs] == [short, other]
    assert tell(before.left_out) == (
        f"{plain.parent} holds runs of 2 experiments: those with train.epochs = 3 are compared, as on the other side",
    )
    with pytest.raises(InputError, match="holds runs of 2 experiments"):
        read_sides([plain.parent, long])


def test_where_no_settings_or_several_are_shared_the_experiments_are_listed(parent: Path) -> None:
    child = write_recipe(parent.parent, "child", "[train]\nbatch_size = 8\n")
    plain, repeat, short = write(parent), write(parent, seed=1), write(parent, overrides=["train.epochs=3"])
    write(child)
    other = write(child, overrides=["train.epochs=3"])
    with pytest.raises(InputError) as caught:
        read_sides([plain.parent, other.parent])
    assert str(caught.value) == (
        f"{plain.parent} holds runs of 2 experiments, whose recipes or images differ by more than the seed: "
        f"2 runs without --set ({repeat.name}); 1 run with train.epochs = 3 ({short.name}); name the runs themselves"
    )


def test_the_same_seed_again_is_another_side(parent: Path) -> None:
    first, second = write(parent), write(parent)
    names = [side.name for side in read_sides([first, second])]
    assert names == [f"parent/{first.name}", f"parent/{second.name}"]


def test_repeats_alone_are_nothing_to_compare(parent: Path) -> None:
    with pytest.raises(InputError, match="these are 2 repeats of one recipe"):
        read_sides([write(parent), write(parent, seed=1)])
    with pytest.raises(InputError, match="it is alone"):
        read_sides([write(parent)])


def test_recipes_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(
            write_recipe(tmp_path / folder, "exp3", f"{PARENT}[reported]\nmetrics = {{ exact_match = 0.5 }}\n")
        )
    assert [side.name for side in read_sides(paths)] == ["exp3 (1)", "exp3 (2)"]


# What an image counts


@pytest.mark.parametrize(
    ("metric", "values"),
    [("exact_match", (0.5, 1.0)), ("within_1", (1.0, 1.0)), ("ned", (0.875, 1.0)), ("cer", (0.125, 0.0))],
)
def test_texts_count_by_the_metric(parent: Path, metric: str, values: tuple[float, ...]) -> None:
    write(parent, 1, 1)
    side = read_side(write(parent, 2, 0, seed=1).parent)
    scores = side.read_scores(metric, "val")
    assert scores.values == pytest.approx(values)
    assert scores.counts is not None and scores.counts.shape == (2, 2)
    assert (scores.weights is None) == (metric != "cer")
    assert list(scores.targets.values()) == [RIGHT, RIGHT]


def classified(label: str, top: list[str], chance: float) -> dict[str, Any]:
    top_k = [[name, 0.1] for name in top]
    return {"target": "cat", "prediction": label, "confidence": 0.1, "top_k": top_k, "target_log_probability": chance}


@pytest.mark.parametrize(("metric", "value"), [("top1_accuracy", 0.5), ("top5_accuracy", 1.0), ("nll", 1.0)])
def test_classes_count_by_the_metric(tmp_path: Path, metric: str, value: float) -> None:
    recipe = write_recipe(tmp_path, "classes", CLASSIFY)
    rows = [classified("cat", ["cat", "cat"], -0.5), classified("cat", ["dog", "cat"], -1.5) | {"prediction": "dog"}]
    rows[1]["target"] = "cat"
    rows.append(
        rows[0]
        | {"target": "dog", "prediction": "cat", "top_k": [["cat", 0.1], ["dog", 0.1]], "target_log_probability": -1.0}
    )
    rows.append(rows[2] | {"prediction": "dog"})
    scores = read_side(write_run(tmp_path / "runs", recipe, rows)).read_scores(metric, "val")
    assert scores.values == (pytest.approx(value),)
    assert scores.right is not None
    assert scores.right.tolist() == [True, False, False, True]


def test_a_metric_that_is_no_mean_comes_from_the_record(parent: Path) -> None:
    scores = read_side(write(parent, 3, 1, metrics={"ece": 0.25})).read_scores("ece", "val")
    assert scores.values == (pytest.approx(0.25),)
    assert scores.counts is None
    with pytest.raises(InputError, match=r"metrics\.json has no mine"):
        read_side(write(parent, 3, 1)).read_scores("mine", "val")


def test_an_image_is_right_where_most_runs_have_it_right(parent: Path) -> None:
    for seed, answers in enumerate(([RIGHT, RIGHT, WRONG], [RIGHT, WRONG, WRONG], [WRONG, RIGHT, WRONG])):
        folder = write_run(parent.parent / "runs", parent, answers, seed=seed)
    scores = read_side(folder.parent).read_scores("exact_match", "val")
    assert scores.right is not None
    assert scores.right.tolist() == [True, True, False]


def test_a_run_without_predictions_says_how_to_make_them(parent: Path) -> None:
    folder = write(parent, predictions=False, state="stopped")
    cure = f"finish it with saccade train --resume {folder}, or make them with saccade evaluate {folder} --split val"
    with pytest.raises(InputError, match=cure):
        read_side(folder).read_scores("exact_match", "val")
    with pytest.raises(InputError, match="--split test"):
        read_side(write(parent)).read_scores("exact_match", "test")


def test_predictions_that_cannot_be_are_one_line(parent: Path) -> None:
    write(parent, 2, 0)
    side = read_side(write(parent, 3, 0, seed=1).parent)
    with pytest.raises(InputError, match="other images or labels than those of its repeat"):
        side.read_scores("exact_match", "val")
    twice = [{"id": "a", "prediction": RIGHT, "confidence": 0.5, "character_confidences": []}] * 2
    with pytest.raises(InputError, match="hold an image twice"):
        read_side(write_twice(parent, twice)).read_scores("exact_match", "val")


def write_twice(parent: Path, rows: list[dict[str, Any]]) -> Path:
    folder = write(parent, seed=7)
    with RunWriter.resume(folder) as writer:
        writer.write_predictions("val", [row | {"target": RIGHT} for row in rows])
    return folder


def test_less_is_better_by_the_metrics_name_else_by_the_recipe() -> None:
    side = Side("mine", (), None, recipe={"task": "mine", "select": {"metric": "loss", "higher_is_better": False}})
    assert not side.is_higher_better("loss")
    assert not side.is_higher_better("cer")
    assert side.is_higher_better("exact_match")
    assert Side("mine", (), None, recipe={"task": "mine", "select": None}).is_higher_better("loss")
