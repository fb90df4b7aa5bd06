import numpy as np
import pytest

from saccade.augment.concatenate import join_padded, join_stretched


def flat(level: int, width: int = 160, channels: int = 1) -> np.ndarray:
    return np.full((48, width, channels), level, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_stretched_lines_share_the_width(channels: int) -> None:
    joined = join_stretched(flat(10, channels=channels), flat(200, channels=channels), 0.25)
    assert joined.shape == (48, 160, channels) and joined.dtype == np.uint8
    assert (joined[:, :40] == 10).all() and (joined[:, 40:] == 200).all()


def test_a_stretched_line_is_squeezed_whole() -> None:
    ramp = np.broadcast_to(np.arange(160, dtype=np.uint8)[None, :, None], (48, 160, 1)).copy()
    joined = join_stretched(ramp, ramp, 0.5)[0, :, 0]
    np.testing.assert_allclose(joined, np.tile(np.arange(80) * 2 + 0.5, 2), atol=0.6)


@pytest.mark.parametrize("fraction", [1e-6, 1 - 1e-6])
def test_neither_line_vanishes(fraction: float) -> None:
    assert len(np.unique(join_stretched(flat(10), flat(200), fraction))) == 2


def padded(level: int, width: int, channels: int = 1) -> np.ndarray:
    frame = flat(128, channels=channels)
    frame[:, :width] = level
    return frame


@pytest.mark.parametrize("channels", [1, 3])
def test_padded_lines_stand_side_by_side(channels: int) -> None:
    joined = join_padded(padded(10, 60, channels), padded(200, 50, channels), 128)
    assert joined is not None and joined.shape == (48, 160, channels)
    assert (joined[:, :60] == 10).all() and (joined[:, 60:110] == 200).all() and (joined[:, 110:] == 128).all()


@pytest.mark.parametrize(("left", "right", "fits"), [(80, 80, True), (80, 81, False), (160, 1, False)])
def test_what_does_not_fit_is_not_joined(left: int, right: int, fits: bool) -> None:
    assert (join_padded(padded(10, left), padded(200, right), 128) is not None) == fits
