"""CBAM (Woo et al. 2018): a residual block that weighs its channels and then its cells before it is added."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.conv_norm import ConvNorm


class Cbam(nn.Module):
    """Channels weighed by their mean and maximum over the image, then cells by the mean and maximum over channels."""

    def __init__(self, channels: int, reduction: int) -> None:
        """Build the gates; the squeezed vector of the channels has `channels // reduction` numbers, and at least one."""
        super().__init__()
        squeezed = max(channels // reduction, 1)
        self.channel_gate = nn.Sequential(
            nn.Linear(channels, squeezed), nn.ReLU(inplace=True), nn.Linear(squeezed, channels)
        )
        self.cell_gate = ConvNorm(2, 1, 7, activation=None)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Return the features, each times two numbers in (0, 1)."""
        excited = self.channel_gate(features.mean(dim=(2, 3))) + self.channel_gate(features.amax(dim=(2, 3)))
        features = features * excited.sigmoid()[:, :, None, None]
        pooled = torch.cat([features.amax(dim=1, keepdim=True), features.mean(dim=1, keepdim=True)], dim=1)
        outputs: Tensor = features * self.cell_gate(pooled).sigmoid()
        return outputs


class CbamBlock(nn.Module):
    """Two 3x3 convolutions, CBAM, and a shortcut that projects where the channels change."""

    def __init__(self, in_channels: int, out_channels: int, reduction: int) -> None:
        """Build the layers; height and width stay."""
        super().__init__()
        self.layers = nn.Sequential(
            ConvNorm(in_channels, out_channels, 3),
            ConvNorm(out_channels, out_channels, 3, activation=None),
            Cbam(out_channels, reduction),
        )
        self.shortcut = (
            nn.Identity() if in_channels == out_channels else ConvNorm(in_channels, out_channels, 1, activation=None)
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C2 H W"]:
        """Return the features of this block."""
        outputs: Tensor = self.activation(self.layers(features) + self.shortcut(features))
        return outputs
