"""Backbones, necks and heads, alone and in a MultiHead."""

from pathlib import Path
from typing import Any

import pytest

from saccade.errors import InputError
from tests.recipes.importers.configurations import BACKBONE, HEAD, edit, indent, keys, run
from tests.recipes.importers.test_paddleocr import find_unaccounted

MULTI_HEAD = """\
  Head:
    name: MultiHead
    use_pool: true
    shared: 3
    head_list:
    - CTCHead:
        fc_decay: 0.5
        Neck: {name: rnn, hidden_size: 64, depth: 2}
        Head: {fc_decay: 0.00003, mid_channels: 48}
    - NRTRHead: {nrtr_dim: 384, max_text_length: *length, Neck: {name: svtr}}
    - SARHead: {enc_dim: 512}
"""


@pytest.mark.parametrize(
    ("text", "expected", "ignored"),
    [
        ("name: ResNet\nlayers: 18", {"name": "resnet_vd", "num_layers": 18}, ()),
        (
            "name: MobileNetV3\nmodel_name: large\nscale: 0.5\nlarge_stride: [1, 2, 2, 2]\nsmall_stride: [1, 2, 2, 2]",
            {"name": "mobilenet_v3", "size": "large", "scale": 0.5},
            ("small_stride",),
        ),
        (
            "name: MobileNetV3\ndisable_se: true\nsmall_stride: [1, 2, 2, 2]\nlayers: 18",
            {"name": "mobilenet_v3", "size": "small", "scale": 0.5, "squeeze_excite": False},
            ("layers",),
        ),
    ],
)
def test_backbones(tmp_path: Path, text: str, expected: dict[str, Any], ignored: tuple[str, ...]) -> None:
    draft = run(tmp_path, edit((BACKBONE, indent(text, 4))))
    assert draft.raw["model"]["backbone"] == expected
    assert keys(draft, "ignored").keys() == {f"Architecture.Backbone.{key}" for key in ignored}
    assert not {key for key in keys(draft, "left") if key.startswith("Architecture")}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("name: ResNet\nlayers: 50", {"name": "no counterpart to a ResNet of 50", "layers": "expected"}),
        ("name: ResNet", {"name": "no counterpart to a ResNet of 50", "layers": "expected"}),
        (
            "name: MobileNetV3\nmodel_name: large\nlarge_stride: [2, 2, 2, 2]",
            {"large_stride": "the strides are [1, 2, 2, 2] here"},
        ),
        ("name: PPLCNetV3\nscale: 0.95", {"name": "no counterpart to PPLCNetV3", "scale": "light_resnet"}),
    ],
)
def test_backbones_without_counterpart(tmp_path: Path, text: str, left: dict[str, str]) -> None:
    draft = run(tmp_path, edit((BACKBONE, indent(text, 4))))
    found = {key: why for key, why in keys(draft, "left").items() if key.startswith("Architecture")}
    assert found.keys() == {f"Architecture.Backbone.{key}" for key in left}
    for key, why in left.items():
        assert why in found[f"Architecture.Backbone.{key}"]


@pytest.mark.parametrize(
    ("text", "neck", "left", "ignored"),
    [
        ("", {"name": "none"}, set(), {}),
        ("encoder_type: reshape\nhidden_size: 96", {"name": "none"}, set(), {"hidden_size": "reads no key but its name"}),
        ("encoder_type: rnn", {"name": "bilstm", "hidden_size": 48, "num_layers": 2}, set(), {}),
        ("encoder_type: svtr\ndims: 64\nhidden_size: 96", None, {"encoder_type", "dims"}, {"hidden_size": "takes dims and hidden_dims"}),
        ("encoder_type: fc\nhidden_size: 96\ndims: 3", None, {"encoder_type", "hidden_size"}, {"dims": "reads only hidden_size"}),
        ("encoder_type: cascadernn\nhidden_size: 9\nout_channels: [9, 9]", None, {"encoder_type", "hidden_size", "out_channels"}, {}),
    ],
)  # fmt: skip
def test_necks(tmp_path: Path, text: str, neck: Any, left: set[str], ignored: dict[str, str]) -> None:
    own = indent(f"Neck:\n  name: SequenceEncoder\n{indent(text, 2)}", 2) if text else "  Neck:\n"
    draft = run(tmp_path, edit((HEAD, own + "  Head:\n    name: CTCHead\n")))
    assert draft.raw["model"].get("neck") == neck
    assert find_unaccounted(draft) == []
    assert draft.raw["optimizer"]["module_weight_decay"] == {"head": 0.0004}
    found = keys(draft, "ignored")
    assert {key for key in keys(draft, "left") if "Neck" in key} == {f"Architecture.Neck.{key}" for key in left}
    assert found.keys() == {f"Architecture.Neck.{key}" for key in ignored}
    for key, why in ignored.items():
        assert why in found[f"Architecture.Neck.{key}"]


def test_the_ctc_branch_of_several_heads(tmp_path: Path) -> None:
    draft = run(tmp_path, edit((HEAD, MULTI_HEAD)))
    assert draft.raw["model"]["neck"] == {"name": "bilstm", "hidden_size": 64, "num_layers": 2}
    assert draft.raw["model"]["head"] == {"mid_size": 48}
    assert draft.raw["optimizer"]["module_weight_decay"] == {"head": 0.00003}
    ignored = keys(draft, "ignored")
    assert ignored.keys() == {
        "Architecture.Head.shared",
        "Architecture.Head.head_list.CTCHead.fc_decay",
        "Architecture.Head.head_list.CTCHead.Neck.depth",
        "Architecture.Head.head_list.NRTRHead.Neck",
    }
    assert "fc_decay belongs under Head" in ignored["Architecture.Head.head_list.CTCHead.fc_decay"]
    assert "only CTCHead has a neck" in ignored["Architecture.Head.head_list.NRTRHead.Neck"]
    left = {key for key in keys(draft, "left") if key.startswith("Architecture")}
    assert left == {
        "Architecture.Head.use_pool",
        "Architecture.Head.head_list.NRTRHead.nrtr_dim",
        "Architecture.Head.head_list.NRTRHead.max_text_length",
        "Architecture.Head.head_list.SARHead.enc_dim",
    }
    assert find_unaccounted(draft) == []


def test_a_neck_beside_several_heads(tmp_path: Path) -> None:
    draft = run(tmp_path, edit((HEAD, "  Neck: {name: SequenceEncoder, encoder_type: rnn}\n" + MULTI_HEAD)))
    assert "MultiHead wants the backbone's map" in keys(draft, "left")["Architecture.Neck"]
    assert draft.raw["model"]["neck"]["hidden_size"] == 64


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    - CTCHead:\n", "    - XHead:\n", 'unknown head "XHead"'),
        ("    - CTCHead:\n", "    - ABINetHead:\n", "holds no CTCHead; saccade reads with CTC so far"),
        ("    - SARHead: {enc_dim: 512}\n", "    - SARHead\n", "expected a list of heads, each with its keys"),
    ],
)
def test_heads_that_cannot_be(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        run(tmp_path, edit((HEAD, MULTI_HEAD.replace(old, new))))
