"""The plates that both sides of `plates_training.py` read: the same label files, the same image files."""

from dataclasses import dataclass
from pathlib import Path

import cv2

from saccade.data.synthetic.plates import draw_plate
from saccade.recipes.tables.data import DataTable, TsvSource


@dataclass(frozen=True)
class LabelFiles:
    """A folder `plates_uz` with two label files, `file<TAB>text`, and the folder of their images."""

    name: str
    root: Path
    """The folder above, absolute: the data root of a recipe."""

    @property
    def train(self) -> Path:
        """The labels to train on."""
        return self.root / "plates_uz" / "train.tsv"

    @property
    def val(self) -> Path:
        """The labels to validate on."""
        return self.root / "plates_uz" / "val.tsv"

    @property
    def images(self) -> Path:
        """The folder of the images of both."""
        return self.root / "plates_uz" / "images"

    def make_table(self, **settings: object) -> DataTable:
        """Return these files as `[data]` of a recipe, held as the settings say."""
        sources = {
            split: (TsvSource(path=str(path), images=str(self.images)),)
            for split, path in (("train", self.train), ("val", self.val))
        }
        return DataTable.model_validate({"root": str(self.root), **sources, **settings})


def find_plates_uz(data_root: Path) -> LabelFiles:
    """Return the real plates.

    Raises:
        FileNotFoundError: the set is not below the root.
    """
    files = LabelFiles("plates_uz", data_root.resolve())
    for path in (files.train, files.val, files.images):
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is missing; name the folder above plates_uz with --data-root or SACCADE_DATA"
            )
    return files


def draw_plates(root: Path, *, num_train: int, num_val: int) -> LabelFiles:
    """Write synthetic plates in the place of the real ones, as JPEG files with label files, for the quick form."""
    files = LabelFiles("synthetic plates", root.resolve())
    files.images.mkdir(parents=True)
    for seed, (path, count) in enumerate(((files.train, num_train), (files.val, num_val))):
        lines = []
        for index in range(count):
            plate = draw_plate(seed, index)
            name = f"{path.stem}{index:05d}.jpg"
            cv2.imwrite(str(files.images / name), cv2.cvtColor(plate.image, cv2.COLOR_RGB2BGR))
            lines.append(f"{name}\t{plate.text}\n")
        path.write_text("".join(lines), encoding="utf-8")
    return files
