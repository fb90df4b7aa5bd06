"""`Optimizer` of PaddleOCR: optimiser, decay, and the learning rate over time, whose classes each read other keys."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from saccade.errors import InputError
from saccade.recipes.importers.draft import EMPTY, Aside, Left, NoEffect, Rule, Section
from saccade.recipes.importers.paddleocr_rules import READS, explain_swallowed
from saccade.recipes.validation import nearest

_NAMES = {"Adam": "adam", "AdamW": "adamw", "Momentum": "sgd", "Adadelta": "adadelta"}
_NONE = "no counterpart"
_ADAM: Mapping[str, Rule] = {
    "epsilon": Left(_NONE, (1e-8, "1e-8", "1e-08")),
    "lazy_mode": Left(_NONE, (False,)),
    "multi_precision": Aside("is how float16 is computed with"),
    "no_weight_decay_name": Left("no counterpart; optimizer.module_weight_decay names modules of this network"),
}
_OTHER_PARAMETERS: Mapping[str, Mapping[str, Rule]] = {
    "Adam": {key: _ADAM[key] for key in ("epsilon", "lazy_mode")},
    "AdamW": _ADAM,
    "Momentum": {},
    "RMSProp": {key: Left(_NONE) for key in READS["RMSProp"]},
    "Adadelta": {},
}
"""Optimiser -> its parameters that are not carried over."""
_RATE = "optimizer.learning_rate"
_WARMUP = "schedule.warmup_epochs"


@dataclass(frozen=True)
class Length:
    """How long training is, as far as the configuration and its data say."""

    epochs: int
    steps_per_epoch: int | None


def carry_optimizer(section: Section, length: Length) -> None:
    """Carry over `Optimizer`.

    Raises:
        InputError: It names a class that PaddleOCR does not have, or lacks what that needs.
    """
    name = section.read_text("name")
    if name not in _OTHER_PARAMETERS:
        raise InputError(f'{section.where("name")}: unknown optimizer "{name}"; {nearest(name, _OTHER_PARAMETERS)}')
    if name in _NAMES:
        section.carry("name", {"optimizer": {"name": _NAMES[name]}})
    else:
        section.draft.put({"optimizer": {"name": "adam"}})
        section.enter("name", "left", "no counterpart; the recipe keeps Adam")
    _carry_betas(section, name)
    _carry_decay(section, name)
    section.apply(_OTHER_PARAMETERS[name])
    if "clip_norm_global" in section.table and "clip_norm" not in section.table:
        section.carry("clip_norm_global", {"train.grad_clip_norm": section.read_number("clip_norm_global")})
    section.apply(
        {
            "clip_norm": Left(
                "bounds the gradient of each weight tensor; here that of all of them together is bounded"
            ),
            "clip_norm_global": NoEffect("clip_norm stands beside it and wins"),
        }
    )
    _carry_rate(section.below("lr"), length)
    for key in section.table:
        section.enter(key, "ignored", explain_swallowed(name, key))


def _carry_betas(section: Section, name: str) -> None:
    if name in {"Adam", "AdamW"}:
        for key in ("beta1", "beta2"):
            if key in section.table:
                section.carry(key, {f"optimizer.{key}": section.read_number(key)})
    elif name == "Momentum":
        section.carry("momentum", {"optimizer.momentum": section.read_number("momentum")})
    elif name == "Adadelta":
        section.carry("rho", {"optimizer.rho": section.read_number("rho", 0.95)})
        section.carry("epsilon", {"optimizer.epsilon": section.read_number("epsilon", 1e-8)})


def _carry_decay(section: Section, name: str) -> None:
    """Carry over L2: Adam adds it to the gradient, AdamW shrinks weights by it."""
    if name == "AdamW" and "one_dim_param_no_weight_decay" in section.table:
        wanted = not section.get("one_dim_param_no_weight_decay", False)
        section.carry("one_dim_param_no_weight_decay", {"optimizer.decay_norms_and_biases": wanted})
    if section.get("regularizer") is None:
        section.apply({"regularizer": Aside(EMPTY)})
        if name == "AdamW" or "weight_decay" in section.table:
            default = 0.01 if name == "AdamW" else 0.0
            section.carry("weight_decay", {"optimizer.weight_decay": section.read_number("weight_decay", default)})
        return
    if "weight_decay" in section.table:
        section.enter("weight_decay", "left", "PaddleOCR stops where a regularizer stands beside it")
    regularizer = section.below("regularizer")
    kind = regularizer.read_text("name")
    if kind.removesuffix("Decay") == "L2":
        why = "coupled L2" if name != "AdamW" else ""
        regularizer.enter("name", "carried", why)
        regularizer.carry("factor", {"optimizer.weight_decay": regularizer.read_number("factor", 0.0)})
    elif kind.removesuffix("Decay") in {"L1", "Const"}:
        regularizer.finish("left", f"{kind} has no counterpart; the recipe has no decay")
    else:
        raise InputError(f'{regularizer.where("name")}: unknown regularizer "{kind}"; {nearest(kind, ("L2", "L1"))}')
    regularizer.finish("left", f"{kind} has no parameter of this name, and PaddleOCR stops")


# --- The rate over time ---


def _carry_rate(lr: Section, length: Length) -> None:
    for key in ("epochs", "step_each_epoch"):
        if key in lr.table:
            lr.enter(key, "ignored", "it is overwritten with what Global.epoch_num and the data say")
    lr.apply({"last_epoch": Aside("is for going on with a run")})
    if "name" not in lr.table:
        lr.carry("learning_rate", {_RATE: lr.read_number("learning_rate"), "schedule": {"name": "constant"}})
        lr.apply(
            {key: NoEffect("an lr without a name is a constant rate, and nothing else is read") for key in lr.table}
        )
        return
    name = lr.read_text("name")
    if name not in _SCHEDULES:
        raise InputError(f'{lr.where("name")}: unknown schedule "{name}"; {nearest(name, _SCHEDULES)}')
    _SCHEDULES[name](lr, length)
    _carry_warmup_epochs(lr, name)
    for key in lr.table:
        lr.enter(key, "ignored", explain_swallowed(name, key))


def _carry_warmup_epochs(lr: Section, name: str) -> None:
    """Carry over a warm-up in epochs, which most of the classes put before whatever they do."""
    if "warmup_epoch" not in READS[name] or "warmup_epoch" not in lr.table:
        return
    epochs = lr.read_number("warmup_epoch", 0.0)
    if epochs == 0:
        lr.enter("warmup_epoch", "aside", "as it is here")
    elif name in {"Cosine", "Step", "MultiStepDecay"}:
        lr.carry("warmup_epoch", {_WARMUP: epochs})
    else:
        lr.enter("warmup_epoch", "left", "this schedule has no warm-up here")


def _carry_cosine(lr: Section, length: Length) -> None:
    lr.carry("name", {"schedule": {"name": "cosine"}})
    lr.carry("learning_rate", {_RATE: lr.read_number("learning_rate")})


def _carry_warm_cosine(lr: Section, length: Length) -> None:
    _carry_cosine(lr, length)
    steps = lr.read_number("warmup_steps", 5000)
    if length.steps_per_epoch is None:
        unknown = "how many are an epoch is not known, since the training images were not found; give --num-images"
        lr.enter("warmup_steps", "left", f"{steps:g} steps of warm-up: {unknown}")
    else:
        epochs = float(f"{steps / length.steps_per_epoch:.4g}")
        lr.carry("warmup_steps", {_WARMUP: epochs}, f"{length.steps_per_epoch:,} steps are an epoch")
    lr.carry("start_lr", {"schedule.warmup_start_rate": lr.read_number("start_lr", 1e-5)})
    lr.carry("min_lr", {"schedule.min_rate": lr.read_number("min_lr", 1e-8)})


def _carry_one_cycle(lr: Section, length: Length) -> None:
    lr.carry("name", {"schedule": {"name": "one_cycle"}})
    if "max_lr" in lr.table:
        lr.carry("max_lr", {_RATE: lr.read_number("max_lr")})
    else:
        lr.draft.put({_RATE: lr.read_number("learning_rate")})
        lr.enter("learning_rate", "left", "OneCycle needs max_lr, and PaddleOCR stops; it is taken for the peak")
    lr.apply(
        {
            "anneal_strategy": Left("both halves are cosines here", ("cos",)),
            "three_phase": Left("the rate rises and falls once here", (False,)),
        }
    )


def _carry_step(lr: Section, length: Length) -> None:
    size = lr.read_number("step_size")
    milestones = [float(epoch) for epoch in _count_up(size, length.epochs)]
    _carry_milestones(lr, "step_size", milestones, lr.read_number("gamma"))
    lr.carry("learning_rate", {_RATE: lr.read_number("learning_rate")})


def _count_up(size: float, epochs: int) -> list[float]:
    return [size * number for number in range(1, 1000) if size * number < epochs] if size > 0 else []


def _carry_multi_step(lr: Section, length: Length) -> None:
    _carry_milestones(lr, "milestones", _read_numbers(lr, "milestones"), lr.read_number("gamma"))
    lr.carry("learning_rate", {_RATE: lr.read_number("learning_rate")})


def _carry_milestones(lr: Section, key: str, milestones: list[float], gamma: float) -> None:
    """Carry over a rate that is multiplied at some epochs."""
    if not milestones:
        lr.carry("name", {"schedule": {"name": "constant"}}, "training ends before the rate changes")
        for name in {key, "gamma"} & lr.table.keys():
            lr.enter(name, "aside", "training ends before the rate changes")
        return
    table = {"name": "step", "milestone_epochs": milestones, "factor": gamma}
    if lr.carry(key, {"schedule": table}):
        lr.enter("name", "carried", "", {"schedule.name": "step"})
        lr.enter("gamma", "carried", "", {"schedule.factor": gamma})
    else:
        lr.draft.put({"schedule": {"name": "constant"}})
        lr.enter("name", "left", f"its {key} and gamma are refused; the recipe keeps a constant rate")
        lr.enter("gamma", "left", f"belongs to {key}")


def _carry_piecewise(lr: Section, length: Length) -> None:
    """Carry over rates that all stand in one ratio; others have no counterpart."""
    values, milestones = _read_numbers(lr, "values"), _read_numbers(lr, "decay_epochs")
    if len(values) != len(milestones) + 1:
        raise InputError(f"{lr.where('values')}: {len(values)} rates for {len(milestones)} epochs; one more is needed")
    lr.draft.put({_RATE: values[0]})
    ratios = {round(after / before, 9) for before, after in itertools.pairwise(values) if before}
    if len(ratios) == 1:
        _carry_milestones(lr, "decay_epochs", milestones, ratios.pop())
        lr.enter("values", "carried", "", {_RATE: values[0]})
        return
    why = f"rates in unequal ratios have no counterpart; the recipe keeps {values[0]:g} throughout"
    for key in ("name", "values", "decay_epochs"):
        lr.enter(key, "left", why)
    lr.draft.put({"schedule": {"name": "constant"}})


def _carry_constant(lr: Section, length: Length) -> None:
    lr.carry("name", {"schedule": {"name": "constant"}})
    lr.carry("learning_rate", {_RATE: lr.read_number("learning_rate")})


def _leave_schedule(lr: Section, length: Length) -> None:
    name = lr.read_text("name")
    lr.carry("learning_rate", {_RATE: lr.read_number("learning_rate"), "schedule": {"name": "constant"}})
    for key in ("name", *READS[name]):
        if key in lr.table:
            lr.enter(key, "left", f"{name} has no counterpart; the recipe keeps a constant rate")


def _read_numbers(lr: Section, key: str) -> list[float]:
    values = lr.get(key)
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        raise InputError(f"{lr.where(key)}: expected a list of numbers; correct it")
    return [float(value) for value in values]


_SCHEDULES: dict[str, Callable[[Section, Length], None]] = {
    "Const": _carry_constant,
    "Cosine": _carry_cosine,
    "LinearWarmupCosine": _carry_warm_cosine,
    "OneCycle": _carry_one_cycle,
    "Step": _carry_step,
    "MultiStepDecay": _carry_multi_step,
    "Piecewise": _carry_piecewise,
    "Linear": _leave_schedule,
    "CyclicalCosine": _leave_schedule,
    "TwoStepCosine": _leave_schedule,
    "DecayLearningRate": _leave_schedule,
}
