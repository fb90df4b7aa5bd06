"""What differs between two sides beyond their settings, a plain sentence each, what matters most first."""

from pathlib import Path
from typing import Any

import pytest

from saccade.report.differences import Differences, find_differences
from saccade.report.sides import Side, read_side
from tests.report.compared_runs import ENVIRONMENT, STEADY, answer, tell, write_parent, write_recipe, write_run


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_parent(tmp_path)


def find(parent: Path, own: str = "[train]\nbatch_size = 8\n", **child: Any) -> Differences:
    """Return what differs between a run of the parent and one of a child."""
    recipe = write_recipe(parent.parent, "child", own)
    before = write_run(parent.parent / "runs", parent, answer(3, 1))
    after = write_run(parent.parent / "runs", recipe, answer(3, 1), **child)
    return find_differences(read_side(before), read_side(after), "exact_match")


def test_runs_that_differ_in_a_setting_alone_differ_in_nothing_else(parent: Path) -> None:
    assert find(parent) == Differences((), 0, same_data=True)


def test_other_training_images_come_first_and_could_explain_a_difference(parent: Path) -> None:
    environment = ENVIRONMENT | {"device": {"type": "cuda", "name": "GPU"}}
    found = find(parent, digests={"train": "other", "val": "v" * 8}, environment=environment)
    assert tell(found.sentences) == (
        "data: both trained on 4 images, but images or labels are not the same",
        "machine: Chip (2 threads) against GPU",
    )
    assert (found.num_explaining, found.same_data) == (1, False)


def test_the_number_of_training_images_is_said_where_it_differs(parent: Path) -> None:
    before = write_run(parent.parent / "runs", parent, answer(3, 1))
    after = write_run(parent.parent / "runs", parent, answer(3, 2), digests={"train": "other", "val": "v"})
    found = find_differences(read_side(before), read_side(after), "exact_match")
    assert tell(found.sentences)[0] == "data: parent trained on 4 images, parent on 5"


def test_data_that_nobody_described_are_not_known_to_be_the_same(parent: Path) -> None:
    found = find(parent, digests={})
    assert (tell(found.sentences), found.same_data) == ((), False)


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ('[start]\nweights = "/old"\n', "start: parent begins from fresh weights, child from /old"),
        (
            '[start]\nweights = "/old"\noptimizer = "kept"\n',
            "start: parent begins from fresh weights, child from /old with its optimiser's state",
        ),
    ],
)
def test_where_training_began_is_named(parent: Path, own: str, sentence: str) -> None:
    assert tell(find(parent, own).sentences) == (sentence,)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"git": {"revision": "f" * 40, "patch": ""}}, "code: revision 01234567 against revision ffffffff"),
        (
            {"git": {"revision": "0123456789", "patch": "+x"}},
            "code: revision 01234567 against revision 01234567 with uncommitted changes ",
        ),
        ({"packages": {"saccade": "0.2", "torch": "2.15"}}, "code: saccade 0.1 against saccade 0.2"),
        ({"device": {"type": "cpu", "torch_threads": 8}}, "machine: Chip (2 threads) against Chip (8 threads)"),
        ({"ranks": 2}, "machine: Chip (2 threads) against Chip (2 threads, 2 ranks)"),
    ],
)
def test_code_and_machine_are_named(parent: Path, environment: dict[str, Any], sentence: str) -> None:
    (found,) = tell(find(parent, environment=dict(ENVIRONMENT) | environment).sentences)
    assert found.startswith(sentence)


def test_code_that_is_not_known_is_no_difference(parent: Path) -> None:
    assert tell(find(parent, environment=dict(ENVIRONMENT) | {"git": None}).sentences) == ()


def test_a_training_that_did_not_end_as_planned_is_named(parent: Path) -> None:
    patience = find(parent, curve=STEADY[:7], events=[{"event": "early_stop", "step": 70, "best_step": 60}])
    assert tell(patience.sentences) == ("epochs: child has 7 of 10, its patience ended it",)
    assert patience.num_explaining == 1
    stopped = find(parent, curve=STEADY[:4], state="stopped")
    assert tell(stopped.sentences) == ("epochs: child has 4 of 10, it was stopped",)


def test_resumed_and_ad_hoc_runs_are_named(parent: Path) -> None:
    resumed = {"event": "resume", "step": 30}
    found = find(parent, events=[resumed], overrides=["train.grad_clip_norm=1.0"])
    assert tell(found.sentences) == (
        "ad hoc: child was trained with --set train.grad_clip_norm=1.0",
        "resumed: child went on at step 30",
    )


def test_what_was_ad_hoc_alike_or_asks_nothing_is_no_difference(parent: Path) -> None:
    runs, recipe = parent.parent / "runs", write_recipe(parent.parent, "child", "[train]\nbatch_size = 8\n")
    for before, after in (("train.epochs=3", "train.epochs=3"), ("seed=5", "seed=6")):
        sides = [
            read_side(write_run(runs, path, answer(3, 1), overrides=[override]))
            for path, override in ((parent, before), (recipe, after))
        ]
        assert tell(find_differences(*sides, "exact_match").sentences) == ()


@pytest.mark.parametrize("own", ["epochs = 20", 'precision = "bf16"'])
def test_epochs_and_precision_are_settings_and_named_once(parent: Path, own: str) -> None:
    recipe = write_recipe(parent.parent, "child", f"[train]\n{own}\n")
    sides = [read_side(write_run(parent.parent / "runs", path, answer(3, 1))) for path in (parent, recipe)]
    assert tell(find_differences(*sides, "exact_match").sentences) == ()


def test_an_ancestor_that_changed_or_is_gone_is_named(parent: Path) -> None:
    recipe = write_recipe(parent.parent, "child", "[train]\nbatch_size = 8\n")
    sides = [read_side(write_run(parent.parent / "runs", path, answer(3, 1))) for path in (parent, recipe)]
    parent.write_text(parent.read_text() + "# another comment\n")
    assert tell(find_differences(*sides, "exact_match").sentences) == (
        f"recipe: {parent} has changed since parent and child was trained from it",
    )
    parent.unlink()
    assert tell(find_differences(*sides, "exact_match").sentences) == (
        f"recipe: {parent}, which parent and child came from, is gone",
    )


def test_an_ancestor_that_changed_between_the_two_is_named(parent: Path) -> None:
    recipe = write_recipe(parent.parent, "child", "[train]\nbatch_size = 8\n")
    before = read_side(write_run(parent.parent / "runs", parent, answer(3, 1)))
    parent.write_text(parent.read_text() + "# another comment\n")
    after = read_side(write_run(parent.parent / "runs", recipe, answer(3, 1)))
    assert tell(find_differences(before, after, "exact_match").sentences) == (
        f"recipe: {parent} changed between parent and child",
    )


def test_reported_sides_say_their_data_and_what_was_dropped() -> None:
    before = Side("a", (), {"metrics": {}, "data": "plates; last epoch"}, recipe={"task": "read", "select": None})
    ignored = {"squeeze_excite": "the network has none", "use_tia": "unknown"}
    after = Side("b", (), {"metrics": {}, "data": "plates", "ignored": ignored}, recipe={"task": "read"})
    assert tell(find_differences(before, after, "exact_match").sentences) == (
        'data: reported of "plates; last epoch" and of "plates"',
        "ignored: what b reports was trained without squeeze_excite, use_tia, which the framework dropped",
    )


def test_a_side_of_several_runs_names_the_run(parent: Path) -> None:
    folders = [
        write_run(
            parent.parent / "runs", parent, answer(3, 1), seed=seed, events=[{"event": "resume", "step": 5}] * seed
        )
        for seed in (0, 1)
    ]
    side = read_side(folders[0].parent)
    assert (
        tell(find_differences(side, side, "exact_match").sentences)[0]
        == f"resumed: parent/{folders[1].name} went on at step 5"
    )
