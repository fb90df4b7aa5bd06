"""The peer of the formula benchmarks: bcaitech1/p4-fr-connectnet, run from a checkout, never copied.

Its SATRN is imported as it is, with the sizes of its `configs/SATRN.yaml`: grey images of 128x128, 6,864,057 parameters
for 245 classes. What it needs to run without an accelerator is put in place here and listed in `Peer.changes`. The same
network of ours takes its weights one by one, so that both sides of a benchmark compute the same logits.
"""

import importlib
import math
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from _result import make_parser
from torch import Tensor, nn

from saccade.nn.dense_net import DenseEncoder
from saccade.nn.normalise import Normalise
from saccade.nn.positional_2d import Positional2d
from saccade.nn.satrn import EncoderLayers, SatrnEncoder
from saccade.nn.transformer_decoder import TransformerDecoder, TransformerDecoderOptions
from saccade.tasks.read.reader import EncoderDecoder

REPOSITORY = "https://github.com/bcaitech1/p4-fr-connectnet"
NUM_CLASSES, SIZE_PX, MEMORY_SIZE, MEMORY_LENGTH = 245, 128, 300, 256
PAD, BOS, EOS = 0, 1, 2
_THEIR_PAD, _THEIR_START = 2, 0
DROPOUT = 0.1
DECODER = TransformerDecoderOptions(
    hidden_size=128,
    filter_size=512,
    num_layers=3,
    num_heads=8,
    num_positions=500,
    dropout=DROPOUT,
    last_relu=True,
    attention_scale=128**-0.5,
    num_extra_rows=1,
    memory_queries="inputs",
)
ENCODER = EncoderLayers(num_layers=6, num_heads=8, head_size=37, filter_size=600, scale=296**-0.5, dropout=DROPOUT)


def parse_arguments(docstring: str | None, claim: str) -> tuple[Namespace, "Peer"]:
    """Return the options of a benchmark and its peer; end the program, with a word, where there is no peer."""
    parser = make_parser(docstring)
    parser.add_argument("--peer", type=Path, help=f"a checkout of {REPOSITORY}")
    arguments = parser.parse_args()
    if arguments.peer is None:
        print(f"{claim}: left out: give --peer DIR after: git clone {REPOSITORY}", file=sys.stderr)
        sys.exit(0 if arguments.quick else 2)
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    arguments.threads = torch.get_num_threads()
    try:
        return arguments, open_peer(arguments.peer)
    except FileNotFoundError as error:
        print(f"{claim}: {error}", file=sys.stderr)
        sys.exit(2)


@dataclass(frozen=True)
class Peer:
    """A checkout whose SATRN can be built, and what had to be put in place for that."""

    folder: Path
    changes: tuple[str, ...]

    def build_network(self) -> nn.Module:
        """Return its SATRN with fresh weights; call it with (images, expected, is_train, teacher_forcing_ratio)."""
        sizes = {
            "encoder": Namespace(hidden_dim=300, filter_dim=600, layer_num=6, head_num=8),
            "decoder": Namespace(src_dim=300, hidden_dim=128, filter_dim=512, layer_num=3, head_num=8),
        }
        flags = Namespace(data=Namespace(rgb=1), SATRN=Namespace(**sizes), dropout_rate=DROPOUT)
        vocabulary = Namespace(id_to_token=range(NUM_CLASSES), token_to_id={"<PAD>": _THEIR_PAD, "<SOS>": _THEIR_START})
        network: nn.Module = importlib.import_module("networks.SATRN").SATRN(flags, vocabulary)
        return network

    def describe(self) -> dict[str, Any]:
        """Return what a result keeps of the peer."""
        command = ["git", "-C", str(self.folder), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        return {"repository": REPOSITORY, "commit": commit or None, "changes": self.changes, "network": "SATRN"}


def open_peer(folder: Path) -> Peer:
    """Make the networks of a checkout importable in this process.

    Raises:
        FileNotFoundError: the folder is no checkout.
    """
    if not (folder / "networks" / "SATRN.py").is_file():
        raise FileNotFoundError(f"{folder} holds no networks/SATRN.py; git clone {REPOSITORY} and name that folder")
    changes: tuple[str, ...] = ()
    if not torch.cuda.is_available():
        # It moves its tables to `x.get_device()`, a number that is -1 on a CPU and names no device.
        torch.Tensor.get_device = lambda tensor: tensor.device  # type: ignore[assignment, method-assign, return-value]
        changes = ("torch.Tensor.get_device: the device itself, where its number would be -1",)
    sys.path.insert(0, str(folder.resolve()))
    return Peer(folder, changes)


def build_reader(weights_of: nn.Module | None = None) -> EncoderDecoder:
    """Return our SATRN of the same sizes, with the weights of theirs where it is given."""
    encoder = SatrnEncoder(DenseEncoder(1, MEMORY_SIZE), Positional2d(MEMORY_SIZE, dropout=DROPOUT), ENCODER)
    decoder = TransformerDecoder(NUM_CLASSES, MEMORY_SIZE, DECODER)
    reader = EncoderDecoder(encoder, decoder, Normalise((0.0,), (1.0,)))  # its loader gives grey levels 0..1
    if weights_of is not None:
        _copy(_list_state(weights_of), _list_state(reader))
    return reader


@torch.no_grad()
def _copy(sources: Iterable[Tensor], targets: Iterable[Tensor]) -> None:
    """Copy tensor by tensor: both networks define their layers in the same order."""
    for source, target in zip(sources, targets, strict=True):
        assert source.shape == target.shape, f"{tuple(source.shape)} beside {tuple(target.shape)}"
        target.copy_(source)


def _list_state(network: nn.Module) -> list[Tensor]:
    """Return the weights, and the statistics of batch norm, without the tables of positions."""
    statistics = [buffer for name, buffer in network.named_buffers() if "running" in name]
    return [*network.parameters(), *statistics]


@torch.no_grad()
def compare_logits(theirs: nn.Module, ours: EncoderDecoder, images: Tensor) -> float:
    """Return the largest difference of the logits of a known text, without dropout; images are grey levels 0..255."""
    was_training = theirs.training, ours.training
    theirs.eval(), ours.eval()
    tokens = torch.randint(3, NUM_CLASSES, (len(images), 9), generator=torch.Generator().manual_seed(0))
    # Their network draws its coin from `is_train`: true with a ratio of 1 is the pass over a known text.
    wanted = theirs(images / 255, tokens, True, 1.0)
    difference = float((ours(images, tokens[:, :-1]) - wanted).abs().max())
    theirs.train(was_training[0]), ours.train(was_training[1])
    assert math.isfinite(difference) and difference < 1e-3, f"the two networks differ by {difference}"
    return difference


def make_images(num_images: int) -> Tensor:
    """Return grey levels 0..255 as floats, [B 1 H W]."""
    return torch.randint(256, (num_images, 1, SIZE_PX, SIZE_PX), generator=torch.Generator().manual_seed(1)).float()
