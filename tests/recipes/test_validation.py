"""Every way in which a recipe can be wrong is one line that names file, key and cure."""

import json
import re

import pytest

from saccade.errors import InputError
from saccade.recipes.loader import load, validate

SYNTHETIC = 'task = "read"\n[[data.train]]\nformat = "synthetic_plates"\n'

WRONG = {
    # unknown names
    "[model.nekc]\nhidden_size = 3": 'unknown key "model.nekc.hidden_size"; nearest: "model.neck"',
    "[train]\nepoch = 3": 'unknown key "train.epoch"; nearest: "train.epochs"',
    "[train]\nlr = 3": 'unknown key "train.lr"; nearest: "optimizer.learning_rate", "model.decoder.last_relu"',
    "epochs = 3": 'unknown key "data.train[0].epochs"; nearest: "train.epochs"',
    "[select]\nzzz = 1": 'unknown key "select.zzz"; valid in select: metric, higher_is_better (and 1 more)',
    "[extend]": 'unknown key "extend"; nearest: "extends", "text", "seed"',
    # variants
    '[optimizer]\nname = "adamx"': 'unknown optimizer.name "adamx"; nearest: "adam", "adamw", "adamp"',
    '[decode]\nname = "foo"': 'unknown decode.name "foo"; valid: "greedy", "prefix_beam", "beam_search"',
    '[model]\nname = "crn"': 'unknown model.name "crn"; nearest: "crnn", "srn"',
    "[schedule]\nwarmup_epochs = 1": (
        '"schedule.warmup_epochs" is not a key of schedule "constant"; step, cosine have it'
    ),
    '[model.neck]\nname = "none"\nhidden_size = 3': (
        '"model.neck.hidden_size" is not a key of model.neck "none"; bilstm has it'
    ),
    'images = "x"': (
        '"data.train[0].images" is not a key of data.train[0] "synthetic_plates"; tsv, csv, paddleocr, doctr, formula_list, '
        "im2markup, aida have it"
    ),
    '[[data.val]]\nformat = "tvs"': 'unknown data.val[0].format "tvs"; nearest: "tsv"',
    '[[data.val]]\npath = "x"': (
        'missing key "data.val[0].format"; valid: "tsv", "csv", "paddleocr", "doctr", "lmdb", "filename", "folder", "cifar", '
        '"hf_disk", "formula_list", "im2markup", "inkml", "aida", "synthetic_plates"'
    ),
    # values
    '[train]\nepochs = "ten"': '"train.epochs": expected integer >= 1, <= 100000, found string "ten"',
    "[train]\nepochs = 1.0": '"train.epochs": expected integer >= 1, <= 100000, found number 1.0',
    "[train]\nepochs = 0": '"train.epochs": expected integer >= 1, <= 100000, found integer 0',
    "[train]\nepochs = true": '"train.epochs": expected integer >= 1, <= 100000, found true',
    "[train]\nepochs = 2020-01-01": '"train.epochs": expected integer >= 1, <= 100000, found date or time 2020-01-01',
    "[train]\ncompile = 1": '"train.compile": expected true or false, found integer 1',
    '[train]\nprecision = "bf61"': (
        '"train.precision": expected "fp32", "bf16", "fp16" or "auto", found string "bf61"; nearest: "bf16"'
    ),
    "[train]\nema_decay = nan": '"train.ema_decay": expected a finite number > 0, < 1, found nan',
    "[optimizer]\nlearning_rate = inf": '"optimizer.learning_rate": expected a finite number > 0, found inf',
    "[optimizer.module_weight_decay]\nhead = nan": (
        '"optimizer.module_weight_decay.head": expected a finite number >= 0, found nan'
    ),
    '[model]\nbackbone = "x"': '"model.backbone": expected table, found string "x"',
    "[model.backbone]\nchannels = 3": (
        '"model.backbone.channels": expected list of integers >= 1, <= 1024, 1 to 5 of them, found integer 3'
    ),
    "[model.backbone]\nchannels = [1, 2, 0]": '"model.backbone.channels[2]": expected integer >= 1, <= 1024, found integer 0',
    "[stage]\nfrom_epoch = 3": '"stage": expected list of [[tables]], at most 100 of them, found table',
    "[select]": 'missing key "select.metric" (string)',
    # several keys that contradict each other
    '[optimizer]\nname = "sgd"\nnesterov = true': (
        '"optimizer": nesterov = true looks ahead along the momentum; set momentum above 0, e.g. 0.9'
    ),
    '[schedule]\nname = "cosine"\nwarmup_epochs = 99': (
        '"schedule.warmup_epochs": 99 epochs of warm-up outlast train.epochs = 10; write at most 10'
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
    '[schedule]\nname = "step"\nmilestone_epochs = [30, 60]': (
        '"schedule.milestone_epochs": 30 never comes; training ends after 10 epochs'
    ),
    '[schedule]\nname = "step"\nmilestone_epochs = [-1]': (
        '"schedule.milestone_epochs[0]": expected number > 0, found integer -1'
    ),
    "[optimizer.module_weight_decay]\nhead = -1": (
        '"optimizer.module_weight_decay.head": expected number >= 0, found integer -1'
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
    '[[data.val]]\nformat = "filename"\npath = "x"\npattern = "(?P<text>(a+)+)$"': (
        '"data.val[0].pattern": a repeat of repeats can take for ever on one name; seal what it repeats: (?>...) in place of (...)'
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


TOO_MUCH = [
    *("train.epochs = 100001", "train.batch_size = 1000001", "train.accumulation_steps = 4097"),
    *("model.backbone.stem_channels = 513", "model.backbone.channels = [1025]", "model.backbone.num_blocks = [33]"),
    *("model.backbone.column_size = 2049", "model.neck.hidden_size = 2049"),
    *("data.train[0].num_images = 1000001", "data.train[0].seed = 4294967296", "data.train[0].weight = 1001"),
    *("schedule.cycle_epochs = 0.001", 'data.train[0].layouts = ["' + "0" * 42 + '"]'),
]


@pytest.mark.parametrize("text", TOO_MUCH)
def test_no_number_leads_beyond_memory_or_time(text):
    key, _, value = text.partition(" = ")
    number = json.loads(value)
    raw = {"task": "read", "data": {"train": [{"format": "synthetic_plates"}]}, "schedule": {"name": "cyclic"}}
    *parents, last = key.replace("[0]", "").split(".")
    table = raw
    for parent in parents:
        table = table.setdefault(parent, {})
        table = table[0] if isinstance(table, list) else table
    table[last] = number
    with pytest.raises(InputError, match=rf'"{re.escape(key)}(\[0\])?": expected .*, found '):
        validate(raw, file="x")


@pytest.mark.parametrize(
    "many", [{"stage": [{"from_epoch": 1}] * 101}, {"schedule": {"name": "step", "milestone_epochs": [1.0] * 101}}]
)
def test_nor_do_lists(many):
    raw = {"task": "read", "data": {"train": [{"format": "synthetic_plates"}]}}
    with pytest.raises(InputError, match="100 of them, found list of 101"):
        validate({**raw, **many}, file="x")


CLASSIFY = 'task = "classify"\n[[data.train]]\nformat = "folder"\npath = "x"\n'
WRONG_OF_CLASSES = {
    '[preprocessing]\ncolour = "grey"\n[augment.jitter]\nhue = 0.1': (
        '"augment.jitter.hue": grey images have none; remove it'
    ),
    '[preprocessing]\ncolour = "grey"\n[augment.jitter]\nsaturation = 0.1\nbrightness = 0.1': (
        '"augment.jitter.saturation": grey images have none; remove it'
    ),
    "[preprocessing]\nheight_px = 16\n[augment]\ncrop_padding_px = 8": (
        '"augment.crop_padding_px": 8 px push too much out of images of 32 x 16 px; write at most 7'
    ),
    '[preprocessing]\nheight_px = 16\n[augment.erasing]\nname = "cutout"\nsize_px = 33': (
        '"augment.erasing.size_px": 33 px cover whole images of 32 x 16 px; write a smaller one'
    ),
    '[augment.erasing]\nname = "random_erasing"\nmax_area_fraction = 1.0': (
        '"augment.erasing.max_area_fraction": expected number > 0, <= 0.9, found number 1.0'
    ),
    '[classes]\nnames = ["a", " "]': '"classes": names: one of them is empty; take it off the list',
    '[classes]\nnames = ["a", "b", "a"]': '"classes": names: "a" is listed twice; each class once',
    '[classes]\nnames = ["a"]': '"classes.names": expected list of strings, 2 to 100000 of them, found list of 1',
}


@pytest.mark.parametrize(("text", "message"), WRONG_OF_CLASSES.items())
def test_says_what_is_wrong_with_a_recipe_of_classes(write, text, message):
    with pytest.raises(InputError) as caught:
        load(write("set/x.toml", CLASSIFY + text))
    assert str(caught.value) == f"set/x.toml: {message}"


def test_many_classes_are_checked_at_once(write):
    names = json.dumps([f"class {number}" for number in range(100_000)])
    assert len(load(write("x.toml", f"{CLASSIFY}[classes]\nnames = {names}")).recipe.classes.names) == 100_000


@pytest.mark.parametrize(
    ("metric", "higher"), [("cer", False), ("nll", False), ("ece", False), ("top1_accuracy", True)]
)
def test_the_direction_of_a_metric_follows_from_it(write, metric, higher):
    path = write("x.toml", f'{CLASSIFY}[select]\nmetric = "{metric}"')
    assert load(path).recipe.select.higher_is_better is higher
    told = load(path, overrides=[f"select.higher_is_better={str(not higher).lower()}"])
    assert told.recipe.select.higher_is_better is not higher


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
