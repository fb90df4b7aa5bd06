"""Whole batches of small images, augmented each by draws of its own, at 5,000 images a second on one core and without a wait.

Floor: 512 RGB images of 32x32 are 1.6 MB of bytes. Each of the chain's stages (crop and flip, two operations of
AutoAugment, erasing, mixing) reads and writes them once through an index or a table, and PyTorch gathers 300 to 600
million bytes a second on one core of 2.5 GHz: 3 to 5 ms a stage, 15 to 25 ms a batch, 20,000 to 35,000 images a second. On an
accelerator bytes are nothing and calls are all: 5 to 10 microseconds of the host each, and the whole queue for a call
that waits for a result.

Counted, in images a second on the CPU: crop with 4 px of padding, flip, AutoAugment (ImageNet's policy), RandomErasing 0.25
and MixUp or CutMix, every image with draws of its own. kornia 0.9 gives a batch one pair of AutoAugment's 25, so each
pair is called on the images that drew it; it begins with floats, which spares it the conversion. torchvision's
transforms (v2) work image by image on bytes. `kept` is the time of training on a batch beside that time and
augmentation: SGD, float32, a RegNet of timm at 32x32. With one thread the clock is that of the processor. Calls and waits
are counted with PyTorch's dispatch mode; a wait is a call whose result, or its size, the host must know.

kornia is no dependency: `pip install --target DIR --no-deps kornia kornia_rs`, then `--peer-path DIR`.
"""

import importlib.util
import statistics
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from _result import Goal, Row, make_parser, measure_in_turn, write_result
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms import v2

from saccade.augment.batch import augment_images
from saccade.augment.draws import Draws
from saccade.augment.mix import mix_images
from saccade.recipes.tables.classify import AutoAugment, ClassifyAugment, MixUpCutMix, RandomErasing, RandomFlip

TABLE = ClassifyAugment(
    crop_padding_px=4, flip=RandomFlip(), policy=AutoAugment(), erasing=RandomErasing(), mix=MixUpCutMix()
)
NETWORKS = {"regnetx_002": 4.1, "regnetx_008": 16.4}
"""timm's names, and MMAC at 32x32 of each."""
NUM_CLASSES = 100
KEPT = 0.8
"""The rule: kornia, if it keeps this share of the throughput without augmentation."""
Augment = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]
"""Images uint8 [B, 3, 32, 32], labels [B] and the number of the step, to images and labels."""


def augment_ours(images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, Tensor]:
    draws = Draws(seed=step, epoch=0, rows=slice(0, len(images)), num_rows=len(images), done_fraction=0.0)
    mixed = mix_images(augment_images(images, labels, TABLE, draws), TABLE.mix, draws)
    return mixed.images, labels


def make_kornia() -> Augment:
    """Return the same chain of kornia's parts, each image with draws of its own."""
    import kornia.augmentation as K
    from kornia.augmentation.auto import AutoAugment as Policy

    crop = K.RandomCrop((32, 32), padding=4, fill=0.5)
    flip, erase = K.RandomHorizontalFlip(p=0.5), K.RandomErasing(p=0.25, scale=(0.02, 1 / 3), value=0.5)
    pairs = list(Policy("imagenet").children())
    keys, rng = ["input", "class"], np.random.default_rng(0)
    mixup = K.RandomMixUpV2(p=1.0, lambda_val=torch.tensor([0.0, 1.0]), data_keys=keys)
    cutmix = K.RandomCutMixV2(p=1.0, data_keys=keys, use_correct_lambda=True)

    def augment(images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, Tensor]:
        images = flip(crop(images))
        choices = rng.integers(len(pairs), size=len(images))
        result = torch.empty_like(images)
        for number, pair in enumerate(pairs):
            rows = torch.from_numpy(np.flatnonzero(choices == number))
            if len(rows):
                result[rows] = pair(images[rows])
        images, half = erase(result), len(images) // 2
        parts = [mixup(images[:half], labels[:half])[0], cutmix(images[half:], labels[half:])[0]]
        return torch.cat(parts), labels

    return augment


def make_torchvision() -> Augment:
    """Return the same chain of torchvision's transforms, image by image up to mixing."""
    fill = 128
    one = v2.Compose(
        [
            v2.RandomCrop(32, padding=4, fill=fill),
            v2.RandomHorizontalFlip(),
            v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET, fill=fill),
            v2.RandomErasing(p=0.25, scale=(0.02, 1 / 3), value=fill),
        ]
    )
    mix = v2.RandomChoice([v2.MixUp(num_classes=NUM_CLASSES), v2.CutMix(num_classes=NUM_CLASSES)])

    def augment(images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, Tensor]:
        done = torch.stack([one(image) for image in images]).float().div_(255)
        mixed: Tensor = mix(done, labels)[0]
        return mixed, labels

    return augment


class CallCounter(TorchDispatchMode):
    """Counts tensor operations that compute, and those that would make the host wait for a device."""

    VIEWS = (
        "view",
        "expand",
        "slice",
        "select",
        "unsqueeze",
        "squeeze",
        "transpose",
        "permute",
        "alias",
        "detach",
        "unbind",
    )
    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "unique", "bincount")

    def __init__(self) -> None:
        super().__init__()
        self.num_calls = self.num_waits = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        self.num_calls += not name.startswith(self.VIEWS)
        by_mask = name in ("index", "index_put", "index_put_") and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        )
        self.num_waits += by_mask or name.startswith(self.WAITS)
        return func(*args, **(kwargs or {}))


def count_calls(augment: Augment, images: Tensor, labels: Tensor) -> dict[str, int]:
    with CallCounter() as counter:
        augment(images, labels, 0)
    return {"calls_a_batch": counter.num_calls, "waits_a_batch": counter.num_waits}


def _read_clock() -> float:
    """Read the processor's time where one thread computes: what others do on the machine then hardly shows."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def measure_chain(augment: Augment, images: Tensor, labels: Tensor, num_batches: int) -> float:
    """Return images a second of the augmentation alone."""
    start = _read_clock()
    for step in range(num_batches):
        augment(images, labels, step)
    return num_batches * len(images) / (_read_clock() - start)


def train_batch(network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    """Train on a batch in four steps, which stay nearer to the cache than one."""
    for part, target in zip(images.chunk(4), labels.chunk(4), strict=True):
        inputs = (part.float().div_(255) - 0.5).contiguous(memory_format=torch.channels_last)
        nn.functional.cross_entropy(network(inputs), target).backward()
        optimizer.step()
        optimizer.zero_grad()


def compare_chains(feeds: dict[str, tuple[Augment, Tensor, Tensor]], arguments: Namespace) -> list[Row]:
    """Return a row for each peer, kornia first."""
    num_batches, num_repeats = (1, 1) if arguments.quick else (4, 7)
    sides = {name: partial(measure_chain, *feed, num_batches) for name, feed in feeds.items()}
    for feed in feeds.values():
        measure_chain(*feed, 1)  # first calls allocate
    measured = measure_in_turn(sides, num_repeats)
    counted = {name: count_calls(*feed) for name, feed in feeds.items()}
    return [
        Row(
            f"full augmentation beside {peer}",
            "images/s",
            list(zip(measured["ours"], measured[peer], strict=True)),
            higher_is_better=True,
            goal=Goal("ours", 5000),
            details={"calls": {"ours": counted["ours"], peer: counted[peer]}},
        )
        for peer in feeds
        if peer != "ours"
    ]


def compare_kept(name: str, feeds: dict[str, tuple[Augment, Tensor, Tensor]], arguments: Namespace) -> Row:
    """Return the share of a training loop's throughput that is left with augmentation, ours and kornia's.

    Each repeat trains on a batch and then augments it by either, so that all three find the caches and the machine alike.
    """
    network = timm.create_model(name, num_classes=NUM_CLASSES).train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    _, images, labels = feeds["ours"]
    sides: dict[str, Callable[[], object]] = {"training": partial(train_batch, network, optimizer, images, labels)}
    sides |= {side: partial(augment, *inputs, 0) for side, (augment, *inputs) in feeds.items() if side != "torchvision"}
    sides["training"]()  # the first step allocates
    measured = measure_in_turn(
        {side: partial(_measure_seconds, run) for side, run in sides.items()}, 1 if arguments.quick else 7
    )
    kept = {
        side: [step / (step + extra) for step, extra in zip(measured["training"], seconds, strict=True)]
        for side, seconds in measured.items()
    }
    return Row(
        f"kept by a training loop of {name}, {NETWORKS[name]:g} MMAC",
        "of the throughput without augmentation",
        list(zip(kept["ours"], kept.get("kornia", [None] * len(kept["ours"])), strict=True)),
        higher_is_better=True,
        goal=Goal("ours", KEPT),
        details={"seconds_a_batch": {side: statistics.median(seconds) for side, seconds in measured.items()}},
    )


def _measure_seconds(run: Callable[[], object]) -> float:
    start = _read_clock()
    run()
    return _read_clock() - start


def main() -> None:
    begun = time.perf_counter()
    parser = make_parser(__doc__)
    parser.add_argument(
        "--peer-path", type=Path, help="folder that kornia was installed into, where it is not installed"
    )
    arguments = parser.parse_args()
    if arguments.peer_path is not None:
        sys.path.insert(0, str(arguments.peer_path.resolve()))
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    arguments.threads = torch.get_num_threads()
    batch_size = 64 if arguments.quick else 512
    torch.manual_seed(0)
    images = torch.randint(0, 256, (batch_size, 3, 32, 32), dtype=torch.uint8)
    labels = torch.randint(0, NUM_CLASSES, (batch_size,))
    floats = images / 255
    feeds: dict[str, tuple[Augment, Tensor, Tensor]] = {"ours": (augment_ours, images, labels)}
    if importlib.util.find_spec("kornia"):
        feeds["kornia"] = (make_kornia(), floats, labels)
    else:
        print(
            "kornia is left out: pip install --target DIR --no-deps kornia kornia_rs, --peer-path DIR", file=sys.stderr
        )
    feeds["torchvision"] = (make_torchvision(), images, labels)
    names = list(NETWORKS)[:1] if arguments.quick else list(NETWORKS)
    rows = [*compare_chains(feeds, arguments), *(compare_kept(name, feeds, arguments) for name in names)]
    settings = {
        "images": f"{batch_size} of 32x32, RGB, noise",
        "augment": TABLE.model_dump(mode="json"),
        "clock": "of the processor" if arguments.threads == 1 else "of the wall",
        "loop": "SGD, float32, channels_last, four steps a batch",
        "kornia": sys.modules["kornia"].__version__ if "kornia" in sys.modules else None,
    }
    write_result("augmentation", rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
