"""Readers that write one token after the other: an encoder that looks at the image once and a decoder that asks it.

`EncoderDecoder` is one network with two ways in. `forward` gives the logits of known texts, for the loss; `init` and
`step` go on token by token, for the searches of `search.py`. Both give the same logits for the same text.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor, nn

from saccade.nn.attention_decoder import AttentionDecoder
from saccade.nn.decoding import DecoderState
from saccade.nn.encoding import Encoder
from saccade.nn.transformer_decoder import TransformerDecoder
from saccade.tasks.base import send_positions
from saccade.text.sequence_vocabulary import SequenceVocabulary

PAD_ID, BOS_ID = SequenceVocabulary.pad_id, SequenceVocabulary.bos_id


class EncoderDecoder(nn.Module):
    """Normalisation, encoder and decoder: uint8 images in, logits or log-probabilities of the next token out."""

    never: Tensor
    decoder: TransformerDecoder | AttentionDecoder

    def __init__(self, encoder: Encoder, decoder: TransformerDecoder | AttentionDecoder, normalise: nn.Module) -> None:
        """Join the three parts."""
        super().__init__()
        self.normalise, self.encoder, self.decoder = normalise, encoder, decoder
        never = torch.zeros(decoder.num_classes)
        never[[PAD_ID, BOS_ID]] = float("-inf")
        self.register_buffer("never", never, persistent=False)

    def forward(
        self,
        images: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"],
        inputs: Int64[Tensor, "B L"],
        forced: Bool[Tensor, " B"] | None = None,
    ) -> Float[Tensor, "B L V"]:
        """Return the logits of the token that follows each input.

        Args:
            images: Grey levels 0..255.
            inputs: The begin-of-sequence token, the text and padding.
            forced: Rows that see their inputs; the others see the begin-of-sequence token and what they would themselves
                have written after it, as many tokens as they have inputs. No gradient goes through that choice. Best
                on the CPU: what lies on a device has to be waited for. Default: all.
        """
        memory = self.encode(images)
        if forced is not None and not bool(forced.all()):
            inputs = self._replace_inputs(memory.detach(), inputs, ~forced.cpu())
        logits: Tensor = self.decoder(memory, inputs)
        return logits

    def encode(self, images: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]) -> Float[Tensor, "B M D"]:
        """Return the memory of images."""
        memory: Tensor = self.encoder(self.normalise(images))
        return memory

    def compute_attention(
        self, images: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"], inputs: Int64[Tensor, "B L"]
    ) -> Float[Tensor, "B L M"]:
        """Return where the decoder looks for the token that follows each input; M is the encoder's grid, row by row."""
        return self.decoder.compute_attention(self.encode(images), inputs)

    def init(self, images: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]) -> DecoderState:
        """Return the state of one empty beam an image."""
        return self.decoder.init(self.encode(images))

    def step(self, state: DecoderState, tokens: Int64[Tensor, "B N"]) -> Float[Tensor, "B N V"]:
        """Append a token to each beam; return fp32 log-probabilities of the next, pad and begin-of-sequence excluded."""
        return (self.decoder.step(state, tokens).float() + self.never).log_softmax(dim=2)

    def _replace_inputs(self, memory: Tensor, inputs: Tensor, free: Tensor) -> Tensor:
        """Return inputs in which the free rows hold their own predictions; what was padding stays padding."""
        rows = send_positions(free.nonzero().squeeze(1), inputs.device)
        given = inputs[rows]
        num_tokens = given.shape[1] - 1
        if inputs.device.type == "cpu":  # elsewhere it would be waited for, to spare the steps behind the longest text
            num_tokens = int((given != PAD_ID).sum(dim=1).max()) - 1
        own = self._write(memory[rows], num_tokens)
        replaced = inputs.clone()
        after = given[:, 1 : 1 + num_tokens]
        replaced[rows, 1 : 1 + num_tokens] = torch.where(after == PAD_ID, after, own)
        return replaced

    @torch.no_grad()
    def _write(self, memory: Tensor, num_tokens: int) -> Tensor:
        """Return the first tokens that the decoder would write, greedily and without dropout, (B, num_tokens)."""
        training = [module for module in self.decoder.modules() if module.training]
        self.decoder.eval()
        tokens = [torch.full((len(memory), 1), BOS_ID, device=memory.device)]
        try:
            state = self.decoder.init(memory)
            for _ in range(num_tokens):
                logits = self.decoder.step(state, tokens[-1]) + self.never
                tokens.append(logits.argmax(dim=2))
        finally:
            for module in training:
                module.training = True
        # Older PyTorch hands weights that autocast cast in here, without a gradient, to the pass that needs one.
        torch.clear_autocast_cache()
        return torch.cat(tokens, dim=1)[:, 1:]


class EncodedReader:
    """A reader that is given the memory of images instead of the images, so that what else asks for it need not encode them again."""

    def __init__(self, reader: Any) -> None:
        """Keep the reader, an `EncoderDecoder`."""
        self._reader = reader

    def init(self, memory: Float[Tensor, "B M D"]) -> DecoderState:
        """Return the state of one empty beam an image."""
        state: DecoderState = self._reader.decoder.init(memory)
        return state

    def step(self, state: DecoderState, tokens: Int64[Tensor, "B N"]) -> Float[Tensor, "B N V"]:
        """Append a token to each beam; return log-probabilities of the next."""
        answers: Tensor = self._reader.step(state, tokens)
        return answers
