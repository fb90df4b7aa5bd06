"""Two tiny readers, trained for a few steps on the images of `tiny_reader`, and the recipe of an ensemble of them."""

from pathlib import Path

from tests.tiny_reader import make_data

_COMMON = """\
task = "read"
[[data.train]]
format = "tsv"
path = "./labels.tsv"
[[data.val]]
format = "tsv"
path = "./val.tsv"
[train]
epochs = 12
batch_size = 4
validate_every_epochs = 12
[optimizer]
learning_rate = 0.02
"""
ATTENTION = f"""{_COMMON}
[preprocessing]
height_px = 48
width_px = 64
[model]
name = "attention"
channels = [4, 4, 6, 6, 8, 8, 8]
max_length = 8
[model.neck]
hidden_size = 8
[model.decoder]
hidden_size = 16
embedding_size = 8
"""
SATRN = f"""{_COMMON}
[preprocessing]
height_px = 64
width_px = 96
colour = "rgb"
contrast = "per_image"
crop_to_ink_margin_fraction = 0.1
[model]
name = "satrn"
max_length = 6
[model.backbone]
name = "residual_grid"
channels = [4, 4, 8]
num_blocks = [1, 1, 1]
[model.encoder]
hidden_size = 16
filter_size = 16
num_layers = 1
num_heads = 2
[model.decoder]
hidden_size = 16
filter_size = 16
num_layers = 1
num_heads = 2
"""
ENSEMBLE = """\
task = "read"
[[data.val]]
format = "tsv"
path = "./val.tsv"
[[data.test]]
format = "tsv"
path = "./labels.tsv"
[model]
name = "ensemble"
[[model.member]]
run = "runs/{folder}/attention"
[[model.member]]
run = "runs/{folder}/satrn"
weight = 2.0
"""


def make_members(folder: Path) -> dict[str, Path]:
    """Lay out images and recipes, train both members, and return their runs."""
    import saccade

    make_data(folder)
    (folder / "ensemble.toml").write_text(ENSEMBLE.format(folder=folder.name))
    runs = {}
    for name, text in (("attention", ATTENTION), ("satrn", SATRN)):
        (folder / f"{name}.toml").write_text(text)
        runs[name] = saccade.train(folder / f"{name}.toml", runs=folder / "runs", device="cpu")
    return runs
