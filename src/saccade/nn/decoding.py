"""What every decoder that writes one token after the other offers: the whole of a known text at once, and step by step.

Rows of a state are images, columns their beams: `B` images, `N` beams each, one beam in greedy decoding. What depends
on the image alone (keys and values of its memory) is kept once an image, however many beams it has.
"""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor


@runtime_checkable
class DecoderState(Protocol):
    """What a decoder remembers of the tokens so far; `step` changes it in place."""

    def select(self, beams: Int64[Tensor, "B N"]) -> None:
        """Let beam n of image b go on from what was its beam `beams[b, n]`; N may grow and shrink."""

    def keep(self, images: Int64[Tensor, " K"]) -> None:
        """Forget all images but these, in this order."""


@runtime_checkable
class Decoder(Protocol):
    """A module with these three."""

    def __call__(self, memory: Float[Tensor, "B M D"], inputs: Int64[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Return the logits of the token that follows each input; `inputs` begins with the begin-of-sequence token.

        Position l sees inputs 0..l alone, so padding behind a text changes nothing before it.
        """

    def init(self, memory: Float[Tensor, "B M D"]) -> DecoderState:
        """Return the state of one empty beam an image."""

    def step(self, state: DecoderState, tokens: Int64[Tensor, "B N"]) -> Float[Tensor, "B N V"]:
        """Append a token to each beam; return the logits of the one that follows."""
