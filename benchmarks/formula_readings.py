"""Whether the readings of the formula series hold in small: eight recipes, three seeds, a verdict a question.

The series read its curves, changed several things at once and repeated no run; three of its readings were faults of its code. Here each
question is one step between two of `experiments/formula_readings/*.toml`, or between two ways of decoding the same weights: the truth
before each token with the series' cache and with the right one (`_formula_cache.py`; the weights do not depend on it), and with the right
one against the series' ratio of .5 (half -> control); images on their side, wrapped (control -> quarter_turn); printed formulas added to
handwritten ones (longer -> printed, formulas of up to 20 tokens); SRN and CSTR without the faults that they were abandoned for (control
-> srn, control -> cstr), and the one vector of the published CSTR (cstr_pooled -> cstr).

    python benchmarks/formula_readings.py --data-root DATA [--threads 1] [--at-once 2] [--seeds 0,1,2] [--arms a,b] [--num-runs N]

Every run is written down when it ends, and a later call does what is missing: `--num-runs` ends a call after so many. A run whose recipe
was changed since is done again.

Accuracy is that of the last weights on 15 of 100 handwritten formulas, of at most 10 tokens where nothing else is said, the same images
in every run; the verdicts are `_readings.py`'s. The predictions are the hypotheses of the recipes, written before the first run, and for
the cache: with the series' worse by far.

Floor: a step of 16 images is 16 x 3 x 34 MMAC x 2 = 3.3 GFLOP, 0.11 s on a core at 30 GFLOP/s; 3,250 images and 16 epochs are 3,250
steps, six minutes, and with everything around the network eight.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
from _at_once import run_at_once, use_threads
from _formula_cache import measure_with_cache
from _formula_files import draw_sets, find_sets, write_set
from _readings import (
    Reached,
    Trained,
    list_missing,
    make_question_rows,
    make_recipe_rows,
    parse_arguments,
    read_kept,
    train_recipe,
)
from _result import RESULTS, Row, write_result

CLAIM = "formula_readings"
RECIPES = Path(__file__).parents[1] / "experiments" / CLAIM
CONTROL, LONGER = "control", "longer"
ARMS = (CONTROL, "half", "quarter_turn", LONGER, "printed", "srn", "cstr_pooled", "cstr")
QUICK_ARMS = (CONTROL, "printed", "srn")
FILES = {name: RECIPES / f"{name}.toml" for name in ARMS}
SERIES_CACHE = "control_series_cache"
"""The control's weights, decoded as the series decoded; no recipe."""
QUESTIONS = (
    ("truth before each token: the series' cache to the right one", SERIES_CACHE, CONTROL),
    ("the right cache: forcing ratio .5 to 1", "half", CONTROL),
    ("rotation by 90 degrees, wrapped", CONTROL, "quarter_turn"),
    ("printed formulas added", LONGER, "printed"),
    ("SATRN to SRN", CONTROL, "srn"),
    ("SATRN to CSTR", CONTROL, "cstr"),
    ("CSTR: one pooled vector to a look a position", "cstr_pooled", "cstr"),
)
METRICS = (("exact_match", "exact match", True), ("wer", "WER", False))
SETS = {"crohme": ("train",), "printed_math": ("train",)}
MOST_PRINTED_TOKENS = 20
QUICK = (
    "train.epochs=1",
    "train.batch_size=8",
    "train.validate_every_epochs=1",
    "train.log_every_steps=1",
    "schedule.warmup_epochs=0.5",
)


def lay_out(data_root: Path, folder: Path) -> Path:
    """Make a data root of the handwritten formulas and, light on dark as these, the short ones among the printed; return it."""
    (folder / "crohme").symlink_to(data_root / "crohme")
    printed = data_root / "printed_math"
    chosen = []
    for line in (printed / "train.tsv").read_text(encoding="utf-8").splitlines():
        name, label = line.split("\t")
        if len(label.split()) <= MOST_PRINTED_TOKENS:
            image = cv2.imread(str(printed / "images_train" / name), cv2.IMREAD_GRAYSCALE)
            if image is None:
                raise FileNotFoundError(f"{printed / 'images_train' / name} is missing or no image")
            chosen.append((255 - image, label))
    write_set(folder / CLAIM, "train", chosen)
    return folder


def train_arm(name: str, seed: int, root: Path, overrides: Sequence[str], runs: Path) -> Trained:
    """Train a recipe; the control's weights are decoded with the series' cache too."""
    trained = train_recipe(FILES[name], seed, root, "exact_match", overrides, runs)
    if name == CONTROL:
        trained.figures["val_series_cache"] = measure_with_cache(runs / trained.figures["run"], root, "outputs")
    return trained


def add_series_cache(reached: Reached) -> Reached:
    """Return what was reached, with the control under the series' cache as an arm of its own."""
    more = {}
    for seed, runs in reached.items():
        control = runs.get(CONTROL)
        cached = {} if control is None else {SERIES_CACHE: control | {"val": control["val_series_cache"]}}
        more[seed] = runs | cached
    return more


def make_rows(reached: Reached) -> list[Row]:
    """Return a row for each question and metric that has both of its ends, and one for each recipe."""
    rows = make_question_rows(QUESTIONS, METRICS, add_series_cache(reached))
    return rows + make_recipe_rows(ARMS, METRICS[0], reached)


def main() -> None:
    begun, arguments = time.perf_counter(), parse_arguments(__doc__, ARMS, QUICK_ARMS)
    arguments.threads = arguments.threads or torch.get_num_threads()
    use_threads(arguments.threads)
    seeds = [0] if arguments.quick else [int(seed) for seed in arguments.seeds.split(",")]
    reached = {} if arguments.quick else read_kept((arguments.out or RESULTS) / f"{CLAIM}.json", FILES)
    with tempfile.TemporaryDirectory() as folder:
        try:
            data_root = arguments.data_root
            if arguments.quick:
                arguments.runs = Path(folder, "runs")
                data_root = draw_sets(Path(folder, "drawn"), SETS, 60)
            Path(folder, "data").mkdir()
            root = lay_out(find_sets(data_root, SETS), Path(folder, "data"))
        except FileNotFoundError as error:
            print(f"{CLAIM}: {error}", file=sys.stderr)
            sys.exit(2)
        missing = list_missing([name for name in ARMS if name in arguments.chosen], seeds, reached)
        overrides = QUICK if arguments.quick else ()
        calls = [(name, seed, root, overrides, arguments.runs) for name, seed in missing[: arguments.num_runs]]
        for run in run_at_once(train_arm, calls, num_at_once=arguments.at_once):
            reached.setdefault(run.seed, {})[run.name] = run.figures
            keep(reached, arguments, begun)


def keep(reached: Reached, arguments: argparse.Namespace, begun: float) -> None:
    """Write what was reached so far."""
    ordered = {seed: reached[seed] for seed in sorted(reached)}
    settings: dict[str, Any] = {
        "images": "crohme, at most 10 tokens",
        "runs_at_once": arguments.at_once,
        "runs": ordered,
    }
    write_result(CLAIM, make_rows(ordered), settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
