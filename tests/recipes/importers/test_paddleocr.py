"""Whole configurations: every key is accounted for, the edits that did nothing are found, and the recipe trains."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from saccade.errors import InputError
from saccade.recipes.importers.draft import Draft, Kind
from saccade.recipes.loader import load
from tests.recipes.importers.configurations import BACKBONE, BASE, ENCODE, HEAD, LR, edit, indent, keys, run

#: What exp4, 7, 9, 10 and 11 of the plate series changed without effect, and some of the same kind.
NO_EFFECT = edit(
    ("  use_gpu: true\n", "  use_gpu: true\n  learning_rate: 0.0005\n  use_tia: false\n"),
    (
        LR,
        "    name: OneCycle\n    max_lr: 0.001\n    learning_rate: 0.002\n    warmup_steps: 5000\n    min_lr: 1.0e-07\n    epochs: 3\n",
    ),
    (BACKBONE, f"{BACKBONE}    disable_se: false\n    pretrained: true\n    in_channels: 1\n"),
    ("    hidden_size: 96\n", "    hidden_size: 96\n    num_layers: 3\n    dropout: 0.1\n"),
    ("    fc_decay: 0.00002\n", "    fc_decay: 0.00002\n    out_channels: 40\n    Neck: {name: svtr, dims: 64}\n"),
    ("    beta2: 0.99\n".lstrip(), "beta2: 0.99\n  nesterov: true\n"),
    (
        ENCODE,
        "    - RecAug: {use_tia: false, aug_prob: 1.0, tia_prob: 0.8, jiter_prob: 0.5}\n"
        "    - RandAugment: {prob: 0.5, num_ops: 2, magnitude: 9}\n" + ENCODE,
    ),
    ("    drop_last: true\n", "    drop_last: true\n    batch_size: 9\n"),
)


def list_leaves(value: Any, place: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the dotted key of each value of a configuration."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from list_leaves(item, (*place, key))
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for item in value:
            yield from list_leaves(item, place)
    else:
        yield ".".join(place)


def find_unaccounted(draft: Draft) -> list[str]:
    """List the values that no outcome speaks of, and those that two do; an empty section may stand for its defaults."""
    said = [outcome.key for outcome in draft.outcomes]
    leaves = dict.fromkeys(list_leaves(draft.document.values))
    counts = {leaf: sum(leaf == key or leaf.startswith(f"{key}.") for key in said) for leaf in leaves}
    stood_for = {leaf for leaf in leaves if any(key.startswith(f"{leaf}.") for key in said)}
    return [leaf for leaf, count in counts.items() if count != 1 and leaf not in stood_for]


def test_what_the_series_changed_without_effect_is_found(tmp_path: Path) -> None:
    draft = run(tmp_path, NO_EFFECT)
    ignored = keys(draft, "ignored")
    found = {
        "Global.learning_rate": "the rate is Optimizer.lr.learning_rate",
        "Global.use_tia": "no code of PaddleOCR reads it",
        "Optimizer.nesterov": "Adam has no parameter of this name",
        "Optimizer.lr.learning_rate": "OneCycle's rate is max_lr",
        "Optimizer.lr.warmup_steps": "OneCycle counts its warm-up in epochs (warmup_epoch)",
        "Optimizer.lr.min_lr": "LinearWarmupCosine has min_lr",
        "Optimizer.lr.epochs": "overwritten with what Global.epoch_num",
        "Architecture.Backbone.disable_se": "this ResNet has no squeeze-excite",
        "Architecture.Backbone.pretrained": "Global.pretrained_model alone",
        "Architecture.Backbone.in_channels": "it is overwritten",
        "Architecture.Neck.num_layers": "the neck rnn reads only hidden_size",
        "Architecture.Neck.dropout": "the neck rnn reads only hidden_size",
        "Architecture.Head.out_channels": "it is overwritten",
        "Architecture.Head.Neck": "a neck is Architecture.Neck",
        "Train.dataset.transforms.RecAug.use_tia": "since 2.6 (May 2022)",
        "Train.dataset.transforms.RecAug.aug_prob": "since 2.6 (May 2022)",
        "Train.dataset.transforms.RecAug.jiter_prob": "did it mean jitter_prob?",
        "Train.dataset.transforms.RandAugment.num_ops": "RandAugment calls it num_layers",
        "Train.loader.batch_size": "no code of PaddleOCR reads it",
    }
    assert ignored.keys() == found.keys()
    for key, why in found.items():
        assert why in ignored[key]
    lines = {outcome.key: outcome.line for outcome in draft.outcomes}
    assert NO_EFFECT.splitlines()[(lines["Architecture.Backbone.disable_se"] or 0) - 1] == "    disable_se: false"
    assert find_unaccounted(draft) == []


def test_they_stand_in_the_recipe_and_change_nothing_of_it(tmp_path: Path) -> None:
    text = run(tmp_path, NO_EFFECT).write("x")
    (tmp_path / "recipe.toml").write_text(text)
    recipe = load(tmp_path / "recipe.toml").recipe
    assert recipe.reported is not None
    assert len(recipe.reported.ignored) == 19
    without = NO_EFFECT
    for line in (
        "    disable_se: false\n",
        "    warmup_steps: 5000\n",
        "    num_layers: 3\n",
        "  learning_rate: 0.0005\n",
    ):
        without = without.replace(line, "")
    without = without.replace("use_tia: false, aug_prob: 1.0, ", "").replace("num_ops: 2, ", "")
    other = run(tmp_path, without)
    assert run(tmp_path, NO_EFFECT).raw == other.raw
    assert len(keys(other, "ignored")) == 12


def test_what_is_carried_over(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.txt").write_text("1.png\tA\n" * 22)
    (tmp_path / "dict.txt").write_text("A\r\nB\n1\nAB\n\n한\n", encoding="utf-8")
    draft = run(tmp_path, BASE.replace("use_space_char: false", "use_space_char: true"))
    keep = {"readable": True, "labelled": True, "fits": True, "in_charset": True, "max_length": 12}
    files = {"format": "paddleocr", "images": "data", "keep": keep}
    assert draft.raw == {
        "task": "read",
        "data": {
            "train": [files | {"path": "data/train.txt"}],
            "val": [files | {"path": "data/val.txt"}],
            "root": ".",
            "num_workers": 2,
        },
        "text": {"charset": " 1AB한"},
        "train": {"epochs": 60, "batch_size": 4, "validate_every_epochs": 4},
        "preprocessing": {"height_px": 32, "width_px": 64, "colour": "rgb", "fit": {"name": "pad", "value": 128}},
        "optimizer": {
            "name": "adam",
            "beta1": 0.9,
            "beta2": 0.99,
            "weight_decay": 1e-5,
            "learning_rate": 0.001,
            "module_weight_decay": {"head": 2e-5},
        },
        "schedule": {"name": "cosine", "warmup_epochs": 5.0, "warmup_start_rate": 1e-5, "min_rate": 1e-8},
        "model": {
            "backbone": {"name": "resnet_vd", "num_layers": 34},
            "neck": {"name": "bilstm", "hidden_size": 96, "num_layers": 2},
        },
        "select": {"metric": "ned"},
    }
    assert keys(draft, "ignored") == {}
    assert set(keys(draft, "left")) == {"Train.loader.drop_last"}
    assert find_unaccounted(draft) == []
    assert keys(draft, "carried")["Optimizer.lr.start_lr"] == "not in the file, and its default there"


def test_data_that_are_not_at_hand(tmp_path: Path) -> None:
    draft = run(tmp_path)
    assert "root" not in draft.raw["data"]
    assert "say where with --data-root" in keys(draft, "carried")["Train.dataset.label_file_list"]
    assert "give --num-images" in keys(draft, "left")["Optimizer.lr.warmup_steps"]
    assert "no dictionary was read at" in keys(draft, "left")["Global.character_dict_path"]
    assert "charset" not in draft.raw.get("text", {})
    told = run(tmp_path, num_images=100)
    assert told.raw["schedule"]["warmup_epochs"] == 1.0
    assert told.raw["train"]["validate_every_epochs"] == 1


@pytest.mark.parametrize(
    "old", ["    drop_last: true\n", "  character_dict_path: ./dict.txt\n", "  max_text_length: &length 12\n"]
)
def test_keys_that_may_be_absent(tmp_path: Path, old: str) -> None:
    assert find_unaccounted(run(tmp_path, BASE.replace(old, ""))) == []


def test_without_a_dictionary_labels_are_what_they_are(tmp_path: Path) -> None:
    draft = run(tmp_path, edit(("  character_dict_path: ./dict.txt\n", ""), ("space_char: false", "space_char: true")))
    assert "brought to lower case" in keys(draft, "left")["Global.character_dict_path"]
    assert keys(draft, "ignored") == {"Global.use_space_char": "without a dictionary nothing reads it"}


def test_without_validation_data(tmp_path: Path) -> None:
    draft = run(tmp_path, BASE[: BASE.index("Eval:")])
    assert "val" not in draft.raw["data"]
    assert "data.val_fraction" in keys(draft, "left")["Eval"]


@pytest.mark.parametrize(
    ("own", "precision", "aside"),
    [
        ("  use_amp: true\n  scale_loss: 1024.0\n", "fp16", "Global.scale_loss"),
        ("  use_amp: true\n  amp_dtype: bfloat16\n", "bf16", "Global.amp_dtype"),
        ("  use_amp: false\n", None, "Global.use_amp"),
    ],
)
def test_precision(tmp_path: Path, own: str, precision: str | None, aside: str) -> None:
    draft = run(tmp_path, edit(("  use_gpu: true\n", own)))
    assert draft.raw["train"].get("precision") == precision
    assert aside in keys(draft, "aside")


def test_a_number_that_the_recipe_cannot_take_is_left(tmp_path: Path) -> None:
    draft = run(tmp_path, edit(("[3, 32, 64]", "[3, 32, 101]")))
    assert (
        'the recipe cannot say it: "preprocessing.width_px"'
        in keys(draft, "left")["Train.dataset.transforms.RecResizeImg.image_shape"]
    )
    (tmp_path / "recipe.toml").write_text(draft.write("x"))
    load(tmp_path / "recipe.toml")


def test_global_wins_over_the_operations(tmp_path: Path) -> None:
    changes = (
        ("  use_gpu: true\n", "  use_gpu: true\n  image_shape: [1, 48, 128]\n  prob: 0.25\n"),
        (ENCODE, f"    - RandAugment: {{prob: 0.9}}\n{ENCODE}"),
    )
    draft = run(tmp_path, edit(*changes))
    assert draft.raw["preprocessing"] | {"fit": None} == {
        "height_px": 48,
        "width_px": 128,
        "colour": "grey",
        "fit": None,
    }
    assert draft.raw["augment"]["policy"]["probability"] == 0.25
    ignored = keys(draft, "ignored")
    assert set(ignored) == {
        "Train.dataset.transforms.RecResizeImg.image_shape",
        "Train.dataset.transforms.RandAugment.prob",
        "Eval.dataset.transforms.RecResizeImg.image_shape",
    }
    assert "Global.prob wins" in ignored["Train.dataset.transforms.RandAugment.prob"]
    assert find_unaccounted(draft) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ([("Optimizer:\n", "Optimiser:\n")], "has no section Optimizer"),
        ([("epoch_num: 60", "epoch_num: many")], "configuration.yml:3: Global.epoch_num: expected a number, found the text 'many'"),
        ([("  epoch_num: 60\n", "")], "Global.epoch_num: expected a number, and there is none"),
        ([("epoch_num: 60", "epoch_num: -3")], "yml:3: Global.epoch_num: expected a whole number from 1 to 1,000,000,000, found -3"),
        ([("epoch_num: 60", "epoch_num: 1e99")], "expected a whole number from 1 to 1,000,000,000, found the text '1e99'"),
        ([("epoch_num: 60", "epoch_num: 2.5")], "expected a whole number from 1 to 1,000,000,000, found 2.5; correct it"),
        ([("&length 12", "0")], "yml:8: Global.max_text_length: expected a whole number from 1 to 1,000,000,000, found 0"),
        ([("layers: 34", "layers: fifty")], "Architecture.Backbone.layers: expected a number, found the text 'fifty'"),
        ([("batch_size_per_card: 4", "batch_size_per_card: 0")], "Train.loader.batch_size_per_card: expected a whole number"),
        ([("hidden_size: 96", "hidden_size: -1")], "Architecture.Neck.hidden_size: expected a whole number"),
        ([("data_dir: ./data/", "data_dir: ./data/\n    delimiter: 3")], ":47: Train.dataset.delimiter: no source can be made of it"),
        ([("model_type: rec", "model_type: det")], '"det"; only rec, reading lines of text, can be imported'),
        ([("name: ResNet\n", "name: ResNet18\n")], 'unknown backbone "ResNet18"; nearest: '),
        ([("name: CTCHead", "name: CTChead")], 'unknown head "CTChead"; nearest: "CTCHead"'),
        ([("name: CTCHead", "name: AttentionHead")], '"AttentionHead" does not read with CTC'),
        ([("name: SequenceEncoder", "name: FPN")], 'unknown neck "FPN"'),
        ([("encoder_type: rnn", "encoder_type: lstm")], 'unknown neck "lstm"'),
        ([("name: Adam\n", "name: Adamm\n")], 'unknown optimizer "Adamm"; nearest: "Adam"'),
        ([("name: L2", "name: L3")], 'unknown regularizer "L3"'),
        ([("name: LinearWarmupCosine", "name: WarmCosine")], 'unknown schedule "WarmCosine"; nearest:'),
        ([("name: SimpleDataSet", "name: SimpleDataset")], '"SimpleDataset": unknown data set; nearest: "SimpleDataSet"'),
        ([("name: SimpleDataSet", "name: PGDataSet")], "is not for reading lines of text"),
        ([("label_file_list: [./data/train.txt]", "label_file_list: []")], "names no label file"),
        ([("list: [./data/train.txt]\n", "list: [a, b]\n    ratio_list: [1]\n")], "1 numbers for 2 label files"),
        ([("list: [./data/train.txt]\n", "list: a\n    ratio_list: 0\n")], "takes nothing of any label file"),
        ([("image_shape: [3, 32, 64]", "image_shape: [32, 64]")], "expected [channels, height, width]"),
        ([("    - DecodeImage:", "    - DecodeImage\n    - X:")], "expected a list of operations, each with its keys"),
        ([("Loss:\n  name: CTCLoss\n", "Loss: CTCLoss\n")], "Loss: expected keys and values, found the text 'CTCLoss'"),
        ([("  lr:\n", "  lr: 0.001\n  x:\n")], "Optimizer.lr: expected keys and values, found 0.001"),
        ([("factor: 1.0e-05", "factor: [1]")], "Optimizer.regularizer.factor: expected a number, found a list"),
    ],
)  # fmt: skip
def test_bad_configurations(tmp_path: Path, changes: list[tuple[str, str]], says: str) -> None:
    with pytest.raises(InputError) as error:
        run(tmp_path, edit(*changes))
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert str(tmp_path / "configuration.yml") in str(error.value)


def test_what_the_encoder_of_labels_says_loses_against_global_or_is_left(tmp_path: Path) -> None:
    old = "    - CTCLabelEncode:\n"
    draft = run(tmp_path, edit((old, "    - CTCLabelEncode: {max_text_length: 99, use_space_char: false, other: 1}\n")))
    key = "Train.dataset.transforms.CTCLabelEncode"
    why = "Global.max_text_length wins: PaddleOCR lays Global over the keys of every operation"
    assert keys(draft, "ignored") == {f"{key}.max_text_length": why}
    assert keys(draft, "aside")[f"{key}.use_space_char"] == "Global.use_space_char says the same"
    assert keys(draft, "aside")[f"{key}.other"] == "is done by the task here"
    assert find_unaccounted(draft) == []
    changes = ("  max_text_length: &length 12\n", ""), (old, "    - CTCLabelEncode: {max_text_length: 99}\n")
    draft = run(tmp_path, edit(*changes))
    assert "say it as Global.max_text_length and import again" in keys(draft, "left")[f"{key}.max_text_length"]
    assert find_unaccounted(draft) == []


@pytest.mark.parametrize(("drops", "kind"), [("true", "left"), ("false", "aside")])
def test_images_that_training_leaves_out(tmp_path: Path, drops: str, kind: Kind) -> None:
    draft = run(tmp_path, edit(("drop_last: true", f"drop_last: {drops}")))
    why = "leaves the images of a last incomplete batch out of each epoch; here they are trained on"
    assert keys(draft, kind)["Train.loader.drop_last"] == (why if kind == "left" else "as it is here")


def test_the_recipe_says_what_the_keys_without_effect_said(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(run(tmp_path, NO_EFFECT).write("x"))
    reported = load(tmp_path / "recipe.toml").recipe.reported
    assert reported is not None
    assert reported.ignored["Architecture.Neck.num_layers"].endswith("(it said 3)")


def test_a_configuration_of_several_networks_is_refused(tmp_path: Path) -> None:
    models = "Architecture:\n  model_type: rec\n  name: DistillationModel\n  Models:\n" + indent(
        "Student: {Backbone: {name: X}}", 4
    )
    text = BASE[: BASE.index("Architecture:")] + models + BASE[BASE.index("Loss:") :]
    with pytest.raises(InputError, match="several networks that teach each other; give the one to train"):
        run(tmp_path, text)


def test_unknown_operations_and_sections_are_said(tmp_path: Path) -> None:
    changes = (
        (ENCODE, f"    - RandomRotation: {{degrees: 10}}\n    - SVTRRecAug: {{aug_type: 1}}\n{ENCODE}"),
        (HEAD, f"{HEAD}  Extra: 3\n"),
    )
    draft = run(tmp_path, edit(*changes) + "Extra:\n  key: 1\n")
    left, ignored = keys(draft, "left"), keys(draft, "ignored")
    assert "where it has none of this name, it stops" in left["Train.dataset.transforms.RandomRotation"]
    assert left["Train.dataset.transforms.SVTRRecAug"] == "SVTRRecAug has no counterpart"
    assert set(ignored) == {"Architecture.Extra", "Extra"}
    assert find_unaccounted(draft) == []
