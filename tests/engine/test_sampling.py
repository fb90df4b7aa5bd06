"""A last batch of one image, which BatchNorm cannot learn from where it sees one pixel."""

from pathlib import Path
from typing import Any

import pytest
import torch

from saccade.engine.device import Ranks
from saccade.engine.session import Session, open_session
from saccade.errors import InputError
from saccade.recipes.loader import load
from saccade.records.reader import read_run
from saccade.tasks.classify.task import ClassifyTask
from tests import tiny_classifier
from tests.engine.runs import train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_classifier.make_data(tmp_path_factory.mktemp("sampling"))


def build(folder: Path, *overrides: str) -> ClassifyTask:
    recipe: Any = load(folder / "recipe.toml", overrides=list(overrides)).recipe
    return ClassifyTask(recipe)


def open_on_cpu(folder: Path, *overrides: str) -> Session[Any]:
    return open_session(build(folder, *overrides), CPU, Ranks())


def list_sizes(session: Session[Any]) -> list[int]:
    return [len(draws) for draws in session.sampler.batches(0)]


def test_a_lone_last_image_is_left_out_another_one_each_epoch_and_said(folder: Path, tmp_path: Path) -> None:
    session = open_on_cpu(folder, "train.batch_size=17")
    assert list_sizes(session) == [17] and session.sampler.num_left_out == 1
    trained = [set(next(session.sampler.batches(epoch)).tolist()) for epoch in range(4)]
    assert len(set(map(frozenset, trained))) > 1
    run = train(build(folder, "train.batch_size=17", "train.epochs=2"), tmp_path)
    start = next(row for row in read_run(run).history() if row.get("event") == "start")
    assert (start["num_train"], start["steps_per_epoch"], start["num_left_out"]) == (18, 1, 1)


def test_it_is_trained_on_where_the_network_can(folder: Path) -> None:
    larger = open_on_cpu(folder, "train.batch_size=17", "preprocessing.height_px=64", "preprocessing.width_px=64")
    assert list_sizes(larger) == [17, 1] and larger.sampler.num_left_out == 0
    without_norm = open_on_cpu(folder, "train.batch_size=17", "model.architecture=test_vit")
    assert list_sizes(without_norm) == [17, 1]


def test_looking_whether_it_can_changes_no_weight_and_no_draw(folder: Path) -> None:
    states = []
    for batch_size in (16, 17):
        states.append(open_on_cpu(folder, f"train.batch_size={batch_size}").model.state_dict())
        states[-1]["draw"] = torch.rand(3)
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


def test_a_source_of_which_nothing_is_drawn_is_refused(folder: Path) -> None:
    part = "{{ format = 'folder', path = '{}', weight = {} }}".format
    sources = f"[{part(folder / 'train', 1.0)}, {part(folder / 'test', 0.04)}]"
    with pytest.raises(InputError, match=r"of 12 images with weight = 0\.04 none would come in an epoch; raise"):
        open_on_cpu(folder, f"data.train={sources}", f"data.val=[{part(folder / 'test', 1.0)}]")


def test_batches_by_length_need_lengths(folder: Path) -> None:
    with pytest.raises(
        InputError, match=r'^train\.batch_by_length: examples of the task "classify" have no length; remove'
    ):
        open_on_cpu(folder, "train.batch_by_length=true")


@pytest.mark.parametrize(
    ("overrides", "cure"),
    [
        (("train.batch_size=1",), "raise it to 2,"),
        (("train.batch_size=6", "train.accumulation_steps=6"), "raise it to 12,"),
        (("train.batch_size=20", "train.accumulation_steps=18"), "which need 36; give more"),
    ],
)
def test_batches_of_lone_images_are_refused(folder: Path, overrides: tuple[str, ...], cure: str) -> None:
    with pytest.raises(InputError, match=r"^(train\.batch_size|data\.train): ") as caught:
        open_on_cpu(folder, *overrides)
    assert cure in str(caught.value) and "\n" not in str(caught.value)
