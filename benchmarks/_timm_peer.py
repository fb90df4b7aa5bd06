"""The peer of `classification_training.py`: timm's own `train.py`, run from a checkout, never copied.

    python benchmarks/_timm_peer.py CHECKOUT [options of its train.py]

runs it untouched, with one more network to choose by name: `resnet18_small_stem`, ResNet-18 with a 3x3 stem of stride 1
and without a pool, which timm cannot build by an option.
"""

import argparse
import os
import re
import runpy
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from torch import nn

REPOSITORY = "https://github.com/huggingface/pytorch-image-models"
SMALL_STEM_SUFFIX = "_small_stem"

_STEP = re.compile(
    r"Train: \d+ \[\s*(?P<step>\d+)/\d+.*?Time: (?P<time>[\d.]+)s,\s+(?P<rate>[\d.]+)/s.*?Data: (?P<data>[\d.]+)"
)


@dataclass(frozen=True)
class PeerSteps:
    """What its log says of the steps after the warm-up: images a second, and seconds an image spent waiting for data."""

    images_per_second: float
    data_seconds: float


def run_peer(checkout: Path, options: Mapping[str, str | None], *, batch_size: int, warm_up_steps: int) -> PeerSteps:
    """Run its train.py in a process of its own until its training epoch ends, and read its log.

    Args:
        checkout: a checkout of the repository.
        options: of its train.py, without dashes; None for a flag.
        batch_size: of every step.
        warm_up_steps: steps at the start that do not count.

    Raises:
        RuntimeError: it ended before it had trained.
    """
    command = [sys.executable, str(Path(__file__)), str(checkout.resolve())]
    for name, value in options.items():
        command += [f"--{name}", *(value.split(" ") if value is not None else ())]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [*command, "--output", folder],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        watchdog = threading.Timer(1800, process.kill)
        watchdog.start()
        try:
            said = process.communicate()[0]
        finally:
            watchdog.cancel()
    steps = [
        (float(found["time"]), float(found["data"]))
        for found in _STEP.finditer(said)
        if int(found["step"]) >= warm_up_steps
    ]
    if process.returncode or not steps:
        raise RuntimeError(f"its train.py ended with status {process.returncode}: {said.strip()[-1000:]}")
    return PeerSteps(
        images_per_second=batch_size / statistics.median(seconds for seconds, _ in steps),
        data_seconds=statistics.median(seconds for _, seconds in steps) / batch_size,
    )


def describe_peer(checkout: Path) -> dict[str, str | None]:
    """Return what a result keeps of the peer."""
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return {"repository": REPOSITORY, "commit": commit or None, "installed": timm.__version__}


def build_small_stem(architecture: str, **options: object) -> nn.Module:
    """Return a ResNet of timm with a 3x3 stem of stride 1 and without a pool."""
    network = timm.create_model(architecture, **options)
    network.conv1 = nn.Conv2d(3, network.bn1.num_features, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def resnet18_small_stem(
    pretrained: bool = False,
    **options: object,
) -> nn.Module:
    """Return ResNet-18 with the small stem, as its registry asks for it."""
    options = {name: value for name, value in options.items() if not name.startswith(("pretrained", "cache"))}
    return build_small_stem("resnet18", **options)


def main() -> None:
    """Run its train.py with the remaining arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    arguments, rest = parser.parse_known_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    timm.models.register_model(resnet18_small_stem)
    sys.path.insert(0, str(arguments.checkout))
    sys.argv = ["train.py", *rest]
    runpy.run_path(str(arguments.checkout / "train.py"), run_name="__main__")


if __name__ == "__main__":
    main()
