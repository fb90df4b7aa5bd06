"""The peer of `plates_mixed.py`: fast-plate-ocr's own `train`, run from a checkout with a Python of its own, never copied.

It reads the images of our recipe from CSV files, each as often an epoch as our weights say, drawn plates as PNG. Its schedule needs the
number of epochs beforehand: a training of few steps says how long a step takes. Network and settings are its own defaults, `cct_xs_v1`.
"""

import csv
import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from saccade.data.formats.entry import Entry
from saccade.data.images import read_image

REPOSITORY = "https://github.com/ankandrew/fast-plate-ocr"
BATCH_SIZE = 64
_TRIAL_STEPS, _TRIAL_EPOCHS = 8, 3
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STEP = re.compile(r"(?P<done>\d+)/(?P<of>\d+) \S+ (?P<total>\d+)s (?P<step>\d+)(?P<unit>ms|s)/step")
_PAD = "_"
Figures = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A checkout, and the Python that has what it needs."""

    checkout: Path
    python: Path
    backend: str
    """Of Keras: tensorflow, jax or torch."""
    num_threads: int

    def run(self, command: Sequence[str], *, timeout: float | None = None) -> str:
        """Run a command in that Python and return what it says; where the time is up, what it said until then.

        Raises:
            RuntimeError: it failed.
        """
        threads = str(self.num_threads)
        environment = os.environ | {
            "KERAS_BACKEND": self.backend,
            "PYTHONPATH": str(self.checkout),
            "PYTHONUNBUFFERED": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), threads),
        }
        try:
            done = subprocess.run(
                [str(self.python), *command],
                env=environment,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as stopped:
            said = stopped.stdout or b""
            return said.decode(errors="replace") if isinstance(said, bytes) else said
        if done.returncode:
            raise RuntimeError(f"fast-plate-ocr ended with status {done.returncode}: {done.stderr.strip()[-800:]}")
        return done.stdout

    def describe(self) -> Figures:
        """Return what a result keeps of the peer."""
        command = ["git", "-C", str(self.checkout), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        versions = (
            "import json, keras; print(json.dumps({'keras': keras.__version__, 'backend': keras.backend.backend()}))"
        )
        said = json.loads(self.run(["-c", versions]).splitlines()[-1])
        return {
            "repository": REPOSITORY,
            "commit": commit or None,
            "network": "cct_xs_v1",
            "batch_size": BATCH_SIZE,
            **said,
        }


def open_peer(checkout: Path, python: Path, *, backend: str, num_threads: int) -> Peer:
    """Check that there is a checkout and a Python.

    Raises:
        FileNotFoundError: one of them is missing.
    """
    checkout = checkout.resolve()
    if not (checkout / "fast_plate_ocr/cli/train.py").is_file():
        raise FileNotFoundError(
            f"{checkout} holds no fast_plate_ocr/cli/train.py; git clone {REPOSITORY} and name that folder"
        )
    if not python.is_file():
        raise FileNotFoundError(
            f"{python}: no such Python; make a virtual environment with its [train] packages and name it"
        )
    return Peer(checkout, python.absolute(), backend, num_threads)


@dataclass(frozen=True)
class PeerRun:
    """What it read in each validation image, in their order, and what it took."""

    texts: list[str]
    figures: Figures


def train_peer(peer: Peer, train: Sequence[Entry], val: Sequence[Entry], *, seconds: float, folder: Path) -> PeerRun:
    """Train for about so many seconds, and read the validation images with its best or its last weights, whichever read more.

    Args:
        peer: Where it is.
        train: The images of our recipe; weights are whole numbers, the times that each image counts in an epoch.
        val: The validation images.
        seconds: What our training took.
        folder: Empty, for its files.

    Raises:
        RuntimeError: it failed, or had no checkpoint in time.
    """
    rows = [entry for entry in train for _ in range(round(entry.weight))]
    files = {"train": write_annotations(rows, folder / "train"), "val": write_annotations(val, folder / "val")}
    num_few = min(len(rows), _TRIAL_STEPS * BATCH_SIZE)
    few = write_annotations(rows[:: len(rows) // num_few][:num_few], folder / "few")
    one = write_annotations(val[:1], folder / "one")  # what Keras says of an epoch holds its validation too
    config = write_config([*train, *val], folder / "plates.yaml")
    said = peer.run(_make_command(peer, config, few, one, epochs=_TRIAL_EPOCHS, out=folder / "trial"))
    step_seconds = find_step_seconds(said)
    num_steps = -(-len(rows) // BATCH_SIZE)
    epochs = max(1, int(seconds / (num_steps * step_seconds)))
    begun = time.perf_counter()
    command = _make_command(peer, config, files["train"], files["val"], epochs=epochs, out=folder / "trained")
    peer.run(command, timeout=1.5 * seconds + 120)
    taken = time.perf_counter() - begun
    checkpoints = sorted((folder / "trained").glob("*/ckpt-epoch_*.keras"), key=lambda path: path.stat().st_mtime)
    if not checkpoints:
        raise RuntimeError(f"fast-plate-ocr wrote no checkpoint in {taken:.0f} seconds")
    figures = {"seconds": taken, "epochs": epochs, "images": epochs * len(rows), "step_seconds": step_seconds}
    best, last = (
        checkpoints[-1],
        checkpoints[-1].with_name("last.keras"),
    )  # where no plate was ever right, best is the first
    read = {path.name: read_with(peer, path, config, files["val"]) for path in (last, best) if path.exists()}
    name = max(read, key=lambda name: sum(text == entry.label for text, entry in zip(read[name], val, strict=True)))
    return PeerRun(read[name], figures | {"checkpoint": name})


def read_with(peer: Peer, checkpoint: Path, config: Path, annotations: Path) -> list[str]:
    """Return what a network of its reads in each image of a CSV file."""
    reader = Path(__file__).with_name("_fast_plate_read.py")
    said = peer.run([str(reader), str(peer.checkout), str(checkpoint), str(config), str(annotations)])
    texts: list[str] = json.loads(said.splitlines()[-1])
    return texts


def _make_command(peer: Peer, config: Path, train: Path, val: Path, *, epochs: int, out: Path) -> list[str]:
    options: Mapping[str, Any] = {
        "model-config-file": peer.checkout / "models/cct_xs_v1.yaml",
        "plate-config-file": config,
        "annotations": train,
        "val-annotations": val,
        "batch-size": BATCH_SIZE,
        "epochs": epochs,
        "output-dir": out,
        "seed": 0,
    }
    listed = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return ["-c", "from fast_plate_ocr.cli.train import train; train()", *listed]


def write_annotations(entries: Sequence[Entry], folder: Path) -> Path:
    """Write a CSV file as it reads it: names relative to its folder, images that lie in no file of their own as PNG beside it."""
    folder.mkdir(parents=True)
    names: dict[int, str] = {}
    lines = []
    for entry in entries:
        if id(entry) not in names:
            names[id(entry)] = _place_image(entry, folder, len(names))
        lines.append((names[id(entry)], entry.label))
    path = folder / "annotations.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image_path", "plate_text"))
        writer.writerows(lines)
    return path


def _place_image(entry: Entry, folder: Path, number: int) -> str:
    if entry.path is not None:
        return os.path.relpath(entry.path, folder.resolve())
    name = f"drawn{number:05d}.png"
    cv2.imwrite(str(folder / name), cv2.cvtColor(read_image(entry, "rgb"), cv2.COLOR_RGB2BGR))
    return name


def write_config(entries: Sequence[Entry], path: Path) -> Path:
    """Write its plate configuration: its defaults, with the characters of the labels and a slot for each of the longest."""
    characters = "".join(sorted(set("".join(entry.label for entry in entries))))
    slots = max(len(entry.label) for entry in entries) + 1
    values = {
        "max_plate_slots": slots,
        "alphabet": characters + _PAD,
        "pad_char": _PAD,
        "img_height": 64,
        "img_width": 128,
    }
    values |= {"keep_aspect_ratio": False, "interpolation": "linear", "image_color_mode": "rgb"}
    path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
    return path


def find_step_seconds(said: str) -> float:
    """Return the seconds of a step in the last epoch that Keras reported: the first also compiles.

    Raises:
        RuntimeError: it reported none.
    """
    plain = _COLOUR.sub("", said)
    whole = [found for found in _STEP.finditer(plain) if found["done"] == found["of"]]
    if not whole:
        raise RuntimeError(f"fast-plate-ocr said nothing of its steps: {plain.strip()[-400:]}")
    last = whole[-1]
    if last["unit"] == "ms":
        return float(last["step"]) / 1000
    return float(last["total"]) / int(last["of"])  # its own figure is in whole seconds
