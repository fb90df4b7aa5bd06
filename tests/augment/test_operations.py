import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from saccade.augment.operations import FILL, Operation, apply_operations, fill_boxes, gather_pixels, mark_boxes
from tests.augment.pictures import SIZES, make_noise, make_pictures
from tests.augment.watch import NoWaiting

FACTORS = (0.0, 0.1, 0.46, 0.7, 1.0, 1.3, 1.72, 1.99)
SHEARS = (-0.99, -0.3, 0.0, 0.15, 0.2, 0.3)
SHIFTS = (-40.0, -3.0, 0.0, 5.0, 14.0)
MAGNITUDES = {
    Operation.SHEAR_X: SHEARS,
    Operation.SHEAR_Y: SHEARS,
    Operation.TRANSLATE_X: SHIFTS,
    Operation.TRANSLATE_Y: SHIFTS,
    Operation.ROTATE: (-135.0, -90.0, -30.0, 0.0, 3.0, 9.0, 24.0, 30.0, 135.0),
    Operation.BRIGHTNESS: FACTORS,
    Operation.POSTERIZE: tuple(range(9)),
    Operation.SOLARIZE: (0.0, 76.0, 113.333, 204.0, 255.0),
    Operation.CONTRAST: FACTORS,
    Operation.SATURATION: FACTORS,
    Operation.SHARPNESS: FACTORS,
    Operation.HUE: (-0.5, -0.2, 0.0, 0.1, 0.33, 0.5),
}
REFERENCES = {
    Operation.BRIGHTNESS: functional.adjust_brightness,
    Operation.POSTERIZE: lambda image, bits: functional.posterize(image, int(bits)),
    Operation.SOLARIZE: functional.solarize,
    Operation.INVERT: lambda image, _: functional.invert(image),
    Operation.CONTRAST: functional.adjust_contrast,
    Operation.AUTO_CONTRAST: lambda image, _: functional.autocontrast(image),
    Operation.EQUALIZE: lambda image, _: functional.equalize(image),
    Operation.SATURATION: functional.adjust_saturation,
    Operation.SHARPNESS: functional.adjust_sharpness,
    Operation.HUE: functional.adjust_hue,
}
# What follows from sums of products lies a level off where the exact result is whole and the order of rounding decides.
LEAST_EQUAL = {Operation.CONTRAST: 0.999, Operation.SATURATION: 0.97, Operation.SHARPNESS: 0.995, Operation.HUE: 0.999}
GEOMETRY = tuple(Operation)[Operation.SHEAR_X : Operation.ROTATE + 1]


def apply_one(images: Tensor, operation: Operation, magnitude: float) -> Tensor:
    return apply_operations(images, np.full(len(images), operation), np.full(len(images), magnitude))


def warp_by_pillow(image: Tensor, operation: Operation, magnitude: float) -> np.ndarray:
    pixels = image.permute(1, 2, 0).squeeze(-1).numpy()
    fill = FILL if pixels.ndim == 2 else (FILL,) * 3
    picture = Image.fromarray(pixels)
    matrices = {
        Operation.SHEAR_X: (1, magnitude, 0, 0, 1, 0),
        Operation.SHEAR_Y: (1, 0, 0, magnitude, 1, 0),
        Operation.TRANSLATE_X: (1, 0, -magnitude, 0, 1, 0),
        Operation.TRANSLATE_Y: (1, 0, 0, 0, 1, -magnitude),
    }
    if operation == Operation.ROTATE:
        warped = picture.rotate(magnitude, fillcolor=fill)
    else:
        warped = picture.transform(picture.size, Image.Transform.AFFINE, matrices[operation], fillcolor=fill)
    return np.asarray(warped).reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)


class TestAgainstReferences:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("num_channels", [1, 3])
    @pytest.mark.parametrize("operation", REFERENCES)
    def test_levels_are_those_of_torchvision(self, operation, num_channels, size):
        images = make_pictures(7, num_channels, size)
        for magnitude in MAGNITUDES.get(operation, (0.0,)):
            ours = apply_one(images, operation, magnitude)
            theirs = torch.stack([REFERENCES[operation](image, magnitude) for image in images])
            difference = (ours.int() - theirs.int()).abs()
            assert difference.max() <= (1 if operation in LEAST_EQUAL else 0), magnitude
            assert (difference[:7] == 0).float().mean() >= LEAST_EQUAL.get(operation, 1.0), magnitude

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("num_channels", [1, 3])
    @pytest.mark.parametrize("operation", GEOMETRY)
    def test_geometry_is_that_of_pillow(self, operation, num_channels, size):
        images = make_pictures(2, num_channels, size)
        for magnitude in MAGNITUDES[operation]:
            ours = apply_one(images, operation, magnitude)
            theirs = [warp_by_pillow(image, operation, magnitude) for image in images]
            np.testing.assert_array_equal(ours.numpy(), np.stack(theirs), str(magnitude))

    @pytest.mark.parametrize("size", SIZES)
    def test_geometry_is_that_of_torchvision_where_no_pixel_lies_between_two(self, size):
        images = make_noise(3, 3, size)
        for tangent in (-0.31, 0.17):
            shear = math.degrees(math.atan(tangent))
            for operation, shears in ((Operation.SHEAR_X, [shear, 0.0]), (Operation.SHEAR_Y, [0.0, shear])):
                theirs = functional.affine(images, 0.0, [0, 0], 1.0, shears, fill=FILL, center=[0, 0])
                assert torch.equal(apply_one(images, operation, tangent), theirs)
        for angle in (-29.0, 11.0):
            assert torch.equal(apply_one(images, Operation.ROTATE, angle), functional.rotate(images, angle, fill=FILL))


class TestRows:
    def make_mixed(self, num_channels: int) -> tuple[Tensor, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(3)
        operations = rng.permutation(np.tile(np.arange(len(Operation)), 3))
        choices = [rng.choice(MAGNITUDES.get(Operation(operation), (0.0,))) for operation in operations]
        return make_noise(len(operations), num_channels), operations, np.array(choices)

    @pytest.mark.parametrize("num_channels", [1, 3])
    def test_each_row_gets_its_own_operation_in_place(self, num_channels):
        images, operations, magnitudes = self.make_mixed(num_channels)
        alone = [
            apply_operations(images[row : row + 1], operations[row : row + 1], magnitudes[row : row + 1])
            for row in range(len(images))
        ]
        assert torch.equal(apply_operations(images, operations, magnitudes), torch.cat(alone))

    def test_the_input_is_not_written_to(self):
        images, operations, magnitudes = self.make_mixed(3)
        before = images.clone()
        assert not torch.equal(apply_operations(images, operations, magnitudes), before)
        assert torch.equal(images, before)

    def test_memory_in_another_order_changes_nothing(self):
        images, operations, magnitudes = self.make_mixed(3)
        last = images.contiguous(memory_format=torch.channels_last)
        expected = apply_operations(images, operations, magnitudes)
        assert torch.equal(apply_operations(last, operations, magnitudes), expected)

    def test_nothing_waits_for_the_device(self):
        images, operations, magnitudes = self.make_mixed(3)
        with NoWaiting() as watch:
            apply_operations(images, operations, magnitudes)
        assert "aten.gather.default" in watch.seen

    @pytest.mark.parametrize(("num_rows", "size"), [(1, (32, 32)), (4, (2, 2)), (4, (1, 5))])
    def test_small_batches_and_images_keep_their_shape(self, num_rows, size):
        images = make_noise(num_rows, 3, size)
        for operation in Operation:
            assert apply_one(images, operation, 0.5).shape == images.shape

    def test_a_watch_sees_what_waits(self):
        flags = torch.tensor([True, False])
        for wait in (flags.nonzero, lambda: bool(flags[0]), lambda: flags[flags], lambda: torch.equal(flags, flags)):
            with NoWaiting(), pytest.raises(AssertionError, match="waits for the device"):
                wait()


class TestByHand:
    def test_pixels_come_from_where_they_are_fetched(self):
        images = torch.arange(6, dtype=torch.uint8).view(1, 1, 2, 3)
        x = torch.tensor([[[2, 1, -1]]], dtype=torch.int32)
        y = torch.tensor([[[1], [2]]], dtype=torch.int32)
        assert gather_pixels(images, x, y).tolist() == [[[[5, 4, FILL], [FILL, FILL, FILL]]]]

    def test_content_moves_as_named(self):
        image = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
        image[0, 0, 2, 2] = 255
        for operation, to in ((Operation.TRANSLATE_X, (2, 4)), (Operation.TRANSLATE_Y, (4, 2))):
            assert apply_one(image, operation, 2.0)[0, 0][to] == 255
        corner = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
        corner[0, 0, 0, 4] = 255
        assert apply_one(corner, Operation.ROTATE, 90.0)[0, 0, 0, 0] == 255  # top right to top left

    def test_boxes_are_filled_up_to_the_border(self):
        images = torch.zeros(3, 3, 4, 5, dtype=torch.uint8)
        boxes = torch.tensor([[1, 0, 3, 2], [-2, 3, 2, 9], [2, 2, 2, 4]])
        filled = fill_boxes(images, boxes)[:, 0] == FILL
        assert filled[0].nonzero().tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
        assert filled[1].nonzero().tolist() == [[3, 0], [3, 1]]
        assert not filled[2].any()
        assert set(mark_boxes(boxes, 4, 5).unique().tolist()) == {0, 255}

    def test_a_saturated_image_has_one_mean_grey(self):
        images = make_noise(2, 3)
        grey = apply_one(images, Operation.SATURATION, 0.0)
        assert (grey == grey[:, :1]).all()

    def test_equalizing_a_ramp_makes_it_reach_from_black_to_white(self):
        ramp = (torch.arange(1024) // 16 + 50).to(torch.uint8).view(1, 1, 32, 32)
        flat = apply_one(ramp, Operation.EQUALIZE, 0.0)
        # 16 pixels a level, a step of (1024 - 16) // 255 = 3: the k-th level becomes (16 k + 1) // 3, at most 255
        expected = [min((16 * k + 1) // 3, 255) for k in range(64)]
        assert flat.flatten()[::16].tolist() == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
class TestOnCuda:
    @pytest.mark.parametrize("num_channels", [1, 3])
    def test_agrees_with_the_cpu_to_a_level_and_does_not_wait(self, num_channels):
        images, operations, magnitudes = TestRows().make_mixed(num_channels)
        on_device = images.cuda()
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            ours = apply_operations(on_device, operations, magnitudes)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        difference = (ours.cpu().int() - apply_operations(images, operations, magnitudes).int()).abs()
        assert difference.max() <= 1 and (difference == 0).float().mean() > 0.999
