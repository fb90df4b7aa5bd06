"""The classify task: what it answers with, what it hands to augmentation, and that stages share the data."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from saccade.cli import run
from saccade.engine.batches import list_stages
from saccade.engine.checkpoint import load_weights
from saccade.errors import InputError
from saccade.recipes.loader import load
from saccade.recipes.tables.classify import ClassifyAugment, CutMix, RandomFlip
from saccade.records.reader import read_run
from saccade.tasks.base import Progress
from saccade.tasks.classify.data import ClassifyBatch
from saccade.tasks.classify.task import ClassifyTask
from tests import tiny_classifier
from tests.engine.runs import train
from tests.tiny_classifier import CLASSES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_classifier.make_data(tmp_path_factory.mktemp("classify"))


def build(folder: Path, *overrides: str) -> ClassifyTask:
    recipe: Any = load(folder / "recipe.toml", overrides=list(overrides)).recipe
    return ClassifyTask(recipe)


def make_progress(step: int = 0, rows: slice = slice(0, 8), num_rows: int = 8) -> Progress:
    return Progress(step, 100, 0, {}, torch.Generator().manual_seed(step), rows, num_rows)


class Fixed(nn.Module):
    """A network that answers each image with the same logits."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor:
        return self.logits.expand(len(images), -1)


def test_the_classes_are_those_of_the_training_images_and_go_into_the_recipe(folder: Path) -> None:
    task = build(folder)
    assert task.classes == CLASSES
    frozen = task.frozen_recipe()
    assert frozen.classes.names == CLASSES
    assert task.preprocessing()["classes"] == list(CLASSES)
    assert json.loads(json.dumps(task.describe_data()))["splits"]["train"]["count"] == 18
    listed = build(folder, f"classes.names={json.dumps(CLASSES[::-1])}")
    batch = listed.examples("train").gather([0])
    assert listed.classes[int(batch.labels[0])] == listed.targets(batch)[0] == batch.ids[0].split("/")[0]


def test_an_answer_is_the_five_best_and_what_the_truth_got(folder: Path) -> None:
    task = build(folder)
    batch = task.examples("test").gather([0, 11])
    assert task.targets(batch) == ["ape", "fox"]
    probabilities = torch.tensor([0.1, 0.3, 0.05, 0.2, 0.25, 0.1])
    first, second = task.predict(Fixed(probabilities.log()), batch)
    assert (first.label, round(first.confidence, 5)) == ("bee", 0.3)
    assert [label for label, _ in first.top_k[:3]] == ["bee", "eel", "dog"]
    assert len(first.top_k) == 5 and first.top_k == second.top_k
    assert [one.target_log_probability for one in (first, second)] == pytest.approx([np.log(0.1)] * 2, abs=1e-5)
    unknown = task.collate([task.unlabelled(np.zeros((20, 20), np.uint8))])
    assert unknown.images.shape == (1, 3, 16, 16) and task.targets(unknown) == [""]
    assert task.predict(Fixed(probabilities.log()), unknown)[0].target_log_probability is None


def test_augmentation_is_that_of_the_row_in_whatever_part(folder: Path) -> None:
    task = build(folder)
    task = task.with_recipe(
        task.recipe.model_copy(update={"augment": ClassifyAugment(crop_padding_px=2, flip=RandomFlip(), mix=CutMix())})
    )
    batch = task.examples("train").gather(range(8))
    whole = task.augment_batch(batch, make_progress())
    assert whole.images.dtype == torch.uint8 and not torch.equal(whole.images, batch.images)
    assert whole.ids == batch.ids and torch.equal(whole.labels, batch.labels)
    assert torch.equal(whole.partner_labels, batch.labels[[1, 0, 3, 2, 5, 4, 7, 6]])
    assert (whole.shares < 1).any()
    parts = [task.augment_batch(batch.select(rows), make_progress(rows=rows)) for rows in (slice(0, 2), slice(2, 8))]
    for name in ("images", "partner_labels", "shares"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))
    assert not torch.equal(task.augment_batch(batch, make_progress(1)).images, whole.images)


def test_mixed_images_count_as_what_most_of_them_shows(folder: Path) -> None:
    task = build(folder)
    batch = task.examples("test").gather([0, 2, 4])
    mixed = replace(batch, partner_labels=torch.tensor([5, 5, 5]), shares=torch.tensor([0.7, 0.5, 0.3]))
    assert task.targets(mixed) == ["ape", "bee", "fox"]
    answer = task.predict(Fixed(torch.arange(6.0)), mixed)[2]
    assert answer.label == "fox" and answer.target_log_probability == pytest.approx(np.log(answer.confidence), abs=1e-5)


def test_mixed_targets_reach_the_loss(folder: Path) -> None:
    task = build(folder, "loss.label_smoothing=0.1")
    batch = task.examples("test").gather([0])
    mixed = replace(batch, partner_labels=torch.tensor([5]), shares=torch.tensor([0.25]))
    logits = torch.arange(6.0)
    targets = 0.9 * torch.tensor([0.25, 0, 0, 0, 0, 0.75]) + 0.1 / 6
    output = task.loss(Fixed(logits), mixed, make_progress())
    assert output.weight == 1
    torch.testing.assert_close(output.total, -(targets * logits.log_softmax(0)).sum())


def test_stages_share_what_was_read(folder: Path, tmp_path: Path) -> None:
    data = tiny_classifier.make_data(tmp_path)
    text = tiny_classifier.RECIPE.replace("epochs = 1", "epochs = 2")
    (data / "recipe.toml").write_text(f"{text}[[stage]]\nfrom_epoch = 1\naugment = {{ crop_padding_px = 2 }}\n")
    task = build(data)
    before = task.examples("train").ids
    for path in (data / "train").rglob("*.png"):
        path.unlink()
    (_, first), (_, second) = list_stages(task)
    assert first is task and second.recipe.augment.crop_padding_px == 2  # type: ignore[attr-defined]
    assert second.examples("train").ids == before


def test_images_are_decoded_once_unless_they_are_to_stay_on_disk(tmp_path: Path) -> None:
    tiny_classifier.make_data(tmp_path)
    expected = build(tmp_path, "data.residency=lazy").examples("train")
    kept, lazy = build(tmp_path), build(tmp_path, "data.residency=lazy")
    wanted = expected.gather(range(len(expected)))
    for task in (kept, lazy):
        task.describe_data()  # reads and checks every image
    shutil.rmtree(tmp_path / "train")
    examples = kept.examples("train")
    for indices in (range(len(examples)), [5, 0, 5]):
        found, right = examples.gather(indices), wanted.select(list(indices))
        assert found.ids == right.ids and torch.equal(found.labels, right.labels)
        assert torch.equal(found.images, right.images)
    assert np.array_equal(examples[3].image, wanted.images[3].permute(1, 2, 0).numpy())
    with pytest.raises(InputError, match="no such image"):
        lazy.examples("train").gather([0])
    later = kept.with_recipe(kept.recipe.model_copy(update={"seed": 1}))  # as another seed trains
    assert torch.equal(later.examples("val").gather([0]).images, kept.examples("val").gather([0]).images)


def test_a_split_of_its_own_needs_no_training_images_once_the_classes_are_known(tmp_path: Path) -> None:
    data = tiny_classifier.make_data(tmp_path)
    task = build(data, f"classes.names={json.dumps(CLASSES)}")
    for path in (data / "train").rglob("*.png"):
        path.unlink()
    assert len(task.examples("test")) == 12


def test_classes_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    data = tiny_classifier.make_data(tmp_path)
    with pytest.raises(InputError, match=r"class 'cat' of train is not in \[classes\] names .*\(and 15 more\)"):
        build(data, 'classes.names=["ape","bee"]').examples("train")
    for label in CLASSES[1:]:
        for part in ("train", "test"):
            for path in (data / part / label).iterdir():
                path.unlink()
            (data / part / label).rmdir()
    with pytest.raises(InputError, match=r"'ape' is the only class .*; give images of at least two"):
        build(data).examples("train")


def test_weights_of_other_classes_are_refused_and_may_have_a_fresh_head(folder: Path, tmp_path: Path) -> None:
    trained = tiny_classifier.train(folder)
    weights = trained / "checkpoints" / "best" / "model.safetensors"
    names = [*CLASSES[:-1], "gnu"]

    def fill(classes: list[str], *allow: str) -> list[str]:
        task = build(folder, f"classes.names={json.dumps(classes)}")
        return load_weights(task.build_model(), weights, contract=task.preprocessing(), allow=allow)

    assert fill(list(CLASSES)) == []
    cure = r"; set \[classes\] names, or start\.allow = \[.head.\]"
    with pytest.raises(InputError, match=rf"other classes \(it lacks gnu, it has fox besides\){cure}"):
        fill(names)
    with pytest.raises(InputError, match=r"other classes \(the same in another order\)"):
        fill(list(CLASSES[::-1]))
    with pytest.raises(
        InputError, match=r"other classes \(it lacks nothing, it has cat, dog, eel and 1 more besides\)"
    ):
        fill(list(CLASSES[:2]))
    for classes in (names, list(CLASSES[:2])):
        assert fill(classes, "head") == ["head.weight", "head.bias"]


def test_a_loss_that_is_no_number_ends_the_run_with_its_batch(tmp_path: Path) -> None:
    data = tiny_classifier.make_data(tmp_path)
    options = ["--set", "optimizer.learning_rate=1e30", "--set", "train.epochs=3", "--runs", str(tmp_path / "runs")]
    assert run(["train", str(data / "recipe.toml"), "--device", "cpu", *options]) == 3
    (status,) = (tmp_path / "runs").rglob("status.json")
    assert "not finite" in read_run(status.parent).status["cause"]
    assert (status.parent / "failure.safetensors").is_file()


def test_the_last_validation_measures_training_images_mixed_as_training_sees_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smallest_shares: list[float] = []
    original = ClassifyTask.augment_batch

    def watched(self: ClassifyTask, batch: ClassifyBatch, progress: Progress) -> ClassifyBatch:
        changed = original(self, batch, progress)
        smallest_shares.append(float(changed.shares.min()))
        return changed

    monkeypatch.setattr(ClassifyTask, "augment_batch", watched)
    train(build(folder, "augment.mix.name=cutmix"), tmp_path)
    assert smallest_shares[-1] < 1  # the last call is that of the validation after the last step
