"""Every recipe under `experiments/` that names data which few people own: it trains for 20 steps on drawn data of the same form."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.data.formats import cifar
from saccade.data.synthetic.plates import Plate, draw_plate
from saccade.engine.run import train_run
from saccade.errors import StoppedError
from saccade.recipes.loader import load
from saccade.records.reader import read_run
from saccade.tasks.registry import build_task
from tests.data.formats.python2_pickle import dump
from tests.engine.runs import StopAt

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
PLATES = ("plates", "plates_mixed", "plates_readings")
FORMULAS = ("crohme", "crohme20", "formula_readings", "formulas", "printed_math")
LARGE_FORMULAS = ("crohme", "formulas", "printed_math")
"""Those whose images take minutes on a CPU; a quarter of the pixels or less will do."""
SERIES = sorted(
    path
    for name in ("cifar10", "cifar100", *FORMULAS, *PLATES, "tinyimagenet20", "tinyimagenet32")
    for path in (EXPERIMENTS / name).glob("*.toml")
    if path.stem != "ensemble"
)
ENSEMBLES = sorted(EXPERIMENTS.glob("*/ensemble.toml"))
FIXED_SIZE = ("srn", "cstr", "cstr_position_wise")
"""Recipes of formulas whose image has just the room for their longest text."""
NUM_STEPS, NUM_CLASSES, PER_CLASS = 20, 3, 24
FOLDERS = {"cifar10": ("train", "test"), "tinyimagenet32": ("train", "val"), "tinyimagenet20": ("train",)}


def draw_images(seed: int) -> tuple[np.ndarray, list[int]]:
    """Return noise that is brighter from class to class, uint8 [N, 32, 32, 3], and labels."""
    labels = [number % NUM_CLASSES for number in range(NUM_CLASSES * PER_CLASS)]
    noise = np.random.default_rng(seed).integers(0, 100, (len(labels), 32, 32, 3))
    return (noise + 60 * np.array(labels)[:, None, None, None]).astype(np.uint8), labels


def write_folders(root: Path, name: str) -> None:
    for seed, split in enumerate(FOLDERS[name]):
        images, labels = draw_images(seed)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = root / name / split / f"class{label}" / f"{number:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image)


def write_cifar100(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write CIFAR-100's own files with a few drawn images, and let them be what was published."""
    names = [b"class%d" % number for number in range(NUM_CLASSES)]
    files = {"meta": dump({b"fine_label_names": names, b"coarse_label_names": [b"all"]})}
    for seed, part in enumerate(("train", "test")):
        images, labels = draw_images(seed)
        pixels = images.transpose(0, 3, 1, 2).reshape(len(images), -1)  # (N, H, W, C) -> (N, C*H*W)
        files[part] = dump(
            {b"data": np.ascontiguousarray(pixels), b"fine_labels": labels, b"coarse_labels": [0] * len(labels)}
        )
    folder = root / "series" / "cifar100" / "cifar-100-python"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = {name: hashlib.md5(content, usedforsecurity=False).hexdigest() for name, content in files.items()}
    parts = {part: {part: sums[part]} for part in ("train", "test")}
    published = replace(cifar.PUBLISHED["cifar100"], parts=parts, meta=("meta", sums["meta"]))
    monkeypatch.setitem(cifar.PUBLISHED, "cifar100", published)


def write_plates(root: Path) -> None:
    """Write label files of drawn plates, one in five with two lines."""
    for split, num_plates in (("train", 40), ("val", 8)):  # the same plates: every character of validation is known
        plates = [draw_plate(0, number, two_line_fraction=0.2, difficulty=0.2) for number in range(num_plates)]
        write_labelled(root / "series" / "plates", plates, split, ".txt", "images")


def write_plate_sets(root: Path) -> None:
    """Write drawn plates of one line in the place of the sets of photographs."""
    plates = [draw_plate(0, number, difficulty=0.2) for number in range(40)]
    for name in ("plates_uz", "plates_cn"):
        for split in ("train", "val"):
            write_labelled(root / name, plates, split, ".tsv", "images")
    for country in ("us", "br"):
        write_labelled(root / "plates_openalpr", plates, country, ".tsv", f"images_{country}")


def write_labelled(folder: Path, plates: list[Plate], name: str, suffix: str, images: str) -> None:
    (folder / images).mkdir(parents=True, exist_ok=True)
    lines = []
    for number, plate in enumerate(plates):
        file = f"{name}{number}.png"
        cv2.imwrite(str(folder / images / file), plate.image)
        lines.append(f"{file}\t{plate.text}\n")
    (folder / f"{name}{suffix}").write_text("".join(lines), encoding="utf-8")


def write_formulas(root: Path, num_images: int = 40) -> None:
    """Write images of a few tokens in the form of each set."""
    rng = np.random.default_rng(0)
    labels = [[str(digit) for digit in rng.integers(0, 10, 3 + number % 4)] for number in range(num_images)]
    labels[0] = [str(digit) for digit in range(10)]  # every token is trained on
    lines = "".join(f"{number}.png\t{' '.join(label)}\n" for number, label in enumerate(labels))
    sets = {"crohme": ("train", "2014", "2016"), "printed_math": ("train", "val"), "formula_readings": ("train",)}
    for name, splits in sets.items():
        for split in splits:
            draw_formulas(root / name / f"images_{split}", labels)
            (root / name / f"{split}.tsv").write_text(lines)
    for split in ("train", "val"):
        folder = root / "series" / "formulas" / split
        draw_formulas(folder / "images", labels)
        (folder / "gt.txt").write_text(lines)
        (folder / "tokens.txt").write_text("".join(f"{digit}\n" for digit in range(10)))
    aida = root / "series" / "aida"
    draw_formulas(aida / "background_images", labels)
    records = [
        {"filename": f"{number}.png", "image_data": {"full_latex_chars": label}} for number, label in enumerate(labels)
    ]
    (aida / "batch.json").write_text(json.dumps(records))


def draw_formulas(folder: Path, labels: list[list[str]]) -> None:
    folder.mkdir(parents=True)
    for number, label in enumerate(labels):
        image = np.zeros((40, 24 * len(label) + 10 * (number % 2), 3), np.uint8)
        cv2.putText(image, "".join(label), (4, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 255), 2)
        cv2.imwrite(str(folder / f"{number}.png"), image)


def test_the_series_are_found() -> None:
    assert {path.parent.name for path in SERIES} == {*FOLDERS, *FORMULAS, *PLATES, "cifar100"}
    numbers = {path.stem for path in SERIES if path.parent.name == "plates"}
    assert numbers >= {*(f"exp{number:02}" for number in range(2, 14)), "exp11_1"}
    assert {path.stem for path in SERIES if path.parent.name == "cifar100"} >= {"baseline", "exp5", "strong"}


@pytest.mark.slow
@pytest.mark.parametrize("path", SERIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recipe_of_a_series_trains(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = path.parent.name
    if name in FOLDERS:
        write_folders(tmp_path, name)
    elif name in FORMULAS:
        write_formulas(tmp_path)
    elif name in PLATES:
        write_plates(tmp_path)
        write_plate_sets(tmp_path)
    else:
        write_cifar100(tmp_path, monkeypatch)
    overrides = ["train.batch_size=2", "train.log_every_steps=10", "train.precision=fp32"]
    if name == "tinyimagenet20":
        overrides = ["train.batch_size=2", "train.log_every_steps=10"]
    if name in LARGE_FORMULAS and path.stem not in FIXED_SIZE:
        overrides += [
            "preprocessing.height_px=64",
            "preprocessing.width_px=64",
            "data.workers=thread",
            "data.num_workers=1",
        ]
    recipe = load(path, data_root=tmp_path, overrides=overrides).recipe
    hooks = StopAt(NUM_STEPS)
    with pytest.raises(StoppedError):
        train_run(build_task(recipe), runs=tmp_path / "runs", name=(name, path.stem), device="cpu", hooks=hooks)
    check_losses(hooks.folder)


def check_losses(folder: Path) -> None:
    rows = [row for row in read_run(folder).history() if "loss" in row]
    assert [row["step"] for row in rows] == [10, NUM_STEPS]
    assert all(np.isfinite(row["loss"]) for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("path", ENSEMBLES, ids=lambda path: path.parent.name)
def test_an_ensemble_of_a_series_is_put_together(path: Path, tmp_path: Path) -> None:
    """Its members are recipes beside it, each trained for an epoch on images of another size; then they read together."""
    write_formulas(tmp_path, 12)
    name, members = path.parent.name, load(path).recipe.model.member
    overrides = ["train.epochs=1", "train.batch_size=6", "stage=[]", "schedule.name=constant", "model.max_length=12"]
    for number, member in enumerate(members):
        wanted = Path(member.run)
        assert wanted.parent == EXPERIMENTS.parent / "runs" / name
        recipe = load(path.parent / f"{wanted.name}.toml", data_root=tmp_path, overrides=overrides).recipe
        small = {"height_px": 64, "width_px": 64 + 16 * number}
        task = build_task(recipe.model_copy(update={"preprocessing": recipe.preprocessing.model_copy(update=small)}))
        train_run(task, runs=tmp_path / "runs", name=(name, wanted.name), device="cpu", hooks=StopAt())
    named = ", ".join(f'{{run = "{tmp_path}/runs/{name}/{Path(member.run).name}"}}' for member in members)
    together = load(path, data_root=tmp_path, overrides=[f"model.member=[{named}]"]).recipe
    folder = train_run(
        build_task(together), runs=tmp_path / "runs", name=(name, path.stem), device="cpu", hooks=StopAt()
    )
    described = read_run(folder)
    assert described.status["state"] == "finished" and described.predictions("val")
    member = read_run(next((tmp_path / "runs" / name / Path(members[0].run).name).iterdir()))
    assert [row["id"] for row in described.predictions("val")] == [row["id"] for row in member.predictions("val")]
