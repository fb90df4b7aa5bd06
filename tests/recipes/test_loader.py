"""Files, lineage, overrides, data paths and origins; what is wrong inside a table is in test_validation.py."""

import hashlib
from pathlib import Path

import pytest

from saccade.errors import InputError
from saccade.recipes.diff import Change
from saccade.recipes.loader import Ancestor, load
from saccade.recipes.tables.data import FilenameSource, FolderSource, TsvSource
from saccade.recipes.tables.recipe import RECIPES, Recipe

EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").glob("**/*.toml"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_recipe_loads(path, tmp_path):
    assert load(path, data_root=tmp_path).recipe.data.root == str(tmp_path)


def fails(path, message, **options):
    with pytest.raises(InputError) as caught:
        load(path, **options)
    assert str(caught.value) == message


def test_an_option_that_needs_another_names_it(write):
    path = write("x.toml", "", base=True)
    message = '--set: "schedule.warmup_epochs": 2 epochs of warm-up outlast train.epochs = 1; write at most 1'
    fails(path, f"{message}, with --set schedule.warmup_epochs=VALUE", overrides=["train.epochs=1"])
    message = message.replace('": 2', '": 4')
    fails(path, message, overrides=["train.epochs=1", "schedule.warmup_epochs=4"])


# --- lineage


def test_a_grandchild_knows_its_lineage_origins_and_changes(write):
    texts = {
        "a/base.toml": 'task = "read"\ntrain = { epochs = 30, batch_size = 8 }\n'
        'data.train = [{ format = "folder", path = "x" }]',
        "a/wide.toml": 'extends = "base.toml"\nhypothesis = "w"\nexpect = ["code"]\n[train]\nepochs = 40\n',
        "b/long.toml": 'extends = "../a/wide.toml"\nhypothesis = "l"\ntrain.epochs = 50\nmodel.neck.hidden_size = 9',
    }
    for name, text in texts.items():
        path = write(name, text)
    loaded = load(path)
    assert loaded.path == path.absolute()
    assert loaded.lineage == tuple(
        Ancestor(str(Path(name).absolute()), hashlib.sha256(texts[name].encode()).hexdigest())
        for name in reversed(texts)
    )
    recipe = loaded.recipe
    assert (recipe.train.epochs, recipe.train.batch_size, recipe.model.neck.hidden_size) == (50, 8, 9)
    assert (recipe.hypothesis, recipe.expect) == ("l", ())
    assert loaded.changes == (Change("train.epochs", 40, 50), Change("model.neck.hidden_size", 128, 9))
    assert loaded.overrides == ()
    expected = {
        "task": "../a/base.toml",
        "hypothesis": "long.toml",
        "expect": "default",
        "data.train[0].format": "../a/base.toml",
        "data.train[0].weight": "default",
        "train.epochs": "long.toml",
        "train.batch_size": "../a/base.toml",
        "model.neck.name": "default",
        "data.root": "default",
    }
    assert {key: loaded.origins[key] for key in expected} == expected


def test_a_recipe_without_parent_has_no_changes(write):
    loaded = load(write("x.toml", "", base=True), overrides=["train.epochs=3"])
    assert loaded.changes == ()
    assert len(loaded.lineage) == 1


def test_reported_is_never_inherited(write):
    write("base.toml", '[reported]\nhardware = "a laptop"\n', base=True)
    child = write("child.toml", 'extends = "base.toml"\nhypothesis = "x"\n[train]\nepochs = 40')
    assert load("base.toml").recipe.reported.hardware == "a laptop"
    assert load(child).recipe.reported is None


def test_another_name_replaces_the_table(write_child):
    loaded = load(write_child('[optimizer]\nname = "sgd"\nmomentum = 0.9\nlearning_rate = 3e-3'))
    optimizer = loaded.recipe.optimizer
    assert (optimizer.name, optimizer.momentum) == ("sgd", 0.9)
    assert "optimizer.beta2" not in loaded.origins
    assert [change.key for change in loaded.changes] == ["optimizer"]


def test_a_table_without_name_keeps_the_inherited_one(write_child):
    assert load(write_child("[schedule]\nwarmup_epochs = 3")).recipe.schedule.warmup_epochs == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.epochs = 30", '"train.epochs" = 30 is inherited from base.toml already; remove it'),
        (
            "schedule.warmup_epochs = 2.0",
            '"schedule.warmup_epochs" = 2.0 is inherited from base.toml already; remove it',
        ),
        ("train.log_every_steps = 50", '"train.log_every_steps" = 50 is the default already; remove it'),
        ("seed = 1\ntrain.batch_size = 64", '"train.batch_size" = 64 is the default already; remove it'),
        ('optimizer.name = "adamw"', '"optimizer.name" = "adamw" is inherited from base.toml already; remove it'),
        ('decode.name = "greedy"', '"decode.name" = "greedy" is the default already; remove it'),
        (
            "train = {}",
            '"train" is an empty table, which changes nothing: tables are merged; set the keys that should differ, '
            "a probability to 0, say",
        ),
        (
            '[[data.train]]\nformat = "tsv"\npath = "set/train.tsv"',
            '"data.train[0].format" = "tsv" is inherited from base.toml already; remove it',
        ),
        ('task = "detect"', '"task" is string "read" and cannot change; write a recipe that extends none'),
        ("train.epoch = 3", 'unknown key "train.epoch"; nearest: "train.epochs"'),
        ("train.epochs = 1", '"schedule.warmup_epochs": 2 epochs of warm-up outlast train.epochs = 1; write at most 1'),
    ],
)
def test_a_child_changes_what_it_says(write_child, text, message):
    fails(write_child(text), f"child.toml: {message}")


def test_a_longer_list_restates_what_it_keeps(write_child):
    source = '[[data.train]]\nformat = "tsv"\npath = "{}"\n'
    recipe = load(write_child(source.format("set/train.tsv") + source.format("more.tsv"))).recipe
    assert [item.path for item in recipe.data.train] == ["set/train.tsv", "more.tsv"]


def test_errors_of_a_parent_name_the_parent(write_child):
    child = write_child("train.epochs = 40")
    Path("base.toml").write_text("task = 3")
    fails(child, 'base.toml: "task": expected "classify" or "read", found integer 3')


@pytest.mark.parametrize("hypothesis", ["", 'hypothesis = ""\n', 'hypothesis = "  "\n'])
def test_a_child_needs_a_hypothesis(write, hypothesis):
    write("base.toml", "", base=True)
    child = write("child.toml", f'extends = "base.toml"\n{hypothesis}train.epochs = 40')
    asks = 'missing key "hypothesis"; a recipe that extends another says in a sentence what it asks'
    fails(child, f"child.toml: {asks}")
    child = write("child.toml", f'extends = "base.toml"\n{hypothesis}train.epoch = 40')
    fails(child, f'child.toml: unknown key "train.epoch"; nearest: "train.epochs"; besides, {asks}')
    child = write("child.toml", f'extends = "base.toml"\n{hypothesis}train.epochs = 30')
    fails(child, f'child.toml: "train.epochs" = 30 is inherited from base.toml already; remove it; besides, {asks}')


def test_a_circle_is_shown(write):
    for name, parent in [("a", "sub/b"), ("sub/b", "../c"), ("c", "sub/b")]:
        write(f"{name}.toml", f'extends = "{parent}.toml"\nhypothesis = "x"')
    fails("a.toml", "a.toml: recipes extend each other in a circle: sub/b.toml -> c.toml -> sub/b.toml")


# --- files


@pytest.mark.parametrize(
    ("extends", "message"),
    [
        ('"none.toml"', 'sub/x.toml: extends "none.toml": sub/none.toml: no such recipe file'),
        ('".."', 'sub/x.toml: extends "..": .: is a folder; give a recipe file, e.g. recipe.toml'),
        ("3", 'sub/x.toml: "extends": expected the path of a recipe file, found integer 3'),
        ('""', 'sub/x.toml: "extends": expected the path of a recipe file, found string ""'),
        ("[]", 'sub/x.toml: "extends": expected the path of a recipe file, found empty list'),
    ],
)
def test_a_parent_that_is_none(write, extends, message):
    fails(write("sub/x.toml", f'extends = {extends}\nhypothesis = "x"'), message)


def test_a_file_that_is_none(write, tmp_path):
    write("run/recipe.toml", "")
    fails("none.toml", "none.toml: no such recipe file")
    fails("run", "run: is a folder; give a recipe file, e.g. run/recipe.toml")
    (tmp_path / "x y").mkdir()
    fails("x y", "x y: is a folder; give a recipe file; for a folder of images make one with: saccade new 'x y'")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'task = "read"\nx = "\xff"', "line 2 is not UTF-8; save the recipe as UTF-8"),
        (
            b'task = "read"\nepochs 3\n',
            "not valid TOML: Expected '=' after a key in a key/value pair (at line 2, column 8)",
        ),
        (b'task = "read"\nx = """', "not valid TOML: Unterminated string (at line 2, the end of the file)"),
        (b"a = 1\na = 2\n", "not valid TOML: Cannot overwrite a value (at line 2, column 6)"),
    ],
)
def test_files_that_are_no_toml(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_bytes(content)
    fails("x.toml", f"x.toml: {message}")


def test_tabs_windows_line_ends_and_byte_order_mark_are_fine(write):
    path = write("x.toml", "\n[augment.text_line]\n\tblur_probability\t=\t0.5\n", base=True)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(path).recipe.augment.text_line.blur_probability == 0.5


# --- paths


def test_data_paths(write, tmp_path):
    parent = write(
        "a/base.toml",
        'task = "read"\n[start]\nweights = "run"\n'
        '[[data.train]]\nformat = "tsv"\npath = "./x.tsv"\nimages = "../images"\n'
        '[[data.val]]\nformat = "tsv"\npath = "set/y.tsv"\nimages = "/photos"\n',
    )
    child = write("b/child.toml", 'extends = "../a/base.toml"\nhypothesis = "x"\nseed = 1')
    for path in (parent, child):  # what a file says stays beside that file
        recipe = load(path).recipe
        assert recipe.data.train == (TsvSource(path=str(tmp_path / "a/x.tsv"), images=str(tmp_path / "images")),)
        assert recipe.data.val == (TsvSource(path="set/y.tsv", images="/photos"),)
        assert recipe.start.weights == str(tmp_path / "a/run")


def test_data_root_argument_file_environment_default(write, tmp_path, monkeypatch):
    plain, rooted = write("sub/x.toml", "", base=True), write("sub/y.toml", '[data]\nroot = "own"', base=True)

    def root(path, **options):
        loaded = load(path, **options)
        return loaded.recipe.data.root, loaded.origins["data.root"]

    assert root(plain) == (str(tmp_path / "sub/data"), "default")
    assert root(rooted) == (str(tmp_path / "sub/own"), "y.toml")
    monkeypatch.setenv("SACCADE_DATA", "env")
    assert root(plain) == (str(tmp_path / "env"), "$SACCADE_DATA")
    assert root(rooted) == (str(tmp_path / "sub/own"), "y.toml")
    assert root(rooted, data_root="arg") == (str(tmp_path / "arg"), "--data-root")
    assert root(plain, overrides=["data.root=set"]) == (str(tmp_path / "set"), "--set")


# --- overrides


def test_set_values_are_toml_or_plain_strings(write):
    overrides = [
        "optimizer.momentum=0.9",
        "optimizer.name=sgd",
        "train.compile=true",
        "model.backbone.channels=[8, 8]",
        "model.backbone.num_blocks=[1,1]",
        'optimizer.module_weight_decay."neck.lstm" = 1e-5',
        "text.charset=A=B",
    ]
    loaded = load(write("x.toml", "", base=True), overrides=overrides)
    recipe = loaded.recipe
    assert (recipe.optimizer.name, recipe.optimizer.momentum, recipe.train.compile) == ("sgd", 0.9, True)
    assert recipe.model.backbone.channels == (8, 8)
    assert recipe.optimizer.module_weight_decay == {"neck.lstm": 1e-5}
    assert recipe.text.charset == "A=B"
    assert loaded.overrides == tuple(f"--set {item}" for item in overrides)
    assert loaded.origins["optimizer.momentum"] == loaded.origins["train.compile"] == "--set"
    assert loaded.origins['optimizer.module_weight_decay."neck.lstm"'] == "--set"
    assert loaded.origins["optimizer.learning_rate"] == "default"  # the table was replaced


def test_set_counts_among_the_changes_and_may_restate(write_child):
    path = write_child("seed = 1")
    changes = load(path, overrides=["train.epochs=30", "train.batch_size=8"]).changes
    assert changes == (Change("seed", 0, 1), Change("train.batch_size", 64, 8))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs", '--set "epochs": expected key=value, e.g. train.epochs=30'),
        ("=3", '--set "=3": expected key=value, e.g. train.epochs=30'),
        ("train epochs=3", '--set "train epochs=3": expected key=value, e.g. train.epochs=30'),
        ("train.epoch=3", '--set: unknown key "train.epoch"; nearest: "train.epochs"'),
        ("train.epochs=ten", '--set: "train.epochs": expected integer >= 1, <= 100000, found string "ten"'),
        ("extends=y.toml", "--set: extends cannot be set; write a recipe that extends the other one"),
        ("task=detect", '--set: "task" is string "read" and cannot change; write a recipe that extends none'),
    ],
)
def test_wrong_overrides(write, override, message):
    fails(write("x.toml", "", base=True), message, overrides=[override])


def test_data_replaces_train_and_empties_the_rest(write, tmp_path):
    path = write(
        "sub/x.toml", '[[data.val]]\nformat = "tsv"\npath = "v"\n[[data.test]]\nformat = "tsv"\npath = "t"', base=True
    )
    loaded = load(path, data=["tsv:a=b.tsv", "train=filename:/photos"])
    data = loaded.recipe.data
    assert data.train == (TsvSource(path=str(tmp_path / "a=b.tsv")), FilenameSource(path="/photos"))
    assert (data.val, data.test) == ((), ())
    assert loaded.overrides == ("--data tsv:a=b.tsv", "--data train=filename:/photos")
    assert loaded.origins["data.train[0].path"] == loaded.origins["data.val"] == "--data"
    data = load(path, data=["tsv:a.tsv", "val=folder:photos"]).recipe.data
    assert (data.val, data.test) == ((FolderSource(path=str(tmp_path / "photos")),), ())
    data = load(path, data=["test=folder:photos"]).recipe.data
    assert (data.train[0].path, data.val[0].path) == ("set/train.tsv", "v")
    assert data.test == (FolderSource(path=str(tmp_path / "photos")),)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("labels.tsv", "expected [SPLIT=]FORMAT:PATH, e.g. tsv:labels.tsv or test=folder:photos"),
        ("tvs:x", 'unknown format "tvs"; nearest: "tsv"'),
        (
            "synthetic_plates:x",
            'unknown format "synthetic_plates"; valid: "tsv", "csv", "paddleocr", "doctr", "lmdb", "filename", "folder", '
            '"formula_list", "im2markup", "inkml", "aida"',
        ),
        ("tst=tsv:x", 'unknown split "tst"; nearest: "test"'),
    ],
)
def test_wrong_data(write, item, message):
    fails(write("x.toml", "", base=True), f'--data "{item}": {message}', data=[item])


def test_a_task_of_ones_own(write):
    class MyRecipe(Recipe):
        strength: int = 1

    path = write("x.toml", 'task = "mine"\nstrength = 2\n[[data.train]]\nformat = "synthetic_plates"')
    assert load(path, recipes={**RECIPES, "mine": MyRecipe}).recipe.strength == 2


# --- stages that a child inherits

STAGED = (
    'task = "read"\ntrain.epochs = 30\ndata.train = [{ format = "folder", path = "x" }]\n'
    "[[stage]]\nfrom_epoch = 4\naugment.text_line.blur_probability = 0.5\n"
)
BLURRED = "augment.text_line.blur_probability = 0.2"


def test_a_key_that_an_inherited_stage_sets_again_is_refused(write):
    write("base.toml", STAGED)
    message = (
        '"augment.text_line.blur_probability" is set again by the inherited stage[0] from epoch 4; '
        "write the stages here too, with the values they should have, or stage = [] for none"
    )
    child = write("child.toml", f'extends = "base.toml"\nhypothesis = "h"\n{BLURRED}\n')
    fails(child, f"child.toml: {message}")
    fails(write("again.toml", STAGED), f"--set: {message}", overrides=[BLURRED])


def test_a_child_that_writes_the_stages_too_is_loaded(write):
    write("base.toml", STAGED)
    child = write("child.toml", f'extends = "base.toml"\nhypothesis = "h"\nstage = []\n{BLURRED}\n')
    assert load(child).recipe.augment.text_line.blur_probability == 0.2
