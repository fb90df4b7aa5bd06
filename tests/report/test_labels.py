"""Short names for charts: those that fit stay, long ones are cut and numbered."""

from saccade.report.labels import shorten_names


def test_names_that_fit_stay_and_others_are_numbered_by_their_row() -> None:
    assert shorten_names(["exp1", "exp10, train.epochs = 3", "a" * 30, "exp10 (2)"]) == {
        "exp1": "exp1",
        "exp10, train.epochs = 3": "exp10 #2",
        "a" * 30: "aaaaaaaaaaaaa… #3",
        "exp10 (2)": "exp10 (2)",
    }


def test_no_two_are_equal() -> None:
    names = ["recipe #2", "recipe, optimizer.learning_rate = 0.01", "recipe, optimizer.learning_rate = 0.02"]
    assert len(set(shorten_names(names).values())) == 3
