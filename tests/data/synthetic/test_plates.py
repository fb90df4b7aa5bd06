"""Synthetic plates: the same for the same seed, labelled right, and never with a character outside the frame."""

import re

import numpy as np
import pytest

from saccade.data.synthetic.camera import TEXT_MARGIN_FRACTION, make_view
from saccade.data.synthetic.layouts import ONE_LINE_LAYOUTS, TWO_LINE_LAYOUTS, Layout, draw_flat_plate, make_rows
from saccade.data.synthetic.plates import draw_plate


def make_generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def label_pattern(layout: Layout) -> re.Pattern[str]:
    grammar = "".join(c for c in "".join(layout.rows) if c in "0A")
    return re.compile(grammar.replace("0", r"\d").replace("A", f"[{layout.letters}]"))


def test_a_plate_depends_on_seed_and_index_alone() -> None:
    first = [draw_plate(7, i) for i in range(4)]
    again = [draw_plate(7, i) for i in (3, 2, 1, 0)][::-1]
    for a, b in zip(first, again, strict=True):
        assert a.text == b.text
        np.testing.assert_array_equal(a.image, b.image)
    assert len({p.text for p in first} | {draw_plate(8, i).text for i in range(4)}) == 8


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_images_are_rgb_of_the_size_of_plate_crops(difficulty: float) -> None:
    for i in range(20):
        image = draw_plate(1, i, two_line_fraction=0.3, difficulty=difficulty).image
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        assert 70 <= image.shape[1] <= 250 and image.shape[0] >= 16
        assert image.std() > 8, "a plate without contrast"


def test_difficulty_zero_is_cleaner() -> None:
    def roughness(difficulty: float) -> float:
        images = [draw_plate(2, i, difficulty=difficulty).image.astype(float) for i in range(30)]
        return float(np.mean([image.std() for image in images]))

    assert roughness(0.0) > 1.3 * roughness(1.0)


@pytest.mark.parametrize(("fraction", "layouts"), [(0.0, ONE_LINE_LAYOUTS), (1.0, TWO_LINE_LAYOUTS)])
def test_labels_follow_the_grammar(fraction: float, layouts: tuple[Layout, ...]) -> None:
    patterns = [label_pattern(layout) for layout in layouts]
    seen = set()
    for i in range(80):
        plate = draw_plate(3, i, two_line_fraction=fraction)
        matching = [j for j, pattern in enumerate(patterns) if pattern.fullmatch(plate.text)]
        assert matching, plate.text
        assert plate.num_lines == len(layouts[0].rows)
        seen.add(matching[0])
    assert len(seen) > len(layouts) / 2


def test_rows_keep_what_is_not_part_of_the_label() -> None:
    (row,) = make_rows(Layout(("00|A-0 A",), (4.0, 5.0)), make_generator(0))
    assert re.fullmatch(r"\d\d\|[A-Z]-\d [A-Z]", row)


def test_share_of_two_line_plates() -> None:
    num_lines = [draw_plate(4, i, two_line_fraction=0.4, difficulty=0.0).num_lines for i in range(250)]
    assert 0.3 < np.mean(np.array(num_lines) == 2) < 0.5


@pytest.mark.parametrize("layout", ONE_LINE_LAYOUTS + TWO_LINE_LAYOUTS, ids=lambda layout: "/".join(layout.rows))
def test_characters_lie_inside_the_text_box(layout: Layout) -> None:
    for seed in range(6):
        rows = {c: tuple(re.sub("[0A]", c, row) for row in layout.rows) for c in "8W1"}
        plates = [draw_flat_plate(layout, rows[c], make_generator(seed)) for c in "8W1"]
        differs = np.any([np.any(plates[0].image != p.image, axis=2) for p in plates[1:]], axis=0)
        ys, xs = np.nonzero(differs)
        x0, y0, x1, y1 = plates[0].text_box
        assert len(xs) > 100, "other characters, the same plate"
        assert x0 - 1 <= xs.min() and xs.max() <= x1 + 1 and y0 - 1 <= ys.min() and ys.max() <= y1 + 1


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_the_text_box_never_leaves_the_photograph(difficulty: float) -> None:
    for layout in (ONE_LINE_LAYOUTS[0], ONE_LINE_LAYOUTS[-1], TWO_LINE_LAYOUTS[1]):
        flat = draw_flat_plate(layout, layout.rows, make_generator(1))
        x0, y0, x1, y1 = flat.text_box
        for seed in range(200):
            view = make_view(flat, make_generator(seed), difficulty)
            x, y, w = view.matrix @ np.array([[x0, x1, x1, x0], [y0, y0, y1, y1], [1, 1, 1, 1]])
            margin_x, margin_y = TEXT_MARGIN_FRACTION * (view.width_px - 1), TEXT_MARGIN_FRACTION * (view.height_px - 1)
            assert (w > 0).all()
            assert (x / w).min() >= margin_x and (x / w).max() <= view.width_px - 1 - margin_x
            assert (y / w).min() >= margin_y and (y / w).max() <= view.height_px - 1 - margin_y
