"""Whether the readings of the CIFAR-100 series hold in small: six recipes, three seeds, a verdict a step.

The series read its curves and changed one thing at a time; nobody repeated a run. Here the same steps are taken by
`experiments/tinyimagenet20/*.toml` on 20 classes x 250 images of 32x32, a network of 4 MMAC, two minutes a run on a core: rate,
momentum and decay (baseline -> exp1), AutoAugment (1 -> 2), CutMix (2 -> 3), longer training (3 -> 4), MixUp (4 -> 5).

    python benchmarks/cifar_readings.py --data tinyimagenet32 [--seeds 0,1,2] [--quick]

Accuracy is that of the last weights on the fifth of the images that validation holds, the same in every run; the verdicts are
`_readings.py`'s. The result is written anew after each seed.

Floor: a step is 128 x 3 x 4.1 MMAC x 2 = 3 GFLOP, a tenth of a second on a core at 30 GFLOP/s; 4,000 images and 25 epochs are 780
steps. Prediction: rate and AutoAugment shown, CutMix and MixUp of so short a training not shown.
"""

import argparse
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import torch
from _at_once import run_at_once, use_threads
from _readings import Figures, make_rows, train_recipe
from _result import make_parser, write_result
from classification_training import draw_images, lay_out

RECIPES = Path(__file__).parents[1] / "experiments" / "tinyimagenet20"
CHAIN = ("baseline", "exp1", "exp2", "exp3", "exp4", "exp5")
NUM_CLASSES, IMAGES_PER_CLASS = 20, 250
METRIC = "top1_accuracy"
LONGER = ("exp4", "exp5")
QUICK = ("train.batch_size=16", "schedule.warmup_epochs=0.5", "train.log_every_steps=1")


def parse_arguments() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, default=Path(".data/tinyimagenet32"), help="folder above train/<class>/*")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--at-once", type=int, default=1, help="runs at once, each with --threads")
    return parser.parse_args()


def choose_overrides(name: str, *, quick: bool) -> tuple[str, ...]:
    return (*QUICK, f"train.epochs={2 if name in LONGER else 1}") if quick else ()


def main() -> None:
    begun, arguments = time.perf_counter(), parse_arguments()
    arguments.threads = arguments.threads or torch.get_num_threads()
    use_threads(arguments.threads)
    seeds = [0] if arguments.quick else [int(seed) for seed in arguments.seeds.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        try:
            source = draw_images(root / "drawn", 80, num_classes=4) if arguments.quick else arguments.data
            lay_out(source, root / "tinyimagenet20", per_class=IMAGES_PER_CLASS, num_classes=NUM_CLASSES)
        except FileNotFoundError as error:
            print(f"cifar_readings: {error}", file=sys.stderr)
            sys.exit(2)
        calls = [
            (RECIPES / f"{name}.toml", seed, root, METRIC, choose_overrides(name, quick=arguments.quick))
            for seed in seeds
            for name in CHAIN
        ]
        reached: dict[int, dict[str, Figures]] = {seed: {} for seed in seeds}
        for run in run_at_once(train_recipe, calls, num_at_once=arguments.at_once):
            reached[run.seed][run.name] = run.figures
            print(
                f"{run.name}, seed {run.seed}: {run.figures['last']:.4f} in {run.figures['seconds']} s", file=sys.stderr
            )
            if len(reached[run.seed]) == len(CHAIN):
                whole = {seed: runs for seed, runs in reached.items() if len(runs) == len(CHAIN)}
                settings = {"images": source.name, "classes": NUM_CLASSES, "per_class": IMAGES_PER_CLASS, "runs": whole}
                settings |= {"runs_at_once": arguments.at_once}
                rows = make_rows(list(pairwise(CHAIN)), whole, "top-1 accuracy")
                write_result("cifar_readings", rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
