"""Whether the readings of the CIFAR-100 series hold in small: six recipes, three seeds, a verdict a step.

The series read its curves and changed one thing at a time; nobody repeated a run. Here the same steps are taken by
`experiments/tinyimagenet20/*.toml` on 20 classes x 250 images of 32x32, a network of 36 MMAC, under five minutes a run on two
cores: rate, momentum and decay (baseline -> exp1), AutoAugment (1 -> 2), CutMix (2 -> 3), longer training (3 -> 4), MixUp (4 -> 5).

    python benchmarks/cifar_readings.py --data tinyimagenet32 [--seeds 0,1,2] [--quick]

Accuracy is that of the last weights on the fifth of the images that validation holds, the same in every run. A step is
`better` or `worse` where Student's interval of its paired differences over seeds excludes 0, otherwise `not shown`; half its
width is the smallest difference that these runs could have shown. The result is written anew after each seed.

Floor: a step is 128 x 3 x 36 MMAC x 2 = 28 GFLOP, a third of a second on two cores of 46 GFLOP/s each; 4,000 images and 20
epochs are 630 steps. Prediction: rate and AutoAugment shown, CutMix and MixUp of so short a training not shown.
"""

import argparse
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from _at_once import run_at_once, use_threads
from _result import Row, make_parser, write_result
from classification_training import draw_images, lay_out

from saccade.engine.history import Hooks
from saccade.engine.run import train_run
from saccade.metrics.intervals import mean_interval
from saccade.recipes.loader import load
from saccade.records.reader import read_run
from saccade.tasks.registry import build_task

RECIPES = Path(__file__).parents[1] / "experiments" / "tinyimagenet20"
CHAIN = ("baseline", "exp1", "exp2", "exp3", "exp4", "exp5")
NUM_CLASSES, IMAGES_PER_CLASS = 20, 250
LONGER = ("exp4", "exp5")
QUICK = ("train.batch_size=16", "schedule.warmup_epochs=0.5", "train.log_every_steps=1")


def parse_arguments() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, default=Path(".data/tinyimagenet32"), help="folder above train/<class>/*")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--at-once", type=int, default=1, help="runs at once, each with --threads")
    return parser.parse_args()


def train(name: str, seed: int, root: Path, quick: bool) -> tuple[str, int, dict[str, Any]]:
    """Train one recipe; return its name, the seed and what it reached."""
    overrides = [f"seed={seed}"] if seed else []
    if quick:
        overrides += [*QUICK, f"train.epochs={2 if name in LONGER else 1}"]
    loaded = load(RECIPES / f"{name}.toml", data_root=root, overrides=overrides)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as runs:
        folder = train_run(
            build_task(loaded.recipe), runs=Path(runs), name=("tinyimagenet20", name), device="cpu", hooks=Hooks()
        )
        rows = list(read_run(folder).history())
    last = [row for row in rows if row.get("event") == "validation"][-1]
    steps = [row for row in rows if "images_per_second" in row]
    return (
        name,
        seed,
        {
            "accuracy": last["val"]["top1_accuracy"],
            "nll": last["val"]["nll"],
            "train_clean": last["train_clean"]["top1_accuracy"],
            "train_augmented": last["train_augmented"]["top1_accuracy"],
            "best": max(row["val"]["top1_accuracy"] for row in rows if row.get("event") == "validation"),
            "images_per_second": statistics.median(row["images_per_second"] for row in steps),
            "seconds": round(time.perf_counter() - begun, 1),
        },
    )


def judge(differences: list[float]) -> dict[str, Any]:
    """Return the verdict of a step from its differences, one a seed."""
    found = mean_interval(differences)
    if found.low is None or found.high is None:
        return {"verdict": "not shown", "difference": found.value, "interval": None, "could_show": None, "n": found.n}
    verdict = "better" if found.low > 0 else "worse" if found.high < 0 else "not shown"
    return {
        "verdict": verdict,
        "difference": found.value,
        "interval": [found.low, found.high],
        "could_show": (found.high - found.low) / 2,
        "n": found.n,
    }


def make_rows(reached: dict[int, dict[str, dict[str, Any]]]) -> list[Row]:
    """Return a row a step of the chain: (child, parent) accuracy of each seed."""
    rows = []
    for parent, child in pairwise(CHAIN):
        pairs = [(runs[child]["accuracy"], runs[parent]["accuracy"]) for runs in reached.values()]
        details = judge([after - before for after, before in pairs])
        rows.append(Row(f"{parent} -> {child}", "top-1 accuracy", pairs, higher_is_better=True, details=details))
    return rows


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
        reached: dict[int, dict[str, dict[str, Any]]] = {seed: {} for seed in seeds}
        calls = [(name, seed, root, arguments.quick) for seed in seeds for name in CHAIN]
        for name, seed, figures in run_at_once(train, calls, num_at_once=arguments.at_once):
            reached[seed][name] = figures
            print(f"{name}, seed {seed}: {figures['accuracy']:.4f} after {figures['seconds']} s", file=sys.stderr)
            whole = {
                seed: {name: runs[name] for name in CHAIN} for seed, runs in reached.items() if len(runs) == len(CHAIN)
            }
            if len(reached[seed]) == len(CHAIN):
                settings = {"images": source.name, "classes": NUM_CLASSES, "per_class": IMAGES_PER_CLASS, "runs": whole}
                settings |= {"runs_at_once": arguments.at_once}
                write_result("cifar_readings", make_rows(whole), settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
