import numpy as np
import pytest

from saccade.augment.concatenate import join_drawn, join_padded, join_stretched, measure_symbols


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


def drawing(*boxes: tuple[int, int, int, int], paper: int = 0, ink: int = 255, channels: int = 1) -> np.ndarray:
    """A frame of 40 x 100 px with filled boxes: left, top, right, bottom."""
    frame = np.full((40, 100, channels), paper, np.uint8)
    for left, top, right, bottom in boxes:
        frame[top:bottom, left:right] = ink
    return frame


def find_columns(image: np.ndarray, paper: int) -> list[tuple[int, int]]:
    """Return first and last column of each run of columns with ink."""
    columns = np.flatnonzero((image[..., 0] != paper).any(axis=0))
    starts = np.flatnonzero(np.diff(columns, prepend=-9) > 1)
    return [(int(run[0]), int(run[-1])) for run in np.split(columns, starts[1:])]


@pytest.mark.parametrize(("paper", "ink", "channels"), [(0, 255, 1), (255, 0, 3)])
def test_ink_stands_side_by_side_on_one_middle(paper: int, ink: int, channels: int) -> None:
    """20 x 20 of one unit and 20 x 10 of a half as large area each: sizes 20 and 10, so the first becomes 10 x 10."""
    left = drawing((5, 3, 25, 23), paper=paper, ink=ink, channels=channels)
    right = drawing((30, 7, 50, 17), paper=paper, ink=ink, channels=channels)
    joined = join_drawn(left, right, paper, num_units=(1, 2), symbol_min_px=10.0, gap_fraction=0.25)
    assert joined is not None and joined.shape == (40, 100, channels) and joined.dtype == np.uint8
    expected = drawing((2, 2, 12, 12), (22, 2, 42, 12), paper=paper, ink=ink, channels=channels)
    np.testing.assert_array_equal(joined, expected)  # a margin of 2 % of the width, a gap of a quarter of the height
    tall = drawing((30, 1, 40, 31), paper=paper, ink=ink, channels=channels)
    joined = join_drawn(left, tall, paper, num_units=(1, 3), symbol_min_px=1.0, gap_fraction=0.1)
    expected = drawing((2, 12, 12, 22), (16, 2, 26, 32), paper=paper, ink=ink, channels=channels)
    np.testing.assert_array_equal(joined, expected)


def test_ink_shrinks_to_the_frame_but_not_below_the_least_size() -> None:
    """Two of 86 x 20 px and 17 units get 43 px each, beside a gap of 10 and margins of 4: symbols of 10.06 px become 5.03."""
    line = drawing((5, 5, 91, 25))
    joined = join_drawn(line, line, 0, num_units=(17, 17), symbol_min_px=5.0, gap_fraction=0.25)
    assert joined is not None and find_columns(joined, 0) == [(2, 44), (55, 97)]
    assert join_drawn(line, line, 0, num_units=(17, 17), symbol_min_px=5.1, gap_fraction=0.25) is None
    assert measure_symbols(line, 0, 17) == pytest.approx((86 * 20 / 17) ** 0.5)


def test_paper_that_is_not_the_filling_comes_along() -> None:
    """White paper, 100 px of it wide and 30 high, above a grey filling: between the two stands paper, not filling."""
    left, right = drawing((10, 10, 20, 20), paper=255, ink=0), drawing((10, 5, 20, 15), paper=255, ink=0)
    for frame in (left, right):
        frame[30:] = 128
    joined = join_drawn(left, right, 128, num_units=(1, 1), symbol_min_px=5.0, gap_fraction=0.25)
    assert joined is not None
    assert (joined[:14, :34] != 128).all() and (joined[14:] == 128).all() and (joined[:, 34:] == 128).all()
    assert (joined[2:12, 2:12] == 0).all() and (joined[2:12, 12:22] == 255).all() and (joined[2:12, 22:32] == 0).all()


@pytest.mark.parametrize("blank", [drawing(), drawing((0, 0, 60, 40), ink=200)])
def test_without_ink_nothing_is_joined(blank: np.ndarray) -> None:
    """An empty frame, or paper of which nothing tells what is drawn on it."""
    one = drawing((0, 0, 10, 10))
    assert join_drawn(one, blank, 0, num_units=(1, 1), symbol_min_px=1.0, gap_fraction=0.1) is None
    assert join_drawn(blank, one, 0, num_units=(1, 1), symbol_min_px=1.0, gap_fraction=0.1) is None
    assert measure_symbols(blank, 0, 1) == 0
