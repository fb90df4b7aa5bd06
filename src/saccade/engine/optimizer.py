"""From the recipe's `[optimizer]` to a torch optimiser, with the decay of each parameter."""

from typing import Any, assert_never

import torch
from torch import nn

from saccade.errors import InputError
from saccade.recipes.tables.training import Adadelta, Adam, AdamP, AdamW, Optimizer, Sgd


def build_optimizer(table: Optimizer, model: nn.Module) -> torch.optim.Optimizer:
    """Build the optimiser over every weight of the model, one group a decay.

    Raises:
        InputError: `module_weight_decay` names a module that the model does not have.
    """
    groups = group_parameters(table, model)
    rate = table.learning_rate
    match table:
        case AdamW():
            return torch.optim.AdamW(groups, lr=rate, betas=(table.beta1, table.beta2), fused=True)
        case Adam():
            return torch.optim.Adam(groups, lr=rate, betas=(table.beta1, table.beta2), fused=True)
        case Sgd():
            return torch.optim.SGD(groups, lr=rate, momentum=table.momentum, nesterov=table.nesterov, fused=True)
        case AdamP():
            from timm.optim.adamp import AdamP as TimmAdamP  # noqa: PLC0415  a second to import, for this case alone

            return TimmAdamP(groups, lr=rate, betas=(table.beta1, table.beta2))
        case Adadelta():
            return torch.optim.Adadelta(groups, lr=rate, rho=table.rho, eps=table.epsilon)
        case _:
            assert_never(table)


def group_parameters(table: Optimizer, model: nn.Module) -> list[dict[str, Any]]:
    """Return parameter groups by weight decay; a module's own decay replaces the global one, the longest name first."""
    prefixes = sorted(table.module_weight_decay, key=len, reverse=True)
    names = [name for name, _ in model.named_parameters()]
    for prefix in prefixes:
        if not any(_is_below(name, prefix) for name in names):
            modules = sorted({name.split(".")[0] for name in names})
            raise InputError(
                f'optimizer.module_weight_decay: the model has no module "{prefix}"; it has {", ".join(modules)}'
            )
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        own = next((table.module_weight_decay[prefix] for prefix in prefixes if _is_below(name, prefix)), None)
        if parameter.ndim <= 1 and not table.decay_norms_and_biases:
            own = 0.0
        groups.setdefault((table.weight_decay if own is None else own, own is None), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decay, "is_global": is_global}
        for (decay, is_global), parameters in groups.items()
    ]


def change_decay(optimizer: torch.optim.Optimizer, weight_decay: float) -> None:
    """Give the weights without a decay of their own this one, as a stage of training asks."""
    for group in optimizer.param_groups:
        if group["is_global"]:
            group["weight_decay"] = weight_decay


def _is_below(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")
