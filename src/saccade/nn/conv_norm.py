"""What convolutional networks are made of here: convolution with batch norm, and squeeze-excite.

torchvision has both; importing it takes a second that `saccade predict` would pay each time.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

Activation = Callable[[], nn.Module]


def make_relu() -> nn.Module:
    """Return a ReLU that works in place."""
    return nn.ReLU(inplace=True)


def make_hardswish() -> nn.Module:
    """Return a hard swish that works in place (MobileNetV3, Howard et al. 2019, section 5.2)."""
    return nn.Hardswish(inplace=True)


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, and an activation unless it is None."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        groups: int = 1,
        activation: Activation | None = make_relu,
    ) -> None:
        """Build the layers; a square kernel of odd size keeps height and width, one over the whole height removes it."""
        padding = (kernel_size - 1) // 2 if isinstance(kernel_size, int) else 0
        layers: list[nn.Module] = [
            nn.Conv2d(
                in_channels, out_channels, kernel_size, stride=stride, padding=padding, groups=groups, bias=False
            ),
            nn.BatchNorm2d(out_channels),
        ]
        super().__init__(*layers, *([activation()] if activation else []))


class SqueezeExcite(nn.Module):
    """Weighs each channel by what all of them say of the whole image (Hu et al. 2018; the hard gate of MobileNetV3)."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        """Build the two layers; the squeezed vector has `channels // reduction` values."""
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // reduction, 1)
        self.excite = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Return the features, each channel times a number in [0, 1]."""
        pooled = features.mean((2, 3), keepdim=True)
        gates: Tensor = nn.functional.hardsigmoid(self.excite(nn.functional.relu(self.squeeze(pooled))))
        return features * gates
