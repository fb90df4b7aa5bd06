"""Beside timm's own train.py: small networks train faster, larger ones no slower, and little time goes outside the model.

Both sides train the same network of timm on the same class folders of 32x32 JPEGs with two threads, bf16, channels_last,
SGD, and the augmentation of the CIFAR series' strong recipes: crop, flip, AutoAugment (original), RandomErasing, MixUp
and CutMix, label smoothing. The peer is a checkout of the public repository whose `train.py` runs untouched:

    git clone https://github.com/huggingface/pytorch-image-models
    python benchmarks/classification_training.py --peer pytorch-image-models --data CLASS_FOLDERS

CLASS_FOLDERS holds `train/<class>/*.jpg`, of which `--images` are used. `--quick` draws images and needs no data; without
`--peer` it says so and does nothing. Nothing is fetched.

small    images/s of timm's test_resnet (4.1 MMAC, 0.37 M parameters): at least 1.3 x. Theirs decodes, augments and
         normalises image by image: about 0.5 ms, as much as the network needs. Ours decodes once and augments whole
         batches. Prediction: 1.5 to 2.
resnet18 images/s of ResNet-18 with a 3x3 stem of stride 1 and no pool (555 MMAC): no slower (0.98). Floor: both run the
         same convolutions, so prediction: 1.0 to 1.1.
outside  seconds an image outside the model: selecting, augmenting, normalising, and our start (listing, hashing,
         decoding) spread over the series' 200 epochs, beside what their log calls Data with no worker processes: at most
         1/4. Their worker processes hide that time on idle cores; on two busy ones they compete for them.
"""

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from _light_reader import CPU
from _result import Goal, Row, make_parser, measure_in_turn, write_result
from _timm_peer import REPOSITORY, SMALL_STEM_SUFFIX, PeerSteps, describe_peer, run_peer

from saccade.data.sampler import Sampler
from saccade.engine.batches import StepMaker, hold, iterate_steps
from saccade.engine.device import Ranks, use_one_opencv_thread
from saccade.engine.history import Hooks
from saccade.engine.run import train_run
from saccade.nn.normalise import Normalise
from saccade.recipes.tables.classify import (
    AutoAugment,
    ClassifyAugment,
    ClassifyLossTable,
    MixUpCutMix,
    RandomErasing,
    RandomFlip,
    SmallStem,
    TimmModel,
)
from saccade.recipes.tables.data import DataTable, FolderSource
from saccade.recipes.tables.recipe import ClassifyRecipe
from saccade.recipes.tables.training import Sgd, TrainTable
from saccade.records.reader import read_run
from saccade.tasks.base import Progress
from saccade.tasks.classify.task import ClassifyTask

SERIES_EPOCHS = 200
WARM_UP_STEPS = 3
AUGMENT = ClassifyAugment(
    crop_padding_px=4,
    flip=RandomFlip(),
    policy=AutoAugment(),
    erasing=RandomErasing(probability=0.25),
    mix=MixUpCutMix(),
)
NETWORKS = {
    "test_resnet": TimmModel(architecture="test_resnet"),
    f"resnet18{SMALL_STEM_SUFFIX}": TimmModel(architecture="resnet18", stem=SmallStem()),
}
PEER_AUGMENT = {
    "train-crop-mode": "rkrc",
    "hflip": "0.5",
    "color-jitter": "0",
    "aa": "original",
    "reprob": "0.25",
    "mixup": "1.0",
    "cutmix": "1.0",
    "smoothing": "0.1",
}


def parse_arguments() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--peer", type=Path, help=f"a checkout of {REPOSITORY}")
    parser.add_argument("--data", type=Path, default=Path(".data/cifar10"), help="folder above train/<class>/*.jpg")
    parser.add_argument(
        "--images",
        type=int,
        default=5120,
        help="training images of test_resnet's runs, of ten classes; ResNet-18 takes a quarter",
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="the peer's worker processes in small and resnet18")
    return parser.parse_args()


def lay_out(source: Path, folder: Path, *, per_class: int, num_classes: int | None = None) -> Path:
    """Link the first images of each class to `folder/train`, and a few to `folder/validation`; return the folder.

    Raises:
        FileNotFoundError: there are no class folders.
    """
    classes = sorted(path for path in (source / "train").glob("*") if path.is_dir())
    if not classes:
        raise FileNotFoundError(
            f"{source}/train: no class folders; name the folder above train/<class>/*.jpg by --data"
        )
    for members in classes[:num_classes]:
        files = sorted(members.iterdir())[:per_class]
        for split, images in (("train", files), ("validation", files[:4])):
            target = folder / split / members.name
            target.mkdir(parents=True)
            for file in images:
                (target / file.name).symlink_to(file.resolve())
    return folder


def draw_images(folder: Path, num_images: int, num_classes: int = 10) -> Path:
    """Write noise of one brightness a class as JPEGs below `folder/train/<class>`."""
    rng = np.random.default_rng(0)
    for number in range(num_images):
        path = folder / "train" / f"class{number % num_classes}" / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        level = 180 * (number % num_classes) // max(num_classes - 1, 1)
        cv2.imwrite(str(path), rng.integers(level, level + 70, (32, 32, 3), np.uint8))
    return folder


def make_recipe(images: Path, model: TimmModel, batch_size: int) -> ClassifyRecipe:
    """Return our side's recipe: one epoch, a row of the history every two steps."""
    source = (FolderSource(path=str(images / "train")),)
    return ClassifyRecipe(
        data=DataTable(train=source, val=(FolderSource(path=str(images / "validation")),)),
        model=model,
        augment=AUGMENT,
        loss=ClassifyLossTable(label_smoothing=0.1),
        optimizer=Sgd(learning_rate=0.05, momentum=0.9, weight_decay=1e-3),
        train=TrainTable(epochs=1, batch_size=batch_size, precision="bf16", channels_last=True, log_every_steps=2),
    )


def train_ours(recipe: ClassifyRecipe) -> float:
    """Return the median images/s of the history's rows after the warm-up."""
    with tempfile.TemporaryDirectory() as runs:
        task = ClassifyTask(recipe)
        folder = train_run(task, runs=Path(runs), name=("benchmark", "classify"), device="cpu", hooks=Hooks())
        rows = [row for row in read_run(folder).history() if "images_per_second" in row]
    return float(np.median([row["images_per_second"] for row in rows if row["step"] > WARM_UP_STEPS]))


def train_theirs(checkout: Path, images: Path, network: str, batch_size: int, num_workers: int) -> PeerSteps:
    """Return what their log says of one epoch."""
    options: dict[str, str | None] = {
        "data-dir": str(images),
        "model": network,
        "num-classes": str(len(list((images / "train").iterdir()))),
        "input-size": "3 32 32",
        "batch-size": str(batch_size),
        "workers": str(num_workers),
        "epochs": "1",
        "warmup-epochs": "0",
        "opt": "sgd",
        "lr": "0.05",
        "weight-decay": "1e-3",
        "device": "cpu",
        "amp": None,
        "amp-dtype": "bfloat16",
        "channels-last": None,
        "no-prefetcher": None,
        "log-interval": "1",
        **PEER_AUGMENT,
    }
    return run_peer(checkout, options, batch_size=batch_size, warm_up_steps=WARM_UP_STEPS)


def measure_outside(recipe: ClassifyRecipe) -> float:
    """Return seconds an image that training spends outside the model, the start spread over the series' epochs."""
    begun = time.perf_counter()
    task = ClassifyTask(recipe)
    held = hold(task, task.examples("train"), training=True, device=CPU)
    start = time.perf_counter() - begun
    sampler = Sampler(len(held), recipe.train.batch_size, seed=0)
    normalise = Normalise((0.5,) * 3, (0.5,) * 3)
    make = StepMaker(task, held, 1, Ranks())
    begun = time.perf_counter()
    for number, step in enumerate(iterate_steps(make, [(0, draws) for draws in sampler.batches(0)], recipe.data)):
        generator = torch.Generator().manual_seed(number)
        rows = slice(0, len(step.draws))
        progress = Progress(number, sampler.num_batches, 0, {}, generator, rows, len(step.draws))
        normalise(task.augment_batch(step.micro_batches[0], progress).images)
    loop = time.perf_counter() - begun
    return loop / len(held) + start / (len(held) * SERIES_EPOCHS)


def compare(arguments: argparse.Namespace, small: Path, large: Path, batch_size: int) -> list[Row]:
    """Return the rows, the claim's first."""
    rows = []
    for (network, model), images, bound in zip(NETWORKS.items(), (small, large), (1.3, 0.98), strict=True):
        sides = {
            "ours": partial(train_ours, make_recipe(images, model, batch_size)),
            "theirs": lambda network=network, images=images: (
                train_theirs(arguments.peer, images, network, batch_size, arguments.workers).images_per_second
            ),
        }
        measured = measure_in_turn(sides, arguments.repeats)
        pairs = list(zip(measured["ours"], measured["theirs"], strict=True))
        rows.append(Row(network, "images/s", pairs, higher_is_better=True, goal=Goal("ratio", bound)))
    recipe = make_recipe(small, NETWORKS["test_resnet"], batch_size)
    sides = {
        "ours": partial(measure_outside, recipe),
        "theirs": lambda: train_theirs(arguments.peer, small, "test_resnet", batch_size, 0).data_seconds,
    }
    measured = measure_in_turn(sides, arguments.repeats)
    pairs = list(zip(measured["ours"], measured["theirs"], strict=True))
    rows.append(Row("outside the model", "s an image", pairs, higher_is_better=False, goal=Goal("ratio", 0.25)))
    return rows


def main() -> None:
    begun = time.perf_counter()
    arguments = parse_arguments()
    if arguments.peer is None:
        print(f"classification_training: left out: give --peer DIR after: git clone {REPOSITORY}", file=sys.stderr)
        sys.exit(0 if arguments.quick else 2)
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    arguments.threads = torch.get_num_threads()
    use_one_opencv_thread()
    if arguments.quick:
        arguments.images, arguments.repeats = 640, 1
    batch_size = 16 if arguments.quick else 128
    with tempfile.TemporaryDirectory() as folder:
        try:
            source = draw_images(Path(folder, "drawn"), arguments.images) if arguments.quick else arguments.data
            small = lay_out(source, Path(folder, "small"), per_class=arguments.images // 10)
            large = lay_out(source, Path(folder, "large"), per_class=arguments.images // 40)
        except FileNotFoundError as error:
            print(f"classification_training: {error}", file=sys.stderr)
            sys.exit(2)
        rows = compare(arguments, small, large, batch_size)
    settings = {
        "peer": describe_peer(arguments.peer),
        "images": "drawn" if arguments.quick else arguments.data.name,
        "num_images": {"test_resnet": arguments.images, "resnet18": arguments.images // 4},
        "batch_size": batch_size,
        "precision": "bf16, channels_last",
        "our_augmentation": AUGMENT.model_dump(),
        "peer_augmentation": PEER_AUGMENT,
        "peer_workers": {"images/s": arguments.workers, "outside": 0},
    }
    write_result("classification_training", rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
