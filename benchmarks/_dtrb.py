"""The peer of `plates_training.py`: clovaai/deep-text-recognition-benchmark, run from a checkout, never copied.

Its modules are imported as they are. What its commit of 2023 asks for and a present installation lacks is put in place
here and listed in `Peer.changes`; nothing of it touches what is timed, except that the edit distance of its validation
comes from rapidfuzz, which is faster than nltk's.

    python benchmarks/_dtrb.py CHECKOUT [options of its train.py]

runs its own `train.py` the same way.
"""

import contextlib
import importlib
import importlib.util
import io
import itertools
import runpy
import subprocess
import sys
import types
import warnings
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rapidfuzz.distance import Levenshtein
from torch import nn

REPOSITORY = "https://github.com/clovaai/deep-text-recognition-benchmark"
NETWORK = {"Transformation": "None", "FeatureExtraction": "VGG", "SequenceModeling": "BiLSTM", "Prediction": "CTC"}
HEIGHT_PX, WIDTH_PX = 32, 100
DEFAULT_WORKERS = 4

# Small packages that it imports and that need not be installed: the few names that it uses.
_STAND_INS: dict[str, dict[str, Any]] = {
    "six": {"BytesIO": io.BytesIO},
    "natsort": {"natsorted": sorted},
    "fire": {"Fire": None},
    "nltk": {},
    "nltk.metrics": {},
    "nltk.metrics.distance": {"edit_distance": Levenshtein.distance},
}


@dataclass(frozen=True)
class Peer:
    """A checkout whose modules can be imported, and what had to be put in place for that."""

    folder: Path
    changes: tuple[str, ...]

    def module(self, name: str) -> Any:
        """Return a module of the checkout: "model", "dataset", "utils", "create_lmdb_dataset"."""
        return importlib.import_module(name)

    def build_network(self, num_classes: int) -> nn.Module:
        """Return None-VGG-BiLSTM-CTC for grey images of 32x100; call it with (images, text), text unused."""
        sizes = {"input_channel": 1, "output_channel": 512, "hidden_size": 256, "num_class": num_classes}
        with contextlib.redirect_stdout(io.StringIO()):
            network: nn.Module = self.module("model").Model(
                Namespace(**NETWORK, **sizes, imgH=HEIGHT_PX, imgW=WIDTH_PX)
            )
        return network

    def describe(self) -> dict[str, Any]:
        """Return what a result keeps of the peer."""
        command = ["git", "-C", str(self.folder), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        return {
            "repository": REPOSITORY,
            "commit": commit or None,
            "changes": self.changes,
            "network": "-".join(NETWORK.values()),
        }


def open_peer(folder: Path) -> Peer:
    """Make the modules of a checkout importable in this process.

    Raises:
        FileNotFoundError: the folder is no checkout.
    """
    if not (folder / "train.py").is_file():
        raise FileNotFoundError(f"{folder} holds no train.py; git clone {REPOSITORY} and name that folder")
    changes = []
    missing = {name for name in _STAND_INS if "." not in name and importlib.util.find_spec(name) is None}
    for name, members in _STAND_INS.items():
        if name.partition(".")[0] in missing:
            sys.modules[name] = types.ModuleType(name)
            vars(sys.modules[name]).update(members)
            changes += [f"{name} is not installed; put in its place: {member}" for member in members]
    if not hasattr(torch._utils, "_accumulate"):
        torch._utils._accumulate = itertools.accumulate  # type: ignore[attr-defined]  # what it was before torch dropped it
        changes.append("torch._utils._accumulate: itertools.accumulate")
    sys.path.insert(0, str(folder.resolve()))
    return Peer(folder, tuple(changes))


def make_options(train_data: Path, *, batch_size: int, num_workers: int) -> Namespace:
    """Return the options that its loader reads, with its defaults; every image of one folder makes up a batch."""
    return Namespace(
        train_data=str(train_data),
        select_data=["/"],
        batch_ratio=["1"],
        total_data_usage_ratio="1.0",
        batch_size=batch_size,
        workers=num_workers,
        batch_max_length=25,
        imgH=HEIGHT_PX,
        imgW=WIDTH_PX,
        rgb=False,
        PAD=False,
        character="0123456789abcdefghijklmnopqrstuvwxyz",
        sensitive=False,
        data_filtering_off=False,
        exp_name="benchmark",
    )


@contextlib.contextmanager
def in_folder_of_its_own(folder: Path) -> Iterator[None]:
    """Run its code silently in a folder where it may write its logs."""
    (folder / "saved_models" / "benchmark").mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of its settings on a machine without an accelerator
        yield


def write_lmdb(peer: Peer, label_file: Path, images: Path, folder: Path) -> None:
    """Bring a label file, `file<TAB>text`, and its images into its format, by its own script."""
    with contextlib.redirect_stdout(io.StringIO()):
        peer.module("create_lmdb_dataset").createDataset(str(images), str(label_file), str(folder))


def main() -> None:
    """Run its train.py with the remaining arguments."""
    peer = open_peer(Path(sys.argv[1]))
    sys.argv = ["train.py", *sys.argv[2:]]
    runpy.run_path(str(peer.folder / "train.py"), run_name="__main__")


if __name__ == "__main__":
    main()
