"""The formulas that benchmarks read: where they lie, and drawn ones in their place for the quick form."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

NUM_TOKENS = 10
"""Most digits of a drawn formula."""


def find_sets(data_root: Path, sets: dict[str, Sequence[str]]) -> Path:
    """Return the folder above the sets, absolute.

    Args:
        data_root: The folder.
        sets: Set -> its splits, each a label file and a folder of images.

    Raises:
        FileNotFoundError: a label file or a folder is not there.
    """
    for name, splits in sets.items():
        for split in splits:
            for path in (data_root / name / f"{split}.tsv", data_root / name / f"images_{split}"):
                if not path.exists():
                    raise FileNotFoundError(f"{path} is missing; name the folder above {name} with --data-root")
    return data_root.resolve()


def draw_sets(root: Path, sets: dict[str, Sequence[str]], num_images: int) -> Path:
    """Write rows of digits in the place of the formulas, light on dark, and return the folder above them."""
    generator = np.random.default_rng(0)
    for name, splits in sets.items():
        for split in splits:
            labels = [[str(digit) for digit in range(NUM_TOKENS)]]  # every token is trained on
            lengths = generator.integers(1, NUM_TOKENS, num_images - 1)
            labels += [[str(digit) for digit in generator.integers(0, 10, length)] for length in lengths]
            write_set(root / name, split, [(draw_row(label), " ".join(label)) for label in labels])
    return root


def draw_row(tokens: Sequence[str]) -> np.ndarray:
    """Return digits beside each other, uint8 [40, W]."""
    image = np.zeros((40, 24 * len(tokens) + 8), np.uint8)
    cv2.putText(image, "".join(tokens), (4, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2)
    return image


def write_set(folder: Path, split: str, formulas: Sequence[tuple[np.ndarray, str]]) -> None:
    """Write a label file, `file<TAB>tokens`, and its images, uint8 [H, W] each."""
    images = folder / f"images_{split}"
    images.mkdir(parents=True)
    lines = []
    for number, (image, label) in enumerate(formulas):
        cv2.imwrite(str(images / f"{number}.png"), image)
        lines.append(f"{number}.png\t{label}\n")
    (folder / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
