"""A training step of the series' SATRN: no slower than its code on known texts, 1.5 times as fast at its forcing ratio of .5.

Both sides are the same network of 6,864,057 parameters with the same weights, in training mode, and see the same images
of 128x128 px and texts: forward, cross-entropy, backward, clipping at 2, Adam. Theirs is the body of the loop of its
`train.py` up to the update, without the strings that it compares after each batch; ours is `EncoderDecoder` with the same
lines around it (what `fit` adds to them is the claim of `fit_overhead`). The peer is a checkout of the public repository:

    git clone https://github.com/bcaitech1/p4-fr-connectnet
    python benchmarks/formula_training.py --peer p4-fr-connectnet

known    every row sees its text. Floor: 16 images cost about 16 x 2 GMAC forward and twice that backward, 0.2 TFLOP or 2 to
         4 s on two cores; both run the same kernels but for attention, which ours leaves to PyTorch's fused one. The
         goal is a ratio of seconds of at most 1.02, which two runs of the same code reach. Prediction: 0.97.
half     ratio .5: theirs throws one coin a batch and, for half of them, decodes step by step with gradients through every
         step; its figure is the mean of a forced and a free step. Ours lets half of the rows see what they would have
         written, decodes those without gradients and goes over all rows at once. Floor: a known step plus 100 steps of a
         decoder over 8 rows, 0.1 s. Theirs keeps 100 steps with 1.1 GMAC each and goes back through them: 5 to 10 s more
         for a free step. Prediction: 2 times.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from _connectnet import BOS, NUM_CLASSES, PAD, Peer, build_reader, compare_logits, make_images, parse_arguments
from _result import Goal, Row, measure_in_turn, write_result
from torch import Tensor, nn
from torch.nn import functional

NO_SLOWER = 1.02
"""A ratio that two runs of the same code reach on an idle machine."""
RATE, CLIP_NORM = 5e-4, 2.0


class TheirTraining:
    """The loop body of its `train.py`, lines in its order."""

    def __init__(self, network: Any, tokens: Tensor, images: Tensor) -> None:
        self.model, self.expected, self.input = network.train(), tokens, images / 255
        self.criterion = network.criterion
        self.optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
        self.loss = torch.tensor(0.0)

    def step(self, teacher_forcing_ratio: float) -> None:
        """Update the weights once; a ratio of 1 or 0 leaves nothing to its coin."""
        output = self.model(self.input, self.expected, True, teacher_forcing_ratio)
        decoded_values = output.transpose(1, 2)
        torch.topk(decoded_values, 1, dim=1)
        loss = self.criterion(decoded_values, self.expected[:, 1:])
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), max_norm=CLIP_NORM)
        self.optimizer.step()
        self.loss = loss.detach()


class OurTraining:
    """The same lines around our reader."""

    def __init__(self, reader: nn.Module, tokens: Tensor, images: Tensor) -> None:
        self.model, self.tokens, self.images = reader.train(), tokens, images
        self.optimizer = torch.optim.Adam(reader.parameters(), lr=RATE)
        self.loss = torch.tensor(0.0)

    def step(self, num_free: int) -> None:
        """Update the weights once; that many rows see what they would have written."""
        forced = torch.arange(len(self.images)) >= num_free
        logits = self.model(self.images, self.tokens[:, :-1], forced)
        loss = functional.cross_entropy(logits.transpose(1, 2), self.tokens[:, 1:], ignore_index=PAD)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), max_norm=CLIP_NORM)
        self.optimizer.step()
        self.loss = loss.detach()


def time_steps(steps: list[Callable[[], None]]) -> float:
    """Return mean seconds of these steps."""
    start = time.perf_counter()
    for step in steps:
        step()
    return (time.perf_counter() - start) / len(steps)


def compare_training(peer: Peer, arguments: argparse.Namespace) -> list[Row]:
    """Return seconds of a step with known texts and with half of them free."""
    num_images, num_tokens = arguments.num_images, arguments.num_tokens
    torch.manual_seed(0)
    tokens = torch.randint(3, NUM_CLASSES, (num_images, num_tokens + 1))  # no padding: theirs counts it, ours does not
    tokens[:, 0] = BOS
    images = make_images(num_images)
    network = peer.build_network()
    reader = build_reader(network)
    difference = compare_logits(network, reader, images[:2])
    theirs, ours = TheirTraining(network, tokens, images), OurTraining(reader, tokens, images)
    sides: dict[str, dict[str, list[Callable[[], None]]]] = {
        "known": {"ours": [partial(ours.step, 0)], "theirs": [partial(theirs.step, 1.0)]},
        "half": {
            "ours": [partial(ours.step, num_images // 2)],
            "theirs": [partial(theirs.step, 1.0), partial(theirs.step, 0.0)],
        },
    }
    goals = {
        "known": ("training step, known texts", Goal("ratio", NO_SLOWER)),
        "half": ("steps at a forcing ratio of .5", Goal("ratio", 1.5)),
    }
    rows = []
    for name, both in sides.items():
        warm_up = {side: time_steps(steps) for side, steps in both.items()}
        measured = measure_in_turn(
            {side: partial(time_steps, steps) for side, steps in both.items()}, arguments.num_repeats
        )
        pairs = list(zip(measured["ours"], measured["theirs"], strict=True))
        details = {
            "largest_difference_of_logits": difference,
            "last_loss": {"ours": float(ours.loss), "theirs": float(theirs.loss)},
            "seconds_of_warm_up": warm_up,
        }
        title, goal = goals[name]
        if name == "half":  # a speed, so that the goal is how many times as fast
            pairs = [(1 / mine, 1 / other) for mine, other in pairs]
        unit = "steps/s" if name == "half" else "s"
        rows.append(Row(title, unit, pairs, higher_is_better=name == "half", goal=goal, details=details))
    return rows


def main() -> None:
    begun = time.perf_counter()
    arguments, peer = parse_arguments(__doc__, "formula_training")
    arguments.num_images, arguments.num_tokens, arguments.num_repeats = (2, 6, 1) if arguments.quick else (16, 100, 5)
    rows = compare_training(peer, arguments)
    settings = {"peer": peer.describe(), "images": arguments.num_images, "tokens": arguments.num_tokens}
    write_result("formula_training", rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
