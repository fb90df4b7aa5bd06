"""`Architecture` of PaddleOCR: backbone, neck and head of a reader with CTC."""

from saccade.errors import InputError
from saccade.recipes.importers.draft import Aside, Left, NoEffect, Section
from saccade.recipes.importers.paddleocr_rules import OTHER_BACKBONES, OTHER_HEADS, READS, explain_swallowed
from saccade.recipes.validation import nearest

_OVERWRITTEN = NoEffect("it is overwritten with what the layers before it and the characters say")
_CTC_ONLY = "saccade reads with CTC so far; take a configuration whose Head is CTCHead, or MultiHead with a CTCHead"
_HELPS = "only helps in training, and has no counterpart"
_STRIDES = [1, 2, 2, 2]
"""Those of both networks for lines of text."""
_ENCODERS = ("rnn", "reshape", "fc", "svtr", "lightsvtr", "cascadernn")


def carry_architecture(section: Section) -> None:
    """Carry over `Architecture`; the optimiser is in the recipe already.

    Raises:
        InputError: It is no reader with CTC, or names a class that PaddleOCR does not have.
    """
    kind = section.read_text("model_type")
    if "Models" in section.table:
        raise InputError(f"{section.where('Models')}: several networks that teach each other; give the one to train")
    if kind != "rec":
        raise InputError(f'{section.where("model_type")}: "{kind}"; only rec, reading lines of text, can be imported')
    section.apply({"model_type": Aside("reading"), "algorithm": Aside("names the whole; its parts decide")})
    section.apply({"Transform": Left("straightening the line before it is read (TPS) has no counterpart")})
    section.apply({"in_channels": Left("images have the channels of preprocessing.colour", (1, 3))})
    section.apply({"return_all_feats": Aside("is for networks that teach each other")})
    _carry_backbone(section.below("Backbone"))
    head = section.below("Head")
    name = head.read_text("name")
    if name == "MultiHead":
        _carry_multi_head(section, head)
    elif name == "CTCHead":
        head.enter("name", "carried", "the only head so far")
        _carry_neck(section.below("Neck"), "encoder_type")
        _carry_ctc_head(head)
    elif name in OTHER_HEADS:
        raise InputError(f'{head.where("name")}: "{name}" does not read with CTC; {_CTC_ONLY}')
    else:
        raise InputError(f'{head.where("name")}: unknown head "{name}"; {nearest(name, ("CTCHead", *OTHER_HEADS))}')
    section.finish("ignored", "no code of PaddleOCR reads it")


def _carry_backbone(section: Section) -> None:
    name = section.read_text("name")
    section.apply({"in_channels": _OVERWRITTEN})
    if name == "ResNet":
        _carry_resnet(section)
    elif name == "MobileNetV3":
        _carry_mobilenet(section)
    elif name in OTHER_BACKBONES:
        section.finish("left", f"no counterpart to {name}; the recipe keeps another network, light_resnet")
    else:
        known = ("ResNet", "MobileNetV3", *OTHER_BACKBONES)
        raise InputError(f'{section.where("name")}: unknown backbone "{name}"; {nearest(name, known)}')
    for key in section.table:
        section.enter(key, "ignored", explain_swallowed(name, key))


def _carry_resnet(section: Section) -> None:
    layers = section.read_count("layers", 50)
    table = {"name": "resnet_vd", "num_layers": layers}
    if section.carry("layers", {"model.backbone": table}):
        section.enter("name", "carried", "", {"model.backbone.name": "resnet_vd"})
    else:
        section.enter("name", "left", f"no counterpart to a ResNet of {layers}; the recipe keeps light_resnet")


def _carry_mobilenet(section: Section) -> None:
    size = section.read_text("model_name", "small")
    if not section.carry("name", {"model.backbone": {"name": "mobilenet_v3"}}):
        section.finish("left", "no counterpart; the recipe keeps another network, light_resnet")
        return
    section.carry("model_name", {"model.backbone.size": size})
    section.carry("scale", {"model.backbone.scale": section.read_number("scale", 0.5)})
    if "disable_se" in section.table:
        section.carry("disable_se", {"model.backbone.squeeze_excite": not section.get("disable_se", False)})
    other = "small" if size == "large" else "large"
    section.apply({f"{other}_stride": NoEffect(f"model_name is {size}, which reads {size}_stride")})
    section.apply({f"{size}_stride": Left(f"the strides are {_STRIDES} here", (_STRIDES,))})


def _carry_neck(section: Section, type_key: str) -> None:
    """Carry over a neck; `type_key`: what its kind is called, which a MultiHead calls otherwise."""
    section.apply({"in_channels": _OVERWRITTEN})
    if not section.table:
        none = {"model.neck": {"name": "none"}}
        section.draft.put(none)
        section.draft.enter(section.place, None, "carried", "columns go to the head as they are", none)
        return
    if type_key == "encoder_type":
        name = section.read_text("name")
        if name != "SequenceEncoder":
            raise InputError(f'{section.where("name")}: unknown neck "{name}"; a reader with CTC has SequenceEncoder')
        section.enter("name", "carried", "encoder_type says which")
    kind = section.read_text(type_key)
    if kind == "rnn":
        size = section.read_count("hidden_size", 48)
        section.carry("hidden_size", {"model.neck": {"name": "bilstm", "hidden_size": size, "num_layers": 2}})
        section.enter(type_key, "carried", "its LSTM always has two layers", {"model.neck.name": "bilstm"})
    elif kind == "reshape":
        section.carry(type_key, {"model.neck": {"name": "none"}})
    elif kind in _ENCODERS:
        _leave_neck(section, type_key, kind)
    else:
        raise InputError(f'{section.where(type_key)}: unknown neck "{kind}"; {nearest(kind, _ENCODERS)}')
    for key in section.table:
        section.enter(key, "ignored", _explain_neck(kind, key))


def _leave_neck(section: Section, type_key: str, kind: str) -> None:
    """Leave a neck without counterpart, and say which of its keys had no effect."""
    ignored = {"fc": set(section.table) - {"hidden_size"}, "cascadernn": set()}.get(kind, {"hidden_size"})
    for key in section.table:
        if key == type_key or key not in ignored:
            why = f"the neck {kind} has no counterpart; the recipe keeps an LSTM"
            section.enter(key, "left", why if key == type_key else f"belongs to the neck {kind}")


def _explain_neck(kind: str, key: str) -> str:
    reads = "no key but its name" if kind == "reshape" else "only hidden_size"
    if kind in {"svtr", "lightsvtr"}:
        return f"the neck {kind} takes dims and hidden_dims; hidden_size is for rnn, fc and cascadernn"
    return f"SequenceEncoder drops it (**kwargs): the neck {kind} reads {reads}"


def _carry_ctc_head(section: Section) -> None:
    section.apply({"in_channels": _OVERWRITTEN, "out_channels": _OVERWRITTEN})
    section.apply({"return_feats": Aside("is for networks that teach each other")})
    if section.draft.raw["optimizer"]["name"] == "adamw":
        section.apply(
            {"fc_decay": Left("AdamW shrinks weights and this adds to their gradient, which cannot be told apart here")}
        )
    else:
        decay = section.read_number("fc_decay", 0.0004)
        section.carry("fc_decay", {"optimizer.module_weight_decay": {"head": decay}}, "replaces the decay of all")
    if section.get("mid_channels") is not None:
        section.carry("mid_channels", {"model.head.mid_size": section.get("mid_channels")})
    section.apply({"mid_channels": Aside("as it is here")})
    for key in section.table:
        section.enter(key, "ignored", explain_swallowed("CTCHead", key))


def _carry_multi_head(architecture: Section, head: Section) -> None:
    """Carry over the branch with CTC of several heads; the others only help in training."""
    if architecture.get("Neck") is not None:
        architecture.enter(
            "Neck", "left", "PaddleOCR stops: MultiHead wants the backbone's map, and its CTCHead has a neck"
        )
    architecture.apply({"Neck": Aside("as it should be")})
    head.enter("name", "carried", "its branch with CTC, which is the one that reads")
    branches = _read_branches(head)
    for branch, name in branches:
        if name == "CTCHead":
            _carry_ctc_branch(branch)
        else:
            _leave_branch(branch, name)
    head.apply({"use_pool": Left("no counterpart", (False,)), "use_pos": Aside("concerns the heads that only help")})
    for key in head.table:
        head.enter(key, "ignored", explain_swallowed("MultiHead", key, ("head_list", "use_pool", "use_pos")))


def _read_branches(head: Section) -> list[tuple[Section, str]]:
    """Return the heads of a MultiHead with their names.

    Raises:
        InputError: It has no list of known heads with CTC among them.
    """
    items = head.take("head_list")
    if not isinstance(items, list) or not all(isinstance(item, dict) and len(item) == 1 for item in items):
        raise InputError(f"{head.where('head_list')}: expected a list of heads, each with its keys; correct it")
    branches = []
    for index, item in enumerate(items):
        ((name, table),) = item.items()
        place = (*head.place, "head_list", index, name)
        if name != "CTCHead" and name not in OTHER_HEADS:
            known = ("CTCHead", *OTHER_HEADS)
            raise InputError(f'{head.draft.document.where(place)}: unknown head "{name}"; {nearest(name, known)}')
        branches.append((Section(head.draft, place, table), name))
    if "CTCHead" not in {name for _, name in branches}:
        raise InputError(f"{head.where('head_list')}: holds no CTCHead; {_CTC_ONLY}")
    return branches


def _carry_ctc_branch(section: Section) -> None:
    _carry_neck(section.below("Neck"), "name")
    _carry_ctc_head(section.below("Head"))
    for key in section.table:
        why = f"{key} belongs under Head" if key in READS["CTCHead"] else "it is not looked at"
        section.enter(key, "ignored", f"MultiHead reads Neck and Head of its CTCHead and nothing beside them: {why}")


def _leave_branch(section: Section, name: str) -> None:
    """Leave a head that only helps in training, and say which of its keys had no effect."""
    reads = READS.get(name)
    for key in section.table:
        swallowed = (name, key) in _NECKS or (reads is not None and key not in reads)
        why = explain_swallowed(name, key) if swallowed else f"{name} {_HELPS}"
        section.enter(key, "ignored" if swallowed else "left", why)
    if not section.table:
        section.draft.enter(section.place, None, "left", f"{name} {_HELPS}")


_NECKS = {("SARHead", "Neck"), ("NRTRHead", "Neck")}
