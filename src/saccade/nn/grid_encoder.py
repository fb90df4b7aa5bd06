"""A grid of features as the memory of a reader with a decoder: brought to the memory's size and read row by row."""

from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.conv_norm import ConvNorm
from saccade.nn.encoding import check_shape, flatten_map
from saccade.nn.residual_grid import GridBackbone


class GridEncoder(nn.Module):
    """A backbone that keeps a grid, and a 1x1 convolution."""

    def __init__(self, backbone: GridBackbone, out_size: int) -> None:
        """Build the convolution; `out_size` is the length of a vector of the memory."""
        super().__init__()
        self.backbone = backbone
        self.project = ConvNorm(backbone.out_size, out_size, 1, activation=None)
        self.out_size = out_size

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B M D"]:
        """Return the memory, row by row."""
        self.shape(*images.shape[2:])
        return flatten_map(self.project(self.backbone(images)))

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the memory.

        Raises:
            ValueError: the image is empty.
        """
        return check_shape(height_px, width_px, self.backbone.shape(height_px, width_px))
