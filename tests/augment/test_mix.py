import numpy as np
import pytest
import torch

from saccade.augment.draws import Draws
from saccade.augment.mix import Mix, Mixed, draw_pairs, mix_images
from saccade.recipes.tables.classify import CutMix, MixUp, MixUpCutMix, NoMix
from tests.augment.pictures import make_noise
from tests.augment.watch import NoWaiting

MIXES = {
    "mixup": MixUp(),
    "rare mixup": MixUp(alpha=0.3, probability=0.6),
    "cutmix": CutMix(),
    "rare cutmix": CutMix(alpha=0.5, probability=0.5),
    "either": MixUpCutMix(mixup_alpha=0.5, cutmix_alpha=0.5, probability=0.8),
}


def make_draws(num_rows: int, *, rows: slice | None = None, seed: int = 3, done_fraction: float = 0.0) -> Draws:
    return Draws(seed=seed, epoch=0, rows=rows or slice(0, num_rows), num_rows=num_rows, done_fraction=done_fraction)


def mix_pictures(mix: Mix, num_rows: int = 40, num_channels: int = 3) -> tuple[torch.Tensor, Mixed]:
    images = make_noise(num_rows, num_channels, (17, 23))
    return images, mix_images(images, mix, make_draws(num_rows))


class TestPairs:
    @pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
    def test_partners_are_neighbours_with_the_same_share(self, mix):
        _, mixed = mix_pictures(mix)
        assert mixed.partner_rows.tolist() == [row ^ 1 for row in range(40)]
        assert torch.equal(mixed.shares[::2], mixed.shares[1::2])
        assert mixed.shares.dtype == torch.float32 and mixed.shares.min() >= 0 and mixed.shares.max() <= 1
        assert (mixed.shares < 1).any()

    @pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
    def test_what_one_gives_the_other_gets(self, mix):
        images, mixed = mix_pictures(mix)
        before, after = images.int(), mixed.images.int()
        assert torch.equal(before[::2] + before[1::2], after[::2] + after[1::2])
        assert not torch.equal(before, after)

    @pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
    def test_an_odd_last_row_stays_alone(self, mix):
        images, mixed = mix_pictures(mix, num_rows=7)
        assert torch.equal(mixed.images[6], images[6])
        assert (mixed.partner_rows[6], mixed.shares[6]) == (6, 1)

    @pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
    def test_parts_that_begin_at_even_rows_are_mixed_as_in_the_whole(self, mix):
        images = make_noise(21, 3)
        whole = mix_images(images, mix, make_draws(21))
        for start, stop in ((0, 8), (8, 14), (14, 21)):
            part = mix_images(images[start:stop], mix, make_draws(21, rows=slice(start, stop)))
            assert torch.equal(part.images, whole.images[start:stop])
            assert torch.equal(part.shares, whole.shares[start:stop])
            assert torch.equal(part.partner_rows + start, whole.partner_rows[start:stop])

    def test_rows_without_their_partner_stay_alone(self):
        images = make_noise(8, 3)
        whole = mix_images(images, MixUp(), make_draws(8))
        part = mix_images(images[3:7], MixUp(), make_draws(8, rows=slice(3, 7)))
        assert part.partner_rows.tolist() == [0, 2, 1, 3]
        assert torch.equal(part.images, torch.cat([images[3:4], whole.images[4:6], images[6:7]]))
        assert part.shares.tolist() == [1, *whole.shares[4:6].tolist(), 1]
        alone = mix_images(images[3:4], CutMix(), make_draws(8, rows=slice(3, 4)))
        assert torch.equal(alone.images, images[3:4]) and alone.shares.tolist() == [1]

    @pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
    def test_it_repeats_waits_for_nothing_and_leaves_its_input(self, mix):
        images = make_noise(16, 3)
        before = images.clone()
        with NoWaiting() as watch:
            first = mix_images(images, mix, make_draws(16))
        assert watch.seen
        assert torch.equal(first.images, mix_images(images, mix, make_draws(16)).images)
        assert not torch.equal(first.images, mix_images(images, mix, make_draws(16, seed=4)).images)
        assert torch.equal(images, before)


class TestMixUp:
    @pytest.mark.parametrize("num_channels", [1, 3])
    def test_images_are_blended_by_their_share(self, num_channels):
        images, mixed = mix_pictures(MixUp(), num_channels=num_channels)
        shares = mixed.shares.double()[:, None, None, None]
        exact = images * shares + images[mixed.partner_rows] * (1 - shares)
        assert (mixed.images - exact).abs().max() <= 0.5 + 1e-4

    def test_shares_follow_beta(self):
        for alpha in (0.2, 1.0, 4.0):
            shares, boxes = draw_pairs(MixUp(alpha=alpha), make_draws(40_000), height_px=32, width_px=32)
            assert shares.mean() == pytest.approx(0.5, abs=0.015)
            assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.04)
            assert (boxes[:, 2] == boxes[:, 0]).all()


class TestCutMix:
    def test_the_share_is_what_is_left_of_the_image(self):
        images = torch.arange(60, dtype=torch.uint8)[:, None, None, None].expand(60, 3, 17, 23)
        mixed = mix_images(images, CutMix(), make_draws(60))
        own = mixed.images[:, 0] == torch.arange(60)[:, None, None]
        partner = mixed.images[:, 0] == mixed.partner_rows[:, None, None]
        assert (own | partner).all() and (own != partner).all()
        np.testing.assert_allclose(mixed.shares, own.sum((1, 2)) / (17 * 23), rtol=1e-6)
        widths, heights = partner.any(1).sum(1), partner.any(2).sum(1)
        assert torch.equal(widths * heights, partner.sum((1, 2)))  # a rectangle

    def test_boxes_have_the_drawn_area_and_are_cut_off_at_the_border(self):
        _, boxes = draw_pairs(CutMix(alpha=1.0), make_draws(40_000), height_px=64, width_px=32)
        left, top, right, bottom = boxes.T
        assert boxes.min() == 0 and right.max() == 32 and bottom.max() == 64
        whole = (left > 0) & (right < 32) & (top > 0) & (bottom < 64)
        widths, heights = (right - left)[whole], (bottom - top)[whole]
        assert np.abs(heights - 2 * widths).max() <= 1  # the image's shape, rounded down
        centres = (left + right)[whole] / 2
        assert centres.mean() == pytest.approx(16, abs=0.3)
        # a box on every side of the border
        assert all(
            ((side == end) & (right > left)).any() for side, end in ((left, 0), (right, 32), (top, 0), (bottom, 64))
        )

    def test_half_of_all_areas_are_above_half_before_they_are_cut_off(self):
        _, boxes = draw_pairs(CutMix(alpha=1.0), make_draws(40_000), height_px=512, width_px=512)
        left, _, right, _ = boxes.T
        inner = (left > 0) & (right < 512)
        assert ((right - left)[inner] / 512).max() < 1
        # the side is the root of a uniform area; a side w fits with probability 1 - w, so E[w | fits] = (2/3 - 1/2) / (1/3)
        assert ((right - left)[inner] / 512).mean() == pytest.approx(0.5, abs=0.01)


class TestSettings:
    def test_probability_counts_pairs(self):
        for mix in (MixUp(probability=0.3), CutMix(probability=0.3), MixUpCutMix(probability=0.3)):
            blends, boxes = draw_pairs(mix, make_draws(40_000), height_px=256, width_px=256)
            is_mixed = (blends < 1) | (boxes[:, 2] > boxes[:, 0])
            assert is_mixed.mean() == pytest.approx(0.3, abs=0.015)

    def test_switch_probability_is_that_of_cutmix(self):
        mix = MixUpCutMix(switch_probability=0.2)
        blends, boxes = draw_pairs(mix, make_draws(40_000), height_px=256, width_px=256)
        is_cut = boxes[:, 2] > boxes[:, 0]
        assert is_cut.mean() == pytest.approx(0.2, abs=0.015)
        assert ((blends < 1) != is_cut).mean() > 0.99

    def test_each_of_the_two_has_its_alpha(self):
        mix = MixUpCutMix(mixup_alpha=0.1, cutmix_alpha=20.0, switch_probability=0.5)
        blends, boxes = draw_pairs(mix, make_draws(40_000), height_px=256, width_px=256)
        assert blends[blends < 1].var() == pytest.approx(1 / (4 * 1.2), rel=0.05)
        sides = (boxes[:, 2] - boxes[:, 0]) / 256
        inner = (boxes[:, 0] > 0) & (boxes[:, 2] < 256) & (sides > 0)
        assert sides[inner].mean() == pytest.approx(0.5**0.5, abs=0.03)

    @pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
    def test_nothing_is_mixed_from_the_fraction_on(self, mix):
        images, ending = make_noise(16, 3), mix.model_copy(update={"until_fraction": 0.75})
        assert not torch.equal(mix_images(images, ending, make_draws(16, done_fraction=0.74)).images, images)
        for done_fraction in (0.75, 1.0):
            mixed = mix_images(images, ending, make_draws(16, done_fraction=done_fraction))
            assert torch.equal(mixed.images, images)
            assert mixed.shares.tolist() == [1] * 16 and mixed.partner_rows.tolist() == list(range(16))

    def test_no_mix_leaves_images_apart(self):
        images, mixed = mix_pictures(NoMix())
        assert torch.equal(mixed.images, images) and mixed.shares.tolist() == [1] * 40


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_cuda_mixes_as_the_cpu_does_and_does_not_wait(mix):
    images = make_noise(63, 3)
    on_device = images.cuda()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        ours = mix_images(on_device, mix, make_draws(63))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    expected = mix_images(images, mix, make_draws(63))
    assert (ours.images.cpu() == expected.images).float().mean() > 0.999
    assert torch.equal(ours.shares.cpu(), expected.shares)
