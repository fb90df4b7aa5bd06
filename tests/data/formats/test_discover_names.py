"""Which part of file names is taken for labels, and which names are only numbers, or repeated in every folder."""

from pathlib import Path

import pytest

from saccade.data.formats.discover_names import find_pattern

WHOLE = r"^(?P<text>[^_]+)$"


def spread(names, *folders):
    return [Path(folder, name) for folder in folders for name in names]


def count(number, start=0, form="{:04}.jpg"):
    return [form.format(start + index) for index in range(number)]


@pytest.mark.parametrize(
    "odd",
    [("cat/a.jpg",), ("cat/0000 (1).jpg",), ("cow/c1.jpg",), tuple(f"cow/c{number}.jpg" for number in range(1, 16))],
)
@pytest.mark.parametrize("may_repeat", [False, True])
def test_odd_names_among_running_numbers_make_no_labels(odd, may_repeat):
    images = spread(count(50), "cat", "dog", "horse")
    assert find_pattern(images, may_repeat=may_repeat) is None
    assert find_pattern([*images, *map(Path, odd)], may_repeat=may_repeat) is None


def test_running_numbers_that_go_on_from_folder_to_folder():
    images = [
        *spread(count(9), "cat"),
        *spread(count(9, 9), "dog"),
        *spread(count(9, 5000, "DSC{}.jpg"), "cow"),
        Path("cow/a.jpg"),
    ]
    assert find_pattern(images) is None


def test_in_one_folder_a_tenth_may_be_odd():
    assert find_pattern([*spread(count(18), "x"), Path("x/a.jpg"), Path("x/b.jpg")]) is None
    found = find_pattern([*spread(count(17), "x"), Path("x/a.jpg"), Path("x/b.jpg")])
    assert found == (WHOLE, "the whole name")


def test_names_that_most_folders_repeat_are_labels_only_where_they_may_be():
    names = ("front.jpg", "left.jpg", "back.jpg")
    assert find_pattern(spread(names, "cup", "pan")) is None
    assert find_pattern(spread(names, "cup", "pan"), may_repeat=True) == (WHOLE, "the whole name")
    assert find_pattern([*spread(names, "cup"), *spread(("left.jpg", "AB.jpg", "CD.jpg"), "pan")]) == (
        WHOLE,
        "the whole name",
    )


def test_numbers_with_wide_gaps_are_labels():
    assert find_pattern([Path("a/938222.jpg"), Path("a/104455.jpg"), Path("b/552310.jpg")]) == (WHOLE, "the whole name")
