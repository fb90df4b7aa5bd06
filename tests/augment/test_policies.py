import numpy as np
import pytest
import timm.data.auto_augment
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from saccade.augment.operations import Operation, apply_operations
from saccade.augment.policies import (
    CIFAR,
    ORIGINAL,
    Slot,
    draw_jitter,
    draw_policy,
    make_original_strengths,
    make_strengths,
    make_wide_strengths,
)
from saccade.recipes.tables.classify import AutoAugment, ColourJitter, NoPolicy, RandAugment, TrivialAugment

NAMES = {
    "Identity": Operation.IDENTITY,
    "ShearX": Operation.SHEAR_X,
    "ShearY": Operation.SHEAR_Y,
    "TranslateX": Operation.TRANSLATE_X,
    "TranslateY": Operation.TRANSLATE_Y,
    "Rotate": Operation.ROTATE,
    "Brightness": Operation.BRIGHTNESS,
    "Color": Operation.SATURATION,
    "Contrast": Operation.CONTRAST,
    "Sharpness": Operation.SHARPNESS,
    "Posterize": Operation.POSTERIZE,
    "PosterizeOriginal": Operation.POSTERIZE,
    "Solarize": Operation.SOLARIZE,
    "AutoContrast": Operation.AUTO_CONTRAST,
    "Equalize": Operation.EQUALIZE,
    "Invert": Operation.INVERT,
}
FACTORS = {Operation.BRIGHTNESS, Operation.SATURATION, Operation.CONTRAST, Operation.SHARPNESS}
WITHOUT_STRENGTH = {Operation.IDENTITY, Operation.AUTO_CONTRAST, Operation.EQUALIZE, Operation.INVERT}
NUM_ROWS = 60_000
# four standard deviations of a share of so many rows
TOLERANCE = 4 * 0.5 / NUM_ROWS**0.5


def make_rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def draw(policy, num_rows: int = NUM_ROWS) -> list[Slot]:
    return draw_policy(policy, make_rng(), num_rows, height_px=32, width_px=32)


class TestTables:
    @pytest.mark.parametrize(
        ("ours", "policy"), [(ORIGINAL, v2.AutoAugmentPolicy.IMAGENET), (CIFAR, v2.AutoAugmentPolicy.CIFAR10)]
    )
    def test_pairs_are_those_of_torchvision(self, ours, policy):
        theirs = v2.AutoAugment(policy)._policies
        assert len(theirs) == 25
        assert ours == tuple(tuple((NAMES[name], *rest) for name, *rest in pair) for pair in theirs)

    @pytest.mark.parametrize("size", [(32, 32), (17, 23), (64, 200)])
    @pytest.mark.parametrize(
        ("transform", "num_levels"),
        [(v2.AutoAugment, 10), (v2.RandAugment, 31), (v2.TrivialAugmentWide, 31)],
    )
    def test_strengths_are_those_of_torchvision(self, transform, num_levels, size):
        is_wide = transform is v2.TrivialAugmentWide
        ours = make_wide_strengths() if is_wide else make_strengths(*size, num_levels=num_levels)
        for name, (make_magnitudes, is_signed) in transform._AUGMENTATION_SPACE.items():
            strength, theirs = ours[NAMES[name]], make_magnitudes(num_levels, *size)
            assert strength.is_signed == is_signed
            assert strength.neutral == (1.0 if NAMES[name] in FACTORS else 0.0)
            if theirs is None:
                assert NAMES[name] in WITHOUT_STRENGTH
                continue
            values = theirs.double().numpy()
            if name.startswith("Translate"):
                values = np.trunc(values)
            if name == "Solarize":
                ramp = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(num_levels, -1, -1, -1)
                solarized = apply_operations(ramp, np.full(num_levels, Operation.SOLARIZE), strength.values)
                for level, image in enumerate(solarized):
                    assert torch.equal(image, functional.solarize(ramp[level], 255.0 * values[level])), level
                continue
            np.testing.assert_array_equal(strength.values, values, name)

    def test_original_is_that_of_timm(self):
        theirs = timm.data.auto_augment.auto_augment_policy_original({})
        strengths = make_original_strengths()
        assert len(theirs) == 25
        for our_pair, their_pair in zip(ORIGINAL, theirs, strict=True):
            for (operation, probability, level), their in zip(our_pair, their_pair, strict=True):
                assert (operation, probability) == (NAMES[their.name], their.prob)
                if level is None:
                    assert their.level_fn is None
                    continue
                strength = strengths[operation]
                (argument,) = their.level_fn(their.magnitude, {})
                magnitude = strength.neutral + strength.values[level]
                assert magnitude == pytest.approx(abs(argument), abs=1e-12)
                arguments = {their.level_fn(their.magnitude, {})[0] for _ in range(40)}
                assert (len(arguments) == 2) == strength.is_signed


class TestDraws:
    def test_no_policy_draws_nothing(self):
        assert draw(NoPolicy()) == []

    @pytest.mark.parametrize("name", ["original", "cifar"])
    def test_pairs_are_equally_likely_and_their_operations_independent(self, name):
        pairs = ORIGINAL if name == "original" else CIFAR
        first, second = draw(AutoAugment(policy=name))
        for slot, place in ((first, 0), (second, 1)):
            for operation in Operation:
                expected = sum(pair[place][1] for pair in pairs if pair[place][0] == operation) / 25
                if operation == Operation.IDENTITY:
                    expected = 1 - sum(pair[place][1] for pair in pairs) / 25
                assert np.mean(slot.operations == operation) == pytest.approx(expected, abs=TOLERANCE), operation
        both = sum(pair[0][1] * pair[1][1] for pair in pairs) / 25
        happen = (first.operations != Operation.IDENTITY) & (second.operations != Operation.IDENTITY)
        assert happen.mean() == pytest.approx(both, abs=TOLERANCE)

    def test_partners_stay_together(self):
        first, second = draw(AutoAugment(policy="cifar"))
        pairs = {(a, b) for (a, _, _), (b, _, _) in CIFAR}
        drawn = set(zip(first.operations.tolist(), second.operations.tolist(), strict=True))
        # where neither is left out it is one of the 25
        assert {(a, b) for a, b in drawn if a and b} <= pairs

    def test_original_draws_levels_of_timm(self):
        _, second = draw(AutoAugment(policy="original"))
        contrast = second.magnitudes[second.operations == Operation.CONTRAST]
        np.testing.assert_allclose(contrast, 1.54)
        saturation = second.magnitudes[second.operations == Operation.SATURATION]
        np.testing.assert_allclose(np.unique(saturation.round(9)), [0.1, 0.46])
        turns = second.magnitudes[second.operations == Operation.ROTATE]
        assert set(turns.round(9)) == {-27.0, -24.0, 24.0, 27.0}
        assert np.mean(turns > 0) == pytest.approx(0.5, abs=0.02)

    def test_rand_augment_draws_each_of_fourteen_and_one_level(self):
        slots = draw(RandAugment(num_operations=3, magnitude=15))
        assert len(slots) == 3
        operations = [NAMES[name] for name in v2.RandAugment._AUGMENTATION_SPACE]
        for slot in slots:
            for operation in Operation:
                expected = 1 / 14 if operation in operations else 0.0
                assert np.mean(slot.operations == operation) == pytest.approx(expected, abs=TOLERANCE)
            rows = slot.operations == Operation.BRIGHTNESS
            assert set(slot.magnitudes[rows].round(6)) == {0.55, 1.45}
            assert np.mean(slot.magnitudes[rows] > 1) == pytest.approx(0.5, abs=0.04)
            assert set(slot.magnitudes[slot.operations == Operation.POSTERIZE]) == {6.0}
            assert set(slot.magnitudes[slot.operations == Operation.TRANSLATE_X]) == {-7.0, 7.0}
        same = [np.mean(a.operations == b.operations) for a, b in ((slots[0], slots[1]), (slots[1], slots[2]))]
        assert same == pytest.approx([1 / 14, 1 / 14], abs=TOLERANCE)

    def test_trivial_augment_draws_every_level(self):
        (slot,) = draw(TrivialAugment())
        turns = slot.magnitudes[slot.operations == Operation.ROTATE]
        assert len(set(turns.round(4))) == 61  # 31 levels either way, 0 both ways
        assert (turns.min(), turns.max()) == (-135.0, 135.0)
        assert not (slot.operations == Operation.INVERT).any()

    @pytest.mark.parametrize(
        "policy", [AutoAugment(), AutoAugment(policy="cifar"), RandAugment(), TrivialAugment()], ids=str
    )
    def test_draws_repeat(self, policy):
        for one, other in zip(draw(policy, 50), draw(policy, 50), strict=True):
            np.testing.assert_array_equal(one.operations, other.operations)
            np.testing.assert_array_equal(one.magnitudes, other.magnitudes)


class TestJitter:
    jitter = ColourJitter(brightness=0.4, contrast=0.3, saturation=0.2, hue=0.1)

    def test_factors_fill_their_ranges_and_each_image_gets_all_four(self):
        slots = draw_jitter(self.jitter, make_rng(), NUM_ROWS)
        operations = np.stack([slot.operations for slot in slots])
        magnitudes = np.stack([slot.magnitudes for slot in slots])
        expected = {
            Operation.BRIGHTNESS: (0.6, 1.4),
            Operation.CONTRAST: (0.7, 1.3),
            Operation.SATURATION: (0.8, 1.2),
            Operation.HUE: (-0.1, 0.1),
        }
        assert (np.sort(operations, axis=0) == np.array(sorted(expected))[:, None]).all()
        for operation, (low, high) in expected.items():
            drawn = magnitudes[operations == operation]
            assert low <= drawn.min() and drawn.max() <= high
            assert (drawn.min(), drawn.max()) == pytest.approx((low, high), abs=1e-3)
            assert drawn.mean() == pytest.approx((low + high) / 2, abs=0.01)

    def test_every_order_comes_up(self):
        operations = np.stack([slot.operations for slot in draw_jitter(self.jitter, make_rng(), NUM_ROWS)])
        orders, counts = np.unique(operations, axis=1, return_counts=True)
        assert orders.shape[1] == 24
        assert counts / NUM_ROWS == pytest.approx(1 / 24, abs=TOLERANCE)

    def test_what_is_off_takes_no_part_and_leaves_the_others_draws(self):
        slots = draw_jitter(self.jitter.model_copy(update={"contrast": 0.0, "hue": 0.0}), make_rng(), 100)
        assert len(slots) == 2
        assert {int(op) for slot in slots for op in slot.operations} == {Operation.BRIGHTNESS, Operation.SATURATION}
        full = draw_jitter(self.jitter, make_rng(), 100)

        def collect(drawn: list[Slot]) -> np.ndarray:
            return sum(np.where(slot.operations == Operation.BRIGHTNESS, slot.magnitudes, 0) for slot in drawn)

        np.testing.assert_array_equal(collect(slots), collect(full))
