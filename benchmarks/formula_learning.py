"""Five readers of formulas on two cores: CROHME formulas of at most 20 tokens, one recipe, at most 25 minutes each.

Claim: of `experiments/crohme20/{attention,aster,satrn,srn,cstr}.toml`, which differ in `[model]` alone, the best reads at least 0.30 of
the 2014 formulas of at most 20 tokens exactly, each at least 0.12, after at most 1,500 seconds of training, validation included. The
688 images are read with the weights that the validation split chose, greedily, and beside it, where a reader writes step by step, with a
beam of five and a grammar. Intervals are Wilson's, over images; one seed says nothing of others. The answer that is always the same reads
0.000.

    python benchmarks/formula_learning.py --data-root DATA [--readers attention,satrn] [--runs runs] [--ensemble RUN]

Each reader is written down when it ends, and a later call keeps the others as long as their recipes are what they were: so one reader a
call is enough. `--ensemble` names the run of `experiments/crohme20/ensemble.toml`, whose reading of the test split is put beside its
best member's, image by image (bootstrap over pairs, McNemar); it holds if the interval of the difference lies above 0.

Floor: 70 to 140 MMAC an image, three times that with the backward pass, so 0.42 to 0.84 GFLOP; at the 50 GFLOP/s of two cores without
bf16, which small networks do not reach, 60 to 120 images/s. Measured on one thread of a busy machine, augmentation included: 55 to 72, so
20 epochs of 5,722 images are 1,000 to 1,300 seconds with two. Prediction, before the first run: satrn and attention
0.30 to 0.40, aster 0.25 to 0.35, srn 0.15 to 0.25, cstr 0.12 to 0.20; the ensemble of the first three 4 to 7 points above the best.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from _at_once import run_at_once, use_threads
from _formula_files import draw_sets, find_sets
from _formula_runs import Figures, compare_test, train_reader
from _result import RESULTS, Goal, Row, make_parser, write_result

from saccade.errors import InputError
from saccade.recipes.loader import load

CLAIM = "formula_learning"
RECIPES = Path(__file__).parents[1] / "experiments" / "crohme20"
READERS = ("attention", "aster", "satrn", "srn", "cstr")
QUICK_READERS = ("satrn", "srn")
SETS = {"crohme": ("train", "2014")}
BEST_GOAL, EACH_GOAL, MOST_SECONDS = 0.30, 0.12, 1500.0
QUICK = (
    "train.epochs=1",
    "train.batch_size=8",
    "train.log_every_steps=1",
    "train.validate_every_epochs=1",
    "schedule.warmup_epochs=0.5",
    "stage=[]",
)


def parse_arguments() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--data-root", type=Path, default=Path(os.environ.get("SACCADE_DATA", ".data")))
    parser.add_argument("--readers", default=",".join(READERS), help="which; default: all")
    parser.add_argument("--at-once", type=int, default=1, help="readers at once, each with --threads")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the records go")
    parser.add_argument(
        "--ensemble", type=Path, metavar="RUN", help="run of an ensemble, with predictions of the test split"
    )
    arguments = parser.parse_args()
    arguments.chosen = QUICK_READERS if arguments.quick else tuple(arguments.readers.split(","))
    if unknown := set(arguments.chosen) - set(READERS):
        parser.error(f"--readers: no reader {', '.join(sorted(unknown))}; there are {', '.join(READERS)}")
    return arguments


def read_kept(path: Path) -> dict[str, Figures]:
    """Return reader -> figures of an earlier result, of the recipes as they are now."""
    if not path.exists():
        return {}
    kept: dict[str, Figures] = json.loads(path.read_text(encoding="utf-8"))["settings"]["readers"]
    now = {name: [one.sha256 for one in load(RECIPES / f"{name}.toml").lineage] for name in READERS}
    return {name: figures for name, figures in kept.items() if figures["files"] == now.get(name)}


def make_rows(readers: Mapping[str, Figures], ensemble: Figures | None) -> list[Row]:
    """Return a row for the best reader, one for each, one for the longest training, and one for the ensemble if there is one."""
    best = find_best(readers)
    unit = "exact match, 2014, at most 20 tokens"
    rows = [make_reader_row(f"best of {len(readers)}: {best}", unit, readers[best], BEST_GOAL)]
    rows += [make_reader_row(name, unit, readers[name], EACH_GOAL) for name in READERS if name in readers]
    rows.append(
        Row(
            "longest training",
            "s",
            [(max(figures["seconds"] for figures in readers.values()), None)],
            higher_is_better=False,
            goal=Goal("ours", MOST_SECONDS),
        )
    )
    if ensemble is not None:
        unmet = "" if ensemble["interval"][0] > 0 else "the interval of the difference reaches 0"
        pair = (ensemble["after"], ensemble["before"])
        rows.append(Row(f"ensemble beside {best}", unit, [pair], True, Goal("ratio", 1.0), unmet, details=ensemble))
    return rows


def find_best(readers: Mapping[str, Figures]) -> str:
    """Return the reader with the highest exact match on the test split."""
    return max(readers, key=lambda name: readers[name]["test"]["exact_match"]["value"])


def make_reader_row(name: str, unit: str, figures: Figures, goal: float) -> Row:
    """Return one reader's exact match with its interval, its expression rate, and what it cost."""
    right = figures["test"]["exact_match"]
    details = {"low": right["low"], "high": right["high"], "n": right["n"]}
    details |= {"expression_rate": figures["test"]["exact_match_normalised"]}
    details |= {key: figures[key] for key in ("seconds", "num_parameters", "epochs", "val", "train_clean")}
    if "test_beam" in figures:
        details["beam_and_grammar"] = figures["test_beam"]["exact_match"]
    return Row(name, unit, [(right["value"], None)], True, Goal("ours", goal), details=details)


def main() -> None:
    begun, arguments = time.perf_counter(), parse_arguments()
    arguments.threads = arguments.threads or torch.get_num_threads()
    use_threads(arguments.threads)
    kept = {} if arguments.quick else read_kept((arguments.out or RESULTS) / f"{CLAIM}.json")
    with tempfile.TemporaryDirectory() as folder:
        try:
            if arguments.quick:
                root, arguments.runs = draw_sets(Path(folder), SETS, 40), Path(folder, "runs")
            else:
                root = find_sets(arguments.data_root, SETS)
            measure(kept, root, arguments, begun)
        except (FileNotFoundError, InputError) as error:
            print(f"{CLAIM}: {error}", file=sys.stderr)
            sys.exit(2)


def measure(readers: dict[str, Figures], root: Path, arguments: argparse.Namespace, begun: float) -> None:
    """Train what is missing, writing the result after each reader, and then what `--ensemble` adds."""
    overrides = QUICK if arguments.quick else ()
    calls = [
        (RECIPES / f"{name}.toml", root, arguments.runs, overrides) for name in arguments.chosen if name not in readers
    ]
    for name, figures in run_at_once(train_reader, calls, num_at_once=arguments.at_once):
        readers[name] = figures
        keep(readers, None, arguments, begun)
    if not calls and arguments.ensemble is None:
        print(f"{CLAIM}: {', '.join(arguments.chosen)} have run, with the recipes as they are", file=sys.stderr)
    if arguments.ensemble is not None and readers:
        member = arguments.runs / readers[find_best(readers)]["run"]
        keep(readers, compare_test(member, arguments.ensemble), arguments, begun)


def keep(readers: Mapping[str, Figures], ensemble: Figures | None, arguments: argparse.Namespace, begun: float) -> None:
    """Write what was reached so far."""
    ordered = {name: readers[name] for name in READERS if name in readers}
    settings: dict[str, Any] = {"images": "crohme, at most 20 tokens", "readers": ordered}
    settings |= {"readers_at_once": arguments.at_once}
    write_result(CLAIM, make_rows(ordered, ensemble), settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
