"""`saccade data stats|look` as a person calls them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.font_manager import findfont, fontManager
from typer.testing import CliRunner

from saccade.cli import run
from saccade.commands.data import app
from saccade.data import contact_sheet
from saccade.data.contact_sheet import Card, render_contact_sheet
from saccade.errors import InputError
from tests.data.formats.test_cifar import make_files, publish, write

RECIPE = """
task = "read"
[[data.train]]
format = "synthetic_plates"
num_images = 6
[augment.text_line]
brightness_probability = 1.0
"""

CLASSES = """
task = "classify"
[[data.train]]
format = "folder"
path = "./train"
[[data.test]]
format = "folder"
path = "./test"
"""
RED, BLUE = (0, 0, 250), (250, 0, 0)
"""In OpenCV's order."""


def write_picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def draw_noise(*seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (32, 32, 3), np.uint8)


def write_classes(folder: Path, tables: str = "") -> Path:
    """Write 12 red and 12 blue training images, each with a pixel of its own, one red test image, and a recipe."""
    for number, (name, colour) in enumerate({"red": RED, "blue": BLUE}.items()):
        for index in range(12):
            pixels = np.full((32, 32, 3), colour, np.uint8)
            pixels[0, 0] = (index, number, 100)
            write_picture(folder / "train" / name / f"{index}.png", pixels)
    write_picture(folder / "test" / "red" / "0.png", draw_noise(0))
    path = folder / "colours.toml"
    path.write_text(CLASSES + tables)
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "plates.toml"
    path.write_text(RECIPE)
    return path


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_stats_of_a_recipe(recipe: Path) -> None:
    statistics = json.loads(call("stats", recipe, "--json"))
    assert {name: split["count"] for name, split in statistics["splits"].items()} == {"train": 5, "val": 1}
    assert "time steps needed" in call("stats", recipe)


def test_stats_of_a_label_file_count_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", np.zeros((4, 6), np.uint8))[1].tobytes())
    (tmp_path / "train.tsv").write_text("a.png\tAB\ngone.png\tC\n")
    statistics = json.loads(call("stats", f"tsv:{tmp_path}/train.tsv", "--json"))
    assert statistics["charset"] == "AB"
    assert statistics["splits"]["all"]["dropped"] == {"unreadable": ["gone.png"]}


def test_stats_of_a_recipe_of_classes(tmp_path: Path) -> None:
    path = write_classes(tmp_path)
    statistics = json.loads(call("stats", path, "--json"))
    assert statistics["labels"] == "classes"
    assert statistics["classes"] == ["blue", "red"]
    train, val, test = (statistics["splits"][name] for name in ("train", "val", "test"))
    assert (train["count"], val["count"], test["count"]) == (22, 2, 1)
    assert {name: n + val["class_counts"][name] for name, n in train["class_counts"].items()} == {"blue": 12, "red": 12}
    assert test["missing_classes"] == ["blue"]
    assert "test: no image of 1 class(es): blue" in call("stats", path)


@pytest.mark.parametrize(("num_images", "kind"), [(5, "classes"), (4, "texts")])
def test_stats_take_folders_for_what_new_would(tmp_path: Path, num_images: int, kind: str) -> None:
    for number, name in enumerate("AB"):
        for index in range(num_images):
            write_picture(tmp_path / name / f"{index}.png", draw_noise(number, index))
    (tmp_path / "A" / "0.png").write_bytes(b"no image")
    statistics = json.loads(call("stats", f"folder:{tmp_path}", "--json"))
    assert statistics["labels"] == kind
    assert statistics["splits"]["all"]["dropped"] == {"unreadable": ["A/0.png"]}
    assert ("class_counts" in statistics["splits"]["all"]) == (kind == "classes")
    assert ("lengths" in statistics["splits"]["all"]) == (kind == "texts")
    assert f"all: labels are taken for {kind}; to count them as" in call("stats", f"folder:{tmp_path}")


def test_stats_of_cifar_tell_its_variant_and_count_both_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_files("cifar10")
    publish(monkeypatch, "cifar10", files)
    write(tmp_path / "cifar-10-batches-py", files)
    for path in (tmp_path, tmp_path / "cifar-10-batches-py"):
        statistics = json.loads(call("stats", f"cifar:{path}", "--json"))
        assert statistics["splits"]["all"]["class_counts"] == {"cat": 2, "dog": 3, "eel": 8}
    assert "taken for" not in call("stats", "cifar:.", "--data-root", tmp_path)
    (tmp_path / "cifar-100-python").mkdir()
    for path, part in ((tmp_path, "holds several of"), (tmp_path / "gone", "holds none of cifar-10-batches-py")):
        result = CliRunner().invoke(app, ["stats", f"cifar:{path}"])
        assert isinstance(result.exception, InputError)
        assert part in str(result.exception)


@pytest.mark.parametrize(("num_images", "kind"), [(10, "classes"), (9, "texts")])
def test_stats_of_a_hugging_face_data_set(tmp_path: Path, num_images: int, kind: str) -> None:
    datasets = pytest.importorskip("datasets")
    encoded = [cv2.imencode(".png", draw_noise(index))[1].tobytes() for index in range(num_images)]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    images = [{"bytes": each, "path": None} for each in encoded]
    columns = {"image": images, "label": [["a", "b"][index % 2] for index in range(num_images)]}
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(tmp_path / "set"))
    statistics = json.loads(call("stats", "hf_disk:set", "--data-root", tmp_path, "--json"))
    assert statistics["labels"] == kind
    assert statistics["splits"]["all"]["count"] == num_images


def look_at(path: Path, *arguments: object) -> np.ndarray:
    out = path.with_suffix(".png")
    call("look", path, "--out", out, *arguments)
    sheet = cv2.imread(str(out))
    assert sheet is not None
    return sheet


def count_pixels(sheet: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((sheet == np.array(colour, np.uint8)).all(axis=2).sum())


def test_look_shows_an_image_of_a_class_enlarged(tmp_path: Path) -> None:
    sheet = look_at(write_classes(tmp_path), "--num", "24", "--no-augment")
    assert count_pixels(sheet, RED) + count_pixels(sheet, BLUE) == 22 * 2 * (32 * 32 - 1) * 16


def test_look_augments_a_batch_as_training_does_epoch_by_epoch(tmp_path: Path) -> None:
    path = write_classes(tmp_path, '[augment]\nflip = { name = "alternating" }\n')
    sheet = look_at(path, "--split", "test", "--num", "1")
    shown = draw_noise(0).repeat(4, axis=0).repeat(4, axis=1)
    found = [
        int((cv2.matchTemplate(sheet, one, cv2.TM_SQDIFF_NORMED) < 1e-4).sum())
        for one in (shown, shown[:, ::-1].copy())
    ]
    assert found in ([4, 1], [3, 2])  # two pictures that are not augmented, and three epochs one after the other


@pytest.mark.parametrize("num", [1, 8])
def test_look_mixes_images_in_pairs_of_random_ones(tmp_path: Path, num: int) -> None:
    path = write_classes(tmp_path, '[augment]\nmix = { name = "cutmix" }\n')
    apart = look_at(path, "--num", num, "--no-augment", "--seed", 3)
    mixed = look_at(path, "--num", num, "--seed", 3)
    assert (count_pixels(apart, RED) == 0 or count_pixels(apart, BLUE) == 0) == (num == 1)
    assert count_pixels(mixed, RED) > 0
    assert count_pixels(mixed, BLUE) > 0
    area = 16 * 32 * 32
    assert count_pixels(mixed, RED) % area > 1000  # part of a picture
    assert sum(count_pixels(mixed, colour) for colour in (RED, BLUE)) > 5 * num * area * 0.98


def test_look_shows_each_stage_of_a_classifier(tmp_path: Path) -> None:
    stage = (
        '[augment]\nmix = { name = "cutmix" }\n[[stage]]\nfrom_epoch = 5\n[stage.augment]\nmix = { name = "none" }\n'
    )
    path = write_classes(tmp_path, stage)
    wide = look_at(path, "--num", "1")
    path.write_text(CLASSES + '[augment]\nmix = { name = "cutmix" }\n')
    assert look_at(path, "--num", "1").shape[1] - wide.shape[1] == 128 + 6  # two stages, three versions


def test_look_writes_a_picture(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    assert call("look", recipe, "--num", "3", "--out", out).strip() == str(out)
    wide = cv2.imread(str(out))
    assert wide is not None
    call("look", recipe, "--num", "3", "--no-augment", "--out", out)
    narrow = cv2.imread(str(out))
    assert narrow is not None
    assert narrow.shape[0] < wide.shape[0] or narrow.shape[1] < wide.shape[1]


def test_look_repeats_itself(recipe: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        call("look", recipe, "--num", "2", "--seed", seed, "--out", tmp_path / f"{name}.png")
    first, again, other = (tmp_path.joinpath(f"{name}.png").read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_look_says_what_is_wrong(recipe: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    for arguments, part in ((["--split", "test"], "data.test"), (["--out", str(tmp_path / "a.jpg")], "PNG")):
        result = runner.invoke(app, ["look", str(recipe), *arguments])
        assert isinstance(result.exception, InputError)
        assert part in str(result.exception)
    result = runner.invoke(app, ["look", str(recipe), "--out", str(tmp_path / "gone" / "a.png")])
    assert isinstance(result.exception, InputError)
    assert "cannot be written" in str(result.exception)


def test_a_contact_sheet_shows_each_picture_and_names_missing_glyphs() -> None:
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    pictures = [np.full((28, 60, 3), colour, np.uint8) for colour in colours]
    sheet, missing = render_contact_sheet([Card(pictures, "AB \ue123", "a.png")] * 3, ["a", "b", "c"], "heading")
    for colour in colours:
        assert (sheet == np.array(colour, np.uint8)).all(axis=2).sum() == 3 * 56 * 120
    assert missing == "\ue123"
    assert (sheet < 60).all(axis=2).any()  # the texts


@pytest.mark.parametrize(
    ("label", "font"), [("한글", "fonts-noto-cjk"), ("皖A", "fonts-noto-cjk"), ("\ue123皖", "fonts-unifont")]
)
def test_look_names_the_font_that_is_missing(
    tmp_path: Path, label: str, font: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipe.toml").write_text('task = "read"\n[[data.train]]\nformat = "tsv"\npath = "./labels.tsv"\n')
    for number in range(3):
        pixels = np.full((8, 16), 80 * number, np.uint8)
        (tmp_path / f"{number}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    (tmp_path / "labels.tsv").write_text("".join(f"{number}.png\t{label}\n" for number in range(3)), encoding="utf-8")
    latin = frozenset(range(32, 127))
    monkeypatch.setattr("saccade.data.contact_sheet.find_fonts", lambda: (["DejaVu Sans"], latin))
    arguments = ["look", str(tmp_path / "recipe.toml"), "--no-augment", "--out", str(tmp_path / "sheet.png")]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.stderr.count("\n") == 1
    assert "shown as code points; install" in result.stderr
    assert font in result.stderr


@pytest.mark.parametrize("verb", ["stats", "look", "audit", "convert"])
def test_an_empty_path_is_not_the_working_folder(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--to", "tsv", "--out", "out"] if verb == "convert" else []
    assert run(["data", verb, "", *more]) == 2
    assert "it is empty; name a file or folder" in capsys.readouterr().err


def test_a_font_that_was_installed_later_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    later, broken = findfont("DejaVu Sans"), tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    monkeypatch.setattr(fontManager, "ttflist", [])
    monkeypatch.setattr(contact_sheet, "findSystemFonts", lambda: [str(broken), later])
    monkeypatch.setattr(contact_sheet, "find_fonts", contact_sheet.find_fonts.__wrapped__)
    families, glyphs = contact_sheet.find_fonts()
    assert families == ["DejaVu Sans"]
    assert ord("A") in glyphs


def write_formulas(folder: Path) -> None:
    for number in range(3):
        write_picture(folder / "images" / f"{number}.png", draw_noise(number))
    (folder / "gt.txt").write_text("0.png\tx ^ { 2 }\n1.png\t\\frac { 1 } { 2\n2.png\ta + b\n")
    (folder / "level.txt").write_text("0.png\t1\n1.png\t5\n2.png\t1\n")


def test_stats_count_the_tokens_of_formulas(tmp_path: Path) -> None:
    write_formulas(tmp_path)
    statistics = json.loads(call("stats", "formula_list:.", "--data-root", tmp_path, "--json"))
    counted = statistics["splits"]["all"]
    assert statistics["labels"] == "tokens"
    assert counted["lengths"] == {"3": 1, "5": 1, "6": 1}
    assert counted["levels"] == {"1": 2, "5": 1}
    assert [one["label"] for one in counted["faults"]] == ["\\frac { 1 } { 2"]
    assert "is not sound: token 5" in call("stats", "formula_list:.", "--data-root", tmp_path)


def test_what_texts_are_made_of_can_be_said(tmp_path: Path) -> None:
    write_formulas(tmp_path)
    for source, units, key in (("tsv", "tokens", "tokens"), ("formula_list", "characters", "charset")):
        said = call("stats", f"{source}:{tmp_path}/gt.txt", "--units", units, "--json")
        assert key in json.loads(said)
    assert json.loads(call("stats", f"tsv:{tmp_path}/gt.txt", "--json"))["labels"] == "texts"
    (tmp_path / "recipe.toml").write_text(RECIPE)
    result = CliRunner().invoke(app, ["stats", f"{tmp_path}/recipe.toml", "--units", "tokens"])
    assert "a recipe says it itself, in [text] units" in str(result.exception)


def test_stats_as_a_page(tmp_path: Path) -> None:
    write_formulas(tmp_path)
    out = tmp_path / "page.html"
    assert call("stats", f"formula_list:{tmp_path}", "--html", out).strip() == str(out)
    text = out.read_text()
    assert text.count('<img src="data:image/jpeg;base64,') == 3
    assert f"Data of formula_list:{tmp_path}" in text
    assert "\\frac { 1 } { 2" in text
    assert json.loads(call("stats", f"formula_list:{tmp_path}", "--html", out, "--json"))["labels"] == "tokens"


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    write_formulas(tmp_path)
    result = CliRunner().invoke(app, ["stats", f"formula_list:{tmp_path}", "--html", str(tmp_path / "gone" / "a.html")])
    assert isinstance(result.exception, InputError)
    assert "cannot be written" in str(result.exception)
    assert "--html" in str(result.exception)
