"""Rectification of bent and slanted text (ASTER, Shi et al. 2018, 3.1): a network finds points along it, a spline straightens them.

Coordinates run from 0 to 1, x to the right and y down, from the centre of the first pixel to that of the last. The
spline is Bookstein's thin plate (1989). Its equations are solved once, when the module is built: where a pixel of the
output looks is a fixed weighted sum of the points.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from saccade.nn.conv_norm import ConvNorm

_LOOK_PX = (32, 64)
"""Height and width at which the localisation network sees an image."""
_QUIETER = 0.1
"""What the last features are multiplied by, so that points move slowly at first (as in ayumiymk/aster.pytorch)."""


def make_edge_points(num_points: int, margin: float) -> Float[Tensor, "N 2"]:
    """Return (x, y) of points evenly along the upper and then the lower edge, `margin` away from all four edges.

    Raises:
        ValueError: the number is odd or below 4.
    """
    if num_points % 2 or num_points < 4:
        raise ValueError(f"{num_points} points cannot stand along two edges: an even number from 4 on can")
    x = torch.linspace(margin, 1 - margin, num_points // 2, dtype=torch.float64)
    upper = torch.stack([x, torch.full_like(x, margin)], dim=1)
    lower = torch.stack([x, torch.full_like(x, 1 - margin)], dim=1)
    return torch.cat([upper, lower])


def make_spline_table(points: Float[Tensor, "N 2"], places: Float[Tensor, "P 2"]) -> Float[Tensor, "P N"]:
    """Return how much each point's new place weighs in that of each of the places (Bookstein 1989, equation 4).

    Multiplied by the points themselves, the table gives the places.
    """
    zeros = points.new_zeros(3, 3)
    affine = torch.cat([points.new_ones(len(points), 1), points], dim=1)
    system = torch.cat(
        [torch.cat([_bend(points, points), affine], dim=1), torch.cat([affine.T, zeros], dim=1)]
    )  # (N + 3, N + 3)
    terms = torch.cat([_bend(places, points), places.new_ones(len(places), 1), places], dim=1)  # (P, N + 3)
    table: Tensor = torch.linalg.solve(system, terms.T).T[:, : len(points)]  # the system is symmetric
    return table


def _bend(places: Tensor, points: Tensor) -> Tensor:
    squares = (places.unsqueeze(1) - points).square().sum(2)
    return torch.xlogy(squares, squares)  # r^2 log r^2, and 0 where r is 0


class Localisation(nn.Module):
    """Six convolutions with pools between them, and two layers that give the points; at first they are the same for every image."""

    def __init__(self, in_channels: int, channels: tuple[int, ...], points: Float[Tensor, "N 2"]) -> None:
        """Build the layers; `points` is where the points begin."""
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((in_channels, *channels), channels, strict=False):
            layers += [ConvNorm(before, after, 3), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers[:-1], nn.Flatten())  # no pool behind the last: 1 x 2 places are left
        self.hidden = nn.Sequential(
            nn.Linear(2 * channels[-1], 2 * channels[-1]), nn.BatchNorm1d(2 * channels[-1]), nn.ReLU(inplace=True)
        )
        self.points = nn.Linear(2 * channels[-1], points.numel())
        nn.init.zeros_(self.points.weight)
        with torch.no_grad():
            self.points.bias.copy_(points.flatten())

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B N 2"]:
        """Return (x, y) of the points in each image, in fp32: bf16 would move them by whole pixels."""
        features = self.hidden(self.layers(functional.adaptive_avg_pool2d(images, _LOOK_PX)))
        with torch.autocast(images.device.type, enabled=False):
            points: Tensor = self.points(_QUIETER * features.float()).unflatten(1, (-1, 2))  # (B, 2 N) -> (B, N, 2)
        return points


class TpsRectifier(nn.Module):
    """Finds the points and draws the image anew so that they come to stand along two straight edges.

    It begins as the identity but for the margins: what lies between the points of the image, which is all but its
    outermost hundredth, is drawn between those of the output. A pixel that would look outside the image sees the edge.
    """

    table: Tensor

    def __init__(
        self,
        in_channels: int,
        out_px: tuple[int, int],
        *,
        num_points: int = 20,
        margins: tuple[float, float] = (0.01, 0.05),
        channels: tuple[int, int, int, int, int, int] = (32, 64, 128, 256, 256, 256),
    ) -> None:
        """Build the localisation network and the table of the spline.

        Args:
            in_channels: Channels of the images.
            out_px: Height and width of the rectified images.
            num_points: Points along both edges together, even.
            margins: Share of height and width between the edge and the points, in the image at first and in the output always.
            channels: Channels of the localisation network.
        """
        super().__init__()
        self.out_px = out_px
        in_margin, out_margin = margins
        self.localisation = Localisation(in_channels, channels, make_edge_points(num_points, in_margin).float())
        y, x = (torch.linspace(0, 1, px, dtype=torch.float64) for px in out_px)
        places = torch.cartesian_prod(y, x).flip(1)  # row by row, each (x, y)
        table = make_spline_table(make_edge_points(num_points, out_margin), places)
        self.register_buffer("table", table.float())

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H2 W2"]:
        """Return the rectified images, in fp32."""
        points = self.localisation(images)
        with torch.autocast(images.device.type, enabled=False):
            grid = (self.table @ points).unflatten(1, self.out_px)  # (B, H2 * W2, 2) -> (B, H2, W2, 2)
            return functional.grid_sample(
                images.float(), 2 * grid - 1, mode="bilinear", padding_mode="border", align_corners=True
            )
