"""Whether the readings of the plate series hold in small: eight recipes, three seeds, a verdict a question.

Thirteen experiments changed five to eight settings at a time, and nobody repeated a run. Here each question is one step between two
of `experiments/plates_readings/*.toml` and the steps share their ends: capacity (control -> capacity), TIA off (tia -> control), L2
0.01 to 1e-5 (decay -> control), RandAugment 9 bounded (rand_augment_unsafe -> rand_augment_safe, and control -> it), two-line plates
left out (two_lines -> control), a warm start (rand_augment_safe -> warm_start, which goes on from the control of its seed).

    python benchmarks/plates_readings.py --data-root .data [--threads 1] [--at-once 2] [--seeds 0,1,2] [--arms a,b] [--num-runs N]

Every run is written down when it ends, and a later call does what is missing: `--num-runs` ends a call after so many. A run whose
recipe was changed since is done again. The controls stay in `--runs`, for warm starts.

Accuracy is that of the last weights on 100 validation photographs and a fifth of the training ones, the same in every run; the
verdicts are `_readings.py`'s. The predictions are the hypotheses of the recipes, written before the first run.

Floor: a step is 16 x 3 x 12 MMAC x 2 = 1.2 GFLOP, 40 ms on a core at 30 GFLOP/s.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from _at_once import run_at_once, use_threads
from _label_files import draw_plates, find_plates_uz
from _readings import Reached, Trained, make_question_rows, make_recipe_rows, parse_arguments, read_kept, train_recipe
from _result import RESULTS, Row, write_result

CLAIM = "plates_readings"
RECIPES = Path(__file__).parents[1] / "experiments" / CLAIM
CONTROL, WARM = "control", "warm_start"
ARMS = (CONTROL, "tia", "rand_augment_unsafe", "rand_augment_safe", "decay", "capacity", "two_lines", WARM)
QUICK_ARMS = (CONTROL, "tia", WARM)
FILES = {name: RECIPES / f"{name}.toml" for name in ARMS}
QUESTIONS = (
    ("capacity: hidden 128 to 192", CONTROL, "capacity"),
    ("TIA off", "tia", CONTROL),
    ("L2 0.01 to 1e-5", "decay", CONTROL),
    ("RandAugment 9, unsafe to safe", "rand_augment_unsafe", "rand_augment_safe"),
    ("RandAugment 9, none to safe", CONTROL, "rand_augment_safe"),
    ("two-line plates left out", "two_lines", CONTROL),
    ("fresh to warm start", "rand_augment_safe", WARM),
)
METRICS = (("exact_match", "exact match", True), ("cer", "CER", False))
QUICK = (
    "train.epochs=1",
    "train.validate_every_epochs=1",
    "train.log_every_steps=1",
    'data.train=[{format="tsv",path="plates_uz/train.tsv",images="plates_uz/images",keep={hash_below=0.8}}]',
)


def list_missing(arms: Sequence[str], seeds: Sequence[int], reached: Reached, runs: Path) -> list[tuple[str, int]]:
    """Return (recipe, seed) of what is to be trained: seed by seed, the warm start last, after its control."""
    missing = []
    for seed in seeds:
        done = reached.get(seed, {})
        wanted = [name for name in ARMS if name in arms and name not in done]
        needs_control = WARM in wanted and CONTROL not in wanted
        if needs_control and not (CONTROL in done and (runs / done[CONTROL]["run"]).is_dir()):
            wanted.insert(0, CONTROL)
        missing += [(name, seed) for name in wanted]
    return missing


def train_missing(
    missing: Sequence[tuple[str, int]], reached: Reached, arguments: argparse.Namespace, root: Path
) -> Iterator[Trained]:
    """Train all but the warm starts, then these: each goes on from the control of its seed."""
    quick = QUICK if arguments.quick else ()
    fresh = [
        (RECIPES / f"{name}.toml", seed, root, "exact_match", quick, arguments.runs)
        for name, seed in missing
        if name != WARM
    ]
    yield from run_at_once(train_recipe, fresh, num_at_once=arguments.at_once)
    warm = [
        (
            RECIPES / f"{WARM}.toml",
            seed,
            root,
            "exact_match",
            (*quick, start_from(seed, reached, arguments)),
            arguments.runs,
        )
        for name, seed in missing
        if name == WARM
    ]
    yield from run_at_once(train_recipe, warm, num_at_once=arguments.at_once)


def start_from(seed: int, reached: Reached, arguments: argparse.Namespace) -> str:
    return f"start.weights={(arguments.runs / reached[seed][CONTROL]['run']).resolve()}"


def make_rows(reached: Reached) -> list[Row]:
    """Return a row for each question and metric that has both of its ends, and one for each recipe."""
    return make_question_rows(QUESTIONS, METRICS, reached) + make_recipe_rows(ARMS, METRICS[0], reached)


def main() -> None:
    begun, arguments = time.perf_counter(), parse_arguments(__doc__, ARMS, QUICK_ARMS)
    arguments.threads = arguments.threads or torch.get_num_threads()
    use_threads(arguments.threads)
    seeds = [0] if arguments.quick else [int(seed) for seed in arguments.seeds.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        if arguments.quick:
            arguments.runs = Path(folder) / "runs"
            root = draw_plates(Path(folder), num_train=80, num_val=8).root
        else:
            try:
                root = find_plates_uz(arguments.data_root).root
            except FileNotFoundError as error:
                print(f"{CLAIM}: {error}", file=sys.stderr)
                sys.exit(2)
        reached = {} if arguments.quick else read_kept((arguments.out or RESULTS) / f"{CLAIM}.json", FILES)
        missing = list_missing(arguments.chosen, seeds, reached, arguments.runs)[: arguments.num_runs]
        for run in train_missing(missing, reached, arguments, root):
            reached.setdefault(run.seed, {})[run.name] = run.figures
            keep(reached, arguments, begun)


def keep(reached: Reached, arguments: argparse.Namespace, begun: float) -> None:
    """Write what was reached so far."""
    ordered = {seed: reached[seed] for seed in sorted(reached)}
    settings: dict[str, Any] = {"images": "plates_uz", "runs_at_once": arguments.at_once, "runs": ordered}
    write_result(CLAIM, make_rows(ordered), settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
