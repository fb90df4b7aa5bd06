"""Configurations in the form of PaddleOCR's, written for these tests."""

from pathlib import Path

from saccade.recipes.importers.draft import Draft, Kind
from saccade.recipes.importers.paddleocr import import_paddleocr
from saccade.recipes.importers.paddleocr_data import Surroundings

BASE = """\
Global:
  use_gpu: true
  epoch_num: 60
  save_model_dir: ./output
  eval_batch_step: [0, 20]
  pretrained_model:
  character_dict_path: ./dict.txt
  max_text_length: &length 12
  use_space_char: false
Optimizer:
  name: Adam
  beta1: 0.9
  beta2: 0.99
  lr:
    name: LinearWarmupCosine
    learning_rate: 0.001
    warmup_steps: 25
  regularizer:
    name: L2
    factor: 1.0e-05
Architecture:
  model_type: rec
  algorithm: CRNN
  Transform:
  Backbone:
    name: ResNet
    layers: 34
  Neck:
    name: SequenceEncoder
    encoder_type: rnn
    hidden_size: 96
  Head:
    name: CTCHead
    fc_decay: 0.00002
Loss:
  name: CTCLoss
PostProcess:
  name: CTCLabelDecode
Metric:
  name: RecMetric
  main_indicator: norm_edit_dis
  ignore_space: false
Train:
  dataset:
    name: SimpleDataSet
    data_dir: ./data/
    label_file_list: [./data/train.txt]
    transforms:
    - DecodeImage: {img_mode: BGR, channel_first: false}
    - CTCLabelEncode:
    - RecResizeImg:
        image_shape: [3, 32, 64]
    - KeepKeys:
        keep_keys: [image, label, length]
  loader:
    shuffle: true
    batch_size_per_card: 4
    drop_last: true
    num_workers: 2
Eval:
  dataset:
    name: SimpleDataSet
    data_dir: ./data/
    label_file_list: ./data/val.txt
    transforms:
    - DecodeImage: {img_mode: BGR, channel_first: false}
    - CTCLabelEncode:
    - RecResizeImg:
        image_shape: [3, 32, 64]
    - KeepKeys:
        keep_keys: [image, label, length]
  loader:
    shuffle: false
    drop_last: false
    batch_size_per_card: 64
    num_workers: 2
"""
LR = """\
    name: LinearWarmupCosine
    learning_rate: 0.001
    warmup_steps: 25
"""
HEAD = """\
  Neck:
    name: SequenceEncoder
    encoder_type: rnn
    hidden_size: 96
  Head:
    name: CTCHead
    fc_decay: 0.00002
"""
BACKBONE = """\
    name: ResNet
    layers: 34
"""
ENCODE = """\
    - CTCLabelEncode:
    - RecResizeImg:
        image_shape: [3, 32, 64]
    - KeepKeys:
        keep_keys: [image, label, length]
  loader:
    shuffle: true
"""


def edit(*changes: tuple[str, str]) -> str:
    """Return the configuration with texts replaced, each of which it holds."""
    text = BASE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def indent(text: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in text.strip("\n").split("\n"))


def run(folder: Path, text: str = BASE, num_images: int | None = None) -> Draft:
    """Import a configuration from a file in a folder, in which PaddleOCR was started."""
    path = folder / "configuration.yml"
    path.write_text(text, encoding="utf-8")
    return import_paddleocr(path, Surroundings(folder, folder, num_images))


def keys(draft: Draft, kind: Kind) -> dict[str, str]:
    """Return the keys of one kind and why."""
    return {outcome.key: outcome.why for outcome in draft.list_outcomes(kind)}
