"""Images a second of ResNet-50 at 32x32 on one accelerator: reach 10,000, goal 15,000, moonshot 30,000.

timm's resnet50 with a 3x3 stem of stride 1 and no pool (1.30 GMAC an image), bf16, channels_last, SGD, and the full
augmentation of the strong CIFAR recipe, over drawn images that live on the device. One call measures in turn

ours        `engine.step.train_step` with augmentation, as `saccade train` runs it;
plain       the same without augmentation: what augmentation costs (at most 10 %);
bare        a loop of forward, backward and update over one batch that is already there;
torchvision the bare loop fed by torchvision's transforms v2, image by image, through a DataLoader with a worker a core.

Floors: 3 x 2 x 1.30 GFLOP an image at the rate of a large bf16 matrix product, measured here, is about 100,000 images/s
on an H200; the activations that forward writes and backward reads, about 100 MB an image at 4.8 TB/s, make it 50,000.
Model FLOP utilisation is that count divided by the measured rate. `--compile` compiles every side but the loader's.

    python benchmarks/accelerator/classify_speed.py [--batch-size 1024] [--compile] [--quick]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from _slice import describe_accelerator, make_slice_parser, wait_for
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

# isort: split
from _result import Goal, Row, measure_in_turn, write_result
from classification_training import AUGMENT, draw_images
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from saccade.engine.batches import Step, StepMaker
from saccade.engine.device import Ranks, autocast, choose_device
from saccade.engine.session import Session, open_session
from saccade.engine.step import train_step
from saccade.recipes.tables.classify import ClassifyAugment, ClassifyLossTable, SmallStem, TimmModel
from saccade.recipes.tables.data import DataTable, FolderSource
from saccade.recipes.tables.recipe import ClassifyRecipe
from saccade.recipes.tables.training import Sgd, TrainTable
from saccade.tasks.classify.task import ClassifyTask

REACH = 10_000
LEAST_OF_PLAIN = 0.9
_MATRIX_SIDE = 8192


def parse_arguments() -> argparse.Namespace:
    parser = make_slice_parser(__doc__)
    parser.add_argument("--architecture", default="resnet50")
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--images", type=int, default=20_480)
    parser.add_argument("--steps", type=int, default=40, help="of one repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="of torchvision's side")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.architecture, arguments.batch_size, arguments.images = "test_resnet", 16, 64
        arguments.steps, arguments.repeats, arguments.workers = 2, 1, 1
    return arguments


def open_side(images: Path, arguments: argparse.Namespace, augment: ClassifyAugment) -> Session[Any]:
    """Return a session over images on the device."""
    source = (FolderSource(path=str(images)),)
    train = TrainTable(batch_size=arguments.batch_size, precision="bf16", channels_last=True, compile=arguments.compile)
    recipe = ClassifyRecipe(
        data=DataTable(train=source, val=source, residency="device"),
        model=TimmModel(architecture=arguments.architecture, stem=SmallStem()),
        augment=augment,
        loss=ClassifyLossTable(label_smoothing=0.1),
        optimizer=Sgd(learning_rate=0.01, momentum=0.9, weight_decay=5e-4),
        train=train,
    )
    session = open_session(ClassifyTask(recipe), choose_device(arguments.device), Ranks())
    session.wrapped.train()
    return session


class OurLoop:
    """Steps as `fit` takes them."""

    def __init__(self, session: Session[Any]) -> None:
        """Prepare the steps of an epoch; they are taken again and again."""
        make = StepMaker(session.task, session.train, 1, session.ranks)
        steps = [make((0, draws)) for draws in session.sampler.batches(0)]
        self._session = session
        self._steps: list[Step[Any]] = [step for step in steps if len(step.draws) == len(steps[0].draws)]

    def step(self) -> None:
        """Update the weights once."""
        session = self._session
        step = self._steps[session.position.step % len(self._steps)]
        train_step(session, session.task, session.task.recipe, step, 0.01, measure=False)
        session.position.step += 1


class BareLoop:
    """Forward, backward, update: what anybody would write."""

    def __init__(self, session: Session[Any]) -> None:
        """Take over a session's network, optimiser and first batch."""
        make = StepMaker(session.task, session.train, 1, session.ranks)
        batch = make((0, next(iter(session.sampler.batches(0))))).micro_batches[0].to(session.device)
        self._images, self._labels = batch.images, batch.labels
        self._model, self._optimizer, self._device = session.wrapped, session.optimizer, session.device

    def step(self, images: Tensor | None = None, labels: Tensor | None = None) -> None:
        """Update the weights once, on the batch that is there or on another."""
        images, labels = (self._images, self._labels) if images is None or labels is None else (images, labels)
        self._optimizer.zero_grad(set_to_none=True)
        with autocast(self._device, "bf16"):
            loss = nn.functional.cross_entropy(self._model(images).float(), labels, label_smoothing=0.1)
        loss.backward()
        self._optimizer.step()


def make_loader(images: Path, arguments: argparse.Namespace) -> DataLoader[Any]:
    """Return torchvision's way to the same augmentation, but for mixing."""
    transform = v2.Compose(
        [
            v2.PILToTensor(),
            v2.RandomCrop(32, padding=4),
            v2.RandomHorizontalFlip(),
            v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET),
            v2.RandomErasing(p=0.25),
        ]
    )
    return DataLoader(
        ImageFolder(str(images), transform),
        arguments.batch_size,
        shuffle=True,
        num_workers=arguments.workers,
        drop_last=True,
        pin_memory=choose_device(arguments.device).type == "cuda",
        persistent_workers=True,
    )


def time_steps(step: Callable[[], None], device: torch.device, arguments: argparse.Namespace) -> float:
    """Return images a second over some steps."""
    wait_for(device)
    begun = time.perf_counter()
    for _ in range(arguments.steps):
        step()
    wait_for(device)
    return arguments.steps * arguments.batch_size / (time.perf_counter() - begun)


def time_loader(loop: BareLoop, loader: DataLoader[Any], device: torch.device, arguments: argparse.Namespace) -> float:
    """Return images a second of one pass over the loader, its first batches not counted."""
    begun, count = time.perf_counter(), 0
    for number, (images, labels) in enumerate(loader):
        if number == 1:  # by then the workers are up
            wait_for(device)
            begun = time.perf_counter()
        loop.step(images.to(device, non_blocking=True), labels.to(device, non_blocking=True))
        count += len(images) if number else 0
    wait_for(device)
    return count / (time.perf_counter() - begun)


def measure_matrix_rate(device: torch.device, side: int) -> float:
    """Return FLOP/s of a large bf16 matrix product."""
    left = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    for _ in range(2):
        left @ left
    wait_for(device)
    begun, count = time.perf_counter(), 10
    for _ in range(count):
        left @ left
    wait_for(device)
    return count * 2 * side**3 / (time.perf_counter() - begun)


def count_macs(model: nn.Module, device: torch.device) -> float:
    """Return multiply-accumulates of one image forward."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8, device=device))
    model.train()
    return counter.get_total_flops() / 2


def main() -> None:
    begun, arguments = time.perf_counter(), parse_arguments()
    device = choose_device(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        images = draw_images(Path(folder), arguments.images, num_classes=4 if arguments.quick else 100) / "train"
        session, plain = open_side(images, arguments, AUGMENT), open_side(images, arguments, ClassifyAugment())
        bare = BareLoop(open_side(images, arguments, ClassifyAugment()))
        loops = {"ours": OurLoop(session).step, "plain": OurLoop(plain).step, "bare": bare.step}
        for step in loops.values():
            for _ in range(2 if arguments.quick else 10):
                step()
        sides: dict[str, Callable[[], float]] = {
            name: partial(time_steps, step, device, arguments) for name, step in loops.items()
        }
        loader = make_loader(images, arguments)
        sides["torchvision"] = partial(time_loader, bare, loader, device, arguments)
        measured = measure_in_turn(sides, arguments.repeats)
        macs = count_macs(session.model, device)
    rate = measure_matrix_rate(device, 512 if arguments.quick else _MATRIX_SIDE)
    rows = make_rows(measured, macs, rate)
    settings = describe_accelerator(device) | {
        name: getattr(arguments, name) for name in ("architecture", "batch_size", "images", "compile", "workers")
    }
    settings |= {"macs_an_image": macs, "matrix_flops_per_second": rate, "augmentation": AUGMENT.model_dump()}
    write_result("accelerator_classify_speed", rows, settings, arguments, begun=begun)


def make_rows(measured: dict[str, list[float]], macs: float, rate: float) -> list[Row]:
    """Return ours beside each other side, and the utilisation of the device."""
    rows = []
    goals = {"plain": Goal("ratio", LEAST_OF_PLAIN), "bare": None, "torchvision": None}
    for name, goal in goals.items():
        pairs = list(zip(measured["ours"], measured[name], strict=True))
        rows.append(Row(f"ours beside {name}", "images/s", pairs, higher_is_better=True, goal=goal))
    alone = [(value, None) for value in measured["ours"]]
    used = [(value * 6 * macs / rate, None) for value in measured["ours"]]
    return [
        Row("images a second", "images/s", alone, higher_is_better=True, goal=Goal("ours", REACH)),
        *rows,
        Row("model FLOP utilisation", "of the matrix rate", used, higher_is_better=True),
    ]


if __name__ == "__main__":
    main()
