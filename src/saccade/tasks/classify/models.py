"""Networks of the classify task: any of timm's, with a first layer that normalises and, where asked for, a stem for small images.

The parts have the same names whatever the architecture: `normalise`, `backbone` and `head`, timm's classifier, by which
`[start] allow` and `[optimizer] module_weight_decay` call it. timm takes seconds to import: only building a network does.
"""

import difflib
import re
from typing import Any, assert_never

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from saccade.data.preprocess import Preprocessing
from saccade.errors import InputError
from saccade.nn.normalise import build_normalise
from saccade.recipes.tables.classify import PublishedStem, SmallStem, TimmModel

_NUM_NEAREST = 3
_NEUTRAL: dict[str, tuple[str, object]] = {
    "in_chans": ("preprocessing.colour", 3),
    "drop_rate": ("model.dropout", 0.0),
    "drop_path_rate": ("model.stochastic_depth", 0.0),
}
_FAMILY = (
    'model.stem: "small" is for timm\'s ResNet family (resnet, resnext, seresnet, ...), to which {} does not belong; '
    'use name = "published" with larger images'
)


class Classifier(nn.Module):
    """Normalisation, backbone and head: uint8 images in, one logit a class out."""

    def __init__(self, normalise: nn.Module, backbone: nn.Module, head: nn.Module) -> None:
        """Join the parts."""
        super().__init__()
        self.normalise = normalise
        self.backbone = backbone
        self.head = head

    def forward(self, images: Shaped[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Return the logits; images are uint8."""
        logits: Tensor = self.head(self.backbone(self.normalise(images)))
        return logits


def build_model(table: TimmModel, preprocessing: Preprocessing, num_classes: int) -> Classifier:
    """Build the network that a recipe names, with fresh weights.

    Raises:
        InputError: timm has no such network, or it cannot do what the recipe asks; the message names the key.
    """
    net = _create(table, preprocessing, num_classes)
    match table.stem:
        case PublishedStem():
            pass
        case SmallStem():
            _change_stem(net, table)
        case _:
            assert_never(table.stem)
    normalise = build_normalise(preprocessing.mean, preprocessing.std)
    channels = 1 if preprocessing.colour == "grey" else 3
    images = torch.zeros(1, channels, preprocessing.height_px, preprocessing.width_px, dtype=torch.uint8)
    return Classifier(normalise, *_detach_head(net, normalise(images), table.architecture))


def _create(table: TimmModel, preprocessing: Preprocessing, num_classes: int) -> nn.Module:
    """Let timm build a network; what it does not know is an error only where the recipe asks for it."""
    import timm  # noqa: PLC0415  seconds to import

    architecture = table.architecture
    _check_name(architecture, timm.list_models())
    arguments: dict[str, Any] = {
        "in_chans": 1 if preprocessing.colour == "grey" else 3,
        "drop_rate": table.dropout,
        "drop_path_rate": table.stochastic_depth,
        "img_size": (preprocessing.height_px, preprocessing.width_px),
    }
    if isinstance(table.stem, SmallStem) and table.stem.shortcut == "average":
        _check_shortcuts(architecture)
        arguments["avg_down"] = True
    while True:
        try:
            net: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=num_classes, **arguments)
        except TypeError as error:
            # Python names one in its message, some of timm's networks list several
            named = re.findall(r"'(\w+)'", str(error).partition("unexpected keyword argument")[2])
            refused = [name for name in named if name in arguments]
            if not refused:
                raise
            for name in refused:
                _check_neutral(architecture, name, arguments.pop(name))
        except (AssertionError, ValueError) as error:
            size = f"{preprocessing.width_px} x {preprocessing.height_px} px"
            raise InputError(f"model.architecture: {architecture} cannot be built for {size} ({error})") from error
        else:
            _check_dropping(net, table)
            return net


def _check_shortcuts(architecture: str) -> None:
    """Refuse to ask for averages where the published shortcuts take them already: it would change nothing."""
    import timm  # noqa: PLC0415  seconds to import

    with torch.device("meta"):  # no weight is drawn
        published = timm.create_model(architecture, pretrained=False)
    if any(isinstance(module, nn.AvgPool2d) for block in _list_shortcuts(published) for module in block.modules()):
        raise InputError(
            f'model.stem.shortcut: the shortcuts of timm\'s {architecture} average as published, so "average" changes nothing; leave it out'
        )


def _list_shortcuts(net: nn.Module) -> list[nn.Module]:
    shortcuts = (getattr(module, "downsample", None) for module in net.modules())
    return [shortcut for shortcut in shortcuts if isinstance(shortcut, nn.Module)]


def _check_neutral(architecture: str, argument: str, value: object) -> None:
    """Refuse a setting that the network has no argument for; a neutral value is what it does anyway."""
    if argument == "avg_down":
        raise InputError(_FAMILY.format(architecture))
    key, neutral = _NEUTRAL.get(argument, ("", value))
    if value != neutral:
        raise InputError(f"{key}: timm's {architecture} has no such setting; leave it out")


def _check_name(architecture: str, known: list[str]) -> None:
    if architecture in known:
        return
    base, dot, _ = architecture.partition(".")
    if dot and base in known:
        raise InputError(
            f'model.architecture: "{architecture}" names trained weights, and training starts from fresh ones; write "{base}"'
        )
    nearest = difflib.get_close_matches(architecture, known, n=_NUM_NEAREST, cutoff=0.4)
    hint = f"nearest: {', '.join(nearest)}" if nearest else "timm.list_models() lists them"
    raise InputError(f'model.architecture: timm has no network "{architecture}"; {hint}')


def _check_dropping(net: nn.Module, table: TimmModel) -> None:
    """Refuse settings that the network took and does not use."""
    modules = list(net.modules())
    if table.dropout and not any(
        getattr(module, "drop_rate", None) == table.dropout
        or (isinstance(module, nn.Dropout) and module.p == table.dropout)
        for module in modules
    ):
        raise InputError(f"model.dropout: timm's {table.architecture} drops nothing before its head; leave it out")
    if table.stochastic_depth and not any(_drop_probability(module) > 0 for module in modules):
        raise InputError(
            f"model.stochastic_depth: timm's {table.architecture} has no residual blocks to skip; leave it out"
        )


def _drop_probability(module: nn.Module) -> float:
    """Return how often a block is skipped: timm has a layer for it, and blocks that draw themselves."""
    own = getattr(module, "drop_prob", None) if type(module).__name__.startswith("DropPath") else None
    rate = getattr(module, "drop_path_rate", None) if own is None else own
    return float(rate) if isinstance(rate, int | float) else 0.0


# --- The stem for small images ---


def _change_stem(net: nn.Module, table: TimmModel) -> None:
    from timm.models.resnet import ResNet  # noqa: PLC0415  seconds to import

    if not isinstance(net, ResNet):
        raise InputError(_FAMILY.format(table.architecture))
    assert isinstance(table.stem, SmallStem)
    _replace_first_layers(net)
    if table.stem.last_stage_stride == 1:
        _remove_stride(_first_block_of_last_stage(net))


def _replace_first_layers(net: nn.Module) -> None:
    """Put one 3x3 convolution of stride 1, drawn as timm draws them, in the place of the first ones, and drop the pool."""
    first = next(module for module in net.get_submodule("conv1").modules() if isinstance(module, nn.Conv2d))
    num_channels = net.get_submodule("bn1").get_parameter("weight").shape[0]
    convolution = nn.Conv2d(first.in_channels, num_channels, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    net.set_submodule("conv1", convolution)
    net.set_submodule("maxpool", nn.Identity())


def _first_block_of_last_stage(net: nn.Module) -> nn.Module:
    stages = [name for name, _ in net.named_children() if re.fullmatch(r"layer\d+", name)]
    return net.get_submodule(f"{max(stages, key=lambda name: int(name.removeprefix('layer')))}.0")


def _remove_stride(block: nn.Module) -> None:
    """Let a residual block keep height and width, in its convolutions and in its shortcut."""
    for module in list(block.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.AvgPool2d):
                setattr(module, name, nn.Identity())
            elif isinstance(child, nn.Conv2d):
                child.stride = (1, 1)
            elif getattr(child, "stride", 1) == 2:  # a blur before subsampling
                child.stride = 1  # type: ignore[assignment]  # modules are typed to hold tensors and modules only


# --- The head ---


@torch.no_grad()
def _detach_head(net: nn.Module, images: Float[Tensor, "B C H W"], architecture: str) -> tuple[nn.Module, nn.Module]:
    """Take the classifier out of a network: (everything before it, the classifier).

    Where the logits are not what one classifier gives (several of them averaged), the network stays whole. Images go
    through once, which shows a size that it cannot take.
    """
    outputs: list[Tensor] = []
    classifier = net.get_classifier() if hasattr(net, "get_classifier") else None  # type: ignore[operator]
    watched = classifier if isinstance(classifier, nn.Module) else nn.Identity()
    hook = watched.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        logits = net.eval()(images)
    except (RuntimeError, AssertionError, ValueError) as error:
        size = f"{images.shape[3]} x {images.shape[2]} px"
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"model.architecture: {architecture} cannot take images of {size} ({told}); raise preprocessing.height_px and "
            "width_px, or choose another"
        ) from error
    finally:
        hook.remove()
        net.train()
    if len(outputs) != 1 or outputs[0] is not logits:
        return net, nn.Identity()
    net.set_submodule(next(name for name, module in net.named_modules() if module is watched), nn.Identity())
    return net, watched
