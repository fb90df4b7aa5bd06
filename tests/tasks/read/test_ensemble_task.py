"""Ensembles from a recipe to a record: what two trained readers say together, and a run like any other."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import saccade
from saccade.cli import run
from saccade.engine.predictor import Predictor
from saccade.errors import InputError
from saccade.recipes.loader import load, to_toml
from saccade.records.reader import read_run
from saccade.tasks.base import Progress
from saccade.tasks.read.ensemble_task import EnsembleTask
from saccade.tasks.registry import build_task
from tests import tiny_classifier
from tests.tiny_ensemble import ENSEMBLE, make_members
from tests.tiny_reader import LABELS

BOS, EOS = 1, 2
HEAD = ENSEMBLE[: ENSEMBLE.index("[[model.member]]")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ensemble")
    make_members(folder)
    return folder


@pytest.fixture(scope="module")
def members(folder: Path) -> dict[str, Path]:
    return {name: next((folder / "runs" / folder.name / name).iterdir()) for name in ("attention", "satrn")}


@pytest.fixture(scope="module")
def ensemble(folder: Path, members: dict[str, Path]) -> Path:
    return saccade.train(folder / "ensemble.toml", runs=folder / "runs", device="cpu")


def open_run(path: Path) -> Predictor:
    return Predictor(build_task(load(path / "recipe.toml").recipe), path, device="cpu")


def list_images(folder: Path) -> list[Path]:
    return [folder / f"{number}.png" for number in range(len(LABELS))]


def assemble(folder: Path, tmp_path: Path, text: str) -> Path:
    """Write the recipe of an ensemble beside the data and make its run."""
    path = folder / f"{tmp_path.name}.toml"
    path.write_text(HEAD + text)
    return saccade.train(path, runs=tmp_path / "runs", device="cpu")


@torch.no_grad()
def write_by_hand(parts: list[tuple[Predictor, float]], image: Path) -> tuple[str, float]:
    """Take the best of the mean probabilities, computed from the logits of the whole text so far."""
    task, longest = parts[0][0].task, min(one.task.recipe.model.max_length for one, _ in parts)
    batches = [one.task.collate([one.task.unlabelled(image)]) for one, _ in parts]
    total, tokens, confidence = sum(weight for _, weight in parts), [BOS], 1.0
    for _ in range(longest + 1):
        mean = torch.zeros(len(task.vocabulary))
        for (one, weight), batch in zip(parts, batches, strict=True):
            logits = one.model(batch.images, torch.tensor([tokens]))[0, -1]
            logits[[0, BOS]] = -math.inf
            mean += weight / total * logits.softmax(dim=0)
        token = int(mean.argmax())
        if token != EOS and len(tokens) > longest:
            break
        confidence *= float(mean[token])
        if token == EOS:
            break
        tokens.append(token)
    return task.vocabulary.decode(tokens[1:]), confidence


def test_it_reads_by_the_mean_of_what_its_members_expect(
    folder: Path, members: dict[str, Path], ensemble: Path
) -> None:
    parts = [(open_run(members["attention"]), 1.0), (open_run(members["satrn"]), 2.0)]
    found = saccade.load(ensemble, device="cpu").predict(list_images(folder))
    alone = [[one.text for one in part.predict_each(list_images(folder))] for part, _ in parts]
    for image, prediction in zip(list_images(folder), found, strict=True):
        text, confidence = write_by_hand(parts, image)
        assert prediction.text == text
        if len(text) < 6:  # what is cut has no end whose probability would count
            assert prediction.confidence == pytest.approx(confidence, rel=1e-4)
    assert alone[0] != alone[1]  # they have something to agree on


def test_a_member_alone_reads_as_its_own_run(folder: Path, members: dict[str, Path], tmp_path: Path) -> None:
    path = assemble(folder, tmp_path, f'[[model.member]]\nrun = "{members["satrn"]}"\nweight = 0.5\n')
    alone = saccade.load(members["satrn"], device="cpu").predict(list_images(folder))
    found = saccade.load(path, device="cpu").predict(list_images(folder))
    assert [one.text for one in found] == [one.text for one in alone]
    assert [one.confidence for one in found] == pytest.approx([one.confidence for one in alone], rel=1e-4)
    assert read_run(path).data["splits"]["val"] == read_run(members["satrn"]).data["splits"]["val"]


def test_a_member_sees_images_turned_and_the_best_of_several_turns_is_kept(
    folder: Path, members: dict[str, Path], tmp_path: Path
) -> None:
    member = f'[[model.member]]\nrun = "{members["attention"]}"\n'
    images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in list_images(folder)]
    upside_down = [np.ascontiguousarray(np.rot90(image, 2)) for image in images]
    alone = saccade.load(members["attention"], device="cpu")
    straight, turned = alone.predict(images), alone.predict(upside_down)
    as_member = assemble(folder, tmp_path / "a", f"{member}turn_degrees = 180\n")
    found = saccade.load(as_member, device="cpu").predict(images)
    assert [(one.text, one.confidence) for one in found] == [
        (one.text, pytest.approx(one.confidence, rel=1e-4)) for one in turned
    ]

    def score(one: Any) -> float:
        return math.log(one.confidence) / (len(one.text) + (len(one.text) < 8))

    best = [max(pair, key=score) for pair in zip(straight, turned, strict=True)]
    both = assemble(folder, tmp_path / "b", member.replace("[[", "turns_degrees = [0, 180]\n[[", 1))
    reader = saccade.load(both, device="cpu")
    for seen in (images, upside_down):  # whichever turn is the better one, it is the second for one of these
        assert [(one.text, one.confidence) for one in reader.predict(seen)] == [
            (one.text, pytest.approx(one.confidence, rel=1e-4)) for one in best
        ]
    assert any(abs(one.confidence / other.confidence - 1) > 1e-3 for one, other in zip(straight, turned, strict=True))


def test_its_run_is_one_like_any_other(folder: Path, members: dict[str, Path], ensemble: Path, capsys: Any) -> None:
    record = read_run(ensemble)
    assert record.status["state"] == "finished" and record.splits() == ["val"]
    assert [row["event"] for row in record.history()] == ["start", "validation"]
    assert not {"optimizer", "schedule", "augment", "preprocessing"} & set(record.recipe)
    kept = (ensemble / "metrics.json").read_bytes()
    assert run(["evaluate", str(ensemble), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(kept) and (ensemble / "metrics.json").read_bytes() == kept
    assert run(["evaluate", str(ensemble), "--split", "test", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "test  8 images" in shown and "while it trained" not in shown
    assert run(["compare", str(members["satrn"]), str(ensemble), "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert compared["n"] == 4 and compared["refusal"] in (None, "")
    assert [change["key"] for change in compared["changed"]] == ["model"]
    assert run(["report", str(folder / "runs"), "--format", "md"]) == 0
    assert "ensemble" in Path(capsys.readouterr().out.strip()).read_text()
    assert run(["train", "--resume", str(ensemble)]) == 0
    assert "has finished" in capsys.readouterr().err


def test_its_run_stands_alone_and_its_recipe_repeats_it(
    folder: Path, members: dict[str, Path], ensemble: Path, tmp_path: Path, capsys: Any
) -> None:
    again = saccade.train(ensemble / "recipe.toml", runs=tmp_path / "runs", device="cpu")
    assert read_run(again).predictions("val") == read_run(ensemble).predictions("val")
    copied = shutil.copytree(ensemble, tmp_path / "copied")
    text = (copied / "recipe.toml").read_text()
    (copied / "recipe.toml").write_text(text.replace(str(folder / "runs"), "/gone"))
    image = str(folder / "3.png")
    outputs = []
    for model in (ensemble, copied):
        assert run(["predict", str(model), image, "--device", "cpu", "--format", "jsonl"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] and json.loads(outputs[0])["image"] == image
    assert run(["train", str(copied / "recipe.toml"), "--device", "cpu", "--runs", str(tmp_path / "none")]) == 2
    assert "/gone" in capsys.readouterr().err and not (tmp_path / "none").exists()


def test_beams_and_a_metric_of_choice(folder: Path, members: dict[str, Path], tmp_path: Path) -> None:
    rest = '[decode]\nname = "beam_search"\nbeam_width = 3\n[select]\nmetric = "ned"\n'
    member = f'[[model.member]]\nrun = "{members["attention"]}"\n'
    path = assemble(folder, tmp_path, member + rest)
    (folder / "beam.toml").write_text(HEAD + member)
    alone = load(members["attention"] / "recipe.toml", overrides=["decode.name=beam_search", "decode.beam_width=3"])
    predictor = Predictor(build_task(alone.recipe), members["attention"], device="cpu")
    found = saccade.load(path, device="cpu").predict(list_images(folder))
    assert [one.text for one in found] == [one.text for one in predictor.predict_each(list_images(folder))]
    record = read_run(path)
    assert record.metrics is not None
    assert record.metrics["selection"]["best"] == pytest.approx(record.metrics["splits"]["val"]["ned"]["value"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('run = "{folder}/none"', "{folder}/none: model.member[0].run does not exist; name a run folder"),
        ('run = "{folder}/empty"', "{folder}/empty: model.member[0].run is no run and holds none; name the folder"),
        ('run = "{folder}/two"', "{folder}/two: model.member[0].run holds 2 runs; name one of them, such as {folder}/two/b"),
        ('run = "{folder}/crnn"', "{folder}/crnn: model.member[0].run is crnn, which reads all columns at once (CTC); members"),
        ('run = "{folder}/classes"', 'model.member[0].run is a run of task "classify", which reads no text; name one of task'),
        ('run = "{ensemble}"', "model.member[0].run is ensemble, which does not write one unit after the other; members are"),
        ('run = "{satrn}"\n[[model.member]]\nrun = "{folder}/other"', "{folder}/other lacks '1', '2'; {satrn} lacks 'C'; train"),
        ('run = "{satrn}"\n[text]\nunits = "tokens"', 'text.units: is "tokens", but {satrn} reads characters; write [text]'),
        ('run = "{satrn}"\n[text]\ncharset = "ABC"', "{satrn} lacks 'C'; [text] lacks '1', '2'; train them"),
        ('run = "{folder}/bare"', "{folder}/bare: has no best checkpoint; name a run that has reached a validation"),
        ('run = "{satrn}"\nreader.model.name = "satrn"', "{satrn}: model.member[0].reader is not what this run is; remove"),
        ('run = "{satrn}"\nweight = 0', '"model.member[0].weight": expected number > 0, <= 1000, found integer 0'),
        ('run = "{satrn}"\nturn_degrees = 45', '"model.member[0].turn_degrees": expected integer >= 0, <= 270, a multiple of 90'),
        ('run = "{satrn}"\n[decode]\nname = "prefix_beam"', '"decode.name": prefix_beam sums the paths of CTC'),
        ('run = "{satrn}"\n[optimizer]\nlearning_rate = 1.0', '"optimizer": has no effect where nothing is trained; remove it'),
        ('run = "{satrn}"\n[train]\nepochs = 3', '"train.epochs": has no effect where nothing is trained; remove it'),
        ('run = "{satrn}"\n[preprocessing]\nwidth_px = 50', '"preprocessing": has no effect where nothing is trained; remove'),
        ('run = "{satrn}"\n[select]\nmetric = "exat_match"', 'select.metric: the task has no metric "exat_match"; nearest'),
    ],
)  # fmt: skip
def test_what_cannot_be_a_member_is_refused_in_one_line(
    folder: Path, members: dict[str, Path], ensemble: Path, tmp_path: Path, capsys: Any, text: str, message: str
) -> None:
    recipe = load(members["satrn"] / "recipe.toml").recipe
    other = recipe.model_copy(update={"text": recipe.text.model_copy(update={"charset": "ABC"})})
    crnn = load(tiny_folder(tmp_path)).recipe
    classes = load(tiny_classifier.make_data(tmp_path / "classified") / "recipe.toml").recipe
    written = {"two/a": recipe, "two/b": recipe, "crnn": crnn, "classes": classes, "other": other, "bare": recipe}
    for name, one in written.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "recipe.toml").write_text(to_toml(one))
    (tmp_path / "runs" / "empty").mkdir()
    places = {"folder": tmp_path / "runs", "ensemble": ensemble, "satrn": members["satrn"]}
    path = folder / f"{tmp_path.name}.toml"
    path.write_text(f"{HEAD}[[model.member]]\n{text}\n".format(**places))
    capsys.readouterr()
    assert run(["train", str(path), "--device", "cpu", "--runs", str(tmp_path / "new")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and message.format(**places) in said[0]
    assert not (tmp_path / "new").exists()


def tiny_folder(tmp_path: Path) -> Path:
    from tests.tiny_reader import RECIPE

    path = tmp_path / "crnn.toml"
    path.write_text(RECIPE)
    return path


def test_it_is_neither_trained_nor_drawn(folder: Path, members: dict[str, Path], ensemble: Path, capsys: Any) -> None:
    task = build_task(load(folder / "ensemble.toml").recipe)
    assert isinstance(task, EnsembleTask)
    network, progress = task.build_model(), Progress(0, 1, 0, {}, torch.Generator(), slice(0, 1), 1)
    assert not any(weight.requires_grad for weight in network.parameters())
    with pytest.raises(InputError, match='an "ensemble" cannot be trained; train its members'):
        task.loss(network, task.examples("val").gather([0]), progress)
    arguments = ["--device", "cpu", "--runs", str(folder / "none")]
    assert run(["train", str(folder / "ensemble.toml"), "--seeds", "1", *arguments]) == 2
    assert "seed: 1 draws nothing where nothing is trained" in capsys.readouterr().err
    for verb in ("stats", "audit"):
        assert run(["data", verb, str(folder / "ensemble.toml")]) == 2
        assert "trains nothing" in capsys.readouterr().err


def test_members_that_left_out_other_images_need_validation_images_of_their_own(
    folder: Path, members: dict[str, Path], tmp_path: Path
) -> None:
    recipe = load(members["satrn"] / "recipe.toml").recipe
    longer = recipe.model_copy(update={"model": recipe.model.model_copy(update={"max_length": 9})})
    (tmp_path / "longer").mkdir()
    (tmp_path / "longer" / "recipe.toml").write_text(to_toml(longer))
    path = folder / f"{tmp_path.name}.toml"
    path.write_text(
        'task = "read"\n[[data.train]]\nformat = "tsv"\npath = "./labels.tsv"\nkeep = { fits = true }\n'
        f'[model]\nname = "ensemble"\n[[model.member]]\nrun = "{members["satrn"]}"\n'
        f'[[model.member]]\nrun = "{tmp_path}/longer"\n'
    )
    with pytest.raises(InputError, match=r"the members write at most 6 and 9 units, .*; name \[\[data.val\]\]"):
        build_task(load(path).recipe).examples("val")


def test_validation_images_may_be_a_part_of_the_members_training_images(
    folder: Path, members: dict[str, Path], tmp_path: Path
) -> None:
    (folder / "part.toml").write_text(
        'task = "read"\n[data]\nval_fraction = 0.25\n[[data.train]]\nformat = "tsv"\npath = "./labels.tsv"\n'
        f'[model]\nname = "ensemble"\n[[model.member]]\nrun = "{members["satrn"]}"\n'
    )
    record = read_run(saccade.train(folder / "part.toml", runs=tmp_path, device="cpu"))
    assert len(record.predictions("val")) == 2
    assert record.data["splits"]["train"]["count"] == 6 and record.recipe["data"]["val_fraction"] == 0.25
