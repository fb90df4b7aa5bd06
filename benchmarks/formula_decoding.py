"""Greedy decoding 10 times as fast as the code of the formulas series, 1.5 times as fast as Hugging Face's `generate`.

The network is the series' SATRN, 6,864,057 parameters, with the same weights on both sides (the result holds by how much
their logits of a known text differ); images of 128x128 px give a memory of 256 x 300. 16 images, 230 steps, as its
`inference.py` runs them: nothing ends earlier on either side. The peer is a checkout of the public repository:

    git clone https://github.com/bcaitech1/p4-fr-connectnet
    python benchmarks/formula_decoding.py --peer p4-fr-connectnet

loop     the decoder with given encoder outputs, tokens a second. Floor: a step reads the projected memory, 3 layers x 2 x
         16 x 256 x 128 x 4 bytes = 12.6 MB, half of that again for the text so far, and 2.8 MB of weights: 21 MB, 1 to 2 ms
         from the caches of two cores. Theirs projects the memory anew at each step, 16 x 256 x 300 x 128 x 2 x 3 = 0.94
         GMAC, and the text so far, 0.18 on average: 20 to 30 ms. Prediction: 15 times.
generate the same decoder loop beside `transformers`, a post-norm decoder of the same sizes over a memory of 256 x 128; made
         only where that package is installed, and left out with a word otherwise. It keeps its cache too and differs by
         what it does around the layers, several milliseconds a step. Prediction: 2.5 times.
whole    images in, tokens out, both encoders included; no goal. Prediction: 3 times: encoding takes about 2 s on both sides.
beam     seconds of a beam of five beside greedy search: at most 3. Floor: five times the rows for the linear maps, but the
         memory is read once for all beams. Prediction: 2.7.
memory   peak beyond what the process held after two steps, for 64 images and 254 tokens: below 2 GiB. Floor: the state, 50
         MB of memory's keys and values and 50 MB a beam of the text's. Prediction: 0.2 GiB, 0.9 with five beams, whose rows
         are copied when they change.
"""

import argparse
import importlib.util
import multiprocessing
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from _connectnet import (
    BOS,
    DECODER,
    EOS,
    MEMORY_LENGTH,
    MEMORY_SIZE,
    NUM_CLASSES,
    PAD,
    Peer,
    build_reader,
    compare_logits,
    make_images,
    parse_arguments,
)
from _result import Goal, Row, measure_in_turn, write_result
from torch import Tensor, nn

from saccade.nn.transformer_decoder import TransformerDecoder
from saccade.nn.transformer_step import TransformerState
from saccade.tasks.read.search import search_beam, search_greedy

BEAM_WIDTH = 5
MANY_IMAGES, MANY_TOKENS = 64, 254


class Endless:
    """A decoder as a reader whose images are encoder outputs; it never ends a text, so that all are as long as asked."""

    def __init__(self, decoder: TransformerDecoder) -> None:
        self.decoder = decoder
        self.never = torch.zeros(decoder.num_classes)
        self.never[[PAD, BOS, EOS]] = float("-inf")
        self.state: TransformerState | None = None

    def init(self, memory: Tensor) -> TransformerState:
        """Return the state of one empty beam an image, and keep it for a look at its size."""
        self.state = self.decoder.init(memory)
        return self.state

    def step(self, state: Any, tokens: Tensor) -> Tensor:
        """Return log-probabilities of the next token."""
        return (self.decoder.step(state, tokens) + self.never).log_softmax(dim=2)


def make_memory(num_images: int, size: int = MEMORY_SIZE) -> Tensor:
    return torch.randn(num_images, MEMORY_LENGTH, size, generator=torch.Generator().manual_seed(2))


def time_call(call: Callable[[], Any]) -> float:
    with torch.inference_mode():
        start = time.perf_counter()
        call()
        return time.perf_counter() - start


def compare(sides: dict[str, Callable[[], Any]], num_repeats: int) -> list[tuple[float, float]]:
    """Return seconds of both sides, in turn, after one call of each that warms up."""
    for call in sides.values():
        time_call(call)
    measured = measure_in_turn({name: partial(time_call, call) for name, call in sides.items()}, num_repeats)
    return list(zip(*measured.values(), strict=True))


def compare_with_peer(peer: Peer, arguments: argparse.Namespace) -> list[Row]:
    """Return tokens a second of the decoder loop and of whole calls."""
    num_images, num_steps = arguments.num_images, arguments.num_steps
    theirs: Any = peer.build_network().eval()
    ours = build_reader(theirs).eval()
    images, memory = make_images(num_images), make_memory(num_images)
    difference = compare_logits(theirs, ours, images[:2])
    expected = torch.full((num_images, num_steps + 1), 3)

    def read_whole() -> None:
        search_greedy(Endless(ours.decoder), ours.encode(images), num_steps - 1)

    loop = {
        "ours": lambda: search_greedy(Endless(ours.decoder), memory, num_steps - 1),
        "theirs": lambda: theirs.decoder(memory, expected, False, num_steps + 1, 0.0),
    }
    whole = {"ours": read_whole, "theirs": lambda: theirs(images / 255, expected, False, 0.0)}
    rows = []
    for name, sides, goal in (("loop", loop, Goal("ratio", 10.0)), ("whole", whole, None)):
        speeds = [
            (num_images * num_steps / ours_seconds, num_images * num_steps / their_seconds)
            for ours_seconds, their_seconds in compare(sides, arguments.num_repeats)
        ]
        title = {"loop": "decoder loop beside the series' code", "whole": "whole call beside the series' code"}[name]
        details = {"largest_difference_of_logits": difference}
        rows.append(Row(title, "tokens/s", speeds, higher_is_better=True, goal=goal, details=details))
    return rows


def build_generator(memory: Tensor, num_steps: int) -> Callable[[], Any]:
    """Return a call of Hugging Face's `generate` over given encoder outputs."""
    from transformers import BartConfig, BartForConditionalGeneration  # type: ignore[import-not-found]
    from transformers.modeling_outputs import BaseModelOutput  # type: ignore[import-not-found]

    config = BartConfig(
        vocab_size=NUM_CLASSES, d_model=DECODER.hidden_size, encoder_layers=1, decoder_layers=DECODER.num_layers,
        encoder_attention_heads=DECODER.num_heads, decoder_attention_heads=DECODER.num_heads,
        encoder_ffn_dim=DECODER.filter_size, decoder_ffn_dim=DECODER.filter_size, activation_function="relu",
        max_position_embeddings=512, scale_embedding=True, pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS,
        decoder_start_token_id=BOS, forced_eos_token_id=None,
    )  # fmt: skip
    model = BartForConditionalGeneration(config).eval()
    options = {"max_new_tokens": num_steps, "min_new_tokens": num_steps, "do_sample": False, "num_beams": 1}

    def generate() -> Any:
        tokens = model.generate(encoder_outputs=BaseModelOutput(last_hidden_state=memory), use_cache=True, **options)
        assert tokens.shape == (len(memory), num_steps + 1), tokens.shape
        return tokens

    return generate


def compare_with_generate(arguments: argparse.Namespace) -> Row:
    """Return tokens a second of the decoder loop beside `generate`."""
    num_images, num_steps = arguments.num_images, arguments.num_steps
    memory = make_memory(num_images, DECODER.hidden_size)
    options = replace(DECODER, last_relu=False, attention_scale=None, num_extra_rows=0, memory_queries="attended")
    reader = Endless(TransformerDecoder(NUM_CLASSES, DECODER.hidden_size, options).eval())
    sides = {
        "ours": lambda: search_greedy(reader, memory, num_steps - 1),
        "theirs": build_generator(memory, num_steps),
    }
    speeds = [
        (num_images * num_steps / ours, num_images * num_steps / theirs)
        for ours, theirs in compare(sides, arguments.num_repeats)
    ]
    title = "decoder loop beside Hugging Face's generate"
    return Row(title, "tokens/s", speeds, higher_is_better=True, goal=Goal("ratio", 1.5))


def compare_beams(arguments: argparse.Namespace) -> Row:
    """Return seconds of a beam of five and of greedy search."""
    reader: Any = Endless(build_decoder())
    memory, max_length = make_memory(arguments.num_images), arguments.num_steps - 1
    sides = {
        "beam": lambda: search_beam(reader, memory, BEAM_WIDTH, max_length),
        "greedy": lambda: search_greedy(reader, memory, max_length),
    }
    pairs = compare(sides, arguments.num_repeats)
    title = f"beam of {BEAM_WIDTH} beside greedy, decoder loop"
    return Row(title, "s", pairs, higher_is_better=False, goal=Goal("ratio", 3.0))


def build_decoder() -> TransformerDecoder:
    torch.manual_seed(0)
    decoder = TransformerDecoder(NUM_CLASSES, MEMORY_SIZE, DECODER).eval()
    nn.init.normal_(decoder.classifier.weight, std=0.3)  # margins like those of a trained decoder
    return decoder


def read_peak() -> int:
    """Return the most bytes that this process has held so far."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")


def measure_peak(width: int, num_images: int, num_tokens: int, answers: Any) -> None:
    """Put bytes of the peak beyond the start, and of the state at the end, into a queue; runs in a process of its own."""
    reader = Endless(build_decoder())
    memory = make_memory(num_images)
    search_beam(reader, memory[:2], width, 1)
    before = read_peak()
    search_beam(reader, memory, width, num_tokens - 1)
    assert reader.state is not None
    answers.put((read_peak() - before, reader.state.num_bytes))


def measure_memory(width: int, arguments: argparse.Namespace) -> Row:
    """Return the memory that many long texts take."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    num_images, num_tokens = arguments.many
    process = context.Process(target=measure_peak, args=(width, num_images, num_tokens, answers))
    process.start()
    peak_bytes, state_bytes = answers.get(timeout=600)
    process.join()
    title = f"peak memory of {num_images} images x {num_tokens} tokens, {width} {'beams' if width > 1 else 'beam'}"
    details = {"state_mebibytes": state_bytes / 2**20}
    pairs = [(peak_bytes / 2**20, None)]
    return Row(title, "MiB", pairs, higher_is_better=False, goal=Goal("ours", 2048.0), details=details)


def main() -> None:
    begun = time.perf_counter()
    arguments, peer = parse_arguments(__doc__, "formula_decoding")
    arguments.num_images, arguments.num_steps, arguments.num_repeats = (2, 6, 1) if arguments.quick else (16, 230, 5)
    arguments.many = (2, 8) if arguments.quick else (MANY_IMAGES, MANY_TOKENS)
    rows, left_out = compare_with_peer(peer, arguments), {}
    if importlib.util.find_spec("transformers") is None:
        left_out["generate"] = "transformers is not installed"
        print("formula_decoding: generate left out: transformers is not installed", file=sys.stderr)
    else:
        rows.append(compare_with_generate(arguments))
    rows.append(compare_beams(arguments))
    rows += [measure_memory(width, arguments) for width in (1, BEAM_WIDTH)]
    settings = {
        "peer": peer.describe(),
        "images": arguments.num_images,
        "steps": arguments.num_steps,
        "memory": [MEMORY_LENGTH, MEMORY_SIZE],
        "left_out": left_out,
    }
    write_result("formula_decoding", rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
