"""What every encoder of a reader with a decoder offers: an image as a sequence of vectors, and where in the image each stands.

The memory is the last feature map read row by row, so that attention over it can be drawn over the image.
"""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Encoder(Protocol):
    """A module with these three; images are floats around 0, as `nn.normalise` makes them, all of one size."""

    out_size: int
    """Length of a vector of the memory (D)."""

    def __call__(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B M D"]:
        """Return the memory of each image, row by row.

        Raises:
            ValueError: the images are too small, or larger than the encoder was built for.
        """

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the memory (M is their product) of images of this size.

        Raises:
            ValueError: as above.
        """


def flatten_map(features: Float[Tensor, "B D H W"]) -> Float[Tensor, "B M D"]:
    """Return a feature map as a sequence, row by row."""
    return features.flatten(2).transpose(1, 2)  # (B, D, H, W) -> (B, D, M) -> (B, M, D)


def count_windows(size: int, kernel_size: int, *, stride: int = 1, padding: int = 0) -> int:
    """Return how many places a window takes along one axis, as convolutions and pools count them; 0 where it does not fit."""
    if size < 1:
        return 0
    return max(0, (size + 2 * padding - kernel_size) // stride + 1)


def check_shape(height_px: int, width_px: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the rows and columns of a memory if there are any.

    Raises:
        ValueError: an image of that size is too small.
    """
    if min(shape) < 1:
        raise ValueError(
            f"an image of {height_px} x {width_px} px (height x width) is too small for this encoder: "
            f"{shape[0]} x {shape[1]} features are left of it"
        )
    return shape


def check_image_size(images: Float[Tensor, "B C H W"], height_px: int, width_px: int) -> None:
    """Refuse images of another size than the one a network was built for.

    Raises:
        ValueError: height or width differs.
    """
    height, width = images.shape[2:]
    if (height, width) != (height_px, width_px):
        raise ValueError(f"images are {height} x {width} px, and this network is built for {height_px} x {width_px} px")
