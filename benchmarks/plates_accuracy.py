"""plates_accuracy: how well, and how soon, the shipped recipe reads Uzbek plates.

Claim: `experiments/plates_uz/baseline.toml` reaches a validation exact match of at least 0.97, mean of three seeds, within
12 minutes of training each on two cores. The 100 validation plates also chose the checkpoint, so the figure is a little
kind; intervals are given over plates (Wilson) and over seeds (Student).

Floor: a step of 32 images is about 3 x 32 x 60 MMAC; at the 100 GMAC/s that two bf16 cores reach on such layers, 60 ms, so
200,000 images take six minutes. Needs the set under --data-root (or $SACCADE_DATA).
"""

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from _result import Goal, Row, make_parser, write_result

RECIPE = Path(__file__).parents[1] / "experiments" / "plates_uz" / "baseline.toml"
MARKS = (0.9, 0.95, 0.97)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--data-root", type=Path, default=Path(os.environ.get("SACCADE_DATA", ".data")))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--runs", type=Path, help="where the records go; default: a folder that is thrown away")
    arguments = parser.parse_args()
    if not (arguments.data_root / "plates_uz").is_dir():
        print(f"plates_accuracy: left out, there is no {arguments.data_root}/plates_uz (--data-root)")
        return
    begun = time.perf_counter()
    seeds = [0] if arguments.quick else [int(seed) for seed in arguments.seeds.split(",")]
    with tempfile.TemporaryDirectory() as thrown_away:
        runs = arguments.runs or Path(thrown_away)
        measured = [train(seed, runs, arguments) for seed in seeds]
    write_result(
        "plates_accuracy",
        make_rows(measured),
        {"seeds": seeds, "recipe": "experiments/plates_uz/baseline.toml"},
        arguments,
        begun=begun,
    )


def train(seed: int, runs: Path, arguments: Any) -> dict[str, Any]:
    """Train one seed and return its figures."""
    import torch

    from saccade.engine.history import Hooks
    from saccade.engine.run import train_run
    from saccade.recipes.loader import load
    from saccade.records.reader import read_run
    from saccade.tasks.registry import build_task

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    loaded = load(
        RECIPE, data_root=arguments.data_root, overrides=["train.epochs=3", "stage=[]"] if arguments.quick else []
    )
    task = build_task(loaded.recipe.model_copy(update={"seed": seed}))
    run = read_run(train_run(task, runs=runs, name=("plates_uz", "baseline"), loaded=loaded, hooks=Hooks()))
    assert run.metrics is not None
    validations = [row for row in run.history() if row.get("event") == "validation"]
    steps = [row for row in run.history() if "images_per_second" in row]
    first = {
        mark: next((row["seconds"] for row in validations if row["val"]["exact_match"] >= mark), None) for mark in MARKS
    }
    return {
        "seed": seed,
        "exact_match": run.metrics["splits"]["val"]["exact_match"],
        "cer": run.metrics["splits"]["val"]["cer"]["value"],
        "last": run.metrics["selection"]["last"],
        "median_last_ten": run.metrics["selection"]["median_last_ten"],
        "train_clean": run.metrics["selection"]["train_clean"],
        "seconds": validations[-1]["seconds"],
        "seconds_to": {str(mark): seconds for mark, seconds in first.items()},
        "images_per_second": statistics.median(row["images_per_second"] for row in steps) if steps else None,
        "waiting_fraction": statistics.median(row["waiting_fraction"] for row in steps) if steps else None,
    }


def make_rows(measured: list[dict[str, Any]]) -> list[Row]:
    """Return the rows of the result: accuracy, duration, and the time to each mark that every seed reached."""
    from saccade.metrics.intervals import mean_interval

    values = [one["exact_match"]["value"] for one in measured]
    interval = mean_interval(values)
    mean = Row(
        "exact match, mean of seeds",
        "share of 100 validation plates",
        [(interval.value, None)],
        True,
        Goal("ours", 0.97),
        details={"low": interval.low, "high": interval.high, "seeds": measured},
    )
    rows = [mean, Row("training", "seconds", [(one["seconds"], None) for one in measured], False, Goal("ours", 720))]
    for mark in MARKS:
        times = [one["seconds_to"][str(mark)] for one in measured]
        if None not in times:
            rows.append(Row(f"until exact match {mark}", "seconds", [(seconds, None) for seconds in times], False))
    return rows


if __name__ == "__main__":
    main()
