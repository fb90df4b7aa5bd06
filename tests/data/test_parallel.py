"""Threads give what a loop gives, errors too."""

import threading

import pytest

from saccade.data.parallel import map_in_threads


@pytest.mark.parametrize("count", [0, 1, 128, 129, 1000])
def test_results_come_in_order(count: int) -> None:
    assert map_in_threads(lambda item: item * 2, range(count)) == [2 * item for item in range(count)]


def test_many_items_leave_the_calling_thread() -> None:
    names = map_in_threads(lambda _: threading.current_thread().name, range(1000))
    assert threading.current_thread().name not in names


def test_the_first_error_is_raised() -> None:
    def fail_late(item: int) -> int:
        if item >= 500:
            raise ValueError(f"item {item}")
        return item

    with pytest.raises(ValueError, match="item 500"):
        map_in_threads(fail_late, range(1000))
