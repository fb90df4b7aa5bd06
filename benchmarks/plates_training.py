"""Beside clovaai/deep-text-recognition-benchmark: a step no slower, a third of the time outside it, 0.90 in a quarter.

The peer's network is its None-VGG-BiLSTM-CTC, 8.3 M parameters, grey images of 32x100, batch 64. Both sides read the
same files with the same number of threads in one call, in turn. The peer is a checkout of the public repository:

    git clone https://github.com/clovaai/deep-text-recognition-benchmark
    python benchmarks/plates_training.py --peer deep-text-recognition-benchmark --data-root DATA

`--rows` names the groups (all but the last by default); DATA holds plates_uz. The first two groups are one file,
`plates_training.json`, written whole by each call; the others have their own, `plates_training_formats.json` and
`plates_training_to_90.json`, which is written anew after each seed. `--quick` draws synthetic plates and needs no data;
without `--peer` it says so and does nothing.

step     `train_step` on their network beside the loop body of their train.py, fp32: no slower (1.02). Floor: forward
         and backward of 8.3 M parameters over 64 images are about 3 x 64 x 0.7 GMAC = 270 GFLOP, one to two seconds on two
         cores; everything around it is microseconds. Both sides run the same kernels, so prediction: 1.00. Adadelta and
         clipping read and write 5 x 33 MB, 0.1 s. The losses of both sides stand in the result and must agree.
outside  seconds an image outside the step: at most 1/3 of theirs with no worker processes. Floor: ours selects 3,200
         bytes from a resident tensor and normalises them, 2 us; decoding once, spread over a training of tens of
         epochs, adds less than 50 us. Theirs decodes, resizes and normalises at every use: 0.3 to 0.5 ms. Prediction:
         0.1. Rows without a goal show lazy decoding, our full augmentation (theirs augments nothing) and their default
         of four worker processes. What exactly is counted: `_plates_outside.py`.
formats  the step with bf16, channels_last and torch.compile, each alone and given to both. Prediction: 1.00 each.
to_90    seconds until validation exact match 0.90 on plates_uz: shipped recipe against theirs, three seeds; at least 4
         times as fast. Theirs is stopped after `--limit` seconds, or `--limit-ratio` times ours. The light reader needs
         6 minutes; DTRB has read no plate after 7. Prediction: 5 to 10 times, or a lower bound. What exactly runs:
         `_plates_to_90.py`.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import torch
from _at_once import run_at_once, use_threads
from _dtrb import REPOSITORY, Peer, open_peer, write_lmdb
from _label_files import LabelFiles, draw_plates, find_plates_uz
from _light_reader import describe_recipe, load_baseline
from _plates_outside import BATCH_SIZE, compare_outside
from _plates_step import FORMATS, Amount, compare_steps
from _plates_to_90 import Pair, Race, make_row, read_pairs, run_both
from _result import Row, make_parser, write_result

GROUPS = ("step", "outside", "formats", "to_90")
RESULTS = {"plates_training": ("step", "outside"), "plates_training_formats": ("formats",)}
"""Name of a result -> the groups that it holds."""


def parse_arguments() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--peer", type=Path, help=f"a checkout of {REPOSITORY}")
    parser.add_argument(
        "--data-root",
        type=Path,
        default=Path(os.environ.get("SACCADE_DATA", ".data")),
        help="folder above plates_uz; default: $SACCADE_DATA, else .data",
    )
    parser.add_argument("--rows", default="step,outside,formats", help=f"groups, of {','.join(GROUPS)}")
    parser.add_argument("--seeds", default="0,1,2", help="of to_90")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds that to_90 gives the peer for one seed")
    parser.add_argument("--limit-ratio", type=float, help="the same, times what ours took, where that is less")
    parser.add_argument("--at-once", type=int, default=1, help="seeds of to_90 at once, each with --threads")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="an earlier result of to_90 whose other seeds stay")
    parser.add_argument("--target", type=float, default=0.90, help="exact match that to_90 waits for")
    arguments = parser.parse_args()
    arguments.groups = arguments.rows.split(",")
    if unknown := set(arguments.groups) - set(GROUPS):
        parser.error(f"--rows: no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    return arguments


def find_files(folder: Path, arguments: argparse.Namespace) -> LabelFiles:
    if arguments.quick:
        return draw_plates(folder, num_train=64, num_val=8)
    return find_plates_uz(arguments.data_root)


def describe_settings(peer: Peer, files: LabelFiles) -> dict[str, object]:
    return {"peer": peer.describe(), "images": files.name, "batch_size": BATCH_SIZE, "height_px": 32, "width_px": 100}


def run_groups(
    peer: Peer, files: LabelFiles, lmdb: Path, groups: list[str], arguments: argparse.Namespace
) -> tuple[list[Row], dict[str, object]]:
    """Measure step, outside or formats; return the rows and the settings."""
    amount = Amount(8, 1, 1) if arguments.quick else Amount(BATCH_SIZE, 8, 5)
    rows: list[Row] = []
    left_out: dict[str, str] = {}
    for group in groups:
        if group == "outside":
            rows += compare_outside(
                peer, files, lmdb, num_epochs=1 if arguments.quick else 3, num_repeats=amount.num_repeats
            )
        else:
            formats = [name for name in FORMATS if (name == "fp32") == (group == "step")]
            measured, missing = compare_steps(peer, files, amount, formats)
            rows, left_out = rows + measured, left_out | missing
    return rows, describe_settings(peer, files) | {
        "groups": groups,
        "left_out": left_out,
        "steps_a_repeat": amount.num_steps,
        "batch_size_of_steps": amount.batch_size,
        "epochs_that_the_start_is_spread_over": load_baseline().train.epochs,
    }


def run_race(
    peer: Peer, files: LabelFiles, lmdbs: dict[str, Path], arguments: argparse.Namespace, begun: float
) -> None:
    """Measure to_90, seed by seed."""
    race = Race(arguments.target, arguments.limit, arguments.limit_ratio)
    if arguments.quick:
        race = Race(target=0.0, limit_seconds=60.0, batch_size=8, validate_every_steps=1, in_miniature=True)
    settings = describe_settings(peer, files) | {"recipe": describe_recipe(load_baseline())}
    settings |= {"seeds_at_once": arguments.at_once}
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    calls = [(peer.folder, files, lmdbs, race, seed) for seed in seeds]
    outcomes: list[Pair] = []
    if arguments.keep is not None:
        outcomes = read_pairs(arguments.keep, race, seeds)
        settings |= {"kept_from_an_earlier_call": [seed for seed, _, _ in outcomes]}
    for pair in run_at_once(run_both, calls, num_at_once=arguments.at_once):
        outcomes = sorted([*outcomes, pair], key=lambda pair: pair[0])
        write_result("plates_training_to_90", [make_row(race, outcomes)], settings, arguments, begun=begun)


def main() -> None:
    begun = time.perf_counter()
    arguments = parse_arguments()
    if arguments.peer is None:
        print(f"plates_training: left out: give --peer DIR after: git clone {REPOSITORY}", file=sys.stderr)
        sys.exit(0 if arguments.quick else 2)
    arguments.threads = arguments.threads or torch.get_num_threads()
    use_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        try:
            peer = open_peer(arguments.peer)
            files = find_files(Path(folder, "plates"), arguments)
        except FileNotFoundError as error:
            print(f"plates_training: {error}", file=sys.stderr)
            sys.exit(2)
        lmdbs = {"train": Path(folder, "train"), "val": Path(folder, "val")}
        write_lmdb(peer, files.train, files.images, lmdbs["train"])
        write_lmdb(peer, files.val, files.images, lmdbs["val"])
        for claim, together in RESULTS.items():
            if groups := [name for name in together if name in arguments.groups]:
                rows, settings = run_groups(peer, files, lmdbs["train"], groups, arguments)
                write_result(claim, rows, settings, arguments, begun=begun)
        if "to_90" in arguments.groups:
            run_race(peer, files, lmdbs, arguments, begun)


if __name__ == "__main__":
    main()
