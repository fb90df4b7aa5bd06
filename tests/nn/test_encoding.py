"""Maps as sequences, and the arithmetic of windows."""

import pytest
import torch
from torch.nn import functional

from saccade.nn.encoding import check_shape, count_windows, flatten_map


def test_maps_are_read_row_by_row() -> None:
    features = torch.arange(12.0).reshape(1, 2, 2, 3)  # channel 0 holds 0..5, channel 1 holds 6..11
    wanted = torch.tensor([[[0.0, 6], [1, 7], [2, 8], [3, 9], [4, 10], [5, 11]]])
    torch.testing.assert_close(flatten_map(features), wanted)


@pytest.mark.parametrize(("kernel_size", "stride", "padding"), [(3, 1, 1), (7, 2, 3), (2, 2, 0), (2, 1, 1), (2, 1, 0)])
def test_windows_are_counted_as_convolutions_count_them(kernel_size: int, stride: int, padding: int) -> None:
    for size in range(2, 20):
        line, kernel = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size)
        wanted = functional.conv1d(line, kernel, stride=stride, padding=padding).shape[2]
        assert count_windows(size, kernel_size, stride=stride, padding=padding) == wanted


def test_no_window_fits_where_there_is_nothing() -> None:
    assert count_windows(0, 2, padding=1) == 0
    assert count_windows(1, 3) == 0


def test_an_empty_memory_is_refused_with_both_sizes() -> None:
    assert check_shape(32, 8, (4, 1)) == (4, 1)
    with pytest.raises(ValueError, match=r"32 x 7 px .* 4 x 0 features"):
        check_shape(32, 7, (4, 0))
