"""Two training lines in one: both texts, the partner drawn from the line's own generator, and never more than the network can hold."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from saccade.data.sampler import make_generator
from saccade.engine.batches import StepMaker, hold, iterate_steps
from saccade.engine.device import Ranks
from saccade.errors import InputError
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.recipes.validation import validate_table
from saccade.tasks.read.data import ReadSample
from saccade.tasks.read.task import ReadTask

TEXTS = ("111", "2222", "33", "44444")
LEVELS = {"1": 40, "2": 90, "3": 140, "4": 190}


def make_task(
    folder: Path, *, texts: tuple[str, ...] = TEXTS, weights: tuple[float, float] = (1.0, 1.0), **tables: Any
) -> ReadTask:
    """Four lines, each of one digit and one grey level, in two sources: 1 and 2, 3 and 4."""
    folder.mkdir(exist_ok=True)
    for text in texts:
        cv2.imwrite(str(folder / f"{text}.png"), np.full((16, 4 * len(text)), LEVELS[text[0]], np.uint8))
    sources = []
    for name, listed, weight in zip(("a", "b"), (texts[:2], texts[2:]), weights, strict=True):
        (folder / f"{name}.tsv").write_text("".join(f"{text}.png\t{text}\n" for text in listed))
        sources.append({"format": "tsv", "path": str(folder / f"{name}.tsv"), "images": str(folder), "weight": weight})
    cv2.imwrite(str(folder / "1.png"), np.full((16, 16), 7, np.uint8))
    (folder / "val.tsv").write_text("1.png\t1\n")
    val = {"format": "tsv", "path": str(folder / "val.tsv"), "images": str(folder)}
    raw = {
        "task": "read",
        "data": {"train": sources, "val": [val]},
        "preprocessing": {"height_px": 16, "width_px": 64},
        "augment": {"concatenation": {"probability": 1.0}},
    }
    return ReadTask(validate_table(ReadRecipe, raw | tables, file="recipe"))


def prepare(task: ReadTask, index: int, draw: int = 0) -> ReadSample:
    return task.prepare(task.examples("train")[index], make_generator(0, 0, draw))


def test_both_texts_and_both_images(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    for draw in range(20):
        joined = prepare(task, 1, draw)
        other = joined.text[4:]
        assert joined.text.startswith("2222") and other in TEXTS and joined.image.shape == (16, 64, 1)
        assert joined.tokens == task.vocabulary.encode(joined.text)
        width = round(64 * 4 / len(joined.text))  # characters stay equally wide
        assert (joined.image[:, :width] == LEVELS["2"]).all() and (joined.image[:, width:] == LEVELS[other[0]]).all()
        assert joined.id == task.examples("train")[1].id


def test_the_partner_depends_on_the_draw_alone(tmp_path: Path) -> None:
    first, again = ([prepare(make_task(tmp_path), 0, draw).text for draw in range(30)] for _ in range(2))
    assert first == again and len(set(first)) == 4
    assert (
        make_task(tmp_path)
        .with_recipe(make_task(tmp_path).recipe)
        .prepare(make_task(tmp_path).examples("train")[0], make_generator(0, 0, 3))
        .text
        == first[3]
    )


@pytest.mark.parametrize(
    "workers", [{"num_workers": 2}, {"num_workers": 2, "workers": "process"}, {"residency": "lazy"}]
)
def test_any_number_of_workers_gives_the_same_batches(workers: dict[str, Any], tmp_path: Path) -> None:
    def list_batches(**data: Any) -> list[tuple[tuple[str, ...], bytes]]:
        task = make_task(
            tmp_path, augment={"concatenation": {"probability": 0.5}, "text_line": {"rotation_probability": 1.0}}
        )
        task = task.with_recipe(task.recipe.model_copy(update={"data": task.recipe.data.model_copy(update=data)}))
        held = hold(task, task.examples("train"), training=True, device=torch.device("cpu"))
        jobs = [(epoch, np.arange(start, start + 2)) for epoch in range(4) for start in (0, 2)]
        steps = iterate_steps(StepMaker(task, held, 1, Ranks()), jobs, task.recipe.data)
        batches = [step.micro_batches[0] for step in steps]
        return [(batch.texts, batch.images.numpy().tobytes()) for batch in batches]

    expected = list_batches()
    assert any(text not in TEXTS for texts, _ in expected for text in texts)
    assert list_batches(**workers) == expected


def test_lines_to_join_are_gathered_once_for_all_stages(tmp_path: Path) -> None:
    """The engine makes the task of a stage anew in every epoch, from one whose own recipe may join nothing."""
    first = make_task(tmp_path, augment={"text_line": {"invert_probability": 0.5}})
    recipe = make_task(tmp_path).recipe
    stages = [first.with_recipe(recipe) for _ in range(2)]
    for task in stages:
        prepare(task, 0, 1)
    assert stages[0]._partners is stages[1]._partners


def test_augmentation_draws_as_it_does_without(tmp_path: Path) -> None:
    """The joined image is inverted exactly where the same draw inverts a line that stays alone."""
    line = {"text_line": {"invert_probability": 0.5}}
    joined = make_task(tmp_path, augment={"concatenation": {"probability": 1.0}} | line)
    alone = make_task(tmp_path, augment=line)
    for draw in range(30):
        is_inverted = prepare(alone, 0, draw).image[0, 0, 0] == 255 - LEVELS["1"]
        assert (prepare(joined, 0, draw).image[0, 0, 0] == 255 - LEVELS["1"]) == is_inverted


def test_probability_is_how_often(tmp_path: Path) -> None:
    task = make_task(tmp_path, augment={"concatenation": {"probability": 0.3}})
    assert 0.2 < np.mean([len(prepare(task, 0, draw).text) > 3 for draw in range(300)]) < 0.4
    example = task.examples("train")[0]
    assert task.prepare(example, None) is example and task.needs_prepare(True) and not task.needs_prepare(False)


def test_texts_that_need_too_many_steps_stay_alone(tmp_path: Path) -> None:
    """64 px are 16 steps. 44444 needs 9, a blank between equal characters: 111 after it makes 14, itself again 19."""
    task = make_task(tmp_path)
    texts = {prepare(task, 3, draw).text for draw in range(40)}
    assert texts == {"44444", "44444111", "444442222", "4444433"}


def test_padded_lines_are_joined_where_both_fit(tmp_path: Path) -> None:
    """Their widths are 8, 16, 12 and 20 of 24 px: 8 + 8, 8 + 16 and 8 + 12 fit, 8 + 20 stays alone."""
    preprocessing = {"height_px": 16, "width_px": 24, "fit": {"name": "pad"}}
    task = make_task(tmp_path, texts=("12", "2121", "343", "43434"), preprocessing=preprocessing)
    texts = {prepare(task, 0, draw).text for draw in range(60)}
    assert texts == {"12", "1212", "12343"}  # 122121 fits the width, and needs 7 steps of 6
    joined = next(sample for draw in range(60) if len((sample := prepare(task, 0, draw)).text) == 5)
    assert joined.image[0, :, 0].tolist() == [LEVELS["1"]] * 8 + [LEVELS["3"]] * 12 + [128] * 4


def test_partners_come_as_often_as_an_epoch_holds_them(tmp_path: Path) -> None:
    task = make_task(tmp_path, weights=(1.0, 0.25))
    others = [prepare(task, 2, draw).text[2:] for draw in range(600)]
    rare = np.mean([text in ("33", "44444") for text in others])
    assert 0.14 < rare < 0.27  # 0.5 of 2.5


def test_two_lines_of_text_are_not_joined(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    doubled = replace(task.examples("train")[0], num_lines=2)
    assert task.prepare(doubled, make_generator(0, 0, 0)).text == "111"


WRITER = {
    "name": "satrn",
    "backbone": {"name": "residual_grid", "channels": [4, 4, 8], "num_blocks": [1, 1, 1]},
    "encoder": {"hidden_size": 8, "filter_size": 8, "num_layers": 1, "num_heads": 2},
    "decoder": {"hidden_size": 8, "filter_size": 8, "num_layers": 1, "num_heads": 2},
}
FORMULAS = ("x ^ 2", "\\frac 1 2", "^ 3", "a + b + c = d", "y _ 1")


def make_formulas(folder: Path, max_length: int, **tables: Any) -> ReadTask:
    """Five formulas, each one box in white on black paper of 32 x 48 px, and a reader that writes tokens."""
    folder.mkdir(exist_ok=True)
    for index in range(len(FORMULAS)):
        image = np.zeros((32, 48), np.uint8)
        image[4:24, 4 : 20 + index] = 255
        cv2.imwrite(str(folder / f"{index}.png"), image)
    rows = [f"{index}.png\t{text}\n" for index, text in enumerate(FORMULAS)]
    (folder / "train.tsv").write_text("".join(rows))
    (folder / "val.tsv").write_text(rows[0])
    train, val = (
        {"format": "tsv", "path": str(folder / f"{name}.tsv"), "images": str(folder)} for name in ("train", "val")
    )
    raw = {
        "task": "read",
        "data": {"train": [train], "val": [val]},
        "preprocessing": {"height_px": 32, "width_px": 64, "fit": {"name": "pad", "value": 0}},
        "text": {"units": "tokens", "notation": "latex"},
        "model": WRITER | {"max_length": max_length},
        "augment": {"concatenation": {"probability": 1.0, "layout": "ink", "symbol_min_px": 4.0}},
    }  # fmt: skip
    return ReadTask(validate_table(ReadRecipe, raw | tables, file="recipe"))


def test_formulas_are_joined_token_by_token_as_far_as_the_model_writes(tmp_path: Path) -> None:
    """Of 3, 3, 2, 7 and 3 tokens. What begins with a script is no formula beside another one."""
    task = make_formulas(tmp_path, max_length=7)
    texts = {prepare(task, 0, draw).text for draw in range(60)}
    assert texts == {"x ^ 2", "x ^ 2 x ^ 2", "x ^ 2 \\frac 1 2", "x ^ 2 y _ 1"}
    assert {prepare(task, 3, draw).text for draw in range(20)} == {"a + b + c = d"}
    longer = make_formulas(tmp_path, max_length=10)
    assert {prepare(longer, 0, draw).text for draw in range(60)} == texts | {"x ^ 2 a + b + c = d"}
    for draw in range(20):
        joined = prepare(longer, 4, draw)
        assert joined.tokens == longer.vocabulary.encode(joined.text) and joined.text.startswith("y _ 1")


def test_a_script_follows_where_it_is_no_latex(tmp_path: Path) -> None:
    task = make_formulas(tmp_path, max_length=7, text={"units": "tokens"})
    assert "x ^ 2 ^ 3" in {prepare(task, 0, draw).text for draw in range(60)}


def test_formulas_stand_side_by_side_in_ink_of_one_size(tmp_path: Path) -> None:
    """Boxes of 20 x 20 px and of 16 x 20: each keeps its shape and its ink, paper is between, and the gap is not always the same."""
    task, gaps = make_formulas(tmp_path, max_length=7), set()
    for draw in range(30):
        joined = prepare(task, 0, draw)
        columns = np.flatnonzero((joined.image[..., 0] > 128).any(axis=0))
        runs = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
        assert joined.image.shape == (32, 64, 1) and len(runs) == 1 + (joined.text != "x ^ 2")
        if len(runs) == 2:
            shapes = [int((joined.image[:, run[0], 0] > 128).sum()) / len(run) for run in runs]
            assert shapes[0] == pytest.approx(20 / 16, rel=0.1) and 0.9 < shapes[1] < 1.35
            gaps.add(int(runs[1][0] - runs[0][-1]) - 1)
    assert gaps <= set(range(3, 9)) and len(gaps) > 2


def test_symbols_that_would_become_too_small_stay_alone(tmp_path: Path) -> None:
    concatenation = {"probability": 1.0, "layout": "ink", "symbol_min_px": 20.0}
    task = make_formulas(tmp_path, max_length=10, augment={"concatenation": concatenation})
    assert {prepare(task, 0, draw).text for draw in range(20)} == {"x ^ 2"}


def test_stretched_formulas_have_no_paper_to_spare(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"augment\.concatenation\.layout"):
        make_formulas(tmp_path, max_length=7, preprocessing={"height_px": 32, "width_px": 64})
    task = make_formulas(
        tmp_path,
        max_length=7,
        preprocessing={"height_px": 32, "width_px": 64},
        augment={"concatenation": {"probability": 1.0}},
    )
    assert "x ^ 2 y _ 1" in {prepare(task, 0, draw).text for draw in range(60)}
