"""`saccade new` on formulas: what is taken for them, and a recipe whose sizes follow from images and labels."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from saccade.cli import run
from saccade.recipes.loader import load
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.recipes.tables.sequence import Satrn
from saccade.tasks.registry import build_task

LABELS = [r"\frac { a } { 2 }", "a ^ { 2 }", r"\alpha + b", r"\sqrt { 2 }", "a + b"]


def write(
    folder: Path, labels: list[str], *, paper: int = 0, size: tuple[int, int] = (60, 240), name: str = "labels.tsv"
) -> None:
    """Write an image of a few strokes for each label, and the label file."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines = []
    for number, label in enumerate(labels):
        image = np.full(size, paper, np.uint8)
        cv2.line(image, (5, 5), (20 + number, 40), 255 - paper, 3)
        (folder / "images" / f"{number}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
        lines.append(f"{number}.png\t{label}\n")
    (folder / name).write_text("".join(lines), encoding="utf-8")


def draft(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[ReadRecipe, dict[str, str]]:
    """Return the recipe that is written for a folder, and what is said of it."""
    out = folder.parent / "recipe.toml"
    assert run(["new", str(folder), "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"saccade train {out}\n"
    recipe = load(out).recipe
    assert isinstance(recipe, ReadRecipe)
    return recipe, dict(line.split(maxsplit=1) for line in printed.err.splitlines() if not line.startswith("such as"))


def test_a_label_file_of_formulas_gets_a_reader_that_writes_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "set", LABELS * 8)
    recipe, said = draft(tmp_path / "set", capsys)
    assert (recipe.text.units, recipe.text.notation, recipe.text.tokens) == ("tokens", "latex", None)
    assert isinstance(recipe.model, Satrn) and recipe.model.max_length == 7 + 4
    assert recipe.train.batch_by_length and recipe.augment.formula.rotation_probability > 0
    assert recipe.preprocessing.fit.model_dump() == {"name": "pad", "value": 0}
    assert (recipe.preprocessing.height_px, recipe.preprocessing.width_px) == (48, 192)
    assert said["lengths"] == "3 to 7 tokens, median 4"
    assert said["tokens"] == r"10  + 2 \alpha \frac \sqrt ^ a b { }"
    assert said["formulas"].startswith(
        "60% of the labels hold a command of LaTeX: a transformer that writes tokens, since CTC"
    )
    assert said["recipe"] == "192 x 48 px, up to 11 tokens; 300 epochs, 10,800 images shown in all"
    assert sum(weight.numel() for weight in build_task(recipe).build_model().parameters()) > 10**6


@pytest.mark.parametrize(
    "labels",
    [["AB12", "CD34"] * 9, ["a b", "c d"] * 9, [r"C:\temp", "D:"] * 9, [r"\frac{a}{b}", r"\sqrt{2}"] * 9],
    ids=["plates", "letters apart", "paths", "not cut into tokens"],
)
def test_other_labels_are_lines_of_text(tmp_path: Path, labels: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "set", labels)
    recipe, said = draft(tmp_path / "set", capsys)
    assert (recipe.model.name, recipe.text.units) == ("crnn", "characters")
    assert "formulas" not in said


def test_a_list_of_formulas_needs_no_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "set", ["1 + 2", "3 - 1"] * 10, paper=255, size=(20, 40), name="gt.txt")
    (tmp_path / "set" / "tokens.txt").write_text("1\n2\n3\n+\n-\n")
    recipe, said = draft(tmp_path / "set", capsys)
    assert (recipe.data.train[0].format, recipe.model.name) == ("formula_list", "satrn")
    assert recipe.preprocessing.fit.model_dump() == {"name": "pad", "value": 255}
    assert (recipe.preprocessing.height_px, recipe.preprocessing.width_px) == (
        32,
        64,
    )  # never higher than the images, but for 32
    assert said["formulas"].startswith("0% of the labels")


@pytest.mark.parametrize(("formula", "normalise"), [(r"\frac { a } { b }", False), (r"\frac{a}{b}+\alpha", True)])
def test_formulas_of_im2markup_are_cut_into_tokens_where_they_are_not(
    tmp_path: Path, formula: str, normalise: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "set", LABELS * 4)
    (tmp_path / "set" / "labels.tsv").unlink()
    (tmp_path / "set" / "formulas.lst").write_text(f"{formula}\n")
    (tmp_path / "set" / "train.lst").write_text("".join(f"{number}.png 0\n" for number in range(20)))
    recipe, said = draft(tmp_path / "set", capsys)
    assert recipe.data.train[0].model_dump()["normalise"] == normalise
    assert ("cut into tokens (normalise)" in said["formulas"]) == normalise
    assert recipe.data.train[0].format == "im2markup" and recipe.model.name == "satrn"


def test_tokens_that_only_validation_has_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "set", LABELS * 4, name="train.tsv")
    write(tmp_path / "set", [r"\omega + a"], name="val.tsv")
    recipe, said = draft(tmp_path / "set", capsys)
    assert recipe.text.tokens is not None and r"\omega" in recipe.text.tokens
    assert said["unseen"] == r"no training label holds \omega: these cannot be learned and will be read wrongly"


def test_tokens_that_only_the_test_images_have_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "set", LABELS * 4, name="train.tsv")
    write(tmp_path / "set", [r"\omega + a"], name="test.tsv")
    recipe, _ = draft(tmp_path / "set", capsys)
    assert recipe.text.tokens is not None and r"\omega" in recipe.text.tokens and not recipe.data.val
    build_task(recipe).examples("test")


def test_endless_labels_are_left_out_in_writing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "set", [*LABELS * 4, r"\alpha " * 1001])
    recipe, said = draft(tmp_path / "set", capsys)
    assert "1 does not fit" in said["left"] and recipe.data.train[0].keep.fits
    assert isinstance(recipe.model, Satrn) and recipe.model.max_length == 11
    build_task(recipe).examples("train")  # what training will read


@pytest.mark.parametrize(
    ("name", "frame", "max_length"),
    [("crohme", (48, 280), 106), ("printed_math", (40, 320), 165)],
    ids=["crohme", "printed_math"],
)
def test_real_formulas(
    real_set: Callable[[str], Path],
    tmp_path: Path,
    name: str,
    frame: tuple[int, int],
    max_length: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "recipe.toml"
    assert run(["new", str(real_set(name)), "--out", str(out)]) == 0
    recipe = load(out).recipe
    assert isinstance(recipe, ReadRecipe) and isinstance(recipe.model, Satrn)
    assert (recipe.preprocessing.height_px, recipe.preprocessing.width_px) == frame
    assert recipe.model.max_length == max_length
    assert recipe.preprocessing.fit.model_dump()["value"] == (0 if name == "crohme" else 255)
    assert "of the labels hold a command" in capsys.readouterr().err
