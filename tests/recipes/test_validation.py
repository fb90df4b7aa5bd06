"""Every way in which a recipe can be wrong is one line that names file, key and cure."""

import re

import pytest

from saccade.errors import InputError
from saccade.recipes.loader import load, validate

SYNTHETIC = 'task = "read"\n[[data.train]]\nformat = "synthetic_plates"\n'

WRONG = {
    # unknown names
    "[model.nekc]\nhidden_size = 3": 'unknown key "model.nekc.hidden_size"; nearest: "model.neck"',
    "[train]\nepoch = 3": 'unknown key "train.epoch"; nearest: "train.epochs"',
    "[train]\nlr = 3": 'unknown key "train.lr"; nearest: "optimizer.learning_rate"',
    "epochs = 3": 'unknown key "data.train[0].epochs"; nearest: "train.epochs"',
    "[select]\nzzz = 1": 'unknown key "select.zzz"; valid in select: metric, higher_is_better (and 1 more)',
    "[extend]": 'unknown key "extend"; nearest: "extends", "text", "seed"',
    # variants
    '[optimizer]\nname = "adamx"': 'unknown optimizer.name "adamx"; nearest: "adam", "adamw", "adamp"',
    '[decode]\nname = "foo"': 'unknown decode.name "foo"; valid: "greedy", "prefix_beam"',
    '[model]\nname = "crn"': '"model.name": expected "crnn", found string "crn"; nearest: "crnn"',
    "[schedule]\nwarmup_epochs = 1": (
        '"schedule.warmup_epochs" is not a key of schedule "constant"; step, cosine have it'
    ),
    '[model.neck]\nname = "none"\nhidden_size = 3': (
        '"model.neck.hidden_size" is not a key of model.neck "none"; bilstm has it'
    ),
    'images = "x"': ('"data.train[0].images" is not a key of data.train[0] "synthetic_plates"; tsv, csv have it'),
    '[[data.val]]\nformat = "tvs"': 'unknown data.val[0].format "tvs"; nearest: "tsv"',
    '[[data.val]]\npath = "x"': (
        'missing key "data.val[0].format"; valid: "tsv", "csv", "filename", "folder", "cifar", "hf_disk", "synthetic_plates"'
    ),
    # values
    '[train]\nepochs = "ten"': '"train.epochs": expected integer >= 1, found string "ten"',
    "[train]\nepochs = 1.0": '"train.epochs": expected integer >= 1, found number 1.0',
    "[train]\nepochs = 0": '"train.epochs": expected integer >= 1, found integer 0',
    "[train]\nepochs = true": '"train.epochs": expected integer >= 1, found true',
    "[train]\nepochs = 2020-01-01": '"train.epochs": expected integer >= 1, found date or time 2020-01-01',
    "[train]\ncompile = 1": '"train.compile": expected true or false, found integer 1',
    '[train]\nprecision = "bf61"': (
        '"train.precision": expected "fp32", "bf16", "fp16" or "auto", found string "bf61"; nearest: "bf16"'
    ),
    "[train]\nema_decay = nan": '"train.ema_decay": expected a finite number > 0, < 1, found nan',
    "[optimizer]\nlearning_rate = inf": '"optimizer.learning_rate": expected a finite number > 0, found inf',
    "[optimizer.module_weight_decay]\nhead = nan": (
        '"optimizer.module_weight_decay.head": expected a finite number, found nan'
    ),
    '[model]\nbackbone = "x"': '"model.backbone": expected table, found string "x"',
    "[model.backbone]\nchannels = 3": (
        '"model.backbone.channels": expected list of integers >= 1, 1 to 5 of them, found integer 3'
    ),
    "[model.backbone]\nchannels = [1, 2, 0]": '"model.backbone.channels[2]": expected integer >= 1, found integer 0',
    "[stage]\nfrom_epoch = 3": '"stage": expected list of [[tables]], found table',
    "[select]": 'missing key "select.metric" (string)',
    # several keys that contradict each other
    '[optimizer]\nname = "sgd"\nnesterov = true': (
        '"optimizer": nesterov = true looks ahead along the momentum; set momentum above 0, e.g. 0.9'
    ),
    '[schedule]\nname = "cosine"\nwarmup_epochs = 99': (
        '"schedule.warmup_epochs": 99 epochs of warm-up outlast train.epochs = 10'
    ),
    '[preprocessing]\nheight_px = 64\n[model.backbone]\nname = "resnet_vd"': (
        '"preprocessing.height_px": 64 px leave no single row behind resnet_vd; give 18 to 48, such as 32'
    ),
    '[schedule]\nname = "cosine"\nmin_rate = 1': (
        '"schedule.min_rate": 1 is above the peak, optimizer.learning_rate = 0.001'
    ),
    '[schedule]\nname = "cosine"\nwarmup_start_rate = 0.01': (
        '"schedule.warmup_start_rate": 0.01 is above the peak, optimizer.learning_rate = 0.001'
    ),
    "[model.backbone]\nchannels = [1, 2]": (
        '"model.backbone": channels has 2 stages and num_blocks 3; give each stage both'
    ),
    "keep = { min_length = 3, max_length = 2 }": (
        '"data.train[0].keep": min_length 3 is above max_length 2; nothing would be kept'
    ),
    '[[data.val]]\nformat = "filename"\npath = "x"\npattern = "("': (
        '"data.val[0].pattern": not a regular expression: missing ), unterminated subpattern at position 0'
    ),
    '[[data.val]]\nformat = "filename"\npath = "x"\npattern = "(a)"': (
        '"data.val[0].pattern": the expression needs a group that is the label: (?P<text>...)'
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_says_in_one_line_what_is_wrong(write, text, message):
    path = write("set/x.toml", SYNTHETIC + text)
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value) == f"set/x.toml: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'missing key "task"; valid: "classify", "read"'),
        ("task = 3", '"task": expected "classify" or "read", found integer 3'),
        ('task = "raed"', 'unknown task "raed"; nearest: "read"'),
        ('task = "read"', 'missing key "data" (table)'),
        ('task = "read"\ndata = 3', '"data": expected table, found integer 3'),
        ('task = "read"\n[data]', 'missing key "data.train" (list of [[tables]], at least 1 of them)'),
        (
            'task = "read"\ndata.train = []',
            '"data.train": expected list of [[tables]], at least 1 of them, found empty list',
        ),
    ],
)
def test_says_what_every_recipe_needs(write, text, message):
    with pytest.raises(InputError) as caught:
        load(write("x.toml", text))
    assert str(caught.value) == f"x.toml: {message}"


def test_reports_misspelt_names_first_and_counts_the_rest(write):
    path = write("x.toml", 'task = "read"\n[[data.train]]\nformat = "tsv"\npth = "x"\n[train]\nepochs = 0')
    with pytest.raises(InputError, match=re.escape('"data.train[0].pth"; nearest: "data.train[0].path" (and 2 more)')):
        load(path)


def test_long_values_are_shortened(write):
    with pytest.raises(InputError) as caught:
        load(write("x.toml", SYNTHETIC + f'[train]\nepochs = "{"ten" * 99}"'))
    assert str(caught.value).endswith('found string "' + ("ten" * 14)[:40] + '..."')


def test_integers_stand_for_numbers_and_lists_become_tuples():
    raw = {"task": "read", "data": {"train": [{"format": "synthetic_plates"}]}, "optimizer": {"learning_rate": 1}}
    recipe = validate(raw | {"model": {"backbone": {"channels": [8, 8, 8]}}}, file="x")
    assert recipe.model.backbone.channels == (8, 8, 8)
    assert isinstance(recipe.optimizer.learning_rate, float)
    assert "name" not in raw["optimizer"]  # what was given stays as it was


def test_validate_names_the_file_it_is_told():
    with pytest.raises(InputError, match=r'^the recipe: missing key "task"'):
        validate({}, file="the recipe")
