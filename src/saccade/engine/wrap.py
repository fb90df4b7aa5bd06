"""What stands between the loop and the network: synchronised norms, gradients shared by the ranks, compilation."""

import torch
from torch import nn

from saccade.engine.device import Ranks
from saccade.errors import InputError


def synchronise_norms(model: nn.Module, device: torch.device, ranks: Ranks) -> nn.Module:
    """Return the model with each BatchNorm turned into one that takes its statistics over all ranks.

    The names of weights and statistics stay, so checkpoints fit either form. Alone it computes what BatchNorm does.

    Raises:
        InputError: there is no BatchNorm, or there are several ranks without GPUs.
    """
    if ranks.size > 1 and device.type != "cuda":
        raise InputError(
            "train.sync_batch_norm: ranks without GPUs cannot share the statistics of BatchNorm; leave it out, or take a "
            "model with another norm, such as GroupNorm"
        )
    if not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        raise InputError("train.sync_batch_norm: the model has no BatchNorm to synchronise; leave it out")
    # torch's own conversion drops the activation that timm keeps inside some of its norms
    from timm.layers.norm_act import convert_sync_batchnorm  # noqa: PLC0415  seconds to import, for this case alone

    converted: nn.Module = convert_sync_batchnorm(model)
    return converted


def wrap_model(model: nn.Module, ranks: Ranks, *, compiled: bool) -> nn.Module:
    """Return what the loop calls: the model, sharing gradients where there are several ranks, compiled where asked for.

    Compiled code is made for each size of batch, of which there are few, so that which code runs never depends on what
    ran before: a resumed run computes the same numbers.
    """
    wrapped = model
    if ranks.size > 1:
        # Without device_ids, which would move each input to the device: what is asked on the CPU would be waited for.
        wrapped = nn.parallel.DistributedDataParallel(model)
    result: nn.Module = torch.compile(wrapped, dynamic=False) if compiled else wrapped  # type: ignore[assignment]  # a compiled module is one
    return result


def uncompiled(wrapped: nn.Module) -> nn.Module:
    """Return what was compiled."""
    original: nn.Module = wrapped.get_submodule("_orig_mod")
    return original
