"""Better, worse, not shown or refused: what two sides show, and when nothing can be said."""

import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from saccade.metrics.paired import Difference
from saccade.report.comparison import (
    Comparison,
    compare_sides,
    read_side,
    read_sides,
)
from tests.report.compared_runs import (
    RIGHT,
    STEADY,
    WRONG,
    answer,
    tell,
    tell_one,
    write_parent,
    write_recipe,
    write_run,
)

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
BATCH = "[train]\nbatch_size = 8\n"


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_parent(tmp_path)


def write(recipe: Path, answers: Sequence[str | Mapping[str, Any]], **more: Any) -> Path:
    return write_run(recipe.parent / "runs", recipe, answers, **more)


def compare(
    parent: Path,
    before: Sequence[Sequence[str]],
    after: Sequence[Sequence[str]],
    own: str = BATCH,
    *,
    first: Mapping[str, Any] | None = None,
    second: Mapping[str, Any] | None = None,
    **options: Any,
) -> Comparison:
    """Write a run a seed for a parent and its child, and compare the two."""
    child = write_recipe(parent.parent, "child", own)
    folders = [
        write(recipe, answers, seed=seed, **(more or {}))
        for recipe, all_answers, more in ((parent, before, first), (child, after, second))
        for seed, answers in enumerate(all_answers)
    ]
    return compare_sides(*read_sides(folders), **options)


# A run each


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (answer(10, 30), answer(35, 5), "better"),
        (answer(35, 5), answer(10, 30), "worse"),
        (answer(20, 20), [WRONG, *answer(21, 18)], "not_shown"),
        (answer(40, 0), answer(40, 0), "not_shown"),
        (answer(0, 40), answer(5, 35), "not_shown"),
        (answer(0, 40), answer(6, 34), "better"),
    ],
)
def test_single_runs_are_compared_image_by_image(
    parent: Path, before: list[str], after: list[str], verdict: str
) -> None:
    found = compare(parent, [before], [after])
    assert (found.verdict, found.basis, found.metric) == (verdict, "paired_images", "exact_match")
    assert found.difference is not None
    assert found.difference.n == found.num_images == len(before)
    assert found.difference.value == pytest.approx((after.count(RIGHT) - before.count(RIGHT)) / 40)
    assert found.values == (before.count(RIGHT) / 40, after.count(RIGHT) / 40)


def test_a_difference_inside_the_wandering_of_the_last_epochs_is_not_shown(parent: Path) -> None:
    rng = random.Random(5)
    restless = [*STEADY, *(0.5 + rng.uniform(-0.2, 0.2) for _ in range(10))]
    found = compare(parent, [answer(20, 20)], [answer(30, 10)], second={"curve": restless})
    steady = compare(parent, [answer(20, 20)], [answer(30, 10)])
    assert found.verdict == "not_shown"
    assert steady.verdict == "better"
    assert "wandering of its last validations" in tell(found.notes)[0]
    assert found.could_show is not None and steady.could_show is not None
    assert found.could_show > 0.25 > steady.could_show


@pytest.mark.parametrize(
    ("curve", "why"),
    [
        ([0.8], "it has 1 validation, too few to tell"),
        ([0.7, 0.8, 0.8], "it has 3 validations, too few to tell"),
        ([*STEADY, float("nan")], "its last validations have no finite exact_match"),
    ],
)
def test_a_run_whose_wandering_is_not_known_shows_nothing(parent: Path, curve: list[float], why: str) -> None:
    found = compare(parent, [answer(0, 40)], [answer(40, 0)], second={"curve": curve})
    assert (found.verdict, found.basis, found.could_show) == ("not_shown", None, None)
    assert found.difference == Difference(1.0, None, None, 40)
    assert tell(found.notes)[0].startswith("no interval") and why in tell(found.notes)[0]


def test_gaps_in_a_history_do_not_matter(parent: Path) -> None:
    gaps = {"curve": STEADY, "epochs": (1, 2, 3, 9, 10, 11, 12, 30, 31, 40)}
    assert compare(parent, [answer(0, 40)], [answer(40, 0)], second=gaps).verdict == "better"


def test_less_is_better_where_the_metric_counts_faults(parent: Path) -> None:
    parent.write_text(parent.read_text() + '[select]\nmetric = "cer"\nhigher_is_better = false\n')
    found = compare(parent, [answer(10, 30)], [answer(35, 5)])
    assert (found.verdict, found.metric) == ("better", "cer")
    assert found.difference is not None
    assert found.difference.value == pytest.approx((5 - 30) / (40 * 4))


def test_images_that_changed_sides_are_named_both_ways(parent: Path) -> None:
    found = compare(parent, [[RIGHT, RIGHT, WRONG, WRONG]], [[WRONG, RIGHT, RIGHT, RIGHT]])
    assert (found.only_parent, found.only_child) == (("000.png",), ("002.png", "003.png"))
    assert found.p_value == 1.0


def test_classifiers_are_compared_as_readers_are(tmp_path: Path) -> None:
    recipe = write_recipe(
        tmp_path, "parent", 'task = "classify"\n[[data.train]]\nformat = "folder"\npath = "./images"\n'
    )
    chances = {"confidence": 0.5, "top_k": [["cat", 0.5]], "target_log_probability": -1.0, "target": "cat"}
    cat, dog = chances | {"prediction": "cat"}, chances | {"prediction": "dog"}
    rows = [dog | {"target": "dog"}]
    child = write_recipe(tmp_path, "child", BATCH)
    sides = read_sides([write(recipe, rows + [dog] * 20), write(child, rows + [cat] * 20)])
    found = compare_sides(*sides)
    assert (found.verdict, found.metric, len(found.only_child)) == ("better", "top1_accuracy", 20)


# Repeats


def test_repeats_are_judged_over_seeds_and_images(parent: Path) -> None:
    before = [answer(count, 100 - count) for count in (50, 52, 51)]
    after = [answer(count, 100 - count) for count in (70, 72, 74)]
    found = compare(parent, before, after, first={"curve": [0.5]}, second={"curve": [0.5]})
    assert (found.verdict, found.basis) == ("better", "repeats")
    assert found.difference is not None
    assert (found.difference.n, found.num_images) == (3, 100)
    assert found.difference.value == pytest.approx(0.21)
    assert "3 runs of parent and 3 of child: other seeds alone \N{PLUS-MINUS SIGN}4.16 points" in tell(found.notes)[0]
    assert "other images alone" in tell(found.notes)[1]
    assert found.p_value is None


def test_a_difference_inside_the_spread_over_seeds_is_not_shown(parent: Path) -> None:
    before = [answer(count, 100 - count) for count in (40, 50, 60)]
    after = [answer(count, 100 - count) for count in (50, 60, 70)]
    assert compare(parent, before, after).verdict == "not_shown"


def test_seeds_that_agree_by_luck_do_not_make_two_images_a_difference(parent: Path) -> None:
    found = compare(parent, [answer(96, 4)] * 3, [answer(98, 2)] * 3)
    assert (found.verdict, found.basis) == ("not_shown", "repeats")
    assert found.could_show == pytest.approx(0.06)


def test_five_repeats_are_paired_by_seed(parent: Path) -> None:
    """Seeds differ by 10 of 100 images, the child of each seed by 12 from its parent."""
    counts = (30, 40, 50, 60, 70)
    before = [answer(count, 100 - count) for count in counts]
    after = [answer(count + 12, 88 - count) for count in counts]
    found = compare(parent, before, after)
    assert found.verdict == "better"
    assert "5 runs each, paired by seed" in tell(found.notes)[0]
    assert compare(parent, before[:4], after[:4]).verdict == "not_shown"


def test_an_interval_of_shares_ends_where_a_difference_does(parent: Path) -> None:
    """Two seeds that lie 0.5 apart: Student would go to 0.25 +- 12.7 * 0.25 and further."""
    before, after = [answer(0, 40), answer(20, 20)], [answer(10, 30), answer(30, 10)]
    found = compare(parent, before, after)
    assert found.difference is not None
    assert (found.verdict, found.basis) == ("not_shown", "repeats")
    assert (found.difference.value, found.difference.low, found.difference.high) == (pytest.approx(0.25), -1.0, 1.0)
    assert found.could_show is None
    assert tell(found.notes)[0].endswith("other seeds alone \N{PLUS-MINUS SIGN}100.00 points")


def test_what_has_no_end_is_not_cut_off(parent: Path) -> None:
    parent.write_text(parent.read_text() + '[select]\nmetric = "cer"\nhigher_is_better = false\n')
    before, after = [["X" * 40] * 40, answer(40, 0)], [answer(10, 30), answer(40, 0)]
    found = compare(parent, before, after)
    assert found.difference is not None and found.difference.low is not None and found.difference.high is not None
    assert found.difference.low < -1 < 1 < found.difference.high
    assert found.could_show is not None and found.could_show > 1


def test_one_run_against_repeats_is_no_comparison_of_repeats(parent: Path) -> None:
    found = compare(parent, [answer(50, 50)] * 2, [answer(80, 20)])
    assert (found.basis, found.verdict) == ("paired_images", "better")
    assert "one run of child" in tell(found.notes)[0]


# Refused


def test_other_images_are_refused_and_named(parent: Path) -> None:
    found = compare(parent, [answer(4, 1)], [answer(8, 0)])
    assert (found.verdict, found.difference, found.only_child) == ("refused", None, ())
    assert tell_one(found.refusal) == (
        "other val images: 3 of the 8 images of child are not in the other (005.png, 006.png, 007.png)"
    )
    assert [change.key for change in found.changed] == ["train.batch_size"]


def test_other_labels_and_other_content_are_refused(parent: Path) -> None:
    found = compare(parent, [answer(4, 1)], [answer(4, 1)], second={"target": "OTHER"})
    assert found.verdict == "refused"
    assert "5 images have another label (000.png, 001.png, 002.png and 2 more)" in tell_one(found.refusal)
    other = {"digests": {"train": "t" * 8, "val": "other"}}
    found = compare(parent, [answer(4, 1)], [answer(4, 1)], second=other)
    assert "names and labels of the 5 images are the same, and their content is not" in tell_one(found.refusal)


def test_other_images_are_compared_unpaired_where_that_is_asked_for(parent: Path) -> None:
    found = compare(parent, [answer(20, 80)], [answer(160, 40)], anyway=True)
    assert (found.verdict, found.basis, found.only_child) == ("better", "unpaired_images", ())
    assert found.difference is not None
    assert (found.difference.value, found.difference.n) == (pytest.approx(0.6), 100)
    assert tell(found.differs)[0].startswith(
        "data: other val images, compared anyway and unpaired: 100 of the 200 images"
    )


@pytest.mark.parametrize("anyway", [False, True])
def test_another_metric_and_another_task_are_always_refused(parent: Path, anyway: bool) -> None:
    found = compare(parent, [answer(4, 1)], [answer(4, 1)], '[select]\nmetric = "ned"\n', anyway=anyway)
    assert found.verdict == "refused"
    assert tell_one(found.refusal) == (
        "another metric: parent chose its weights by exact_match, child by ned; train one of them again with the [select] of "
        "the other"
    )
    classify = read_side(EXPERIMENTS / "cifar100" / "exp3.toml")
    assert tell_one(compare_sides(found.parent, classify, anyway=anyway).refusal).startswith("another task")


# Only reported


def test_the_series_gain_of_0_6_points_is_not_shown() -> None:
    found = compare_sides(*read_sides([EXPERIMENTS / "cifar100" / name for name in ("exp2.toml", "exp3.toml")]))
    assert (found.verdict, found.basis, found.num_images) == ("not_shown", "reported", 10_000)
    assert found.difference is not None and found.difference.low is not None and found.difference.high is not None
    assert found.difference.value == pytest.approx(0.006)
    assert found.difference.low == pytest.approx(-0.0050, abs=1e-4)
    assert found.difference.high == pytest.approx(0.0170, abs=1e-4)
    assert found.could_show == pytest.approx(0.011, abs=1e-4)
    assert [change.key for change in found.changed] == ["augment.mix"]
    assert found.attributable


def test_the_series_first_step_is_shown_and_not_attributable() -> None:
    found = compare_sides(*read_sides([EXPERIMENTS / "cifar100" / name for name in ("baseline.toml", "exp1.toml")]))
    assert (found.verdict, found.attributable, len(found.changed)) == ("better", False, 3)
    assert len(found.separating) == 2


# What it needs


def test_no_pytorch_is_needed(parent: Path) -> None:
    folders = write(parent, answer(3, 1)), write(write_recipe(parent.parent, "child", BATCH), answer(3, 1))
    program = (
        "import sys\nsys.modules.update(dict.fromkeys(('torch', 'torchvision', 'timm')))\n"
        "from saccade.cli import run\nsys.exit(run(['compare', *sys.argv[1:]]))"
    )
    command = [sys.executable, "-c", program, *map(str, folders)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("not shown: child against parent\n")
