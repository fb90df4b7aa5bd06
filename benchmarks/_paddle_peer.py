"""The peer of `line_augmentation.py`: PaddleOCR's own augmentation of text lines, imported from a checkout, never copied.

Only `ppocr/data/imaug` is needed. Its package imports every operation of every task, and one of its modules asks for
PaddlePaddle, so the folders stand as bare packages and names that augmentation of lines never calls as stand-ins;
`Peer.changes` lists them. What is timed is its code as it is.
"""

import importlib
import importlib.util
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = "https://github.com/PaddlePaddle/PaddleOCR"
_FOLDERS = ("ppocr", "ppocr.data", "ppocr.data.imaug")
_STAND_INS: dict[str, dict[str, Any]] = {
    "six": {"PY2": False},
    "paddle": {},
    "paddle.vision": {},
    "paddle.vision.transforms": {"Compose": list},
    "ppocr.data.imaug.abinet_aug": {
        name: None for name in ("CVGeometry", "CVDeterioration", "CVColorJitter", "SVTRGeometry", "SVTRDeterioration")
    },
}


@dataclass(frozen=True)
class Peer:
    """A checkout whose modules can be imported, and what had to be put in place for that."""

    folder: Path
    changes: tuple[str, ...]

    def module(self, name: str) -> Any:
        """Return a module of `ppocr/data/imaug`: "rec_img_aug", "text_image_aug", "randaugment"."""
        return importlib.import_module(f"ppocr.data.imaug.{name}")

    def describe(self) -> dict[str, Any]:
        """Return what a result keeps of the peer."""
        command = ["git", "-C", str(self.folder), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        return {"repository": REPOSITORY, "commit": commit or None, "changes": self.changes}


def open_peer(folder: Path) -> Peer:
    """Make the augmentation of a checkout importable in this process.

    Raises:
        FileNotFoundError: the folder is no checkout.
    """
    folder = folder.resolve()
    if not (folder / "ppocr/data/imaug/rec_img_aug.py").is_file():
        raise FileNotFoundError(
            f"{folder} holds no ppocr/data/imaug/rec_img_aug.py; git clone {REPOSITORY} and name that folder"
        )
    for name in _FOLDERS:
        package = sys.modules[name] = types.ModuleType(name)
        package.__path__ = [str(folder / name.replace(".", "/"))]
    changes = [f"{name}: a bare package" for name in _FOLDERS]
    for name, members in _STAND_INS.items():
        if name in ("six", "paddle") and importlib.util.find_spec(name):
            continue
        module = sys.modules[name] = types.ModuleType(name)
        vars(module).update(members)
        changes.append(f"{name}: a stand-in")
    return Peer(folder, tuple(changes))
