import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from saccade.augment.batch import augment_images, draw_boxes
from saccade.augment.draws import Draws
from saccade.augment.operations import FILL
from saccade.recipes.tables.classify import (
    AlternatingFlip,
    AutoAugment,
    ClassifyAugment,
    ColourJitter,
    Cutout,
    RandAugment,
    RandomErasing,
    RandomFlip,
    TrivialAugment,
)
from tests.augment.pictures import SIZES, make_noise
from tests.augment.watch import NoWaiting

FULL = ClassifyAugment(
    crop_padding_px=4,
    flip=RandomFlip(),
    jitter=ColourJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
    policy=AutoAugment(),
    erasing=RandomErasing(probability=0.5),
)
TABLES = {
    "crop": ClassifyAugment(crop_padding_px=4),
    "flip": ClassifyAugment(flip=RandomFlip()),
    "alternating": ClassifyAugment(flip=AlternatingFlip()),
    "jitter": ClassifyAugment(jitter=FULL.jitter),
    "original": ClassifyAugment(policy=AutoAugment()),
    "cifar": ClassifyAugment(policy=AutoAugment(policy="cifar")),
    "rand": ClassifyAugment(policy=RandAugment()),
    "trivial": ClassifyAugment(policy=TrivialAugment()),
    "erasing": ClassifyAugment(erasing=RandomErasing(probability=0.9)),
    "cutout": ClassifyAugment(erasing=Cutout()),
    "full": FULL,
}


def make_draws(num_rows: int, *, rows: slice | None = None, seed: int = 5, epoch: int = 0) -> Draws:
    return Draws(seed=seed, epoch=epoch, rows=rows or slice(0, num_rows), num_rows=num_rows, done_fraction=0.0)


def augment(images: Tensor, table: ClassifyAugment, *, seed: int = 5, epoch: int = 0) -> Tensor:
    draws = make_draws(len(images), seed=seed, epoch=epoch)
    return augment_images(images, torch.arange(len(images)), table, draws)


def make_rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


class TestAnyTable:
    @pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
    @pytest.mark.parametrize(("num_channels", "size"), [(1, SIZES[1]), (3, SIZES[0])])
    def test_parts_of_a_batch_are_augmented_as_in_the_whole(self, table, num_channels, size):
        images, numbers = make_noise(21, num_channels, size), torch.arange(100, 121)
        whole = augment_images(images, numbers, table, make_draws(21))
        for cuts in ((0, 10, 21), (0, 1, 8, 21)):
            parts = [
                augment_images(images[start:stop], numbers[start:stop], table, make_draws(21, rows=slice(start, stop)))
                for start, stop in pairwise(cuts)
            ]
            assert torch.equal(torch.cat(parts), whole)

    @pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
    def test_it_repeats_changes_with_the_seed_and_leaves_its_input(self, table):
        images = make_noise(64, 3)
        before = images.clone()
        first = augment(images, table)
        assert torch.equal(first, augment(images, table))
        assert not torch.equal(first, images) and first.dtype == torch.uint8
        if table.flip != AlternatingFlip():
            assert not torch.equal(first, augment(images, table, seed=6))
        assert torch.equal(images, before)

    @pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
    def test_nothing_waits_for_the_device(self, table):
        images = make_noise(64, 3)
        with NoWaiting() as watch:
            augment(images, table)
        assert watch.seen

    def test_an_empty_table_changes_nothing(self):
        images = make_noise(4, 3)
        assert torch.equal(augment(images, ClassifyAugment()), images)

    def test_a_stage_leaves_the_draws_of_the_others(self):
        images = make_noise(64, 3)
        erased = augment(images, TABLES["erasing"])
        both = augment(images, TABLES["erasing"].model_copy(update={"jitter": ColourJitter(brightness=0.5)}))
        assert torch.equal(
            (erased == FILL).all(1) & (images != FILL).any(1), (both == FILL).all(1) & (images != FILL).any(1)
        )


class TestCropAndFlip:
    def find_shifts(self, padding_px: int, num_rows: int) -> np.ndarray:
        """Read the shift of each image off a picture whose levels name their pixels."""
        column = torch.arange(32, dtype=torch.uint8)
        images = torch.stack([column.expand(32, 32), column[:, None].expand(32, 32), torch.zeros(32, 32).byte()])
        cropped = augment(images.expand(num_rows, 3, 32, 32), ClassifyAugment(crop_padding_px=padding_px))
        return cropped[:, :2, 16, 16].int().numpy() - 16

    def test_every_place_is_equally_likely(self):
        shifts = self.find_shifts(2, 20_000)
        places, counts = np.unique(shifts, axis=0, return_counts=True)
        assert places.tolist() == [[x, y] for x in range(-2, 3) for y in range(-2, 3)]
        assert counts / 20_000 == pytest.approx(1 / 25, abs=4 * (0.04 / 20_000) ** 0.5)

    def test_the_crop_is_one_of_the_padded_image(self):
        images = make_noise(50, 3, (17, 23))
        cropped = augment(images, ClassifyAugment(crop_padding_px=3))
        padded = torch.nn.functional.pad(images, (3, 3, 3, 3), value=FILL)
        for row in range(50):
            assert any(
                torch.equal(cropped[row], padded[row, :, y : y + 17, x : x + 23]) for x in range(7) for y in range(7)
            )

    @pytest.mark.parametrize("probability", [0.5, 0.7])
    def test_random_flips_are_as_frequent_as_asked(self, probability):
        images = make_noise(1, 1).expand(20_000, -1, -1, -1)
        flipped = augment(images, ClassifyAugment(flip=RandomFlip(probability=probability)))
        is_flipped = (flipped == images.flip(3)).all(3).all(2).all(1)
        assert is_flipped.float().mean() == pytest.approx(probability, abs=0.015)
        assert torch.equal(flipped[~is_flipped], images[~is_flipped])

    def test_alternating_flips_show_both_views_in_any_two_epochs(self):
        images = make_noise(2000, 1, (4, 4))
        table = ClassifyAugment(flip=AlternatingFlip())
        views = [augment(images, table, epoch=epoch, seed=epoch) for epoch in range(4)]
        flipped = [(view != images).flatten(1).any(1) for view in views]
        assert torch.equal(views[0], views[2]) and torch.equal(views[1], views[3])
        assert torch.equal(flipped[0], ~flipped[1])
        assert flipped[0].float().mean() == pytest.approx(0.5, abs=0.05)
        for stride in (2, 4, 8, 10):  # nor does the coin follow the position
            assert flipped[0][::stride].float().mean() == pytest.approx(0.5, abs=0.12)

    def test_alternating_flips_follow_the_number_and_not_the_row(self):
        images, numbers = make_noise(200, 1), torch.arange(200)
        table, order = ClassifyAugment(flip=AlternatingFlip()), torch.randperm(200, generator=torch.manual_seed(0))
        view = augment_images(images, numbers, table, make_draws(200))
        shuffled = augment_images(images[order], numbers[order], table, make_draws(200))
        assert torch.equal(shuffled, view[order])


class TestErasing:
    erasing = RandomErasing(probability=0.6, min_area_fraction=0.05, max_area_fraction=0.3)

    def test_rectangles_are_those_of_the_paper(self):
        boxes = draw_boxes(self.erasing, make_rng(), 20_000, height_px=64, width_px=64)
        left, top, right, bottom = boxes.T
        widths, heights = right - left, bottom - top
        assert boxes.min() >= 0 and right.max() <= 64 and bottom.max() <= 64
        drawn = widths * heights > 0
        assert drawn.mean() == pytest.approx(0.6, abs=0.015)
        areas, aspects = (widths * heights / 64**2)[drawn], (heights / widths.clip(1))[drawn]
        assert areas.min() >= 0.045 and areas.max() <= 0.31
        assert areas.mean() == pytest.approx(0.175, abs=0.005)
        assert aspects.min() >= 0.25 and aspects.max() <= 4.0
        assert np.log(aspects).mean() == pytest.approx(0, abs=0.02)
        assert np.abs(np.log(aspects)).mean() == pytest.approx(-math.log(0.3) / 2, abs=0.02)  # uniform in the logarithm
        room = 64 - widths[drawn]
        assert (left[drawn] / room).mean() == pytest.approx(0.5, abs=0.01)
        assert (left[drawn] == 0).any() and (left[drawn] == room).any()

    def test_what_does_not_fit_is_drawn_again(self):
        half = RandomErasing(probability=1.0, min_area_fraction=0.9, max_area_fraction=0.9)
        boxes = draw_boxes(half, make_rng(), 5000, height_px=32, width_px=32)
        widths = boxes[:, 2] - boxes[:, 0]
        # only aspects between 0.9 and 1 / 0.9 fit: one trial in eleven, ten trials
        assert 0.4 < (widths > 0).mean() < 0.8
        assert widths.max() < 32

    def test_the_box_is_middle_grey_and_all_else_stays(self):
        images = make_noise(300, 3)
        erased = augment(images, ClassifyAugment(erasing=self.erasing))
        changed = (erased != images).any(1)
        assert (erased.permute(0, 2, 3, 1)[changed] == FILL).all()
        assert changed.flatten(1).any(1).float().mean() == pytest.approx(0.6, abs=0.1)

    @pytest.mark.parametrize("size_px", [5, 16, 100])
    def test_a_cutout_is_cut_off_at_the_border(self, size_px):
        images = torch.zeros(3000, 1, 32, 32, dtype=torch.uint8)
        hidden = (augment(images, ClassifyAugment(erasing=Cutout(size_px=size_px))) == FILL)[:, 0]
        widths, heights = hidden.any(1).sum(1), hidden.any(2).sum(1)
        assert torch.equal(hidden.sum((1, 2)), widths * heights)  # a rectangle
        assert widths.max() == min(size_px, 32)
        # a centre at either border leaves half of it
        assert widths.min() == min((size_px + 1) // 2, 32)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_cuda_draws_what_the_cpu_draws_and_does_not_wait(table):
    images, numbers = make_noise(64, 3), torch.arange(64)
    on_device = images.cuda(), numbers.cuda()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        ours = augment_images(*on_device, table, make_draws(64))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    expected = augment_images(images, numbers, table, make_draws(64))
    assert (ours.cpu() == expected).float().mean() > 0.999
