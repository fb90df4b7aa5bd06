"""Deformable convolution (Dai et al. 2017; modulated, Zhu et al. 2019): each place of the kernel looks where the image says."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class DeformableConv(nn.Module):
    """A convolution whose samples are moved by offsets that a second convolution, of the same kernel and stride, reads off its input.

    The second convolution begins at zero, so that the layer begins as the plain convolution of the same weights. Both run in fp32:
    offsets are pixels, of which bf16 has too few fractions.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        bias: bool = False,
        modulated: bool = False,
    ) -> None:
        """Build both convolutions; a kernel of odd size is padded to keep height and width, one of even size is not padded.

        Args:
            in_channels: Channels of the input.
            out_channels: Channels of the output.
            kernel_size: Height and width of the kernel.
            stride: Vertical and horizontal stride.
            bias: Whether something is added to each channel of the output.
            modulated: Whether each sample is also weighed, by a number in (0, 2) that begins at 1.
        """
        super().__init__()
        from torchvision.ops import deform_conv2d  # noqa: PLC0415  a second to import

        self._convolve = deform_conv2d
        self.stride, self.modulated = stride, modulated
        self.padding = kernel_size // 2 if kernel_size % 2 else 0
        self.num_samples = kernel_size**2
        self.plain = nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=self.padding, bias=bias)
        num_outputs = (3 if modulated else 2) * self.num_samples
        self.offsets = nn.Conv2d(in_channels, num_outputs, kernel_size, stride=stride, padding=self.padding)
        for weight in self.offsets.parameters():
            nn.init.zeros_(weight)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C2 H2 W2"]:
        """Return the features of this layer."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            moved = self.offsets(features)
            outputs: Tensor = self._convolve(
                features,
                moved[:, : 2 * self.num_samples],
                self.plain.weight,
                self.plain.bias,
                stride=self.stride,
                padding=self.padding,
                mask=2 * moved[:, 2 * self.num_samples :].sigmoid() if self.modulated else None,
            )
        return outputs
