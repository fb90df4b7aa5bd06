"""Numbers that somebody reported: how many images they come from, and when nothing can be said of them."""

from pathlib import Path
from typing import Any

import pytest

from saccade.metrics.paired import Difference
from saccade.report.measurement import Measured
from saccade.report.reported import measure_reported
from saccade.report.sides import Side, read_side
from tests.report.compared_runs import answer, tell, tell_one, write_parent, write_run


def measure(
    before: tuple[float, str], after: tuple[float, str], metric: str = "exact_match", *, anyway: bool = False
) -> Measured:
    sides = [
        Side(name, (), {"metrics": {metric: value}, "data": data}, recipe={"task": "read"})
        for name, (value, data) in (("a", before), ("b", after))
    ]
    return measure_reported(*sides, metric, anyway=anyway, split="val")


@pytest.mark.parametrize(
    ("data", "num_images"),
    [
        ("CIFAR-100; the best of all evaluations on the test images", 10_000),
        ("CIFAR10 test", None),
        ("cifar_10, last epoch", 10_000),
        ("MNIST", 10_000),
        ("13,068 test images, weights from ImageNet", 13_068),
        ("100 validation plates", 100),
        ("the best of 200 evaluations", None),
        ("about 80,000 plates", None),
        ("CIFAR-1000", None),
    ],
)
def test_the_number_of_images_is_read_from_what_the_data_are_called(data: str, num_images: int | None) -> None:
    found = measure((0.5, data), (0.9, data))
    assert found.num_images == num_images
    assert (found.basis == "reported") == (num_images is not None)
    assert found.difference is not None
    assert (found.difference.low is None) == (num_images is None)


def test_fewer_images_show_less() -> None:
    small, large = (
        measure((0.80, f"{count} test images"), (0.82, f"{count} test images")) for count in (1000, 100_000)
    )
    assert small.could_show is not None and large.could_show is not None
    assert small.could_show > 0.02 > large.could_show
    assert large.could_show == pytest.approx(1.96 * (0.8 * 0.2 / 1e5 + 0.82 * 0.18 / 1e5) ** 0.5, rel=0.01)


def test_what_is_not_known_is_said() -> None:
    found = measure((0.8, "plates"), (0.9, "plates"))
    assert found.difference == Difference(0.9 - 0.8, None, None, 0)
    assert tell(found.notes) == (
        "no interval: how many images a was measured on is not known",
        "no interval: how many images b was measured on is not known",
    )
    found = measure((0.9, "100 test images"), (0.95, "100 test images"), "ned")
    assert tell(found.notes) == (
        "no interval: ned is no share of images, and a reported number does not say how it spreads",
    )


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("CIFAR-100; best", "CIFAR-100, from another page", True),
        ("about 55,000 plates of one line", "About 55,000 plates of one line: not those of exp03", True),
        ("about 80,000 plates", "about 55,000 plates", False),
        ("CIFAR-10", "CIFAR-100", False),
        ("", "CIFAR-100", True),
    ],
)
def test_data_with_another_name_are_refused(first: str, second: str, same: bool) -> None:
    assert (measure((0.8, first), (0.9, second)).refusal is None) is same


def test_other_data_are_compared_where_that_is_asked_for() -> None:
    found = measure((0.5, "CIFAR-10"), (0.9, "MNIST"), anyway=True)
    assert (found.refusal, found.basis) == (None, "unpaired_images")
    assert 'a was reported of "CIFAR-10", b of "MNIST"' in tell_one(found.other_images)


def make_mixed(folder: Path, **more: Any) -> list[Side]:
    run = read_side(write_run(folder / "runs", write_parent(folder), answer(90, 10), **more))
    reported = {"metrics": {"exact_match": 0.5}, "data": "100 test images"}
    return [Side("theirs", (), reported, recipe={"task": "read"}), run]


def test_a_run_beside_a_reported_number_is_of_other_images(tmp_path: Path) -> None:
    theirs, ours = make_mixed(tmp_path)
    for parent, child in ((theirs, ours), (ours, theirs)):
        refused = measure_reported(parent, child, "exact_match", anyway=False, split="val")
        assert tell_one(refused.refusal).startswith("the images of theirs are not known")
    found = measure_reported(theirs, ours, "exact_match", anyway=True, split="val")
    assert (found.basis, found.num_images, found.values) == ("unpaired_images", 100, (0.5, 0.9))
    assert found.difference is not None and found.difference.low is not None
    assert 0.25 < found.difference.low < 0.3


def test_the_wandering_of_our_run_enters_beside_a_reported_number(tmp_path: Path) -> None:
    theirs, ours = make_mixed(tmp_path, curve=[0.9])
    found = measure_reported(theirs, ours, "exact_match", anyway=True, split="val")
    assert found.difference is not None and found.difference.low is None
    assert "it has 1 validation, too few to tell" in tell(found.notes)[0]
