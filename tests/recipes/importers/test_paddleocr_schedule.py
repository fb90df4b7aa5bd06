"""Optimisers and the classes of the learning rate: what each becomes, and which keys each drops."""

from pathlib import Path
from typing import Any

import pytest

from saccade.errors import InputError
from tests.recipes.importers.configurations import LR, edit, indent, keys, run

STEP = {"name": "step", "milestone_epochs": [20.0, 40.0], "factor": 0.5}


def import_lr(folder: Path, text: str) -> Any:
    return run(folder, edit((LR, indent(text, 4))), num_images=40)


@pytest.mark.parametrize(
    ("text", "rate", "schedule"),
    [
        ("learning_rate: 0.01", 0.01, {"name": "constant"}),
        ("name: Const\nlearning_rate: 0.01\nwarmup_epoch: 0", 0.01, {"name": "constant"}),
        ("name: Cosine\nlearning_rate: 5e-4\nwarmup_epoch: 5", 0.0005, {"name": "cosine", "warmup_epochs": 5.0}),
        (
            "name: LinearWarmupCosine\nlearning_rate: 0.01\nwarmup_steps: 35\nstart_lr: 0.001\nmin_lr: 0.0001",
            0.01,
            {"name": "cosine", "warmup_epochs": 3.5, "warmup_start_rate": 0.001, "min_rate": 0.0001},
        ),
        ("name: OneCycle\nmax_lr: 0.01\nanneal_strategy: cos\nthree_phase: false", 0.01, {"name": "one_cycle"}),
        ("name: Step\nlearning_rate: 0.01\nstep_size: 20\ngamma: 0.5", 0.01, STEP),
        ("name: Step\nlearning_rate: 0.01\nstep_size: 90\ngamma: 0.5", 0.01, {"name": "constant"}),
        ("name: MultiStepDecay\nlearning_rate: 0.01\nmilestones: [20, 40]\ngamma: 0.5", 0.01, STEP),
        (
            "name: MultiStepDecay\nlearning_rate: 0.01\nmilestones: [20, 40]\ngamma: 0.5\nwarmup_epoch: 2",
            0.01,
            {**STEP, "warmup_epochs": 2.0},
        ),
        ("name: Piecewise\ndecay_epochs: [20, 40]\nvalues: [0.01, 0.005, 0.0025]", 0.01, STEP),
    ],
)  # fmt: skip
def test_schedules(tmp_path: Path, text: str, rate: float, schedule: dict[str, Any]) -> None:
    draft = import_lr(tmp_path, text)
    assert draft.raw["optimizer"]["learning_rate"] == rate
    assert draft.raw["schedule"] == schedule
    assert keys(draft, "ignored") == {}
    assert {key for key in keys(draft, "left") if key.startswith("Optimizer")} == set()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("name: Const\nlearning_rate: 0.01\nwarmup_epoch: 5", {"warmup_epoch": "this schedule has no warm-up here"}),
        ("name: OneCycle\nmax_lr: 0.01\nthree_phase: true\nwarmup_epoch: 2", {"three_phase": "rises and falls", "warmup_epoch": "no warm"}),
        ("name: OneCycle\nlearning_rate: 0.01", {"learning_rate": "OneCycle needs max_lr, and PaddleOCR stops"}),
        ("name: Linear\nlearning_rate: 0.01\nend_lr: 0.0", {"name": "keeps a constant rate", "end_lr": "Linear has no counterpart"}),
        ("name: TwoStepCosine\nlearning_rate: 0.01\nwarmup_epoch: 5", {"name": "constant rate", "warmup_epoch": "no counterpart"}),
        ("name: Cosine\nlearning_rate: 0.01\nwarmup_epoch: 500", {"warmup_epoch": "epochs of warm-up outlast train.epochs"}),
        (
            "name: MultiStepDecay\nlearning_rate: 0.01\nmilestones: [20]\ngamma: 1.5",
            {"milestones": "factor", "name": "constant", "gamma": "milestones"},
        ),
        (
            "name: Piecewise\ndecay_epochs: [2, 4]\nvalues: [0.01, 0.005, 0.004]",
            {"name": "unequal", "values": "unequal", "decay_epochs": "unequal"},
        ),
    ],
)  # fmt: skip
def test_what_schedules_cannot_say(tmp_path: Path, text: str, left: dict[str, str]) -> None:
    draft = import_lr(tmp_path, text)
    found = {key: why for key, why in keys(draft, "left").items() if key.startswith("Optimizer")}
    assert found.keys() == {f"Optimizer.lr.{key}" for key in left}
    for key, why in left.items():
        assert why in found[f"Optimizer.lr.{key}"]
    assert draft.raw["optimizer"]["learning_rate"] == 0.01


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        (
            "learning_rate: 0.01\nwarmup_epoch: 5\ngamma: 0.1",
            {"warmup_epoch": "an lr without a name", "gamma": "without a name"},
        ),
        (
            "name: Cosine\nlearning_rate: 0.01\nwarmup_steps: 500\nmin_lr: 0.1",
            {"warmup_steps": "LinearWarmupCosine has", "min_lr": "ends at 0"},
        ),
        ("name: LinearWarmupCosine\nlearning_rate: 0.01\nwarmup_epoch: 5", {"warmup_epoch": "in steps (warmup_steps)"}),
        ("name: DecayLearningRate\nlearning_rate: 0.01\nend_lr: 0.1", {"end_lr": "overwritten with 0"}),
        ("name: Step\nlearning_rate: 0.01\nstep_size: 9\ngamma: 0.5\ngama: 0.1", {"gama": "did it mean gamma?"}),
        (
            "name: Const\nlearning_rate: 0.01\nstep_each_epoch: 5\nlast_epoch: -1",
            {"step_each_epoch": "overwritten with"},
        ),
    ],
)
def test_what_schedules_drop(tmp_path: Path, text: str, ignored: dict[str, str]) -> None:
    found = keys(import_lr(tmp_path, text), "ignored")
    assert found.keys() == {f"Optimizer.lr.{key}" for key in ignored}
    for key, why in ignored.items():
        assert why in found[f"Optimizer.lr.{key}"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: Cosine", "Optimizer.lr.learning_rate: expected a number, and there is none"),
        ("name: OneCycle\nwarmup_epoch: 3", "Optimizer.lr.learning_rate: expected a number"),
        ("name: Step\nlearning_rate: 0.1\nstep_size: 3", "Optimizer.lr.gamma: expected a number"),
        ("name: MultiStepDecay\nlearning_rate: 0.1\ngamma: 0.1\nmilestones: 3", "expected a list of numbers"),
        ("name: Piecewise\ndecay_epochs: [3]\nvalues: [0.1]", "1 rates for 1 epochs; one more is needed"),
        ("name: [a]", "Optimizer.lr.name: expected a text, found a list"),
    ],
)
def test_what_schedules_need(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        import_lr(tmp_path, text)


OPTIMIZER = "  name: Adam\n  beta1: 0.9\n  beta2: 0.99\n"
REGULARIZER = "  regularizer:\n    name: L2\n    factor: 1.0e-05\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: AdamW", {"name": "adamw", "weight_decay": 1e-5}),
        (
            "name: AdamW\none_dim_param_no_weight_decay: true\nclip_norm_global: 5.0",
            {"name": "adamw", "weight_decay": 1e-5, "decay_norms_and_biases": False},
        ),
        (
            "name: Momentum\nmomentum: 0.9",
            {"name": "sgd", "momentum": 0.9, "weight_decay": 1e-5, "module_weight_decay": {"head": 2e-5}},
        ),
        (
            "name: Adadelta",
            {
                "name": "adadelta",
                "rho": 0.95,
                "epsilon": 1e-8,
                "weight_decay": 1e-5,
                "module_weight_decay": {"head": 2e-5},
            },
        ),
    ],
)
def test_optimizers(tmp_path: Path, text: str, expected: dict[str, Any]) -> None:
    draft = run(tmp_path, edit((OPTIMIZER, indent(text, 2))))
    assert draft.raw["optimizer"] == expected | {"learning_rate": 0.001}
    assert draft.raw["train"].get("grad_clip_norm") == (5.0 if "clip" in text else None)
    assert ("Architecture.Head.fc_decay" in keys(draft, "left")) == ("AdamW" in text)


@pytest.mark.parametrize(
    ("text", "decay", "left"),
    [
        ("", None, ()),
        ("  regularizer:\n", None, ()),
        (
            "  regularizer: {name: L1, factor: 0.1}\n",
            None,
            ("Optimizer.regularizer.name", "Optimizer.regularizer.factor"),
        ),
        ("  regularizer: {name: L2Decay, factor: 5e-4, coeff: 3}\n", 5e-4, ("Optimizer.regularizer.coeff",)),
        ("  weight_decay: 0.02\n", 0.02, ()),
        (REGULARIZER + "  weight_decay: 0.02\n", 1e-5, ("Optimizer.weight_decay",)),
    ],
)
def test_decay(tmp_path: Path, text: str, decay: float | None, left: tuple[str, ...]) -> None:
    draft = run(tmp_path, edit((REGULARIZER, text)))
    assert draft.raw["optimizer"].get("weight_decay") == decay
    assert {key for key in keys(draft, "left") if key.startswith("Optimizer") and "lr." not in key} == set(left)


def test_adamw_decays_where_nothing_is_said(tmp_path: Path) -> None:
    draft = run(tmp_path, edit((OPTIMIZER, "  name: AdamW\n"), (REGULARIZER, "")))
    assert draft.raw["optimizer"]["weight_decay"] == 0.01


def test_an_optimizer_without_counterpart(tmp_path: Path) -> None:
    draft = run(tmp_path, edit((OPTIMIZER, "  name: RMSProp\n  rho: 0.9\n  clip_norm: 3.0\n  clip_norm_global: 2.0\n")))
    assert draft.raw["optimizer"]["name"] == "adam"
    left = keys(draft, "left")
    assert left["Optimizer.name"] == "no counterpart; the recipe keeps Adam"
    assert {"Optimizer.rho", "Optimizer.clip_norm"} <= left.keys()
    assert keys(draft, "ignored") == {"Optimizer.clip_norm_global": "clip_norm stands beside it and wins"}
