"""`saccade compare`: its text, its JSON, the files it writes, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from saccade.cli import run
from saccade.recipes.loader import load
from tests.report.compared_runs import answer, write_parent, write_recipe, write_run

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
SEVEN = """\
[train]
batch_size = 8
ema_decay = 0.9
[optimizer]
weight_decay = 0.1
[model.neck]
hidden_size = 64
[augment.text_line]
blur_probability = 0.5
blur_sigma_px = 2.0
noise_probability = 0.5
rotation_degrees = 9.0
"""
KEYS = {
    "verdict", "interval", "n", "changed", "attributable", "metric", "difference", "basis", "could_show", "differs",
    "without_effect", "only_parent", "only_child", "refusal", "separating",
}  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A parent and a child with seven changes, which is better."""
    child = write_recipe(write_parent(tmp_path).parent, "child", SEVEN)
    return make_run(tmp_path / "parent.toml", 20), make_run(child, 38)


def make_run(recipe: Path, num_right: int, num_images: int = 40, **more: Any) -> Path:
    return write_run(recipe.parent / "runs", recipe, answer(num_right, num_images - num_right), **more)


def compare(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    capsys.readouterr()
    assert run(["compare", *map(str, arguments)]) == status
    return capsys.readouterr().out


def test_the_text_says_the_verdict_first(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    lines = compare(capsys, *pair).splitlines()
    assert lines[0] == "better: child against parent"
    assert lines[1].startswith("  exact_match 0.5000 -> 0.9500: +45.00 points, 95 % interval +")
    assert lines[2].startswith("  the smallest difference that it could have shown: 1") and lines[2].endswith(
        ", on 40 images"
    )
    text = "\n".join(lines)
    assert (
        "\n7 settings changed: not attributable\n  train.batch_size: 64 -> 8\n  train.ema_decay: not set -> 0.9\n"
        in text
    )
    assert "\n  without effect: augment.text_line.rotation_degrees\n" in text
    assert "\nThese 2 recipes would separate them (--write DIR writes them)\n  child-" in text
    assert (
        "\nImages that changed sides (McNemar's exact test: p = 7.6e-06)\n  only child has right: 18: 020.png, 021.png,"
        in text
    )
    assert "023.png, 024.png and 13 more\n  only parent has right: none" in text


def test_the_text_is_korean_where_that_is_asked_for(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    parent, child = pair
    failed = make_run(parent.parents[3] / "child.toml", 1, seed=2, state="failed")
    stopped = make_run(parent.parents[3] / "child.toml", 1, seed=3, state="stopped")
    text = compare(capsys, parent, child.parent, "--lang", "ko")
    lines = text.splitlines()
    assert lines[0] == "나아짐: parent 대비 child"
    assert lines[1].startswith("  exact_match 0.5000 -> 0.9500: +45.00%p, 95 % 구간 +")
    assert lines[2].startswith("  이 비교로 확인할 수 있었던 가장 작은 차이: 1") and lines[2].endswith(
        "%p, 이미지 40장 기준"
    )
    assert lines[3].startswith("  parent, child 학습 각 1회: 마지막 검증들의 흔들림만 ±0.00%p; 시드가 바뀌면 ")
    assert f"  {failed}: 제외했습니다(상태: 실패)" in lines
    assert (
        f"  {stopped}: 제외했습니다(상태: 중지됨); saccade train --resume {stopped} 명령으로 끝까지 학습할 수 있습니다"
        in lines
    )
    assert "\n바뀐 설정 7개: 차이를 어느 하나의 효과라고 할 수 없습니다\n  train.batch_size: 64 -> 8\n" in text
    assert "  train.ema_decay: 설정 없음 -> 0.9" in lines
    assert "  효과 없음: augment.text_line.rotation_degrees" in lines
    assert "\n이를 가려낼 레시피 2개(--write DIR 옵션으로 파일을 씁니다)\n" in text
    assert "parent에 child의 설정 7개 가운데 " in text
    assert (
        "\n결과가 뒤바뀐 이미지(맥니마 정확 검정: p = 7.6e-06)\n  child 실험만 맞힌 이미지: 18장: 020.png, 021.png,"
        in text
    )
    assert "023.png, 024.png 외 13개\n  parent 실험만 맞힌 이미지: 없음" in text


def test_only_the_sentences_of_the_json_are_translated(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    english, korean = (json.loads(compare(capsys, *pair, "--json", "--lang", lang)) for lang in ("en", "ko"))
    assert {key for key in english if english[key] != korean[key]} == {"notes"}
    assert korean["notes"][1].startswith("이미지에 따른 변동만 ±")


def test_an_empty_path_is_not_the_working_folder(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pair[0])
    capsys.readouterr()
    assert run(["compare", "", str(pair[1])]) == 2
    error = capsys.readouterr().err
    assert error.startswith("saccade: Invalid value for 'RUN RUN...': it is empty; name a file or folder")
    assert error.count("\n") == 1


def test_json_is_one_document(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(compare(capsys, *pair, "--json"))
    assert document.keys() >= KEYS
    assert (document["verdict"], document["metric"], document["basis"]) == ("better", "exact_match", "paired_images")
    assert document["difference"] == pytest.approx(0.45)
    assert document["interval"][0] < 0.45 < document["interval"][1]
    assert (document["n"], document["attributable"], len(document["changed"])) == (40, False, 7)
    assert document["changed"][0] == {"key": "train.batch_size", "parent_value": 64, "value": 8}
    assert [change["key"] for change in document["without_effect"]] == ["augment.text_line.rotation_degrees"]
    assert len(document["separating"]) == 2
    assert len(document["only_child"]) == 18


def test_several_children_are_a_list(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    parent, child = pair
    other = make_run(write_recipe(parent.parents[3], "other", "[train]\nbatch_size = 16\n"), 20)
    documents = json.loads(compare(capsys, parent, child, other, "--json"))
    assert [(one["child"], one["verdict"]) for one in documents] == [("child", "better"), ("other", "not_shown")]
    text = compare(capsys, parent, child, other)
    assert "\n\nnot shown: other against parent\n" in text


def test_the_recipes_are_written_and_load(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    document = json.loads(compare(capsys, *pair, "--json", "--write", tmp_path / "new"))
    files = sorted((tmp_path / "new").iterdir())
    assert [file.name for file in files] == sorted(document["separating"])
    assert all(load(file).recipe.hypothesis for file in files)
    assert run(["compare", *map(str, pair), "--write", str(tmp_path / "new")]) == 2
    error = capsys.readouterr().err
    assert "is there already and is not overwritten" in error
    assert error.count("\n") == 1


def test_nothing_to_separate_is_said(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    parent = pair[0]
    other = make_run(write_recipe(parent.parents[3], "other", "[train]\nbatch_size = 16\n"), 20)
    assert run(["compare", str(parent), str(other), "--write", str(tmp_path / "new")]) == 0
    error = capsys.readouterr().err
    assert error == f"wrote nothing to {tmp_path / 'new'}: there are no changes that recipes could separate\n"
    assert not (tmp_path / "new").exists()


def test_what_was_set_ad_hoc_alike_chooses_the_runs_and_is_said(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    parent, child = pair
    recipes = parent.parents[3]
    shorts = [make_run(recipes / f"{name}.toml", 20, overrides=["train.epochs=3"]) for name in ("parent", "child")]
    text = compare(capsys, parent.parent, shorts[1])
    assert f"{parent.parent} holds runs of 2 experiments: those with train.epochs = 3 are compared" in text
    assert "ad hoc" not in text and "Different conditions" not in text
    document = json.loads(compare(capsys, parent.parent, child, "--json"))
    assert "those without --set are compared" in document["notes"][-1]


def test_other_images_are_refused_with_status_1(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    parent, _ = pair
    other = make_run(write_recipe(parent.parents[3], "other", "[train]\nbatch_size = 16\n"), 45, 50)
    text = compare(capsys, parent, other, status=1)
    assert text.startswith("refused: other against parent\n  other val images: 10 of the 50 images of other are not in")
    assert "--anyway" in text
    document = json.loads(compare(capsys, parent, other, "--json", status=1))
    assert (document["verdict"], document["interval"], document["n"]) == ("refused", None, None)
    assert document["refusal"].startswith("other val images")
    assert compare(capsys, parent, other, "--anyway").startswith("better: other against parent\n")


def test_repeats_and_what_was_left_out(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    parent, child = pair
    recipes = parent.parents[3]
    for name, num_right in (("parent", 21), ("child", 37)):
        make_run(recipes / f"{name}.toml", num_right, seed=1)
    failed = make_run(recipes / "child.toml", 1, seed=2, state="failed")
    text = compare(capsys, parent.parent, child.parent)
    assert text.startswith("better: child against parent\n")
    assert "2 runs of parent and 2 of child: other seeds alone" in text
    assert f"{failed} is left out: its state is failed" in text


def test_what_right_means_of_repeats_is_said(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    parent, child = pair
    assert "has an image right" not in compare(capsys, parent, child)
    for seed in (1, 2):
        make_run(parent.parents[3] / "child.toml", 37, seed=seed)
    make_run(parent.parents[3] / "parent.toml", 21, seed=1)
    lines = compare(capsys, parent.parent, child.parent).splitlines()
    place = lines.index("Images that changed sides")
    assert lines[place + 1 : place + 3] == [
        "  child has an image right where at least 2 of its 3 runs have",
        "  parent has an image right where at least 2 of its 2 runs have",
    ]
    assert lines[place + 3].startswith("  only child has right: ")


def test_sources_of_a_list_are_told_apart(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = '[[data.train]]\nformat = "tsv"\npath = "./{}.tsv"\n'
    other = write_recipe(tmp_path, "other", "[data]\n" + source.format("labels") + source.format("more"))
    text = compare(capsys, pair[0], make_run(other, 20, digests={"train": "other", "val": "v" * 8}))
    [line] = [line for line in text.splitlines() if line.startswith("  data.train: ")]
    before, after = line.removeprefix("  data.train: ").split(" -> ")
    assert before.count("(path ") == 1 and "/labels.tsv" in before
    first, second = after.split("), (path ")
    assert "/labels.tsv" in first and "/more.tsv" in second


def test_the_reported_series_comes_out_as_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    files = [EXPERIMENTS / "cifar100" / name for name in ("exp2.toml", "exp3.toml")]
    text = compare(capsys, *files)
    assert text.startswith(
        "not shown: exp3 against exp2\n  top1_accuracy 0.8031 -> 0.8091: +0.60 points, 95 % interval -0.50 to +1.70\n"
        "  the smallest difference that it could have shown: 1.10 points, on 10,000 images\n"
    )
    document = json.loads(compare(capsys, *files, "--json"))
    assert (document["verdict"], document["basis"], document["n"]) == ("not_shown", "reported", 10_000)


def test_the_test_images_only_where_they_are_asked_for(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", *map(str, pair), "--split", "test"]) == 2
    assert "holds no predictions of split 'test'" in capsys.readouterr().err


@pytest.mark.parametrize("names", [["nothing", "parent"], ["parent", "nothing"], ["parent"], ["parent", "parent/*"]])
def test_bad_input_is_one_line(pair: tuple[Path, Path], names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    folder = pair[0].parents[1]
    assert run(["compare", *(str(folder / name) for name in names)]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
