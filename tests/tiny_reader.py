"""The smallest data and recipe that train a reader: eight images, four characters, an epoch of one step."""

from pathlib import Path

import cv2
import numpy as np

LABELS = ("AB12", "B21A", "1A2B", "2BA1", "AAB1", "B2B2", "12AB", "A1B2")
RECIPE = """\
task = "read"
[[data.train]]
format = "tsv"
path = "./labels.tsv"
[[data.val]]
format = "tsv"
path = "./val.tsv"
[preprocessing]
height_px = 32
width_px = 64
[model.backbone]
stem_channels = 4
channels = [4, 8]
num_blocks = [1, 1]
column_size = 8
[model.neck]
hidden_size = 4
[train]
epochs = 1
"""


def draw(path: Path, text: str, seed: int = 0) -> None:
    """Write an image of 32 x 64 px; every seed makes another one."""
    noise = np.random.default_rng(seed).integers(0, 60, (32, 64, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = cv2.putText(noise, text, (2, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def make_data(folder: Path) -> Path:
    """Lay out images, labels.tsv, val.tsv and recipe.toml."""
    for number, label in enumerate(LABELS):
        draw(folder / f"{number}.png", label, number)
    lines = [f"{number}.png\t{label}\n" for number, label in enumerate(LABELS)]
    (folder / "labels.tsv").write_text("".join(lines))
    (folder / "val.tsv").write_text("".join(lines[:4]))
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


def train(folder: Path) -> Path:
    """Train what `make_data` laid out and return the run's folder."""
    from saccade.cli import run

    assert run(["train", str(folder / "recipe.toml"), "--runs", str(folder / "runs"), "--device", "cpu"]) == 0
    return next((folder / "runs").rglob("status.json")).parent
