"""Time to accuracy of the CIFAR series' best chain on CIFAR-10: seconds until validation reaches 0.90, 0.94 and 0.95.

`experiments/cifar10/baseline.toml` is experiment 4 of the series; `--epochs` fits it into a slice. Seconds count from the
first step and include validation. The test split is touched once.

    python benchmarks/accelerator/train_cifar10.py --data-root DATA [--epochs 60] [--compile]
"""

import time

from _slice import describe_accelerator, found_data, load_recipe, make_slice_parser, train_and_test

# isort: split
from _result import Row, write_result

from saccade.engine.device import choose_device

TARGETS = (0.90, 0.94, 0.95)


def main() -> None:
    parser = make_slice_parser(__doc__)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--compile", action="store_true")
    begun, arguments = time.perf_counter(), parser.parse_args()
    overrides: dict[str, object] = {"train.epochs": arguments.epochs}
    if arguments.compile:
        overrides["train.compile"] = "true"
    if arguments.quick:
        overrides |= {"model.architecture": '"test_resnet"', "train.epochs": 1, "schedule.warmup_epochs": 0.5}
        overrides |= {"train.batch_size": 16, "train.log_every_steps": 1}
    with found_data(arguments, "cifar10", "test") as root:
        trained = train_and_test(load_recipe("cifar10/baseline.toml", root, overrides), arguments.device)
    rows = []
    for target in TARGETS:
        seconds = trained.seconds_to(target)
        reached = {"reached": seconds is not None}
        last = trained.validations[-1][0]
        pair = (last if seconds is None else seconds, None)
        rows.append(Row(f"validation {target:.2f}", "s", [pair], higher_is_better=False, details=reached))
    test = trained.test["top1_accuracy"]
    details = {"interval": [test["low"], test["high"]], "n": test["n"], "selection": trained.selection}
    rows.append(Row("test top-1 accuracy", "share", [(test["value"], None)], higher_is_better=True, details=details))
    rows.append(Row("images a second", "images/s", [(trained.images_per_second, None)], higher_is_better=True))
    settings = describe_accelerator(choose_device(arguments.device)) | {
        "overrides": overrides,
        "validations": trained.validations,
    }
    write_result("accelerator_cifar10", rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
