"""The encoder of the Attention and ASTER readers: a backbone whose vectors an LSTM reads in both directions, row after row.

In front there may be a rectification of the images (ASTER). In the formulas series the rows of a map follow each other
as the lines of a page, so that the LSTM goes from the end of one to the begin of the next.
"""

from jaxtyping import Float
from torch import Tensor, nn

from saccade.nn.encoding import Encoder
from saccade.nn.sequence import BiLstm
from saccade.nn.tps import TpsRectifier


class RecurrentEncoder(nn.Module):
    """Rectification where it is given, backbone, and a bidirectional LSTM unless it has no layers."""

    def __init__(
        self,
        backbone: Encoder,
        *,
        hidden_size: int = 256,
        num_layers: int = 2,
        rectifier: TpsRectifier | None = None,
    ) -> None:
        """Build the LSTM.

        Args:
            backbone: What makes vectors of an image.
            hidden_size: Length of a state of the LSTM; the memory's vectors are twice as long.
            num_layers: Layers of the LSTM; 0: the memory is what the backbone gives.
            rectifier: What straightens the images in front of the backbone.
        """
        super().__init__()
        self.rectifier, self.backbone = rectifier, backbone
        self.lstm = BiLstm(backbone.out_size, hidden_size, num_layers) if num_layers else None
        self.out_size = self.lstm.out_size if self.lstm else backbone.out_size

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B M D"]:
        """Return the memory, row by row of what the backbone sees."""
        vectors = self.backbone(self.rectify(images))
        if self.lstm is None:
            return vectors
        memory: Tensor = self.lstm(vectors)
        return memory

    def rectify(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H2 W2"]:
        """Return the images as the backbone sees them; attention over the memory is drawn over these."""
        if self.rectifier is None:
            return images
        rectified: Tensor = self.rectifier(images)
        return rectified

    def shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Return the rows and columns of the memory, over the rectified image where there is a rectifier.

        Raises:
            ValueError: the image is too small for the backbone.
        """
        if self.rectifier is not None:
            height_px, width_px = self.rectifier.out_px
        return self.backbone.shape(height_px, width_px)
