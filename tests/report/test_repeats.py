"""Which runs are repeats, and how what was set on the command line is named."""

import pytest

from saccade.report.repeats import describe_overrides, is_finished, is_over, read_set_keys


@pytest.mark.parametrize(
    ("state", "over", "finished"),
    [("finished", True, True), ("stopped", True, False), ("failed", False, False), ("running", False, False)],
)
def test_a_stopped_run_is_over_and_not_finished(state: str, over: bool, finished: bool) -> None:
    assert (is_over({"state": state}), is_finished({"state": state})) == (over, finished)


def test_the_command_line_is_read_by_key() -> None:
    overrides = ("--data val=folder:photos", "--set train.epochs=3", '--set model = {name = "crnn"}')
    assert read_set_keys(overrides) == {
        "data": "val=folder:photos",
        "train.epochs": "3",
        "model": '{name = "crnn"}',
    }


def test_the_name_of_what_was_set_is_short() -> None:
    assert describe_overrides(("--set train.epochs=3",)) == "train.epochs = 3"
    assert describe_overrides([f"--set {key}={key * 30}" for key in "abcd"]) == (
        f"a = {'a' * 21}..., b = {'b' * 21}..., c = {'c' * 21}... and 1 more"
    )
