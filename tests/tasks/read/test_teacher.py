"""Distillation through the task: the loss by hand, a share of nothing that changes nothing, and teachers that do not fit."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import saccade
from saccade.cli import run
from saccade.recipes.loader import load
from saccade.tasks.base import LossOutput, Progress
from saccade.tasks.read.data import ReadBatch
from saccade.tasks.read.task import ReadTask
from saccade.tasks.read.teacher import load_teacher
from saccade.text.sequence_vocabulary import SequenceVocabulary
from tests import tiny_reader
from tests.engine.runs import read_tensors, train, train_in_pieces

NETWORK = """
[model]
name = "attention"
channels = [4, 4, 6, 6, 8, 8, 8]
max_length = 6
[model.neck]
name = "bilstm"
hidden_size = 4
[model.decoder]
hidden_size = 8
embedding_size = 8
"""
DISTILLATION = """
[model.loss.distillation]
run = "teacher"
temperature = 10.0
weight = 0.1
"""
T, SHARE = 10.0, 0.1


def write_recipe(folder: Path, name: str, *more: str, **changes: str) -> Path:
    """Write the recipe of the tiny reader with another network; `changes` replace the values of keys."""
    text = tiny_reader.RECIPE.partition("[model.backbone]")[0] + "".join(more) + "[train]\nepochs = 2\nbatch_size = 4\n"
    for key, value in changes.items():
        lines = [f"{key} = {value}" if line.startswith(f"{key} = ") else line for line in text.splitlines()]
        assert "\n".join(lines) != text.rstrip("\n")
        text = "\n".join(lines) + "\n"
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def build(path: Path) -> ReadTask:
    return ReadTask(load(path).recipe)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the tiny reader's data and a trained run called `teacher`."""
    folder = tiny_reader.make_data(tmp_path_factory.mktemp("distillation"))
    recipe = write_recipe(folder, "teach", NETWORK)
    recipe.write_text(f"seed = 7\n{recipe.read_text()}")
    shutil.copytree(train(build(recipe), folder / "runs"), folder / "teacher")
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may spoil."""
    shutil.copytree(trained, tmp_path / "set")
    return tmp_path / "set"


def compute_loss(task: ReadTask) -> tuple[LossOutput, ReadBatch]:
    """Return the loss of a fresh network without dropout, with a gradient, on the training images."""
    torch.manual_seed(5)
    model, batch = task.build_model().eval(), task.examples("train").gather(range(8))
    progress = Progress(0, 1, 0, {}, torch.Generator().manual_seed(0), slice(0, 8), 8)
    return task.loss(model, batch, progress), batch


def test_the_loss_by_hand(folder: Path) -> None:
    """(1 - a) CE + a T^2 KL(teacher || reader), token by token, of the probabilities that both give the true texts."""
    task = build(write_recipe(folder, "pupil", NETWORK, DISTILLATION))
    told, batch = compute_loss(task)
    torch.manual_seed(5)
    pupil, teacher = task.build_model().eval(), load_teacher(str(folder / "teacher"), task._preprocessing, 6)
    entropies: list[Tensor] = []
    divergences: list[Tensor] = []
    for row, text in enumerate(batch.texts):
        tokens = task.vocabulary.encode(text)
        inputs = torch.tensor([[SequenceVocabulary.bos_id, *tokens]])
        image = batch.images[row : row + 1]
        for place, target in enumerate([*tokens, SequenceVocabulary.eos_id]):
            own, other = pupil(image, inputs)[0, place], teacher(image, inputs)[0, place]
            entropies.append(-own.log_softmax(0)[target])
            soft, wanted = (own / T).softmax(0), (other / T).softmax(0)
            divergences.append((wanted * (wanted / soft).log()).sum())
    entropy, divergence = torch.stack(entropies).mean(), T**2 * torch.stack(divergences).mean()
    assert divergence > 0.01
    torch.testing.assert_close(told.parts["units"], entropy)
    torch.testing.assert_close(told.parts["teacher"], divergence, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(told.total, (1 - SHARE) * entropy + SHARE * divergence, rtol=1e-4, atol=1e-5)


def test_a_share_of_nothing_changes_no_bit(folder: Path) -> None:
    """The same weights after training, resumed too: the teacher draws nothing that its pupil would have drawn."""
    alone = read_tensors(train(build(write_recipe(folder, "alone", NETWORK)), folder / "runs"))
    recipe = write_recipe(folder, "unmoved", NETWORK, DISTILLATION, weight="0.0")
    unmoved = read_tensors(train_in_pieces(build(recipe), folder / "runs", 1))
    assert unmoved.keys() == alone.keys()
    assert [name for name in alone if not alone[name].equal(unmoved[name])] == []
    moved = read_tensors(train(build(write_recipe(folder, "moved", NETWORK, DISTILLATION)), folder / "runs"))
    assert [name for name in alone if not alone[name].equal(moved[name])] != []


def test_what_was_taught_is_read_without_the_teacher(folder: Path) -> None:
    task = build(write_recipe(folder, "pupil", NETWORK, DISTILLATION))
    pupil = train(task, folder / "runs")
    assert set(load_file(pupil / "checkpoints" / "best" / "model.safetensors")) == set(task.build_model().state_dict())
    shutil.rmtree(folder / "teacher")
    assert len(saccade.load(pupil, device="cpu").predict([folder / "0.png"])) == 1


def test_a_record_says_which_run_taught(folder: Path) -> None:
    """The folder of an experiment holds another run as soon as its recipe is trained once more."""
    (folder / "experiment").mkdir()
    (folder / "teacher").rename(folder / "experiment" / "first")
    stage = '[[stage]]\nfrom_epoch = 1\n[stage.model.loss.distillation]\nrun = "experiment"\nweight = 0.9\n'
    recipe = write_recipe(folder, "pupil", NETWORK, DISTILLATION.replace('"teacher"', '"experiment"'), stage)
    pupil = train(build(recipe), folder / "runs")
    shutil.copytree(folder / "experiment" / "first", folder / "experiment" / "second")
    again = build(pupil / "recipe.toml")
    assert again.frozen_recipe() == load(pupil / "recipe.toml").recipe
    assert again.recipe.model.loss.distillation.run == str(folder / "experiment" / "first")
    assert again.recipe.stage[0].model["loss"]["distillation"]["run"] == str(folder / "experiment" / "first")


def test_a_teacher_is_frozen_and_has_its_best_weights(folder: Path) -> None:
    """Its best weights are the moving average where there is one; none of them has a gradient, and nothing is dropped."""
    best = folder / "teacher" / "checkpoints" / "best"
    task = build(write_recipe(folder, "pupil", NETWORK, DISTILLATION))
    teacher = load_teacher(str(folder / "teacher"), task._preprocessing, 6)
    assert not any(weight.requires_grad for weight in teacher.parameters())
    assert not any(module.training for module in teacher.modules())
    weights = load_file(best / "model.safetensors")
    assert all(teacher.state_dict()[name].equal(tensor) for name, tensor in weights.items())
    save_file({name: tensor + 1 for name, tensor in weights.items()}, best / "ema.safetensors")
    averaged = load_teacher(str(folder / "teacher"), task._preprocessing, 6).state_dict()
    assert all(averaged[name].equal(tensor + 1) for name, tensor in weights.items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run": '"nowhere"'}, "nowhere: model.loss.distillation.run does not exist; name a run folder"),
        ({"run": '"empty"'}, "empty: model.loss.distillation.run is no run and holds none"),
        ({"width_px": "96"}, "the teacher sees other images: width_px (64, here 96); give [preprocessing] the same"),
        ({"max_length": "9"}, "the teacher writes at most 6 units; lower model.max_length = 9"),
    ],
    ids=["no folder", "no run", "other images", "shorter texts"],
)
def test_a_teacher_that_does_not_fit_is_one_line_before_anything_is_written(
    folder: Path, changes: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(folder / "runs")
    (folder / "recipe.toml").unlink()
    (folder / "empty").mkdir()
    recipe = write_recipe(folder, "pupil", NETWORK, DISTILLATION, **changes)
    assert run(["train", str(recipe), "--runs", str(folder / "runs"), "--device", "cpu"]) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.count("\n") == 1
    assert not (folder / "runs").exists()


def test_a_teacher_that_reads_other_characters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write_recipe(folder, "pupil", '[text]\ncharset = "AB12Z"\n', NETWORK, DISTILLATION)
    assert run(["train", str(recipe), "--runs", str(folder / "new"), "--device", "cpu"]) == 2
    assert (
        "the teacher reads other units: it lacks Z, it has none besides; set [text] charset" in capsys.readouterr().err
    )


def test_a_teacher_that_does_not_go_step_by_step(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(folder / "runs")
    shutil.copytree(tiny_reader.train(folder), folder / "ctc")
    capsys.readouterr()
    recipe = write_recipe(folder, "pupil", NETWORK, DISTILLATION, run='"ctc"')
    assert run(["train", str(recipe), "--runs", str(folder / "new"), "--device", "cpu"]) == 2
    assert (
        "names crnn; only attention, aster and satrn, which write unit after unit, can teach" in capsys.readouterr().err
    )


def test_a_teacher_without_weights_and_one_that_is_damaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write_recipe(folder, "pupil", NETWORK, DISTILLATION)
    best = folder / "teacher" / "checkpoints" / "best"
    weights = {name: tensor.clone() for name, tensor in load_file(best / "model.safetensors").items()}
    for spoil, message in (
        (lambda: (best / "model.safetensors").write_bytes(b"x" * 99), "does not hold the weights of"),
        (
            lambda: save_file(
                {k: v for k, v in weights.items() if k != "decoder.classifier.weight"}, best / "model.safetensors"
            ),
            "does not hold the weights of",
        ),
        (lambda: shutil.rmtree(best), "names a run without a best checkpoint"),
    ):
        spoil()
        assert run(["train", str(recipe), "--runs", str(folder / "new"), "--device", "cpu"]) == 2
        printed = capsys.readouterr().err
        assert message in printed and printed.count("\n") == 1


def test_a_teacher_of_a_later_stage_is_looked_at_before_the_first_step(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = '[[stage]]\nfrom_epoch = 1\n[stage.model.loss.distillation]\nrun = "{}"\nweight = 0.9\n'
    late = write_recipe(folder, "late", NETWORK, stage.format("nowhere"))
    assert run(["train", str(late), "--runs", str(folder / "new"), "--device", "cpu"]) == 2
    assert f"{folder}/nowhere: model.loss.distillation.run does not exist" in capsys.readouterr().err
    other = read_tensors(train(build(write_recipe(folder, "late", NETWORK, stage.format("teacher"))), folder / "new"))
    alone = read_tensors(train(build(write_recipe(folder, "alone", NETWORK)), folder / "new"))
    assert [name for name in alone if not alone[name].equal(other[name])] != []
