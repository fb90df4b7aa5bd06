"""Where examples live: chosen by size, said in one line, refused where it cannot be."""

from typing import Any

import pytest

from saccade.data.residency import choose_residency, read_free_memory
from saccade.errors import InputError

MIB = 2**20


def choose(requested: Any = "auto", *, size: int = 10, device: int = 100, host: int = 100, fits: bool = True) -> Any:
    return choose_residency(
        requested,
        num_bytes=size * MIB,
        device_free_bytes=device * MIB,
        host_free_bytes=host * MIB,
        fits_device_path=fits,
    )


@pytest.mark.parametrize(
    ("options", "place", "said"),
    [
        ({}, "device", "10 MiB decoded, of one size, within half of the free 0.1 GiB"),
        ({"fits": False}, "memory", "10 MiB decoded, within half of the free 0.1 GiB"),
        ({"device": 19}, "memory", "within half"),
        ({"device": 20}, "device", "within half"),
        ({"size": 51}, "lazy", "51 MiB decoded exceeds half of the free 0.1 GiB: images are read at each use"),
        ({"requested": "lazy"}, "lazy", "as the recipe says"),
        ({"requested": "memory"}, "memory", "as the recipe says"),
        ({"requested": "memory", "size": 100}, "memory", "as the recipe says"),
        ({"requested": "device", "size": 100}, "device", "as the recipe says"),
    ],
)
def test_place_and_reason(options: dict[str, Any], place: str, said: str) -> None:
    residency = choose(**options)
    assert residency.place == place and said in residency.reason and "\n" not in residency.reason


@pytest.mark.parametrize(
    "options",
    [
        {"requested": "device", "fits": False},
        {"requested": "device", "size": 101},
        {"requested": "memory", "size": 101},
    ],
)
def test_a_place_that_cannot_hold_them_is_bad_input(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f'data.residency = "{options["requested"]}": .*"auto"'):
        choose(**options)


def test_free_memory_is_a_sane_number() -> None:
    assert 0 <= read_free_memory() < 2**50
