"""`saccade train` in a process of its own, with the sinks' own packages and without a network."""

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECIPE = """\
task = "read"
[data]
train = [{ format = "synthetic_plates", num_images = 12, seed = 1, difficulty = 0.0 }]
val = [{ format = "synthetic_plates", num_images = 4, seed = 2, difficulty = 0.0 }]
[text]
charset = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
[train]
epochs = 6
batch_size = 4
log_every_steps = 2
validate_every_epochs = 2
checkpoint_every_steps = 5
[preprocessing]
height_px = 16
width_px = 64
[model]
backbone = { stem_channels = 4, channels = [8], num_blocks = [1], column_size = 16 }
neck = { hidden_size = 8 }
"""
STOP = """\
import sys
from saccade.commands import progress
from saccade.records.sinks import guard
guard._CLOSE_SECONDS["stopped"] = 300.0
progress.Display.stop = lambda self: self._step >= {step}
watch = progress.Display.watch
def keep(self, row):
    self._step = max(row.get("step", 0), getattr(self, "_step", 0))
    watch(self, row)
progress.Display.watch = keep
"""
MAIN = "import sys; from saccade.cli import main; main()"


def train(folder: Path, *arguments: str, stop_at: int | None = None, **environment: str) -> tuple[int, str, str]:
    """Run `saccade train` in a folder and return status, stdout and stderr; `stop_at` stops it as a signal would."""
    (folder / "series").mkdir(exist_ok=True)
    (folder / "series" / "exp.toml").write_text(RECIPE)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    places = {f"WANDB_{name}_DIR": str(folder / "own" / name.lower()) for name in ("DATA", "CACHE", "CONFIG")}
    completed = subprocess.run(
        [sys.executable, "-c", (STOP.format(step=stop_at) if stop_at else "") + MAIN, "train", *arguments],
        cwd=folder,
        env=kept | places | {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"} | environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return completed.returncode, completed.stdout, completed.stderr


def find_run(folder: Path) -> Path:
    (status,) = folder.rglob("status.json")
    return status.parent


def read_wandb(path: Path) -> Iterator[Any]:
    """Yield the records of a .wandb file, which is a LevelDB log: blocks of 32 KiB, records in up to several pieces."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, position, pieces = path.read_bytes(), 7, b""
    while position + 7 <= len(content):
        left = 32_768 - position % 32_768
        if left < 7:
            position += left
            continue
        length, kind = struct.unpack("<HB", content[position + 4 : position + 7])
        pieces += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # the whole, or the last piece
            yield Record.FromString(pieces)
            pieces = b""
