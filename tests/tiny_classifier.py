"""The smallest data and recipe that train a classifier: six classes of coloured noise, four images each, an epoch of one step."""

from pathlib import Path

import cv2
import numpy as np

CLASSES = ("ape", "bee", "cat", "dog", "eel", "fox")
RECIPE = """\
task = "classify"
[data]
val_fraction = 0.25
[[data.train]]
format = "folder"
path = "./train"
[[data.test]]
format = "folder"
path = "./test"
[preprocessing]
height_px = 16
width_px = 16
[model]
architecture = "test_resnet"
[train]
epochs = 1
batch_size = 32
"""


def draw(path: Path, label: str, seed: int) -> None:
    """Write an image of 16 x 16 px; every seed makes another one."""
    rng = np.random.default_rng([CLASSES.index(label), seed])
    colour = np.random.default_rng(CLASSES.index(label)).integers(60, 200, 3)
    pixels = np.clip(colour + rng.integers(-50, 50, (16, 16, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def make_data(folder: Path) -> Path:
    """Lay out class folders and recipe.toml."""
    for label in CLASSES:
        for seed in range(6):
            draw(folder / ("train" if seed < 4 else "test") / label / f"{seed}.png", label, seed)
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


def train(folder: Path, *options: str) -> Path:
    """Train what `make_data` laid out and return the run's folder."""
    from saccade.cli import run

    runs = folder / "runs"
    before = set(runs.rglob("status.json"))
    assert run(["train", str(folder / "recipe.toml"), "--runs", str(runs), "--device", "cpu", *options]) == 0
    (status,) = set(runs.rglob("status.json")) - before
    return status.parent
