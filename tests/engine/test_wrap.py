"""Synchronised norms: the same network under the same names, whoever made it."""

from typing import Any

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from saccade.engine.device import Ranks
from saccade.engine.session import open_session
from saccade.engine.wrap import synchronise_norms
from saccade.errors import InputError
from saccade.recipes.tables.training import TrainTable
from tests.contract.tasks import make_task

CPU = torch.device("cpu")


def make_model() -> nn.Module:
    """Return a network with a plain norm and one of timm's, which holds its activation."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), BatchNormAct2d(4))


def test_synchronised_norms_are_the_same_network_under_the_same_names() -> None:
    plain, ours = make_model(), synchronise_norms(make_model(), CPU, Ranks())
    assert sum(isinstance(module, nn.SyncBatchNorm) for module in ours.modules()) == 2
    images = torch.randn(5, 1, 9, 9, generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        assert ours(images).equal(plain(images))
    assert float(ours(images).detach().min()) == 0.0  # timm's activation is still there
    state = ours.state_dict()
    assert list(state) == list(plain.state_dict())
    fresh = make_model()
    fresh.load_state_dict(state)
    assert fresh.eval()(images).equal(ours.eval()(images))


def test_a_session_converts_where_the_recipe_says_so() -> None:
    def count(**train: Any) -> int:
        session = open_session(make_task("read", train=TrainTable(**train)), CPU, Ranks())
        return sum(isinstance(module, nn.SyncBatchNorm) for module in session.wrapped.modules())

    assert count() == 0 and count(sync_batch_norm=True) > 0


def test_without_a_batch_norm_the_key_is_bad_input() -> None:
    with pytest.raises(InputError, match=r"train\.sync_batch_norm: the model has no BatchNorm"):
        open_session(make_task("shapes", train=TrainTable(sync_batch_norm=True)), CPU, Ranks())


def test_several_ranks_without_gpus_are_bad_input() -> None:
    with pytest.raises(InputError, match=r"train\.sync_batch_norm: ranks without GPUs"):
        synchronise_norms(make_model(), CPU, Ranks(0, 2))
