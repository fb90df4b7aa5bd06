"""Every optimiser, its decay groups, and what decay means in each."""

import pytest
import torch
from torch import nn

from saccade.engine.optimizer import build_optimizer, change_decay
from saccade.errors import InputError
from saccade.recipes.tables.training import Adadelta, Adam, AdamP, AdamW, Optimizer, Sgd

TABLES: list[Optimizer] = [
    AdamW(learning_rate=0.1),
    Adam(learning_rate=0.1),
    Sgd(learning_rate=0.1),
    Sgd(learning_rate=0.05, momentum=0.9, nesterov=True),
    AdamP(learning_rate=0.1),
    Adadelta(learning_rate=5.0),
]


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
        self.head = nn.Linear(4, 2)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_optimiser_reduces_a_quadratic(table: Optimizer) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = build_optimizer(table, model)
    losses = []
    for _ in range(100):
        loss = sum((parameter - 1).square().sum() for parameter in model.parameters())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 10


def decays(table: Optimizer) -> dict[str, float]:
    model = Model()
    names = {parameter: name for name, parameter in model.named_parameters()}
    groups = build_optimizer(table, model).param_groups
    return {names[parameter]: group["weight_decay"] for group in groups for parameter in group["params"]}


def test_a_modules_decay_replaces_the_global_one() -> None:
    found = decays(AdamW(weight_decay=0.1, module_weight_decay={"head": 1e-5, "backbone.1": 0.0}))
    assert found == {
        "backbone.0.weight": 0.1, "backbone.0.bias": 0.1, "backbone.1.weight": 0.0, "backbone.1.bias": 0.0,
        "head.weight": 1e-5, "head.bias": 1e-5,
    }  # fmt: skip


def test_norms_and_biases_can_be_spared() -> None:
    found = decays(AdamW(weight_decay=0.1, module_weight_decay={"head": 0.2}, decay_norms_and_biases=False))
    assert {name for name, decay in found.items() if decay} == {"backbone.0.weight", "head.weight"}
    assert found["head.weight"] == 0.2


def test_a_module_that_is_not_there_is_bad_input() -> None:
    with pytest.raises(InputError, match=r'no module "haed"; it has backbone, head'):
        decays(AdamW(module_weight_decay={"haed": 0.1}))
    with pytest.raises(InputError, match='no module "hea"'):
        decays(AdamW(module_weight_decay={"hea": 0.1}))


def test_adam_couples_its_decay_and_adamw_does_not() -> None:
    """With a zero gradient, decoupled decay shrinks a weight by rate x decay; coupled decay moves it by the whole rate."""
    moved = {}
    for table in (AdamW(learning_rate=0.01, weight_decay=0.1), Adam(learning_rate=0.01, weight_decay=0.1)):
        model = nn.Linear(1, 1, bias=False)
        nn.init.ones_(model.weight)
        optimizer = build_optimizer(table, model)
        model.weight.grad = torch.zeros_like(model.weight)
        optimizer.step()
        moved[table.name] = float(1 - model.weight.detach())
    assert moved == pytest.approx({"adamw": 0.001, "adam": 0.01}, rel=1e-3)


def test_a_stage_changes_the_global_decay_alone() -> None:
    """Also where a module's own decay happens to equal the global one."""
    model = Model()
    optimizer = build_optimizer(AdamW(weight_decay=0.1, module_weight_decay={"head": 0.1}), model)
    change_decay(optimizer, 0.3)
    found = {weight: group["weight_decay"] for group in optimizer.param_groups for weight in group["params"]}
    assert found[model.head.weight] == 0.1 and found[model.backbone[0].weight] == 0.3
