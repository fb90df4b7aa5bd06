"""What is only `formula_readings.py`'s: printed formulas laid out, and the series' cache as an arm without a recipe."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest


def test_short_printed_formulas_are_laid_out_light_on_dark(tmp_path: Path) -> None:
    from _formula_files import draw_sets, write_set
    from formula_readings import MOST_PRINTED_TOKENS, lay_out

    draw_sets(tmp_path, {"crohme": ("train",)}, 2)
    dark_on_light = np.full((8, 12), 250, np.uint8)
    long = " ".join("x" * (MOST_PRINTED_TOKENS + 1))
    write_set(tmp_path / "printed_math", "train", [(dark_on_light, long), (dark_on_light, long[:-2])])
    (tmp_path / "laid_out").mkdir()
    root = lay_out(tmp_path, tmp_path / "laid_out")
    assert (root / "formula_readings" / "train.tsv").read_text() == f"0.png\t{long[:-2]}\n"
    written = cv2.imread(str(root / "formula_readings" / "images_train" / "0.png"), cv2.IMREAD_GRAYSCALE)
    assert (written == 5).all()
    assert len((root / "crohme" / "train.tsv").read_text().splitlines()) == 2


def test_the_cache_of_the_series_is_an_arm_of_its_own() -> None:
    from formula_readings import make_rows

    def figures(share: float) -> dict[str, Any]:
        return {"val": {"exact_match": share, "wer": 1 - share}, "seconds": 1.0}

    control = figures(0.4) | {"val_series_cache": {"exact_match": 0.1, "wer": 0.9}}
    rows = {(row.name, row.unit): row for row in make_rows({0: {"control": control, "half": figures(0.3)}})}
    name = "truth before each token: the series' cache to the right one (control_series_cache -> control)"
    assert rows[name, "exact match"].repeats == [(0.4, 0.1)]
    assert rows[name, "WER"].repeats == [(0.6, 0.9)]
    assert rows["the right cache: forcing ratio .5 to 1 (half -> control)", "exact match"].repeats == [(0.4, 0.3)]
    assert not any("control_series_cache" in row.name and row.name.startswith("recipe") for row in rows.values())


@pytest.mark.slow
def test_with_the_right_cache_the_last_weights_read_what_the_last_validation_read(tmp_path: Path) -> None:
    from _formula_cache import load_last, measure_with_cache
    from _formula_files import draw_sets
    from formula_readings import QUICK, SETS, lay_out, train_arm

    from saccade.recipes.loader import load
    from saccade.tasks.registry import build_task

    (tmp_path / "data").mkdir()
    root = lay_out(draw_sets(tmp_path / "drawn", SETS, 60), tmp_path / "data")
    figures = train_arm("control", 0, root, QUICK, tmp_path).figures
    folder = tmp_path / figures["run"]
    assert measure_with_cache(folder, root, "inputs") == pytest.approx(figures["val"])
    assert figures["val_series_cache"].keys() == figures["val"].keys()
    task = build_task(load(folder / "recipe.toml", data_root=root).recipe)
    images = task.collate([task.examples("val")[0]]).images
    caches = {kind: load_last(task, folder, kind).init(images).cache for kind in ("inputs", "outputs")}  # type: ignore[arg-type, operator]
    assert caches == {"inputs": "inputs", "outputs": "outputs"}
