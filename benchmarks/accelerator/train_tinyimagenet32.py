"""The strong recipe on 100 classes at 32x32, one training: what it reaches, and how long it takes.

`experiments/tinyimagenet32/baseline.toml` asks for 300 epochs; a slice has nine minutes, so `--epochs` shortens it and the
cosine with it. A tenth of the training images chooses the checkpoint; the test split (their validation images) is touched
once, at the end.

    python benchmarks/accelerator/train_tinyimagenet32.py --data-root DATA [--epochs 100] [--compile]
"""

import time

from _slice import describe_accelerator, found_data, load_recipe, make_slice_parser, train_and_test

# isort: split
from _result import Row, write_result

from saccade.engine.device import choose_device


def main() -> None:
    parser = make_slice_parser(__doc__)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--compile", action="store_true")
    begun, arguments = time.perf_counter(), parser.parse_args()
    overrides: dict[str, object] = {"train.epochs": arguments.epochs, "train.compile": str(arguments.compile).lower()}
    overrides["train.validate_every_epochs"] = 5
    overrides["schedule.warmup_epochs"] = min(20.0, arguments.epochs / 10)
    if arguments.quick:
        overrides |= {"model.architecture": '"test_resnet"', "train.epochs": 1, "schedule.warmup_epochs": 0.5}
        overrides |= {"train.validate_every_epochs": 1, "train.batch_size": 16, "train.log_every_steps": 1}
        overrides["model.stochastic_depth"] = 0.0
        overrides["model.stem.shortcut"] = '"published"'  # of that network they average anyway
    overrides = {key: value for key, value in overrides.items() if key != "train.compile" or value == "true"}
    with found_data(arguments, "tinyimagenet32", "val") as root:
        trained = train_and_test(load_recipe("tinyimagenet32/baseline.toml", root, overrides), arguments.device)
    test = trained.test["top1_accuracy"]
    details = {"interval": [test["low"], test["high"]], "n": test["n"], "selection": trained.selection}
    rows = [
        Row("test top-1 accuracy", "share", [(test["value"], None)], higher_is_better=True, details=details),
        Row("images a second", "images/s", [(trained.images_per_second, None)], higher_is_better=True),
        Row("training", "s", [(trained.validations[-1][0], None)], higher_is_better=False),
    ]
    settings = describe_accelerator(choose_device(arguments.device)) | {
        "overrides": overrides,
        "validations": trained.validations,
    }
    write_result("accelerator_tinyimagenet32", rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
