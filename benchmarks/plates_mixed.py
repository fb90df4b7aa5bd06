"""plates_mixed: one reader for the plates of four countries, beside fast-plate-ocr on the same images for the same time.

Claim: `experiments/plates_mixed/baseline.toml` reaches a validation exact match of 0.97 on plates_uz and 0.93 on plates_cn in at most 40
minutes on two cores; the United States and Brazil, a fifth of openalpr's benchmark by content, come with intervals (Wilson). The
validation plates also chose the checkpoint, on both sides.

    python benchmarks/plates_mixed.py --data-root .data --peer CHECKOUT --peer-python PYTHON

The peer is fast-plate-ocr's own `train` command with its smallest published network and its defaults, from a checkout of
https://github.com/ankandrew/fast-plate-ocr and a Python with keras, a backend, albumentations, click, pandas, pydantic 2, onnxruntime and
opencv-python-headless. It gets every image of our recipe, drawn plates too, as often an epoch, and about the seconds that ours took.

Prediction: ours 0.97 or more of Uzbek plates, 0.93 to 0.97 of Chinese ones, 0.6 to 0.9 of the two small sets; the peer, which needs
several times the epochs, below 0.5 everywhere.

Floor: a step of 32 images is about 3 x 32 x 60 MMAC x 2 = 11.5 GFLOP; at the 50 GFLOP/s of two fp32 cores without bf16 0.23 s, so
290,000 images take 35 minutes.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
from _at_once import use_threads
from _fast_plate_peer import Peer, open_peer, train_peer
from _result import Goal, Row, make_parser, write_result

from saccade.data.formats.entry import Entry
from saccade.data.splits import load_splits
from saccade.data.synthetic.plates import draw_plate
from saccade.engine.history import Hooks
from saccade.engine.run import train_run
from saccade.metrics.reading import summarise_reading
from saccade.recipes.loader import load
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.records.reader import read_run
from saccade.tasks.registry import build_task

CLAIM = "plates_mixed"
RECIPE = Path(__file__).parents[1] / "experiments" / CLAIM / "baseline.toml"
GOALS = {"uz": 0.97, "cn": 0.93}
SETS = ("uz", "cn", "us", "br")
FILES = {
    "plates_uz": {"train": "images", "val": "images"},
    "plates_cn": {"train": "images", "val": "images"},
    "plates_openalpr": {"us": "images_us", "br": "images_br"},
}
QUICK = (
    "train.epochs=1",
    "stage=[]",
    "data.train=["
    + ",".join(
        f'{{name="{name}",format="tsv",path="{path}.tsv",images="{images}",keep={{hash_below={below}}}}}'
        for name, path, images, below in (
            ("uz", "plates_uz/train", "plates_uz/images", 1.0),
            ("cn", "plates_cn/train", "plates_cn/images", 1.0),
            ("us", "plates_openalpr/us", "plates_openalpr/images_us", 0.8),
            ("br", "plates_openalpr/br", "plates_openalpr/images_br", 0.8),
        )
    )
    + "]",
)
Figures = dict[str, Any]


def parse_arguments() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--data-root", type=Path, default=Path(os.environ.get("SACCADE_DATA", ".data")))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, help="where the record goes; default: a folder that is thrown away")
    parser.add_argument("--peer", type=Path, help="checkout of fast-plate-ocr; default: ours alone")
    parser.add_argument("--peer-python", type=Path, help="Python that has what it needs")
    parser.add_argument("--peer-backend", default="tensorflow", help="of Keras: tensorflow, jax or torch")
    arguments = parser.parse_args()
    if (arguments.peer is None) != (arguments.peer_python is None):
        parser.error("--peer and --peer-python go together: a checkout, and the Python that runs it")
    return arguments


def draw_sets(root: Path, num_images: int = 40) -> None:
    """Write drawn plates in the place of the four sets, for the quick form."""
    for seed, (name, files) in enumerate(FILES.items()):
        for part, images in files.items():
            (root / name / images).mkdir(parents=True, exist_ok=True)
            plates = [draw_plate(seed, number, difficulty=0.2) for number in range(num_images)]
            names = [f"{part}{number:03d}.png" for number in range(num_images)]
            for file, plate in zip(names, plates, strict=True):
                cv2.imwrite(str(root / name / images / file), cv2.cvtColor(plate.image, cv2.COLOR_RGB2BGR))
            lines = [f"{file}\t{plate.text}\n" for file, plate in zip(names, plates, strict=True)]
            (root / name / f"{part}.tsv").write_text("".join(lines), encoding="utf-8")


def train_ours(recipe: ReadRecipe, runs: Path) -> Figures:
    """Train the recipe; return its figures a set, and the seconds from the first step to the last validation."""
    folder = train_run(build_task(recipe), runs=runs, name=(CLAIM, "baseline"), device="cpu", hooks=Hooks())
    run = read_run(folder)
    assert run.metrics is not None
    validations = [row for row in run.history() if row.get("event") == "validation"]
    summary = run.metrics["splits"]["val"]
    return {
        "sets": {row["source"]: row for row in summary["by_source"]},
        "exact_match": summary["exact_match"],
        "seconds": validations[-1]["seconds"],
        "selection": {key: run.metrics["selection"][key] for key in ("last", "median_last_ten", "train_clean")},
        "history": [[row["seconds"], row["val"]["exact_match"]] for row in validations],
    }


def run_peer(peer: Peer, recipe: ReadRecipe, seconds: float) -> Figures:
    """Train the peer on the same images for the same time; return its figures a set."""
    splits = load_splits(recipe.data, text=recipe.text)
    with tempfile.TemporaryDirectory() as folder:
        run = train_peer(peer, splits.train.entries, splits.val.entries, seconds=seconds, folder=Path(folder))
    summary: Any = summarise_reading(make_prediction_rows(splits.val.entries, run.texts))
    return {
        "sets": {row["source"]: row for row in summary["by_source"]},
        "exact_match": summary["exact_match"],
        **run.figures,
    }


def make_prediction_rows(entries: Sequence[Entry], texts: Sequence[str]) -> list[Figures]:
    """Return rows as a record holds them; the confidence is of no use here."""
    return [
        {"id": entry.id, "target": entry.label, "prediction": text, "confidence": 1.0, "source": entry.source}
        for entry, text in zip(entries, texts, strict=True)
    ]


def make_rows(ours: Figures, peer: Figures | None) -> list[Row]:
    """Return a row a set with the intervals of both sides, and one for the time."""
    rows = []
    for name in SETS:
        own, other = ours["sets"][name], None if peer is None else peer["sets"][name]
        details = {**_bound(own, ""), **({} if other is None else _bound(other, "peer_"))}
        pair = (own["exact_match"]["value"], None if other is None else other["exact_match"]["value"])
        goal = Goal("ours", GOALS[name]) if name in GOALS else None
        unit = f"share of {own['exact_match']['n']} validation plates"
        rows.append(Row(f"exact match, {name}", unit, [pair], True, goal, details=details))
    times = (ours["seconds"], None if peer is None else peer["seconds"])
    return [*rows, Row("training", "seconds", [times], False, Goal("ours", 2400))]


def _bound(row: Mapping[str, Any], prefix: str) -> Figures:
    share, errors = row["exact_match"], row["cer"]
    return {f"{prefix}low": share["low"], f"{prefix}high": share["high"], f"{prefix}cer": errors}


def main() -> None:
    begun, arguments = time.perf_counter(), parse_arguments()
    arguments.threads = arguments.threads or torch.get_num_threads()
    use_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data" if arguments.quick else arguments.data_root
        if arguments.quick:
            draw_sets(root)
        missing = [name for name in FILES if not (root / name).is_dir()]
        if missing:
            print(f"{CLAIM}: left out, there is no {root / missing[0]} (--data-root)")
            return
        overrides = [*(QUICK if arguments.quick else ()), *([f"seed={arguments.seed}"] if arguments.seed else [])]
        recipe = load(RECIPE, data_root=root.resolve(), overrides=overrides).recipe
        assert isinstance(recipe, ReadRecipe)
        peer = find_peer(arguments)
        ours = train_ours(recipe, arguments.runs or Path(folder) / "runs")
        settings: Figures = {"recipe": f"experiments/{CLAIM}/baseline.toml", "seed": arguments.seed, "ours": ours}
        write_result(CLAIM, make_rows(ours, None), settings, arguments, begun=begun)
        if peer is not None:
            theirs = run_peer(peer, recipe, ours["seconds"])
            settings |= {"peer": peer.describe() | {key: value for key, value in theirs.items() if key != "sets"}}
            write_result(CLAIM, make_rows(ours, theirs), settings, arguments, begun=begun)


def find_peer(arguments: argparse.Namespace) -> Peer | None:
    if arguments.peer is None:
        return None
    try:
        return open_peer(
            arguments.peer, arguments.peer_python, backend=arguments.peer_backend, num_threads=arguments.threads
        )
    except FileNotFoundError as error:
        print(f"{CLAIM}: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
