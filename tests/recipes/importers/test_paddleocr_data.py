"""Label files, LMDB, operations on images and loaders."""

from pathlib import Path
from typing import Any

import pytest

from tests.recipes.importers.configurations import BASE, ENCODE, edit, keys, run
from tests.recipes.importers.test_paddleocr import find_unaccounted

FILES = "    label_file_list: [./data/train.txt]\n"
TEXT_LINE = "Train.dataset.transforms.RecAug"


def sources(raw: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: value for key, value in source.items() if key != "keep"} for source in raw["data"]["train"]]


def test_several_label_files_with_shares(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name, number in (("a", 40), ("b", 20)):
        (tmp_path / f"data/{name}.txt").write_text("1.png\tA\n" * number)
    own = "    label_file_list: [data/a.txt, ./data/b.txt, /abs/c.txt]\n    ratio_list: [1.0, 0.5, 0]\n    delimiter: ' '\n"
    draft = run(tmp_path, edit((FILES, own)))
    base = {"format": "paddleocr", "images": "data", "delimiter": " "}
    assert sources(draft.raw) == [base | {"path": "data/a.txt"}, base | {"path": "data/b.txt", "weight": 0.5}]
    assert draft.raw["schedule"]["warmup_epochs"] == 2.083  # 25 steps of (40 + 20 / 2) // 4
    assert keys(draft, "carried")["Train.dataset.ratio_list"] == "a share is drawn anew each epoch, as there"


def test_paths_that_leave_the_folder_become_absolute(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    draft = run(
        tmp_path / "x", edit((FILES, "    label_file_list: [../y/a.txt]\n"), ("data_dir: ./data/", "data_dir: ./"))
    )
    assert sources(draft.raw) == [{"format": "paddleocr", "path": f"{tmp_path}/y/a.txt", "images": f"{tmp_path}/x"}]


@pytest.mark.parametrize("name", ["LMDBDataSet", "LMDBDateSet"])
def test_lmdb(tmp_path: Path, name: str) -> None:
    draft = run(tmp_path, edit(("name: SimpleDataSet", f"name: {name}")))
    assert sources(draft.raw) == [{"format": "lmdb", "path": "data"}]
    assert keys(draft, "ignored") == {
        "Train.dataset.label_file_list": "an LMDB is read whole, and holds its own labels"
    }
    assert find_unaccounted(draft) == []


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (
            "RecAug: {tia_prob: 0, crop_prob: 0.1, reverse_prob: 0.2, noise_prob: 0.3, jitter_prob: 0.5, blur_prob: 0.6, hsv_aug_prob: 0}",
            {
                "tia_probability": 0.0, "crop_probability": 0.1, "invert_probability": 0.2, "noise_probability": 0.3, "noise_sigma": 0.16,
                "jitter_probability": 0.5, "blur_probability": 0.6, "blur_sigma_px": 1.0, "hsv_probability": 0.0,
            },
        ),
        (
            "RecAug:",
            {
                "tia_probability": 0.4, "crop_probability": 0.4, "invert_probability": 0.4, "noise_probability": 0.4, "noise_sigma": 0.16,
                "jitter_probability": 0.4, "blur_probability": 0.4, "blur_sigma_px": 1.0, "hsv_probability": 0.4, "hsv_hue_degrees": 0.0,
                "hsv_saturation_fraction": 0.0, "hsv_value_fraction": 0.001,
            },
        ),
        (
            "BaseDataAugmentation: {crop_prob: 0, reverse_prob: 0, noise_prob: 0, jitter_prob: 0, blur_prob: 1, hsv_aug_prob: 0}",
            {
                "crop_probability": 0.0, "invert_probability": 0.0, "noise_probability": 0.0, "jitter_probability": 0.0,
                "blur_probability": 1.0, "blur_sigma_px": 1.0, "hsv_probability": 0.0,
            },
        ),
    ],
)  # fmt: skip
def test_rec_aug(tmp_path: Path, own: str, expected: dict[str, float]) -> None:
    draft = run(tmp_path, edit((ENCODE, f"    - {own}\n{ENCODE}")))
    assert draft.raw["augment"]["text_line"] == expected
    assert keys(draft, "ignored") == {}
    assert find_unaccounted(draft) == []


def test_colours_of_grey_images_are_left(tmp_path: Path) -> None:
    draft = run(tmp_path, edit((ENCODE, f"    - RecAug:\n{ENCODE}")).replace("[3, 32, 64]", "[1, 32, 64]"))
    assert "hsv_probability" not in draft.raw["augment"]["text_line"]
    assert "grey" in keys(draft, "left")[f"{TEXT_LINE}.hsv_aug_prob"]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("RandAugment:", {"probability": 0.5, "num_operations": 2, "magnitude": 5}),
        (
            "RandAugment: {prob: 0.3, num_layers: 3, magnitude: 9}",
            {"probability": 0.3, "num_operations": 3, "magnitude": 9},
        ),
        ("RandAugment: {prob: 0}", None),
    ],
)
def test_rand_augment_keeps_its_ranges(tmp_path: Path, own: str, expected: dict[str, Any] | None) -> None:
    draft = run(tmp_path, edit((ENCODE, f"    - {own}\n{ENCODE}")))
    policy = draft.raw.get("augment", {}).get("policy")
    assert policy == (None if expected is None else {"name": "rand_augment", "bounded": False, **expected})
    if expected is not None:
        assert (
            "moves characters out of the image" in keys(draft, "carried")["Train.dataset.transforms.RandAugment.prob"]
        )


def test_concatenation(tmp_path: Path) -> None:
    own = "    - RecConAug: {prob: 0.7, ext_data_num: 2, image_shape: [48, 320, 3], max_text_length: 25, width: 3}\n"
    draft = run(tmp_path, edit((ENCODE, own + ENCODE)))
    assert draft.raw["augment"]["concatenation"] == {"probability": 0.7}
    name = "Train.dataset.transforms.RecConAug"
    assert keys(draft, "ignored").keys() == {f"{name}.width", f"{name}.max_text_length"}  # Global has another one
    assert f"{name}.ext_data_num" in keys(draft, "left")
    same = run(tmp_path, edit((ENCODE, own.replace("25", "*length") + ENCODE)))
    assert keys(same, "aside")[f"{name}.max_text_length"] == "Global.max_text_length says the same"


@pytest.mark.parametrize(("padding", "fit"), [("true", {"name": "pad", "value": 128}), ("false", {"name": "stretch"})])
def test_padding(tmp_path: Path, padding: str, fit: dict[str, Any]) -> None:
    draft = run(tmp_path, edit(("[3, 32, 64]\n", f"[3, 32, 64]\n        padding: {padding}\n        pad: 3\n")))
    assert draft.raw["preprocessing"]["fit"] == fit
    assert "did it mean padding?" in keys(draft, "ignored")["Train.dataset.transforms.RecResizeImg.pad"]


def test_another_size_and_augmentation_in_evaluation(tmp_path: Path) -> None:
    training, evaluation = BASE.split("Eval:")
    evaluation = evaluation.replace("[3, 32, 64]", "[3, 48, 64]").replace("    - CTCLabelEncode:\n", "    - RecAug:\n")
    draft = run(tmp_path, f"{training}Eval:{evaluation.replace('drop_last: false', 'drop_last: true')}")
    left = keys(draft, "left")
    assert "another size than in training" in left["Eval.dataset.transforms.RecResizeImg.image_shape"]
    assert "never changed in evaluation" in left["Eval.dataset.transforms.RecAug"]
    assert left["Eval.loader.drop_last"] == "every image is evaluated here"
    assert draft.raw["preprocessing"]["height_px"] == 32


def test_batches_of_several_sizes(tmp_path: Path) -> None:
    changes = (
        ("name: SimpleDataSet", "name: MultiScaleDataSet\n    ds_width: false"),
        ("    - RecResizeImg:\n        image_shape: [3, 32, 64]\n", "    - RecAug:\n"),
        (
            "  loader:\n",
            "  sampler:\n    name: MultiScaleSampler\n    scales: [[320, 32]]\n    first_bs: &bs 6\n  loader:\n",
        ),
    )
    draft = run(tmp_path, edit(*changes))
    assert draft.raw["train"]["batch_size"] == 6
    assert draft.raw["preprocessing"]["width_px"] == 64  # from Eval
    assert draft.raw["augment"]["text_line"]["hsv_probability"] == 0.4  # which wants its colours
    assert keys(draft, "ignored").keys() == {
        f"Train.loader.{key}" for key in ("shuffle", "batch_size_per_card", "drop_last")
    }
    assert {"Train.sampler.name", "Train.sampler.scales"} <= keys(draft, "left").keys()
    assert find_unaccounted(draft) == []
