"""A checkout in the form of the peer's, as small as it can be: same modules, same names, a network of one convolution."""

from pathlib import Path

MODEL = """
from torch import nn

class Model(nn.Module):
    def __init__(self, opt):
        super().__init__()
        print("not shown")
        self.columns = nn.Conv2d(opt.input_channel, opt.num_class, (opt.imgH, 4), stride=(1, 4))

    def forward(self, input, text, is_train=True):
        return self.columns(input).squeeze(2).permute(0, 2, 1)
"""

UTILS = """
import torch

class CTCLabelConverter:
    def __init__(self, character):
        self.dict = {char: i + 1 for i, char in enumerate(character)}

    def encode(self, text, batch_max_length=25):
        return torch.tensor([[self.dict[c] for c in t][:1] for t in text]), torch.tensor([len(t) for t in text])

class Averager:
    def __init__(self):
        self.reset()

    def add(self, v):
        self.sum, self.count = self.sum + v.data.sum(), self.count + 1

    def reset(self):
        self.sum, self.count = 0, 0

    def val(self):
        return self.sum / self.count
"""

DATASET = """
from pathlib import Path

import torch
from torch.utils.data import DataLoader

class Batch_Balanced_Dataset:
    def __init__(self, opt):
        Path("saved_models", opt.exp_name, "log_dataset.txt").write_text("")
        lines = Path(opt.train_data, "gt.txt").read_text().splitlines()
        labels = [line.split("\\t")[1].lower() for line in lines]
        collate = lambda batch: (torch.zeros(len(batch), 1, opt.imgH, opt.imgW), batch)
        loader = DataLoader(labels, opt.batch_size, collate_fn=collate, num_workers=opt.workers)
        self.data_loader_list = [loader]
        self.iterator = iter(loader)

    def get_batch(self):
        try:
            return next(self.iterator)
        except StopIteration:
            self.iterator = iter(self.data_loader_list[0])
            return next(self.iterator)
"""

CREATE = """
from pathlib import Path

import fire
import six
from natsort import natsorted
from nltk.metrics.distance import edit_distance
from torch._utils import _accumulate

def createDataset(inputPath, gtFile, outputPath, checkValid=True):
    Path(outputPath).mkdir()
    Path(outputPath, "gt.txt").write_text(Path(gtFile).read_text())
"""

TRAIN = """
import sys
import time
from pathlib import Path

assert __name__ == "__main__"
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
folder = Path("saved_models", options["--exp_name"])
folder.mkdir(parents=True)
(folder / "log_train.txt").write_text(
    "[1/300000] Train loss: 3.4, Valid loss: 3.3, Elapsed_time: 1.50000\\nCurrent_accuracy : 91.000, Current_norm_ED : 0.99\\n"
)
time.sleep(600)
"""


def write_fake_peer(folder: Path) -> Path:
    folder.mkdir()
    files = {"model": MODEL, "utils": UTILS, "dataset": DATASET, "create_lmdb_dataset": CREATE, "train": TRAIN}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder
